"""How many requests a second: ``hosting start`` beside hand-written ASGI and functions-framework.

All of them take turns within one run, so that what else the machine does hits all alike:

    python -m tests.benchmarks.requests [--rounds 5] [--seconds 3]

The numbers that count are the medians of the ratios within a round. The goals: ours at 0.8 of the floor or more for
async and sync functions, and with one extension at 0.97 of ours without one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import median

from tests.benchmarks.load import has_wrk, requests_per_second
from tests.benchmarks.servers import Server, extended, floor, framework, ours, serving

KINDS = ("async", "sync")
Rates = dict[tuple[str, str], list[float]]
"""Requests a second of each round, by server and kind of function."""


def measure(servers: Sequence[Server], rounds: int, seconds: float) -> Rates:
    """Start all servers, and load one after the other, ``rounds`` times; one turn before them warms up."""
    rates: Rates = {}
    with ExitStack() as stack:
        started = [(server, stack.enter_context(serving(server)).port) for server in servers]
        for count in range(rounds + 1):
            length = seconds if count else min(seconds, 1)
            for kind in KINDS:
                # Every other round backwards, so that nobody always comes after the same one.
                for server, port in started if count % 2 else reversed(started):
                    if kind in server.kinds:
                        rate = requests_per_second(port, f"/api/{kind}?name=Ada", seconds=length)
                        rates.setdefault((server.name, kind), []).extend([rate] if count else [])
    return rates


def report(rates: Rates) -> Iterator[str]:
    """The rates, then the ratios that the goals speak of."""
    for (name, kind), values in sorted(rates.items(), key=lambda item: item[0][1]):
        yield f"{kind:6} {name:24} {median(values):8.0f} requests/s"
    for kind in KINDS:
        for one, other in (("hosting", "floor"), ("hosting + 1 extension", "hosting"), ("hosting", "functions-framework")):
            if (one, kind) in rates and (other, kind) in rates:
                pairs = zip(rates[one, kind], rates[other, kind], strict=True)
                yield f"{kind}: {one} / {other}: {median(a / b for a, b in pairs):.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Requests a second, beside hand-written ASGI and functions-framework.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each server has its turn (default: 5)")
    parser.add_argument("--seconds", type=float, default=3, help="length of a turn (default: 3)")
    parser.add_argument("--no-framework", action="store_true", help="leave functions-framework out")
    options = parser.parse_args(arguments)
    if not has_wrk():
        print("wrk is not installed: the load comes from Python, which shares its speed with the fast servers")
    others = [] if options.no_framework else list(framework())
    rates = measure([floor(), ours(), extended(), *others], options.rounds, options.seconds)
    print("\n".join(report(rates)))


if __name__ == "__main__":
    main()
