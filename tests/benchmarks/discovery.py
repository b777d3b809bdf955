"""The cost of finding extensions among many installed distributions, relative to one read of their entry points.

Both sides alternate within one run, with cold metadata caches each time, so that other work of the machine affects both
alike:

    python tests/benchmarks/discovery.py [--distributions 1000] [--rounds 15]

The result is the median of the ratios; the goal is 1.2 or less.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import importlib_metadata

from hosting.extensions import ExtensionHost

ON = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
METADATA = "Metadata-Version: 2.1\nName: dist-{number}\nVersion: 1.0\n"
ENTRY_POINTS = "[console_scripts]\ntool{number} = package{number}:main\n"


@contextmanager
def install_distributions(count: int) -> Iterator[None]:
    """Put ``count`` distributions, and otherwise only the standard library, on the path."""
    before = sys.path
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            info = Path(folder, f"dist_{number}-1.0.dist-info")
            info.mkdir()
            (info / "METADATA").write_text(METADATA.format(number=number))
            (info / "entry_points.txt").write_text(ENTRY_POINTS.format(number=number))
        sys.path = [folder, *(entry for entry in before if "-packages" not in entry)]
        try:
            yield
        finally:
            sys.path = before


def bare() -> int:
    """Call importlib-metadata once for one group: the reference for the ratio."""
    return len(importlib_metadata.entry_points(group="hosting"))


def discover() -> int:
    """Run a whole host's discovery, with its checks and its ordering."""
    host = ExtensionHost(environ=ON)
    host.discover()
    return len(host.diagnosis()["extensions"])


def seconds(action: Callable[[], int]) -> float:
    """Return how long one call takes with cold caches."""
    importlib.invalidate_caches()
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure(count: int, rounds: int) -> list[tuple[float, float]]:
    """Return the seconds of the bare call and of discovery, for each round; the order changes in each round."""
    discover()  # imports the SDK, once for the process
    pairs = []
    with install_distributions(count):
        for number in range(rounds):
            if number % 2:
                ours = seconds(discover)
                pairs.append((seconds(bare), ours))
            else:
                pairs.append((seconds(bare), seconds(discover)))
    return pairs


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both times and the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--distributions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    pairs = measure(options.distributions, options.rounds)
    print(f"{options.distributions} distributions, milliseconds, median of {options.rounds} rounds")
    print(f"entry_points(group='hosting')  {median(one for one, _ in pairs) * 1000:8.2f}")
    print(f"ExtensionHost.discover()       {median(one for _, one in pairs) * 1000:8.2f}")
    print(f"median of the ratios: {median(ours / one for one, ours in pairs):.2f}")


if __name__ == "__main__":
    main()
