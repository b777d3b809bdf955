"""How log lines look: one JSON object each for machines, or text for people. structlog renders both."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from hosting.logging.fields import add_key_values, as_text, key_values, line_fields

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

LogFormat = Literal["console", "json"]

_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[1;31m", "debug": "\x1b[2m"}


class LineFormatter(logging.Formatter):
    """Renders records with structlog, which is imported for the first record: starting does not wait for it.

    Args:
        form: ``console`` or ``json``.
        colours: whether lines for people are coloured by their level.
        process: this process's number under ``--workers``, for JSON lines; None if it is the only one.
    """

    def __init__(self, form: LogFormat, *, colours: bool = False, process: int | None = None) -> None:
        super().__init__()
        self._form = form
        self._colours = colours
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line; several, if it has a traceback and the line is for people."""
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        from structlog.processors import JSONRenderer
        from structlog.stdlib import ProcessorFormatter

        renderer: Processor = JSONRenderer(as_json) if self._form == "json" else console_renderer(colours=self._colours)
        return ProcessorFormatter(processors=[self._fields, renderer])

    def _fields(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        """Replace structlog's event by the fields of the line; a line for people shows ``_key_values`` after them."""
        record: logging.LogRecord = event.pop("_record")
        from_structlog = event.pop("_from_structlog")
        message, exc_info = as_text(event.pop("event", "")), event.pop("exc_info", None)
        stack = event.pop("stack" if from_structlog else "stack_info", None)
        if from_structlog:  # by ``structlog.stdlib.ProcessorFormatter.wrap_for_formatter`` of an app's configuration
            if event.get("level") == record.levelname.lower():
                del event["level"]
            add_key_values(record, event)
        fields = line_fields(record, message, exc_info, stack, self.process)
        return fields if self._form == "json" else {**fields, "_key_values": key_values(record)}


def as_json(value: Any, **_options: Any) -> str:
    """Return a value as JSON. What JSON cannot express is shown as text: nothing raises, and nothing is lost."""
    try:
        return json.dumps(value, default=_as_json, allow_nan=False)
    except Exception:  # noqa: BLE001 - a value of the app's can raise anything
        if isinstance(value, dict):
            return f"{{{', '.join(f'{json.dumps(as_text(name))}: {as_json(inner)}' for name, inner in value.items())}}}"
        return json.dumps(as_text(value))


def _as_json(value: Any) -> Any:
    """Return what stands for a value of none of JSON's types; with structlog, objects may define ``__structlog__``."""
    try:
        return value.__structlog__()
    except Exception:  # noqa: BLE001 - as above
        return as_text(value)


def console_renderer(*, colours: bool) -> Callable[[Any, str, EventDict], str]:
    """Return a renderer of lines as Core Tools print them, ``[timestamp] message``, with structlog's key-values."""

    def render(_logger: Any, _method: str, fields: EventDict) -> str:
        level = fields["level"]
        mark = "" if level == "info" else f"{level.upper()} "
        pairs = "".join(f" {name}={_shown(value)}" for name, value in fields["_key_values"].items())
        line = f"[{fields['timestamp']}] {mark}{fields['message']}{pairs}"
        for name in ("stack", "exception"):
            if name in fields:
                line += f"\n{fields[name]}"
        colour = _COLOURS.get(level) if colours else None
        return f"{colour}{line}\x1b[0m" if colour else line

    return render


def _shown(value: Any) -> str:
    """Return a value of a key as text: a string in quotes only where it would be hard to read without."""
    text = as_text(value)
    plain = text.isprintable() and text and not any(mark in text for mark in " =\"'")
    return text if plain or not isinstance(value, str) else repr(text)
