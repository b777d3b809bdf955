"""The benchmark runs; its figures are not tested."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest


def test_cost_benchmark_prints_every_opt_in(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run prints every way to opt in, for both kinds of functions."""
    script = Path(__file__).parent.parent / "benchmarks" / "cost.py"
    monkeypatch.setattr("sys.argv", [str(script), "--loops", "10", "--rounds", "1"])
    monkeypatch.setattr("logging.disable", lambda level: None)
    runpy.run_path(str(script), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.count("every=1000") == 2
    assert printed.count("not opted in") == 2
