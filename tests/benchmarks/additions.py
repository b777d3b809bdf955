"""The cost of guards, of reading the invocation and of injected values, beside ordinary extensions in the same run.

Each row has a fresh context for each invocation, as the host makes it. It differs from the row that it is compared with
by one thing. ``python -m tests.benchmarks.chain`` measures and prints the rows, in turn with one another.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import hosting
from hosting._injection import injected_parameters
from hosting.core import Function
from hosting.extensions import ExtensionHost
from hosting.host.context import Context, InvocationLocal
from tests.support.invoking import ON, function

Call = Callable[[Any, dict[str, Any]], Any]
LOCAL = InvocationLocal()


class Value:
    """What a provider gives."""


VALUE = Value()


class Ordinary:
    """An extension with a hook before and one after the function."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, context: Any) -> None:
        """Do nothing."""

    @hosting.hookimpl
    def post_invocation_app_level(self, context: Any) -> None:
        """Do nothing."""


class Guard(Ordinary):
    """The same as a guard."""

    guard = True


class Reading:
    """The same, where one hook reads its invocation."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, invocation: Any) -> None:
        """Do nothing."""

    @hosting.hookimpl
    def post_invocation_app_level(self, context: Any) -> None:
        """Do nothing."""


class Providing(Ordinary):
    """The same with a provider."""

    @hosting.provider(Value)
    def give(self) -> Value:
        """Return the value."""
        return VALUE


class ProvidingAndCleaningUp(Ordinary):
    """The same with a provider that cleans up."""

    @hosting.provider(Value)
    def give(self) -> Iterator[Value]:
        """Yield the value."""
        yield VALUE


def call(req: str, value: Any = None) -> str:
    """Return at once: the function of the app, which gets a value in any case."""
    return req


def injected(req: str, value: Annotated[Value, hosting.Inject]) -> str:
    """Return at once: the same with a parameter that an extension supplies."""
    return req


async def acall(req: str, value: Any = None) -> str:
    """Return at once: the async function."""
    return req


async def ainjected(req: str, value: Annotated[Value, hosting.Inject]) -> str:
    """Return at once: the async function with a parameter that an extension supplies."""
    return req


class Row(NamedTuple):
    """One row of the table.

    Args:
        extension: the class of its extensions.
        number: how many there are.
        beside: the row that it is compared with; empty if it is one that others are compared with.
        goal: what the comparison shall give at most.
        injects: whether the function takes a value.
        stores: whether what the invocation is made of is stored for hooks, as the host does it.
    """

    extension: type
    number: int = 1
    beside: str = ""
    goal: str = ""
    injects: bool = False
    stores: bool = True


ONE, FIVE, TWENTY = "1 extension", "5 extensions", "20 extensions"
ROWS = {
    "1 extension, nothing stored": Row(Ordinary, stores=False),
    ONE: Row(Ordinary, beside="1 extension, nothing stored", goal="one store"),
    FIVE: Row(Ordinary, 5),
    TWENTY: Row(Ordinary, 20),
    "1 guard": Row(Guard, 1, ONE, "no cost"),
    "5 guards": Row(Guard, 5, FIVE, "no cost"),
    "20 guards": Row(Guard, 20, TWENTY, "no cost"),
    "invocation read by one hook": Row(Reading, 1, ONE, "0.3 us"),
    "an injected value": Row(Providing, 1, ONE, "0.5 us", injects=True),
    "an injected value, cleaned up": Row(ProvidingAndCleaningUp, 1, ONE, "0.5 us", injects=True),
}


def rows(*, is_async: bool) -> dict[str, Call]:
    """Return what is measured, by the name of its row."""
    return {name: _invoking(row, is_async=is_async) for name, row in ROWS.items()}


def _invoking(row: Row, *, is_async: bool) -> Call:
    plain, taking = (acall, ainjected) if is_async else (call, injected)
    target = function(taking if row.injects else plain)
    target.injected = injected_parameters(target.call)
    host = ExtensionHost(environ=ON)
    for at in range(row.number):
        host.register(f"e{at:02}", row.extension)
    host.load([target])
    chain = host.chain(target)
    assert chain is not None
    arguments = {} if row.injects else {"value": VALUE}
    return functools.partial(_invoke if row.stores else _invoke_unseen, chain.run, target, arguments)


def _invoke(run: Call, target: Function, more: dict[str, Any], _context: Any, _args: Any) -> Awaitable[Any]:
    context, arguments = Context("id", "F", "/app", LOCAL), {"req": "x", **more}
    context._hosting_invocation = target, None, arguments, None, context.invocation_id
    result: Awaitable[Any] = run(context, arguments)
    return result


def _invoke_unseen(run: Call, target: Function, more: dict[str, Any], _context: Any, _args: Any) -> Awaitable[Any]:
    context, arguments = Context("id", "F", "/app", LOCAL), {"req": "x", **more}
    result: Awaitable[Any] = run(context, arguments)
    return result


def table(title: str, figures: Mapping[str, float]) -> str:
    """Return one line per row: microseconds, the difference to the row that it is compared with, and the goal."""
    lines = [title]
    for name, row in ROWS.items():
        line = f"{name:32}{figures[name]:8.2f} us"
        if row.beside:
            line += f"{figures[name] - figures[row.beside]:+8.2f} us x{figures[name] / figures[row.beside]:.2f}"
            line += f" of {row.beside}; goal: {row.goal}"
        lines.append(line)
    return "\n".join(lines)
