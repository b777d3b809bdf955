"""The benchmark of discovery runs; people judge the figures."""

from __future__ import annotations

import re
import sys

import pytest

from tests.benchmarks import discovery


def test_discovery_benchmark_prints_a_ratio_and_restores_the_path(capsys: pytest.CaptureFixture[str]) -> None:
    """A small round prints both times and their ratio."""
    before = list(sys.path)
    discovery.main(["--distributions", "3", "--rounds", "2"])
    assert re.search(r"median of the ratios: \d+\.\d\d\n", capsys.readouterr().out)
    assert sys.path == before
