"""The cost of an invocation with 0, 1, 5 and 20 extensions: our chain, a hand-written loop, pluggy, and Azure's scheme.

Every extension has one pre and one post hook that do nothing. All rows are measured in turn within one run, and the
best of many short rounds counts. Compare rows of one run only. Run it with ``python -m tests.benchmarks.chain``. The
same run measures guards, hooks that read the invocation, and injected values: see ``additions``.

The row "Azure's scheme" is re-created from a description of Azure's worker: for each of the four hook points it reads
the feature flag from the environment, looks the hooks up by name, and calls each with its own guard and logger. It is
not Azure's code.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from unittest import mock

import pluggy

import hosting
from hosting.core import Function
from hosting.extensions import ExtensionHost
from tests.benchmarks import additions
from tests.support.invoking import ON, Context, function

COUNTS = (0, 1, 5, 20)
Call = Callable[[Any, dict[str, Any]], Any]
Key = TypeVar("Key")
FLAG = "PYTHON_ENABLE_WORKER_EXTENSIONS"
log = logging.getLogger("benchmark")
spec, impl = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")


def call(req: str) -> str:
    """Return at once: the sync function."""
    return req


async def acall(req: str) -> str:
    """Return at once: the async function."""
    return req


class Both:
    """One extension with a pre and a post hook, for every scheme."""

    @impl
    @hosting.hookimpl
    def pre_invocation_app_level(self, logger: Any, context: Any, func_args: Any) -> None:
        """Do nothing."""

    @impl
    @hosting.hookimpl
    def post_invocation_app_level(self, logger: Any, context: Any, func_args: Any, func_ret: Any) -> None:
        """Do nothing."""


class BothAsync:
    """The same with async hooks, which only our chain and a hand-written loop can run."""

    @hosting.hookimpl
    async def pre_invocation_app_level(self, logger: Any, context: Any, func_args: Any) -> None:
        """Do nothing."""

    @hosting.hookimpl
    async def post_invocation_app_level(self, logger: Any, context: Any, func_args: Any, func_ret: Any) -> None:
        """Do nothing."""


class Spec:
    """The specification that pluggy needs."""

    @spec
    def pre_invocation_app_level(self, logger: Any, context: Any, func_args: Any) -> None:
        """Before."""

    @spec
    def post_invocation_app_level(self, logger: Any, context: Any, func_args: Any, func_ret: Any) -> None:
        """After."""


def ours(count: int, target: Function, extension: type) -> Call:
    """Return the compiled chain, or the plain call where there is none."""
    host = ExtensionHost(environ=ON)
    for number in range(count):
        host.register(f"e{number:02}", extension)
    host.load([target])
    chain = host.chain(target)
    if chain is None:
        return lambda context, func_args: target.call(**func_args)
    run: Call = chain.run
    return run


def by_hand(count: int) -> Call:
    """Return the lower limit: a loop with a guard and an error counter."""
    hooks = [Both() for _ in range(count)]
    pre = [hook.pre_invocation_app_level for hook in hooks]
    post = [hook.post_invocation_app_level for hook in reversed(hooks)]
    errors = 0

    def run(context: Any, func_args: dict[str, Any]) -> Any:
        nonlocal errors
        for hook in pre:
            try:
                hook(log, context, func_args)
            except Exception:
                errors += 1
        result = call(**func_args)
        for after in post:
            try:
                after(log, context, func_args, result)
            except Exception:
                errors += 1
        return result

    return run


def by_hand_async(count: int) -> Call:
    """Return the lower limit for an async function with sync hooks."""
    hooks = [Both() for _ in range(count)]
    pre = [hook.pre_invocation_app_level for hook in hooks]
    post = [hook.post_invocation_app_level for hook in reversed(hooks)]
    errors = 0

    async def run(context: Any, func_args: dict[str, Any]) -> Any:
        nonlocal errors
        for hook in pre:
            try:
                hook(log, context, func_args)
            except Exception:
                errors += 1
        result = await acall(**func_args)
        for after in post:
            try:
                after(log, context, func_args, result)
            except Exception:
                errors += 1
        return result

    return run


def by_hand_async_hooks(count: int) -> Call:
    """Return the lower limit for an async function with async hooks."""
    hooks = [BothAsync() for _ in range(count)]
    pre = [hook.pre_invocation_app_level for hook in hooks]
    post = [hook.post_invocation_app_level for hook in reversed(hooks)]
    errors = 0

    async def run(context: Any, func_args: dict[str, Any]) -> Any:
        nonlocal errors
        for hook in pre:
            try:
                await hook(log, context, func_args)
            except Exception:
                errors += 1
        result = await acall(**func_args)
        for after in post:
            try:
                await after(log, context, func_args, result)
            except Exception:
                errors += 1
        return result

    return run


def with_pluggy(count: int) -> Call:
    """Return a plain call of pluggy: no isolation between hooks, no counters."""
    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(Spec)
    for number in range(count):
        manager.register(Both(), f"e{number}")
    hook = manager.hook

    def run(context: Any, func_args: dict[str, Any]) -> Any:
        hook.pre_invocation_app_level(logger=log, context=context, func_args=func_args)
        result = call(**func_args)
        hook.post_invocation_app_level(logger=log, context=context, func_args=func_args, func_ret=result)
        return result

    return run


def azures_scheme(count: int) -> Call:
    """Return a call of extensions in the way of Azure's worker, as described."""
    hooks = [Both() for _ in range(count)]
    stores: dict[str, list[tuple[str, Any]]] = {
        "pre_invocation_app_level": [("e", hook.pre_invocation_app_level) for hook in hooks],
        "post_invocation_app_level": [("e", hook.post_invocation_app_level) for hook in hooks],
        "pre_invocation": [],
        "post_invocation": [],
    }

    def raise_hooks(name: str, *arguments: Any) -> None:
        if os.environ.get(FLAG, "").lower() not in ("1", "true", "t", "yes", "y"):
            return
        for extension, hook in stores[name]:
            try:
                hook(logging.getLogger(f"azure_functions_worker.extension.{extension}"), *arguments)
            except Exception:
                log.exception("extension failed")

    def run(context: Any, func_args: dict[str, Any]) -> Any:
        raise_hooks("pre_invocation_app_level", context, func_args)
        raise_hooks("pre_invocation", context, func_args)
        result = call(**func_args)
        raise_hooks("post_invocation", context, func_args, result)
        raise_hooks("post_invocation_app_level", context, func_args, result)
        return result

    return run


