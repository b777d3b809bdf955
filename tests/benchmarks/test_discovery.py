"""The benchmark of discovery runs; what it measures is for a person to judge."""

from __future__ import annotations

import re
import sys

import pytest

from tests.benchmarks import discovery


def test_discovery_prints_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    """A tiny round gives both times and their ratio, and leaves the path as it was."""
    before = list(sys.path)
    discovery.main(["--distributions", "3", "--rounds", "2"])
    assert re.search(r"median of the ratios: \d+\.\d\d\n", capsys.readouterr().out)
    assert sys.path == before
