"""The traceback of a failed invocation: from the author's code on, or with a note that says where that code is."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from hosting._author_line import defined_at
from hosting._exceptions import is_a, own_attribute, type_name
from hosting.apps.imports import is_app_file
from hosting.apps.outline import syntax_tree
from hosting.core import Function
from hosting.errors import HostingError

_OWN = __name__.partition(".")[0]
_REFUSALS = (TypeError, ValueError, RuntimeError)
"""What a binding raises for a value that it cannot take."""
_HINTS = {
    "coroutine": "It returned a coroutine: await it, or declare the function with 'async def'.",
    "generator": "It is a generator, because it has a yield: return a value instead.",
    "async_generator": "It is a generator, because it has a yield: return a value instead.",
}


def note_refusal(exception: BaseException, function: Function, root: Path, value: object) -> None:
    """Note on an exception where the function is whose value could not be written.

    Args:
        exception: what a binding raised for the value.
        function: the function.
        root: the app's folder.
        value: what the function returned. A coroutine is closed: the exception says what Python would warn of.
    """
    _add_note(exception, _place(function, root))
    if hint := _HINTS.get(type_name(value, is_qualified=False)):
        _add_note(exception, hint)
    if inspect.iscoroutine(value):
        value.close()


def users_traceback(exception: BaseException, root: Path, function: Function) -> BaseException:
    """Return ``exception`` with the traceback to show: from the first frame in a file of the app on.

    Where no frame is in the app, a note says where the function is, the host's own frames at the beginning are left
    out, and all of them for a value that a binding has refused. What remains is the code of a library, or an error in
    the host itself.

    A StopIteration leaves a coroutine as the cause of a RuntimeError: the author's own exception is returned.

    Args:
        exception: what the function raised.
        root: the app's folder.
        function: the function.
    """
    cause = own_attribute(exception, "__cause__")
    if is_a(exception, RuntimeError) and is_a(cause, StopIteration):
        exception = cause
    frames = own_attribute(exception, "__traceback__")
    for frame in _each(frames):
        if is_app_file(frame.tb_frame.f_code.co_filename, root):
            return BaseException.with_traceback(exception, frame)
    place = _place(function, root)
    if place in _notes(exception) and is_a(exception, *_REFUSALS):
        return _without_own_frames(BaseException.with_traceback(exception, None))
    if not (is_a(exception, HostingError) and getattr(exception, "file", None)):
        _add_note(exception, place)
    if is_a(exception, HostingError) and _first_foreign(frames) is None:
        BaseException.with_traceback(exception, None)
    return _without_own_frames(exception)


def _without_own_frames(exception: BaseException) -> BaseException:
    """Cut the host's own frames off the beginning of the tracebacks of an exception and of its causes."""
    first, seen = exception, set[int]()
    following: BaseException | None = exception
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        foreign = _first_foreign(own_attribute(following, "__traceback__"))
        if foreign is not None or following is not first:
            BaseException.with_traceback(following, foreign)
        following = own_attribute(following, "__cause__") or own_attribute(following, "__context__")
    return exception


def _first_foreign(frames: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame on that is not the host's own; None if all are."""
    return next((frame for frame in _each(frames) if not _is_own(frame)), None)


def _each(frames: TracebackType | None) -> Iterator[TracebackType]:
    while frames is not None:
        yield frames
        frames = frames.tb_next


def _is_own(frame: TracebackType) -> bool:
    return str(frame.tb_frame.f_globals.get("__name__", "")).partition(".")[0] == _OWN


def _place(function: Function, root: Path) -> str:
    """Return a sentence that says where a function is defined."""
    file, line = defined_at(function.call)
    if file is None or not is_app_file(file, root):
        file = function.file
        line = _line_of_web_app(Path(file)) if is_app_file(file, root) else None
    return f"Function '{function.name}' is defined in {file}:{line}." if line else f"Function '{function.name}': {file}"


@lru_cache(maxsize=100)
def _line_of_web_app(script: Path) -> int | None:
    """Return the line of a script that makes a function of a web framework's app; None if there is none."""
    tree = syntax_tree(script)
    calls = [] if tree is None else [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return next((call.lineno for call in calls if ast.unparse(call.func).endswith("FunctionApp")), None)


def _notes(exception: BaseException) -> list[Any]:
    notes = exception.__dict__.get("__notes__") if type(exception).__dictoffset__ else None
    return notes if isinstance(notes, list) else []


def _add_note(exception: BaseException, note: str) -> None:
    """Add a note, once, to an exception that takes it."""
    if note not in _notes(exception):
        try:
            BaseException.add_note(exception, note)
        except BaseException:  # noqa: BLE001 - the class of the exception may be the app's own
            return
