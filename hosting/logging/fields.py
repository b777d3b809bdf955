"""The fields of a log line, and what happens when two values want one name."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, cast

from hosting._exceptions import is_a, message_of, own_attribute, traceback_text, type_name
from hosting._redaction import redact
from hosting.host.invocation_log import RECORD_ATTRIBUTES
from hosting.logging.correlation import CORRELATION, free_name
from hosting.logging.nested import redact_value

FUNCTION_LOGGER = "hosting.function."
"""What the names of the loggers begin with that log the invocations of one function."""
SYSTEM_LOGGERS = ("azure.functions", "azure_functions_worker")
"""What the names of Azure's own loggers begin with. Source: ``is_system_log_category`` of its worker."""
SYSTEM_CATEGORY = "Host.Worker."
"""What the categories of lines of Azure's own loggers begin with; the name of the logger follows."""
REQUEST_LOGGER = "hosting.requests"
"""The name of the logger of the lines about requests that reach no function."""
KEY_VALUES = "key_values"
"""The attribute of a record that holds the key-values of an event of structlog."""
REFUSED = RECORD_ATTRIBUTES | {KEY_VALUES}
"""Names that a key-value cannot have as an attribute of a record."""

_RESERVED = frozenset({"timestamp", "level", "category", "message", "process", "exception", "exc_info", "stack"})
_RESERVED_FOR_OTHERS = _RESERVED | {"method", "path", "status", "status_code", "duration_ms", "refused"}
"""Reserved on lines that are not about an invocation's start or end, or a request that reached no function."""
_NOT_EXTRA = REFUSED | {"_logger", "_name", *CORRELATION}


class KeyValues(dict[str, Any]):
    """The key-values of an event of structlog, in their order, with the names that the app gave them."""


def line_fields(
    record: logging.LogRecord, message: str, exc_info: Any, stack: str | None, process: int | None
) -> dict[str, Any]:
    """Return the fields of the line about a record, in the order in which JSON lines have them.

    A value of the app's own never replaces one of the host's: its name gets an underscore at its end.

    Args:
        record: has passed an ``InvocationFilter``.
        message: the record's message.
        exc_info: the exception that was logged, as ``logging`` or structlog accept it.
        stack: the stack that was logged, as text.
        process: this process's number under ``--workers``; None if it is the only one.
    """
    attributes = record.__dict__
    fields: dict[str, Any] = {
        "timestamp": timestamp(record.created),
        "level": record.levelname.lower(),
        "category": category(record),
        "message": redact(message),
    }
    fields.update((name, attributes[name]) for name in CORRELATION if attributes.get(name))
    if process is not None:
        fields["process"] = process
    is_about_call = record.name == REQUEST_LOGGER or record.name.startswith(FUNCTION_LOGGER)
    reserved = _RESERVED if is_about_call else _RESERVED_FOR_OTHERS
    for name, value in extra_values(record):
        while name in fields or name in reserved:
            name += "_"
        fields[name] = redact_value(name, value)
    if (raised := as_exc_info(exc_info)) is not None:
        fields["exception"] = traceback_text(raised[1])
        fields["exc_info"] = exception_fields(raised[1])
    if stack:
        fields["stack"] = redact(stack)
    return fields


def timestamp(seconds: float) -> str:
    """Return a time, in seconds since 1970, as lines show it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def add_key_values(record: logging.LogRecord, values: Mapping[str, Any]) -> None:
    """Attach the key-values of an event of structlog to a record; each is an attribute, too, as with ``extra``."""
    attributes = record.__dict__
    attributes[KEY_VALUES] = KeyValues(values)
    for name, value in values.items():
        if name not in REFUSED:
            attributes[free_name(name, attributes)] = value


def extra_values(record: logging.LogRecord) -> list[tuple[str, Any]]:
    """Return what the app gave to a record, as ``extra`` or as key-values of structlog, each with its name."""
    attributes = record.__dict__
    values = [(str(name), value) for name, value in attributes.items() if name not in _NOT_EXTRA]
    given = attributes.get(KEY_VALUES)
    if given is None:
        return values
    if not isinstance(given, KeyValues):
        return [*values, (KEY_VALUES, given)]
    return [*values, *((name, value) for name, value in given.items() if name in REFUSED)]


def key_values(record: logging.LogRecord) -> KeyValues:
    """Return the key-values of a record that comes from structlog; none for other records."""
    found = record.__dict__.get(KEY_VALUES)
    return found if isinstance(found, KeyValues) else KeyValues()


def category(record: logging.LogRecord) -> str:
    """Return Azure's name for where a record comes from: ``Function.NAME``, ``Function.NAME.User``, ``Host.…``.

    The name of its logger, if it comes from neither the host nor a function. Azure's own loggers are the host's, also
    while a function runs.
    """
    return category_of(record.name, getattr(record, "function", None))


def category_of(name: str, function: object) -> str:
    """Return the category of the lines of a logger.

    Args:
        name: the logger's name.
        function: the name of the function that has logged; None if it was none.
    """
    if name.startswith(SYSTEM_LOGGERS):
        return f"{SYSTEM_CATEGORY}{name}"
    if name.startswith(FUNCTION_LOGGER):
        return "Function." + name[len(FUNCTION_LOGGER) :]
    if name == "hosting" or name.startswith("hosting."):
        return "Host." + ".".join(part.capitalize() if part.islower() else part for part in name.split(".")[1:])
    return f"Function.{function}.User" if function else name


def as_exc_info(given: Any) -> tuple[type[BaseException], BaseException, TracebackType | None] | None:
    """Return what ``exc_info`` was given as the three parts that a log record has; None if there is no exception."""
    if isinstance(given, BaseException):
        return type(given), given, own_attribute(given, "__traceback__")
    parts = given if isinstance(given, tuple) else sys.exc_info() if given else ()
    return parts if len(parts) == 3 and isinstance(parts[1], BaseException) else None


def exception_fields(exception: BaseException) -> dict[str, Any]:
    """Return ``type``, ``message`` and ``frames`` of an exception, and ``causes``: what it was raised because of."""
    first, *causes = _chain(exception)
    return {**first, "causes": causes} if causes else first


def _chain(exception: BaseException) -> list[dict[str, Any]]:
    """Describe the exception and those that led to it, each once, as a traceback shows them."""
    chain: list[dict[str, Any]] = []
    seen: set[int] = set()
    following: BaseException | None = exception
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        chain.append(_described(following))
        hidden = own_attribute(following, "__suppress_context__")
        following = own_attribute(following, "__cause__") or (
            None if hidden else own_attribute(following, "__context__")
        )
    return chain


def _described(exception: BaseException) -> dict[str, Any]:
    module, name = type(exception).__module__, type_name(exception)
    steps = traceback.walk_tb(own_attribute(exception, "__traceback__"))
    frames = traceback.StackSummary.extract(steps, lookup_lines=False)
    described: dict[str, Any] = {
        "type": name if module == "builtins" else f"{module}.{name}",
        "message": message_of(exception),
        "frames": [{"file": frame.filename, "line": frame.lineno, "function": frame.name} for frame in frames],
    }
    if is_a(exception, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", exception)
        described["exceptions"] = [exception_fields(inner) for inner in group.exceptions]
    return described
