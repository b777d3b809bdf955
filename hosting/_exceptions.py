"""Exceptions and values as text. They are the app's own: what they raise when they are made text is contained."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any

from hosting._redaction import redact

_MAX_NAME_CHARACTERS = 200
_MAX_MESSAGE_CHARACTERS = 10_000
_MAX_TRACEBACK_CHARACTERS = 100_000


def as_text(value: object) -> str:
    """Return ``str(value)``; if that raises, a note with the name of the type."""
    try:
        return str.__str__(str(value))  # the text may be of a subclass, with methods that raise
    except BaseException:  # noqa: BLE001 - as the module says
        return f"<{type_name(value)}: its text cannot be read>"


def as_repr(value: object) -> str:
    """Return ``repr(value)``, cut to 10,000 characters; if that raises, a note with the name of the type."""
    try:
        return shortened(repr(value))
    except BaseException as error:  # noqa: BLE001 - as the module says
        return f"<{type_name(value)}: its repr raised {type_name(error)}>"


def is_a(error: object, *kinds: type) -> bool:
    """Return whether an exception is of one of some classes, whatever it says of its ``__class__``."""
    return issubclass(type(error), kinds)


def type_name(value: object, *, is_qualified: bool = True) -> str:
    """Return the name of a value's type, cut to 200 characters.

    Args:
        value: the value.
        is_qualified: whether the name of a class inside of another one, or of a function, begins with theirs.
    """
    attribute = type.__dict__["__qualname__" if is_qualified else "__name__"]  # a metaclass may have one of its own
    return _cut(attribute.__get__(type(value)), _MAX_NAME_CHARACTERS)


def message_of(error: BaseException) -> str:
    """Return the message of an exception, cut to 10,000 characters."""
    return redact(shortened(as_text(error)))


def shortened(text: str) -> str:
    """Return a text, cut to 10,000 characters."""
    return _cut(text, _MAX_MESSAGE_CHARACTERS)


def error_text(error: BaseException) -> str:
    """Return type and message of an exception, such as ``ValueError: no``."""
    return f"{type_name(error)}: {message_of(error)}"


def own_attribute(error: BaseException, name: str) -> Any:
    """Return what Python itself keeps of an exception, such as ``__cause__``: its class may have one of its own."""
    return vars(BaseException)[name].__get__(error)


def set_own_traceback(error: BaseException, frames: TracebackType | None) -> None:
    """Set the traceback that Python itself keeps of an exception."""
    vars(BaseException)["__traceback__"].__set__(error, frames)


def traceback_text(error: BaseException) -> str:
    """Return the traceback of an exception as Python prints it, without the last line end; see ``traceback_from``."""
    return traceback_from(error, own_attribute(error, "__traceback__"))


def traceback_from(error: BaseException, frames: TracebackType | None) -> str:
    """Return a traceback without secrets and without the last line end, cut to 100,000 characters.

    Args:
        error: the exception.
        frames: those to show; None for none.
    """
    return redact(_cut(unredacted_traceback(error, frames).rstrip("\n"), _MAX_TRACEBACK_CHARACTERS))


def unredacted_traceback(error: BaseException, frames: TracebackType | None) -> str:
    """Return a traceback for the app itself: as Python prints it, or type and message where it cannot be printed."""
    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except BaseException as failure:  # noqa: BLE001 - as the module says
        return f"{type_name(error)}: {as_text(error)} (its traceback cannot be shown: {type_name(failure)})\n"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
