"""The timer that writes a report, served as its README says, with a schedule that a test can wait for."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx

from tests.support.processes import PATIENCE, ROOT, environment, hosting_start

APP = ROOT / "examples" / "timer_report"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \d+% of the disk is used(, late)?")


def _lines(folder: Path, count: int) -> list[str]:
    """Wait for so many lines of the report."""
    report, end = folder / "timer-report.txt", time.monotonic() + PATIENCE
    while not report.exists() or len(lines := report.read_text("utf-8").splitlines()) < count:
        assert time.monotonic() < end, "no report was written"
        time.sleep(0.05)
    return lines


def test_it_reports_on_schedule(tmp_path: Path) -> None:
    """The schedule is a setting: each second one more line, and none that is late."""
    environ = environment(XDG_STATE_HOME=str(tmp_path), REPORT_FOLDER=str(tmp_path), REPORT_SCHEDULE="* * * * * *")
    with hosting_start(APP, tmp_path / "host.log", environ=environ):
        lines = _lines(tmp_path, 2)
    assert all((found := LINE.fullmatch(line)) and not found[1] for line in lines)


def test_it_reports_by_hand(tmp_path: Path) -> None:
    """As its settings have it, the report comes every five minutes, or when somebody asks."""
    environ = environment(XDG_STATE_HOME=str(tmp_path), REPORT_FOLDER=str(tmp_path))
    with hosting_start(APP, tmp_path / "host.log", environ=environ) as host:
        assert httpx.post(f"{host.url}/admin/functions/report", json={}, timeout=PATIENCE).status_code == 202
        assert LINE.fullmatch(_lines(tmp_path, 1)[0])
    assert "The next 5 occurrences of the 'report' schedule (Cron: '0 */5 * * * *') will be:" in host.printed()
