"""The benchmark of a cold start runs; people judge the figures."""

from __future__ import annotations

import re

import pytest

from tests.benchmarks import cold_start


def test_cold_start_benchmark_prints_a_ratio_and_its_goal(capsys: pytest.CaptureFixture[str]) -> None:
    """One round prints both times, their ratio and the goal."""
    cold_start.main(["--rounds", "1"])
    assert re.search(r"ratio: \d+\.\d{3} \(goal: 0\.133 or less\)\n", capsys.readouterr().out)
