"""Run one step of the set-up: say what it does, show how far it is, and fail with one line.

    python tools/step.py "Installing hosting into .venv (about 1 minute)" .venv/setup.log pip install hosting

The command's output goes to the end of the log file. In a terminal the last line shows the seconds that have passed and
the package that is being worked on; elsewhere only the sentence and its end are printed. Only the standard library is
imported: the step that makes the virtual environment is one of those that this runs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from typing import TextIO

_INTERVAL_SECONDS = 0.5
_SUBJECT = re.compile(r"^\s*(?:Collecting|Downloading|Obtaining|Building|Preparing|Installing)\b.*")


def main(arguments: Sequence[str]) -> int:
    """Run the command that follows the sentence and the log's path; return its exit code, or 130 after Ctrl-C."""
    sentence, log, *command = arguments
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    print(f"{sentence} ...", flush=True)
    with path.open("a", encoding="utf-8") as output:
        output.write(f"\n$ {' '.join(command)}\n")
        try:
            code, last = _run(command, output)
        except KeyboardInterrupt:
            print(f"  stopped after {time.monotonic() - started:.0f} s; run make again to go on.", flush=True)
            return 130
    if code:
        print(f"  failed: {last} (all of the output: {path})", file=sys.stderr, flush=True)
    else:
        print(f"  done in {time.monotonic() - started:.0f} s.", flush=True)
    return code


def _run(command: Sequence[str], output: TextIO) -> tuple[int, str]:
    """Run a command with its output in a file; return its exit code and the line that says why it failed."""
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except OSError as error:
        return 127, str(error)
    last = ""
    with process, _Progress() as progress:
        for line in process.stdout or ():
            output.write(line)
            if _SUBJECT.match(line):
                progress.subject = line.strip()
            if line.strip() and not last.startswith("ERROR:"):
                last = line.strip()
    return process.returncode, last


class _Progress:
    """A line in a terminal that shows the seconds that have passed, and what is being worked on."""

    def __init__(self) -> None:
        self.subject = ""
        self._over = Event()
        self._thread = Thread(target=self._show, daemon=True)
        self._shown = sys.stdout.isatty()
        self._columns = shutil.get_terminal_size().columns - 1

    def __enter__(self) -> _Progress:
        if self._shown:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._over.set()
            self._thread.join()
            print(f"\r{'':{self._columns}}\r", end="", flush=True)

    def _show(self) -> None:
        started = time.monotonic()
        while not self._over.wait(_INTERVAL_SECONDS):
            line = f"  {time.monotonic() - started:.0f} s  {self.subject}"
            print(f"\r{line[: self._columns]:{self._columns}}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
