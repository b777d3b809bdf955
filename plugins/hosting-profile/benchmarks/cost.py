"""What profiling costs an invocation: not opted in, opted in and not picked, picked; for a function that does nothing.

All rows are measured in one run, in turn, and the best of several rounds counts. Run it with
``python benchmarks/cost.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from hosting.core import Binding, Function, OptIn
from hosting.extensions import ExtensionHost
from hosting_profile import ProfileExtension

Run = Callable[[Any, dict[str, Any]], Any]
ROWS: dict[str, dict[str, Any] | None] = {
    "not opted in": None,
    "rate=0": {"rate": 0},
    "every=1000": {"every": 1000, "slower_than": 60},
    "every invocation, time and io": {"slower_than": 60},
    "every invocation, figures only": {"measure": ["io"], "slower_than": 60},
}


def call(req: str) -> str:
    """The sync function."""
    return req


async def acall(req: str) -> str:
    """The async function."""
    return req


def chain(target: Callable[..., Any], settings: dict[str, Any] | None, *, is_async: bool) -> Run:
    """The function as a host calls it, with the extension on it if it has settings."""
    opt_ins = () if settings is None else (OptIn("profile", settings),)
    bindings = (Binding("req", "httpTrigger", "in"),)
    function = Function("F", "/app", "/app/F.py", "v2", target, is_async, bindings, opt_ins=opt_ins)
    host = ExtensionHost(environ={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    host.register("profile", ProfileExtension)
    host.load([function])
    compiled = host.chain(function)
    run: Run = compiled.run if compiled else lambda context, func_args: target(**func_args)
    return run


def measure(loops: int, rounds: int, *, is_async: bool) -> dict[str, float]:
    """Microseconds per invocation of each row."""
    target = acall if is_async else call
    runs = {name: chain(target, settings, is_async=is_async) for name, settings in ROWS.items()}
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            took = asyncio.run(_timed_async(run, loops)) if is_async else _timed(run, loops)
            best[name] = min(best[name], took)
    return best


def _timed(run: Run, loops: int) -> float:
    context = SimpleNamespace(function_name="F", invocation_id="1")
    start = time.perf_counter()
    for _ in range(loops):
        run(context, {"req": "x"})
    return (time.perf_counter() - start) / loops * 1e6


async def _timed_async(run: Run, loops: int) -> float:
    context = SimpleNamespace(function_name="F", invocation_id="1")
    start = time.perf_counter()
    for _ in range(loops):
        await run(context, {"req": "x"})
    return (time.perf_counter() - start) / loops * 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=5000, help="invocations per row and round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, of which the best counts")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    for name, is_async in (("def", False), ("async def", True)):
        print(f"{name}, microseconds per invocation")
        for row, took in measure(options.loops, options.rounds, is_async=is_async).items():
            print(f"  {row:32}{took:10.2f}")


if __name__ == "__main__":
    main()
