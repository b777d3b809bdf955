"""Where the author of a function has written it, for problems and tracebacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any


def defined_at(function: Callable[..., Any]) -> tuple[str | None, int | None]:
    """Return the file and the line of a function's definition, inside of decorators that use ``functools.wraps``.

    For an orchestrator or an entity those of the author's function, which Durable Functions keeps as an attribute.
    """
    inner: Any = inspect.unwrap(function)
    for name in ("orchestrator_function", "entity_function"):
        inner = inspect.unwrap(getattr(inner, name, inner))
    code = getattr(inner, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code else (None, None)


def show_as(function: Callable[..., Any], name: str, file: str | None, line: int | None) -> None:
    """Let a function of one line have the name, file and line of the author's, in tracebacks and for Azure's worker.

    Args:
        function: the function.
        name: the author's name for it.
        file: the author's file; None if it is not known, and then nothing changes.
        line: the line in that file.
    """
    if isinstance(function, FunctionType) and file is not None and line is not None:
        function.__code__ = function.__code__.replace(co_filename=file, co_firstlineno=line, co_name=name)
