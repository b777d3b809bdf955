"""The benchmark of hook chains runs; people judge the figures."""

from __future__ import annotations

import pytest

from tests.benchmarks import chain


def test_chain_benchmark_prints_every_scheme_and_the_ratio_to_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    """One run prints every scheme for sync and async functions, and the ratio of ours to the hand-written loop."""
    chain.main(["--loops", "20", "--rounds", "1"])
    printed = capsys.readouterr().out
    for scheme in ("direct call", "by hand", "ours", "pluggy", "Azure's scheme, re-created", "ours, async hooks"):
        assert f"\n{scheme} " in printed
    assert printed.count(" x") == 9
