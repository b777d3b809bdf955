"""What an extension keeps, or leaves running, when what it was for has ended."""

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

_CONTAINERS = (dict, list, set, deque, Mapping)
_DEPTH = 4
_OURS = "hosting"
_PAUSE = 0.2


def sizes(extension: Any) -> Counter[str]:
    """How many things each container of an extension holds, by where it is.

    Its containers are those of the object, of its class and of its package's modules, and those inside them.
    """
    found: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: deque[tuple[str, Any, int]] = deque((name, value, 0) for name, value in _roots(extension))
    while waiting:
        name, value, depth = waiting.popleft()
        if id(value) in seen or depth > _DEPTH:
            continue
        seen.add(id(value))
        if isinstance(value, _CONTAINERS) and isinstance(value, Sized):
            found[name] = len(value)
        waiting.extend((inner_name, inner, depth + 1) for inner_name, inner in _inside(name, value))
    return found


def grown(before: Counter[str], after: Counter[str], times: int) -> dict[str, int]:
    """The containers that got something each of so many times."""
    return {name: size - before[name] for name, size in after.items() if size - before[name] >= times}


def alive(references: list[weakref.ref[Any]]) -> int:
    """How many of the objects are still held by somebody."""
    gc.collect()
    return sum(reference() is not None for reference in references)


class Leftovers:
    """Threads, tasks and log handlers that were not there before."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._tasks = asyncio.all_tasks()
        self._handlers = list(logging.getLogger().handlers)

    async def found(self) -> AsyncIterator[str]:
        """Say what is left of them, each in a sentence."""
        await asyncio.sleep(_PAUSE)  # who was told to end may need a moment
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
def own_logging(problems: list[str]) -> Iterator[None]:
    """Take the log records of the block out of everybody's hands: who keeps them keeps what failed, too.

    Args:
        problems: gets a sentence for each record that cannot be written.
    """
    root = logging.getLogger()
    before = list(root.handlers)
    root.handlers[:] = [_Sink(problems)]
    try:
        yield
    finally:
        root.handlers[:] = before


class _Sink(logging.Handler):
    """Formats every record, and forgets it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__()
        self._problems = problems

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.format(record)
        except Exception as error:  # noqa: BLE001 - what a record's arguments raise can be anything
            self._problems.append(
                f"it logs what cannot be written: {record.msg!r}: {type(error).__name__}: {error} "
                f"({record.filename}:{record.lineno})"
            )


def _roots(extension: Any) -> Iterator[tuple[str, Any]]:
    owner = extension if inspect.isclass(extension) or inspect.ismodule(extension) else type(extension)
    if owner is not extension:
        yield from _named(owner.__name__, _attributes(extension))
    if inspect.isclass(owner):
        yield from _named(owner.__name__, vars(owner))
    package = (owner.__module__ if inspect.isclass(owner) else owner.__name__).partition(".")[0]
    for name, module in list(sys.modules.items()):
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
    """What an object has itself, in its dictionary and in the slots of its classes."""
    kinds = [vars(kind) for kind in type(value).__mro__ if "__slots__" in vars(kind)]
    slots = [name for kind in kinds for name, member in kind.items() if inspect.ismemberdescriptor(member)]
    return {**getattr(value, "__dict__", {}), **{name: getattr(value, name) for name in slots if hasattr(value, name)}}
