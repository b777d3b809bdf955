"""Loading an app or an extension in a process of its own, so that its code can do what it likes.

``python -m hosting.check.probe.parent KIND ROOT ARGUMENTS OUTPUT`` is that process; the rest is for who starts it.
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
        code, printed, complaints = _ended(command, Path(scratch))
        if code is None:
            return Probed({}, "", f"importing it did not end within {PATIENCE:g} seconds")
        if not output.is_file():
            said = complaints.strip().splitlines()[-1:]
            return Probed({}, printed, f"importing it ended the process with code {code} {' '.join(said)}".rstrip())
        return Probed(json.loads(output.read_text("utf-8")), printed)


def _ended(command: Sequence[str], scratch: Path) -> tuple[int | None, str, str]:
    """Run a command; its exit code, None if it does not end, and what it wrote on standard output and error.

    It writes into files: a pipe would stay open for as long as the programs run that the code starts.
    """
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    written = (scratch / "stdout.txt", scratch / "stderr.txt")
    with written[0].open("wb") as out, written[1].open("wb") as err:
        try:
            code = subprocess.call(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environ, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            return None, "", ""
    printed, complaints = (file.read_text("utf-8", "replace") for file in written)
    return code, printed, complaints


def main(kind: str, root: str, arguments: str, output: str) -> None:
    """In the process: load, and write the document."""
    from hosting.check.probe import child

    where = Path(root)
    document = child.app(where) if kind == "app" else child.extension(where, json.loads(arguments))
    Path(output).write_text(json.dumps(document, default=str), "utf-8")
    sys.stdout.flush()
    os._exit(0)  # threads that the code has started do not hold up the check


if __name__ == "__main__":
    main(*sys.argv[1:])
