"""Functions without an app, and hosts without a server: what the tests of the extension host invoke."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from hosting.core import Binding, Function, OptIn
from hosting.extensions import ExtensionHost, ThreadPool

ON = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}


class Context:
    """As much of an invocation's context as the extension host looks at."""

    numbers = itertools.count()

    def __init__(self, invocation_id: str | None = None) -> None:
        self.invocation_id = invocation_id or f"invocation-{next(self.numbers)}"
        self.function_name = "F"


def function(call: Callable[..., Any], name: str = "F", *uses: str, **fields: Any) -> Function:
    """A function that opts in to the extensions that ``uses`` names."""
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


def loaded(
    extensions: Mapping[str, Any], *functions: Function, section: Mapping[str, Any] | None = None, strict: bool = False
) -> ExtensionHost:
    """A host with these extensions and functions, ready to invoke."""
    host = ExtensionHost(environ=ON, section=section, strict=strict)
    for name, target in extensions.items():
        host.register(name, target)
    host.load(functions)
    return host


def invoke(host: ExtensionHost, target: Function, context: Any = None, **arguments: Any) -> Any:
    """One invocation on an event loop of its own; stops the host's clock."""

    async def run() -> Any:
        try:
            return await invoker_of(host, target)(context or Context(), arguments)
        finally:
            await host.shutdown()

    return asyncio.run(run())


def invoker_of(host: ExtensionHost, target: Function) -> Callable[[Any, dict[str, Any]], Any]:
    """What a function host would call for each invocation."""
    invoker = host.invoker(target, ThreadPool(4))
    return lambda context, func_args: invoker.invoke(context, func_args)


def told(host: ExtensionHost, name: str) -> dict[str, Any]:
    """The diagnosis of one extension."""
    entries = [entry for entry in host.diagnosis()["extensions"] if entry["name"] == name]
    assert len(entries) == 1, f"{name} is there {len(entries)} times"
    found: dict[str, Any] = entries[0]
    return found
