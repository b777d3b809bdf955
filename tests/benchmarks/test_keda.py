"""The simulated KEDA and the figures of scaling run on a small scale; ``make proof`` scales over 20,000 messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hosting_storage.testing import azurite_command

from tests.benchmarks.keda import run
from tests.benchmarks.scaling import main


@pytest.mark.long
@pytest.mark.skipif(azurite_command() is None, reason="Azurite is not installed")
def test_hosts_scale_from_zero_to_two_and_back_without_losing_a_message(tmp_path: Path) -> None:
    """The files that the command writes let hosts start, share the queue, complete their work and stop."""
    figures = run(tmp_path, 300, 2, polling=1, cooldown=2, most=2)
    assert figures["hosts at most"] == 2
    assert (figures["lost"], figures["cut off"], figures["hosts killed"], figures["poison"]) == (0, 0, 0, 0)
    assert figures["duplicates"] == 0


@pytest.mark.long
@pytest.mark.skipif(azurite_command() is None, reason="Azurite is not installed")
def test_scaling_benchmark_prints_rate_and_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    """One short round prints a line for each kind of function and number of hosts; people judge the figures."""
    main(["--seconds", "0.5", "--messages", "10", "--rounds", "1"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[:2] for row in rows] == [
        [kind, n] for kind in ("small", "waiting", "messages") for n in ("1", "2", "4")
    ]
    assert all(float(row[2]) > 0 and float(row[3]) > 0 for row in rows)
