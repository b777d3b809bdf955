"""The benchmark of a chain of hooks runs; what it measures is for a person to judge."""

from __future__ import annotations

import pytest

from tests.benchmarks import chain


def test_the_chain_is_measured_beside_its_peers(capsys: pytest.CaptureFixture[str]) -> None:
    """One run prints every scheme for sync and async functions, ours with its ratio to the loop by hand."""
    chain.main(["--loops", "20", "--rounds", "1"])
    printed = capsys.readouterr().out
    for scheme in ("direct call", "by hand", "ours", "pluggy", "Azure's scheme, re-created", "ours, async hooks"):
        assert f"\n{scheme} " in printed
    assert printed.count(" x") == 9