def sync_rows(count: int) -> dict[str, Call]:
    """Return the schemes for a sync function."""
    return {
        "direct call": lambda context, func_args: call(**func_args),
        "by hand": by_hand(count),
        "ours": ours(count, function(call), Both),
        "pluggy": with_pluggy(count),
        "Azure's scheme, re-created": azures_scheme(count),
    }


def async_rows(count: int) -> dict[str, Call]:
    """Return the schemes for an async function."""
    return {
        "direct call": lambda context, func_args: acall(**func_args),
        "by hand": by_hand_async(count),
        "ours": ours(count, function(acall), Both),
        "by hand, async hooks": by_hand_async_hooks(count),
        "ours, async hooks": ours(count, function(acall), BothAsync),
    }


def measure(rows: dict[Key, Call], loops: int, rounds: int) -> dict[Key, float]:
    """Return microseconds per invocation: the best round of each row, with rows measured in turn."""
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(rounds):
        for name, run in rows.items():
            best[name] = min(best[name], _timed(run, loops))
    return best


def _timed(run: Call, loops: int) -> float:
    context, func_args = Context(), {"req": "x"}
    start = time.perf_counter()
    for _ in range(loops):
        run(context, func_args)
    return (time.perf_counter() - start) / loops * 1e6


async def measure_async(rows: dict[Key, Call], loops: int, rounds: int) -> dict[Key, float]:
    """Do the same as ``measure`` for coroutines, on one event loop."""
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(rounds):
        for name, run in rows.items():
            best[name] = min(best[name], await _timed_async(run, loops))
    return best


async def _timed_async(run: Callable[[Any, Any], Awaitable[Any]], loops: int) -> float:
    context, func_args = Context(), {"req": "x"}
    start = time.perf_counter()
    for _ in range(loops):
        await run(context, func_args)
    return (time.perf_counter() - start) / loops * 1e6


def table(title: str, columns: Sequence[dict[str, float]]) -> str:
    """Return one line per scheme, with a column per count; ours has its ratio to the hand-written loop."""
    lines = [title, f"{'':28}" + "".join(f"{count:>16}" for count in COUNTS)]
    for name in columns[0]:
        cells = (
            f"{column[name]:.2f} us{_beside(name, column, count)}"
            for column, count in zip(columns, COUNTS, strict=True)
        )
        lines.append(f"{name:28}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def _beside(name: str, column: dict[str, float], count: int) -> str:
    if not name.startswith("ours"):
        return ""
    if count == 0:
        return f" {column[name] - column['direct call']:+.2f}"
    return f" x{column[name] / column[name.replace('ours', 'by hand')]:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=1_000, help="invocations per row and round")
    parser.add_argument("--rounds", type=int, default=300, help="rounds, of which the best counts")
    options = parser.parse_args(arguments)
    with mock.patch.dict(os.environ, {FLAG: "1"}):
        report(options.loops, options.rounds)


def report(loops: int, rounds: int) -> None:
    """Measure every scheme and every addition, and print the tables."""
    by_count = [sync_rows(count) for count in COUNTS]
    sync, added = _apart(measure(_together(by_count, additions.rows(is_async=False)), loops, rounds))
    print(table("sync function, number of extensions", sync))
    print(additions.table("sync function, additions", added))
    by_count = [async_rows(count) for count in COUNTS]
    waiting = measure_async(_together(by_count, additions.rows(is_async=True)), loops, rounds)
    columns, added = _apart(asyncio.run(waiting))
    print(table("async function, number of extensions", columns))
    print(additions.table("async function, additions", added))


def _together(by_count: Sequence[dict[str, Call]], added: dict[str, Call]) -> dict[tuple[int, str], Call]:
    """Return what is measured in turn: the schemes with each number of extensions, and the additions."""
    return {(at, name): run for at, rows in enumerate([*by_count, added]) for name, run in rows.items()}


def _apart(figures: dict[tuple[int, str], float]) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Return the figures by number of extensions, and those of the additions."""
    tables: list[dict[str, float]] = [{} for _ in range(len(COUNTS) + 1)]
    for (at, name), figure in figures.items():
        tables[at][name] = figure
    return tables[:-1], tables[-1]


if __name__ == "__main__":
    main()
