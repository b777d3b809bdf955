"""The growth of memory: what ``hosting start`` has in use after many requests, and after many more.

    python -m tests.benchmarks.memory [--first 100000] [--last 500000]

The result is the growth; the goal is 5 percent or less. One extension is loaded; async and sync functions
alternate.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import cycle

from tests.benchmarks.load import load
from tests.benchmarks.servers import Started, serving, with_extension

TURN = 2.0


def measure(counts: Sequence[int], turn: float = TURN) -> list[tuple[int, int]]:
    """Return the number of requests and the bytes in use, at the first turn that ends past each of ``counts``."""
    figures = []
    with serving(with_extension()) as started:
        done = 0
        kinds = cycle(("async", "sync"))
        for count in counts:
            while done < count:
                done += load(started.port, f"/api/{next(kinds)}?name=Ada", seconds=turn).answers
            figures.append((done, _settled(started)))
    return figures


def _settled(started: Started) -> int:
    """Return the bytes in use once the log of the last turn is written, which one more request shows."""
    load(started.port, "/api/sync?name=Ada", seconds=0.2, connections=1)
    return started.resident_bytes()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Memory in use after many requests, and after many more.")
    parser.add_argument("--first", type=int, default=100_000, help="requests before the first look (default: 100000)")
    parser.add_argument("--last", type=int, default=500_000, help="requests before the last look (default: 500000)")
    parser.add_argument("--turn", type=float, default=TURN, help="seconds of each turn (default: 2)")
    options = parser.parse_args(arguments)
    figures = measure((options.first, options.last), options.turn)
    for done, size in figures:
        print(f"after {done:7} requests {size / 2**20:7.1f} MiB")
    print(f"growth: {(figures[-1][1] / figures[0][1] - 1) * 100:.1f} %")


if __name__ == "__main__":
    main()
