"""Functions without an app and hosts without a server, for tests of the extension host."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hosting.app_handle import SharedApp
from hosting.core import Binding, Function, OptIn
from hosting.extensions import ExtensionHost, ThreadPool
from tests.support.hooks import hooks

ON = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}


class Context:
    """The part of an invocation's context that the extension host reads."""

    numbers = itertools.count()

    def __init__(self, invocation_id: str | None = None) -> None:
        self.invocation_id = invocation_id or f"invocation-{next(self.numbers)}"
        self.function_name = "F"


def function(call: Callable[..., Any], name: str = "F", *uses: str, **fields: Any) -> Function:
    """Return a function that opts in to the extensions in ``uses``."""
    return Function(
        name=name,
        directory=fields.pop("directory", "/app"),
        file=fields.pop("file", "/app/function_app.py"),
        model=fields.pop("model", "v2"),
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        bindings=(Binding("req", "httpTrigger", "in"),),
        opt_ins=tuple(OptIn(use) for use in uses),
        **fields,
    )


def load_host(
    extensions: Mapping[str, Any],
    *functions: Function,
    section: Mapping[str, Any] | None = None,
    strict: bool = False,
    observer: Callable[[Any, Any], object] | None = None,
) -> ExtensionHost:
    """Return a host with these extensions and functions, ready to invoke; one more observes the hooks of the others."""
    host = ExtensionHost(environ=ON, section=section, strict=strict)
    for name, target in extensions.items():
        host.register(name, target)
    if observer is not None:
        host.register("the-observer", hooks(prepare=lambda app: app.observe_hooks(observer)))
        host.prepare(SharedApp(), functions, lambda: Additions(functions))
    host.load(functions)
    return host


class Additions(NamedTuple):
    """Functions that nothing is added to."""

    functions: Sequence[Function]

    def accept(self, extension: Any, returned: Any) -> None:
        """Add nothing."""


def invoke(host: ExtensionHost, target: Function, context: Any = None, **arguments: Any) -> Any:
    """Invoke a function once on an event loop of its own, then shut the host down; return the result."""

    async def run() -> Any:
        try:
            return await invoker_of(host, target)(context or Context(), arguments)
        finally:
            await host.shutdown()

    return asyncio.run(run())


def invoker_of(host: ExtensionHost, target: Function) -> Callable[[Any, dict[str, Any]], Any]:
    """Return the callable that a function host calls for each invocation."""
    pool = ThreadPool(4)
    weakref.finalize(host, pool.shutdown)  # else each test would leave threads behind
    invoker = host.invoker(target, pool)
    return lambda context, func_args: invoker.invoke(context, func_args)


def exceed_budget(host: ExtensionHost) -> None:
    """Block until a hook that starts now has exceeded its budget, however busy the machine is."""
    since = host._watchdog.ticks[0]
    while not host._watchdog.is_late(since):
        time.sleep(0.01)


def extension_entry(host: ExtensionHost, name: str) -> dict[str, Any]:
    """Return the diagnosis of one extension; the whole diagnosis would read the metadata of every distribution."""
    entries = [entry for entry in host.extension_entries() if entry["name"] == name]
    assert len(entries) == 1, f"{name} is listed {len(entries)} times"
    entry: dict[str, Any] = entries[0]
    return entry
