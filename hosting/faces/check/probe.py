"""Loading an app or an extension in a process of its own, so that its code can do what it likes.

``python -m hosting.faces.check.probe KIND ROOT ARGUMENTS OUTPUT`` is that process; the rest is for who starts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 60.0
"""Seconds after which an import that does not end is taken for stuck."""


class Probed(NamedTuple):
    """What the process told; ``failure`` says why it told nothing."""

    document: Mapping[str, Any]
    printed: str
    """What the code wrote on standard output."""
    failure: str = ""


def probe_app(root: Path) -> Probed:
    """Load the app in ``root`` as ``hosting start`` does, without serving it."""
    return _run("app", root, [])


def probe_extension(root: Path, entry_points: Sequence[tuple[str, str, str]]) -> Probed:
    """Import what ``entry_points`` (group, name, value) of the project in ``root`` name, from its source."""
    return _run("extension", root, entry_points)


def _run(kind: str, root: Path, arguments: Sequence[Any]) -> Probed:
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch, "document.json")
        command = [sys.executable, "-P", "-m", __name__, kind, str(root), json.dumps(arguments), str(output)]
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=environ,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Probed({}, "", f"importing it did not end within {PATIENCE:g} seconds")
        if not output.is_file():
            said = done.stderr.strip().splitlines()[-1:]
            return Probed(
                {}, done.stdout, f"importing it ended the process with code {done.returncode} {' '.join(said)}"
            )
        return Probed(json.loads(output.read_text("utf-8")), done.stdout)


def main(kind: str, root: str, arguments: str, output: str) -> None:
    """In the process: load, and write the document."""
    from hosting.faces.check import probed

    where = Path(root)
    document = probed.app(where) if kind == "app" else probed.extension(where, json.loads(arguments))
    Path(output).write_text(json.dumps(document, default=str), "utf-8")
    sys.stdout.flush()
    os._exit(0)  # threads that the code has started do not hold up the check


if __name__ == "__main__":
    main(*sys.argv[1:])
