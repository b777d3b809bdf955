"""The process that loads a project: it cannot stop, delay or disturb the check."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hosting.check.probe import parent
from tests.support.checks import APP, findings


def test_import_that_does_not_end_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the timeout its process is killed."""
    monkeypatch.setattr(parent, "TIMEOUT_SECONDS", 2.0)
    found, *_ = findings(tmp_path, APP, {"function_app.py": "import threading\nthreading.Event().wait()\n"})
    assert found.code == "APP201"
    assert "did not end within 2 seconds" in found.message


def test_program_that_an_import_starts_does_not_delay_the_check(tmp_path: Path) -> None:
    """It may keep running, with the standard output that it inherited."""
    started = 'Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])'
    code = f'import sys\nfrom subprocess import Popen\nopen("pid", "w").write(str({started}.pid))\n'
    try:
        assert findings(tmp_path, APP, {"function_app.py": code + APP["function_app.py"]}) == ()
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_import_that_reads_standard_input_is_a_finding(tmp_path: Path) -> None:
    """It receives the end of the input at once."""
    (found,) = findings(tmp_path, APP, {"function_app.py": "input()\n" + APP["function_app.py"]})
    assert "EOFError" in found.message


def test_import_that_does_not_end_is_reported_with_the_last_line_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the extension that the host waits for."""
    line = "Extension 'slow' (dist-slow 1.0) is still importing after 40 s."
    monkeypatch.setattr(parent, "_run", lambda *_: (None, "", f"first\n{line}\n"))
    found, *_ = findings(tmp_path, APP, {})
    assert found.message.endswith(f"did not end within 60 seconds. {line}")
