"""The types of values that several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from hosting.cli.main import cli

DURATIONS = (
    ("start", "--grace"),
    ("start", "--drain-delay"),
    ("health", "--timeout"),
    ("keys", "--overlap"),
    ("top", "--interval"),
)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "-1", "soon", ""])
@pytest.mark.parametrize(("command", "option"), DURATIONS)
def test_duration_that_no_timer_takes_is_a_usage_error(
    command: str, option: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python takes infinity, and what is no number, for numbers: neither reaches a timer."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, [command, f"{option}={value}"])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.output


@pytest.mark.parametrize("value", ["0", "-1", "1001", "99999999", "1.5"])
def test_number_of_workers_that_no_machine_has_is_a_usage_error(value: str) -> None:
    """A number with some digits too many starts no processes."""
    done = CliRunner().invoke(cli, ["start", f"--workers={value}"])
    assert done.exit_code == 2
    assert "Invalid value for '--workers'" in done.output
