"""Finds what an extension still holds or runs after its work has ended."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import sys
import threading
import weakref
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Any

from hosting._exceptions import error_text

_CONTAINERS = (dict, list, set, deque, Mapping)
_MAX_DEPTH = 4
_OURS = "hosting"
_PAUSE_SECONDS = 0.2


def sizes(extension: Any) -> Counter[str]:
    """Return the number of items in each container of an extension, by the container's name.

    Containers are those of the object, of its class and of its package's modules, and containers inside of them.
    """
    found: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: deque[tuple[str, Any, int]] = deque((name, value, 0) for name, value in _roots(extension))
    while waiting:
        name, value, depth = waiting.popleft()
        if id(value) in seen or depth > _MAX_DEPTH:
            continue
        seen.add(id(value))
        if isinstance(value, _CONTAINERS) and isinstance(value, Sized):
            found[name] = len(value)
        waiting.extend((inner_name, inner, depth + 1) for inner_name, inner in _inside(name, value))
    return found


def grown(before: Counter[str], after: Counter[str], times: int) -> dict[str, int]:
    """Return the containers that grew by at least ``times`` items, with their growth."""
    return {name: size - before[name] for name, size in after.items() if size - before[name] >= times}


def alive(references: list[weakref.ref[Any]]) -> int:
    """Return how many of the objects are still referenced."""
    gc.collect()
    return sum(reference() is not None for reference in references)


class Leftovers:
    """Threads, tasks and log handlers that appeared since this object was created."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._tasks = asyncio.all_tasks()
        self._handlers = list(logging.getLogger().handlers)

    async def found(self) -> AsyncIterator[str]:
        """Yield a sentence for each that is still there."""
        await asyncio.sleep(_PAUSE_SECONDS)  # cancelled tasks and stopped threads need a moment to end
        for thread in set(threading.enumerate()) - self._threads:
            if not thread.daemon and not thread.name.startswith(_OURS):
                yield f"thread '{thread.name}' still runs, and would keep the process from ending"
        for task in asyncio.all_tasks() - self._tasks:
            if not (task.done() or task.cancelling() or task is asyncio.current_task()):
                yield f"task '{getattr(task.get_coro(), '__qualname__', task)}' is still pending"
        for handler in logging.getLogger().handlers:
            if handler not in self._handlers:
                yield f"log handler {handler!r} is still on the root logger"


@contextmanager
def separate_logging(problems: list[str]) -> Iterator[None]:
    """Replace the root logger's handlers in the block: a handler that keeps records would keep what they refer to.

    Args:
        problems: gets a sentence for each record that cannot be formatted.
    """
    root = logging.getLogger()
    before = list(root.handlers)
    root.handlers[:] = [_FormattingHandler(problems)]
    try:
        yield
    finally:
        root.handlers[:] = before


class _FormattingHandler(logging.Handler):
    """Formats every record, and keeps none."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__()
        self._problems = problems

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record, and note a record that raises."""
        try:
            self.format(record)
        except Exception as error:  # noqa: BLE001 - what a record's arguments raise can be anything
            self._problems.append(
                f"it logs a record that cannot be formatted: {record.msg!r}: {error_text(error)} "
                f"({record.filename}:{record.lineno})"
            )


def _roots(extension: Any) -> Iterator[tuple[str, Any]]:
    owner = extension if inspect.isclass(extension) or inspect.ismodule(extension) else type(extension)
    if owner is not extension:
        yield from _named(owner.__name__, _attributes(extension))
    if inspect.isclass(owner):
        yield from _named(owner.__name__, vars(owner))
    package = (owner.__module__ if inspect.isclass(owner) else owner.__name__).partition(".")[0]
    for name, module in sys.modules.copy().items():
        if package not in ("builtins", _OURS) and (name == package or name.startswith(f"{package}.")):
            yield from _named(name, vars(module))


def _named(owner: str, attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in list(attributes.items()):
        if not name.startswith("__"):
            yield f"{owner}.{name}", value


def _inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{name}[...]", inner) for inner in list(value.values()))
    elif isinstance(value, list | set | deque):
        yield from ((f"{name}[...]", inner) for inner in list(value))
    elif not (inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value)):
        yield from _named(name, _attributes(value))


def _attributes(value: Any) -> Mapping[str, Any]:
    """Return an object's own attributes, from its dictionary and the slots of its classes."""
    kinds = [vars(kind) for kind in type(value).__mro__ if "__slots__" in vars(kind)]
    slots = [name for kind in kinds for name, member in kind.items() if inspect.ismemberdescriptor(member)]
    return {**getattr(value, "__dict__", {}), **{name: getattr(value, name) for name in slots if hasattr(value, name)}}
