"""Start of the process that loads an app or an extension, whose code may then do anything.

``python -m hosting.check.probe.parent KIND ROOT ARGUMENTS OUTPUT`` is that process.
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

TIMEOUT_SECONDS = 60.0
"""After this time an import counts as stuck, and its process is killed."""

VARIABLES = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
"""Variables of the process: it leaves no files in the project, and writes UTF-8."""


class ProbeResult(NamedTuple):
    """What the process reported."""

    document: Mapping[str, Any]
    """The result of ``child.app`` or ``child.extension``; empty if there is a ``failure``."""
    printed: str
    """What the code wrote to standard output."""
    failure: str = ""
    """Why the process reported nothing; empty if it did."""


def probe_app(root: Path) -> ProbeResult:
    """Load the app in a folder as ``hosting start`` does, without serving it."""
    return _probe("app", root, [])


def probe_extension(root: Path, entry_points: Sequence[tuple[str, str, str]]) -> ProbeResult:
    """Import entry points of the project in a folder from its source.

    Args:
        root: the project's folder.
        entry_points: group, name and value of each.
    """
    return _probe("extension", root, entry_points)


def _probe(kind: str, root: Path, arguments: Sequence[Any]) -> ProbeResult:
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch, "document.json")
        command = [sys.executable, "-P", "-m", __name__, kind, str(root), json.dumps(arguments), str(output)]
        code, printed, errors = _run(command, Path(scratch))
        last_line = "".join(errors.strip().splitlines()[-1:])
        if code is None:
            reason = f"importing it did not end within {TIMEOUT_SECONDS:g} seconds"
            return ProbeResult({}, "", f"{reason}. {last_line}" if last_line else reason)
        if not output.is_file():
            return ProbeResult({}, printed, f"importing it ended the process with code {code} {last_line}".rstrip())
        return ProbeResult(json.loads(output.read_text("utf-8")), printed)


def _run(command: Sequence[str], scratch: Path) -> tuple[int | None, str, str]:
    """Run a command; return its exit code, or None after the timeout, and its standard output and error.

    It writes to files, since a pipe would stay open as long as programs run that the code has started.
    """
    environ = {**os.environ, **VARIABLES}
    files = (scratch / "stdout.txt", scratch / "stderr.txt")
    with files[0].open("wb") as out, files[1].open("wb") as err:
        code: int | None
        try:
            code = subprocess.call(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environ, timeout=TIMEOUT_SECONDS
            )
        except subprocess.TimeoutExpired:
            code = None
    printed, errors = (file.read_text("utf-8", "replace") for file in files)
    return code, printed, errors


def main(kind: str, root: str, arguments: str, output: str) -> None:
    """Load the project in this process, write the document, and end the process."""
    from hosting.check.probe import child

    folder = Path(root)
    document = child.app(folder) if kind == "app" else child.extension(folder, json.loads(arguments))
    Path(output).write_text(json.dumps(document, default=str), "utf-8")
    sys.stdout.flush()
    os._exit(0)  # threads that the code has started must not delay the check


if __name__ == "__main__":
    main(*sys.argv[1:])
