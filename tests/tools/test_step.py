"""The steps of the set-up say what they do, and why they failed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import step

PRINT = "print('Collecting click'); print('ERROR: no network'); print('hint: none')"


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_step_says_what_it_does_and_keeps_the_output_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The sentence and the duration are printed; the command and its output go to the end of the log."""
    log = tmp_path / "new" / "setup.log"
    for word in ("first", "second"):
        assert step.main([f"Printing the {word} word", str(log), *_python(f"print('{word}')")]) == 0
    printed = capfd.readouterr()
    assert printed.out.splitlines() == [
        "Printing the first word ...",
        "  done in 0 s.",
        "Printing the second word ...",
        "  done in 0 s.",
    ]
    assert printed.err == ""
    assert "\nfirst\n" in log.read_text("utf-8")
    assert log.read_text("utf-8").endswith("\nsecond\n")


def test_a_step_that_fails_says_why_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The error's own line is shown with the place of all of the output, and the exit code is the command's."""
    log = tmp_path / "setup.log"
    assert step.main(["Installing click", str(log), *_python(f"{PRINT}; raise SystemExit(3)")]) == 3
    assert capfd.readouterr().err == f"  failed: ERROR: no network (all of the output: {log})\n"


def test_a_step_whose_command_does_not_exist_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A missing program is named, without a traceback."""
    assert step.main(["Installing", str(tmp_path / "setup.log"), str(tmp_path / "npm")]) == 127
    assert str(tmp_path / "npm") in capfd.readouterr().err
