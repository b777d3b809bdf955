"""The benchmark of hook chains runs; people judge the figures."""

from __future__ import annotations

import pytest

from tests.benchmarks import additions, chain


def test_chain_benchmark_prints_every_scheme_and_the_ratio_to_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    """One run prints every scheme for sync and async functions, and the ratio of ours to the hand-written loop.

    It also prints what each addition costs, beside an ordinary extension.
    """
    chain.main(["--loops", "20", "--rounds", "1"])
    printed = capsys.readouterr().out
    for scheme in ("direct call", "by hand", "ours", "pluggy", "Azure's scheme, re-created", "ours, async hooks"):
        assert f"\n{scheme} " in printed
    lines = [line for line in printed.splitlines() if "; goal: " not in line]
    assert "\n".join(lines).count(" x") == 9
    for addition, row in additions.ROWS.items():
        expected = f" of {row.beside}; goal: {row.goal}" if row.beside else " us"
        found = [line for line in printed.splitlines() if line.startswith(f"{addition}  ")]
        assert [line.endswith(expected) for line in found] == [True, True]
