"""The time that ``import hosting`` and ``hosting.extend`` add to a cold start in Azure.

Each start is a process of its own. Starts with them and with ``import azure.functions`` alone alternate, so that other
work of the machine affects both alike. Extensions are on, and all that are installed are discovered and imported:

    python -m tests.benchmarks.cold_start [--rounds 20]

The result is the ratio of the added time to the time of the import alone; the goal is 40 / 300.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

GOAL = 40 / 300
ALONE = """
import time
began = time.perf_counter()
import azure.functions as func
imported = time.perf_counter()
app = func.FunctionApp()
{}
print(imported - began, time.perf_counter() - imported)
"""
EXTENDED = "import hosting; hosting.extend(app)"


def start(code: str) -> tuple[float, float]:
    """Return the seconds that ``import azure.functions`` takes in a new process, and those that the rest takes."""
    environment = {**os.environ, "PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent.parent)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a deployed app has its bytecode
    done = subprocess.run(
        [sys.executable, "-c", ALONE.format(code)], capture_output=True, text=True, env=environment, check=True
    )
    alone, rest = map(float, done.stdout.split())
    return alone, rest


def measure(rounds: int) -> tuple[float, float]:
    """Return the median seconds of the import alone, and of what ``hosting`` adds."""
    start(EXTENDED)  # writes the bytecode
    pairs = [(start(""), start(EXTENDED)) for _ in range(rounds)]
    alone = median(seconds for bare, extended in pairs for seconds in (bare[0], extended[0]))
    return alone, median(extended[1] - bare[1] for bare, extended in pairs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    alone, added = measure(parser.parse_args(arguments).rounds)
    print(f"import azure.functions                {alone * 1000:8.1f} ms")
    print(f"import hosting, hosting.extend(app)   {added * 1000:8.1f} ms")
    print(f"ratio: {added / alone:.3f} (goal: {GOAL:.3f} or less)")


if __name__ == "__main__":
    main()
