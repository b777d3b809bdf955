"""How log lines look: one JSON object each for machines, or text for people."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Literal, cast

from hosting._exceptions import as_text, error_text
from hosting._log import FAILED
from hosting._redaction import redact
from hosting.logging.fields import SYSTEM_CATEGORY, add_key_values, key_values, line_fields
from hosting.logging.nested import redact_value

LogFormat = Literal["console", "json"]
LogStyle = Literal["short", "azure"]
"""Of console lines: one for each invocation, or those of Azure's host."""

_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[1;31m", "debug": "\x1b[2m"}


class LineFormatter(logging.Formatter):
    """Renders records of ``logging``, and structlog's events.

    Args:
        form: ``console`` or ``json``.
        style: how the lines about invocations look on the console.
        colours: whether lines for people are coloured by their level.
        process: this process's number under ``--workers``, for JSON lines; None if it is the only one.
    """

    def __init__(
        self, form: LogFormat, *, style: LogStyle = "azure", colours: bool = False, process: int | None = None
    ) -> None:
        super().__init__()
        self.form = form
        self.style = style
        self.process = process
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line; several, if it has a traceback and the line is for people.

        The values of a record are the app's own: what they raise when they are made text does not go on.
        """
        if _is_wrapped(record):
            return self._event_line(record)
        return self._line(record, _message(record), record.exc_info, record.stack_info)

    def format_as(self, record: logging.LogRecord, text: str) -> str:
        """Return the line of a record that an app's own formatter has rendered as ``text``."""
        return self._line(record, text, None, None) if self.form == "json" else redact(text)

    def _event_line(self, record: logging.LogRecord) -> str:
        """Return the line of an event that an app's structlog has wrapped, for a formatter of structlog to render."""
        event = dict(cast("Mapping[str, Any]", record.msg))
        message = as_text(event.pop("event", ""))
        exc_info, stack = event.pop("exc_info", None), event.pop("stack", None)
        if event.get("level") == record.levelname.lower():
            del event["level"]
        add_key_values(record, event)
        return self._line(record, message, exc_info, stack)

    def _line(self, record: logging.LogRecord, message: str, exc_info: Any, stack: str | None) -> str:
        fields = line_fields(record, message, exc_info, stack, self.process)
        if self.form == "json":
            return as_json(fields)
        if self.style == "azure" and fields.get("status") == FAILED and "exc_info" in fields:
            fields["message"] += _failure(fields)
        return console_line(fields, key_values(record), colours=self._colours)


def has_colours(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Return whether lines for people are coloured.

    Source: no-color.org and force-color.org; ``NO_COLOR`` comes first, and either counts unless it is empty.
    """
    return not environ.get("NO_COLOR") and (is_terminal or bool(environ.get("FORCE_COLOR")))


def _is_wrapped(record: logging.LogRecord) -> bool:
    """Whether ``structlog.stdlib.ProcessorFormatter.wrap_for_formatter`` has put an event in the place of a message."""
    return isinstance(record.msg, dict) and "_logger" in record.__dict__


def _message(record: logging.LogRecord) -> str:
    """Return the record's message; where its values cannot be made text, what is left of it, and why."""
    try:
        return str(record.getMessage())
    except BaseException as error:  # noqa: BLE001 - a value of the app's can raise anything
        values = f" {as_text(record.args)}" if record.args else ""
        return f"{as_text(record.msg)}{values} ({error_text(error)})"


def as_json(value: Any) -> str:
    """Return a value as JSON. What JSON cannot express is shown as text: nothing raises, and nothing is lost."""
    try:
        return json.dumps(value, default=_as_json, allow_nan=False)
    except BaseException:  # noqa: BLE001 - a value of the app's can raise anything
        if isinstance(value, dict):
            return f"{{{', '.join(f'{json.dumps(as_text(name))}: {as_json(inner)}' for name, inner in value.items())}}}"
        return json.dumps(redact(as_text(value)))


def _as_json(value: Any) -> Any:
    """Return what stands for a value of none of JSON's types; with structlog, objects may define ``__structlog__``."""
    try:
        return redact_value("", value.__structlog__())
    except BaseException:  # noqa: BLE001 - as above
        return redact(as_text(value))


def console_line(fields: Mapping[str, Any], pairs: Mapping[str, Any], *, colours: bool) -> str:
    """Return a line as Core Tools print them, ``[timestamp] message``, with structlog's key-values after it.

    The line of a system log names its logger, so that nothing takes it for a line of the function.

    Args:
        fields: those of the line in JSON.
        pairs: the key-values of an event of structlog.
        colours: whether the line is coloured by its level.
    """
    level = fields["level"]
    mark = "" if level == "info" else f"{level.upper()} "
    shown = "".join(f" {name}={_shown(redact_value(name, value))}" for name, value in pairs.items())
    if fields["category"].startswith(SYSTEM_CATEGORY):
        mark += f"{fields['category'].removeprefix(SYSTEM_CATEGORY)}: "
    line = f"[{fields['timestamp']}] {mark}{fields['message']}{shown}"
    for name in ("stack", "exception"):
        if name in fields:
            line += f"\n{fields[name]}"
    colour = _COLOURS.get(level) if colours else None
    return f"{colour}{line}\x1b[0m" if colour else line


def _failure(fields: Mapping[str, Any]) -> str:
    """Return what Azure's host says of a failed invocation, before its traceback."""
    error = fields["exc_info"]
    return (
        f"\nException while executing function: Functions.{fields['function']}"
        f"\nResult: Failure\nException: {error['type'].rpartition('.')[2]}: {error['message']}\nStack:"
    )


def _shown(value: Any) -> str:
    """Return a value of a key as text: a string in quotes only where it would be hard to read without."""
    text = as_text(value) if isinstance(value, str) else redact(as_text(value))
    plain = text.isprintable() and text and not any(mark in text for mark in " =\"'")
    return text if plain or not isinstance(value, str) else repr(text)
