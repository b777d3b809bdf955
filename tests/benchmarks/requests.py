"""Requests per second: ``hosting start``, hand-written ASGI and functions-framework.

All of them alternate within one run, so that other work of the machine affects all alike:

    python -m tests.benchmarks.requests [--rounds 9] [--seconds 2]

The results are the medians of the ratios within a round, with their quartiles. The goals, beside the floor: at the
default log level 0.90 of its rate for async functions, 1.00 for sync ones and at most 1.12 of its processor time; where
only warnings are logged 0.98, 1.05 and 1.05. With one extension: 0.98 of the same process while that is paused.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import product
from statistics import median, quantiles

from tests.benchmarks.load import load, uses_wrk
from tests.benchmarks.servers import Server, Started, floor, framework, ours, serving, warnings_only, with_extension

KINDS = ("async", "sync")
RATIOS = (
    ("hosting", "floor"),
    ("hosting, warnings only", "floor"),
    ("hosting + 1 extension", "the same, paused"),
    ("hosting", "functions-framework"),
)


class Turns:
    """The results of one server with one kind of function."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.costs: list[float] = []
        """Microseconds of processor time for a request; another figure than 1 / rate where the machine is busy."""

    def take(self, kind: str, started: Started, seconds: float) -> None:
        """Load the server for one turn."""
        before = started.cpu_seconds()
        done = load(started.port, f"/api/{kind}?name=Ada", seconds=seconds)
        self.rates.append(done.rate)
        self.costs.append((started.cpu_seconds() - before) / done.answers * 1e6)


Figures = dict[tuple[str, str], Turns]
"""By server and kind of function."""


def measure(servers: Sequence[Server], rounds: int, seconds: float) -> Figures:
    """Load one server after the other, ``rounds`` times, each turn after a second to warm up.

    Every round has new processes, whose speeds differ by some percent with the addresses of their objects.
    """
    names = [(kind, name) for server in servers for kind in server.kinds for name, _ in server.turns]
    figures: Figures = {(name, kind): Turns() for kind, name in sorted(names, key=lambda one: one[0])}
    for count in range(rounds):
        order = 1 if count % 2 else -1  # so that no server always follows the same one
        with ExitStack() as stack:
            started = [(server, stack.enter_context(serving(server))) for server in servers]
            for kind, (server, process) in product(KINDS, started[::order]):
                if kind in server.kinds:
                    Turns().take(kind, process, min(seconds, 1))
                    for name, request in server.turns[::order]:
                        process.post(request)
                        figures[name, kind].take(kind, process, seconds)
    return figures


def report(figures: Figures) -> Iterator[str]:
    """Print the rates, then the ratios of the goals."""
    yield f"{'':31} requests/s  processor us/request"
    for (name, kind), turns in figures.items():
        yield f"{kind:6} {name:24} {median(turns.rates):10.0f} {median(turns.costs):12.1f}"
    for kind, (one, other) in product(KINDS, RATIOS):
        if (one, kind) in figures and (other, kind) in figures:
            ours, theirs = figures[one, kind], figures[other, kind]
            rate = _ratio(ours.rates, theirs.rates)
            cost = _ratio(ours.costs, theirs.costs)
            yield f"{kind}: {one} / {other}: rate {rate}, processor time {cost}"


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return the median of the ratios within the rounds, and their quartiles; 0 for what cannot be measured here."""
    ratios = [a / b if b else 0.0 for a, b in zip(ours, theirs, strict=True)]
    low, _, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return f"{median(ratios):.3f} ({low:.3f} to {high:.3f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Requests a second, beside hand-written ASGI and functions-framework.")
    parser.add_argument("--rounds", type=int, default=9, help="how often each server has its turn (default: 9)")
    parser.add_argument("--seconds", type=float, default=2, help="length of a turn (default: 2)")
    parser.add_argument("--no-framework", action="store_true", help="leave functions-framework out")
    options = parser.parse_args(arguments)
    if not uses_wrk(options.seconds):
        print("Without wrk, or for turns below a second, the load comes from Python: fast servers look alike.")
    others = [] if options.no_framework else list(framework())
    figures = measure([floor(), ours(), warnings_only(), with_extension(), *others], options.rounds, options.seconds)
    print("\n".join(report(figures)))


if __name__ == "__main__":
    main()
