"""The benchmark of a cold start runs; what it measures is for a person to judge."""

from __future__ import annotations

import re

import pytest

from tests.benchmarks import cold_start


def test_cold_start_prints_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    """One round gives both times, their ratio and the goal."""
    cold_start.main(["--rounds", "1"])
    assert re.search(r"ratio: \d+\.\d{3} \(goal: 0\.133 or less\)\n", capsys.readouterr().out)
