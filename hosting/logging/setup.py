"""Log lines of the host, of extensions and of functions, all alike: rendered by structlog from stdlib logging.

A line has ``timestamp`` (UTC), ``level``, ``category``, ``message``, and ``function`` and ``invocation_id`` where there
is one; the categories are Azure's: ``Host.…``, ``Function.NAME``, ``Function.NAME.User``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TextIO

from hosting.host.context import current
from hosting.logging.handler import BatchHandler
from hosting.logging.invocations import QuickJournal
from hosting.logging.levels import Levels

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

    from hosting.host.invocation import Running

LogFormat = Literal["console", "json"]

_FUNCTION = "hosting.function."
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "function", "invocation_id"}
_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[1;31m", "debug": "\x1b[2m"}


class Logs:
    """The logging of this process while it serves; ``close`` writes the rest and restores what was.

    Args:
        form: ``console`` for people, ``json`` for machines: one object a line.
        verbose: show what the host itself says at information level.
        stream: where lines go.
    """

    def __init__(self, form: LogFormat, *, verbose: bool = False, stream: TextIO | None = None) -> None:
        target = stream or sys.stdout
        self._origin = Origin()
        self._form: LogFormat = form
        self._handler = BatchHandler(target)
        self._handler.setFormatter(LateFormatter(form, colours=target.isatty()))
        self._handler.addFilter(self._origin)
        self._before: dict[logging.Logger, int] = {}
        self.show(Levels(verbose=verbose))
        logging.getLogger().addHandler(self._handler)
        logging.captureWarnings(True)

    def show(self, levels: Levels) -> None:
        """Show what ``levels`` says; before ``follow``."""
        for name, level in levels.loggers():
            self._set(logging.getLogger(name), level)
        if levels.by_category:
            self._handler.addFilter(lambda record: record.levelno >= levels.minimum(category(record)))

    def show_functions(self, levels: Levels, names: Iterable[str]) -> None:
        """Set the levels of the lines about invocations, which ask their logger only."""
        for name in names:
            self._set(logging.getLogger(f"{_FUNCTION}{name}"), levels.minimum(f"Function.{name}"))

    def follow(self, running: Running) -> None:
        """Tell records of a host's invocations by the function they come from, and take its own lines a short way."""
        self._origin.follow(running)
        running.journal = QuickJournal(self._form, self._handler)

    def flush(self) -> None:
        self._handler.flush()

    def close(self) -> None:
        """Write what is pending and leave logging as it was found."""
        logging.captureWarnings(False)
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
        for logger, level in self._before.items():
            logger.setLevel(level)

    def _set(self, logger: logging.Logger, level: int) -> None:
        self._before.setdefault(logger, logger.level)
        logger.setLevel(level)


class Origin(logging.Filter):
    """Writes on each record which function and invocation it comes from; it drops none.

    Records of a thread that the function started itself are found by ``context.thread_local_storage.invocation_id``,
    once ``follow`` has been told where invocations are listed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._running: Running | None = None

    def follow(self, running: Running) -> None:
        """Look for the invocations of threads in ``running``, a host's."""
        self._running = running

    def filter(self, record: logging.LogRecord) -> bool:
        context = current.get()
        if context is None and self._running is not None:
            context = self._running.contexts.get(self._running.local.invocation_id)
        # Who logs about an invocation from outside it says so itself, with ``extra``.
        known = record.__dict__
        known.setdefault("function", context.function_name if context else None)
        known.setdefault("invocation_id", context.invocation_id if context else None)
        return True


class LateFormatter(logging.Formatter):
    """structlog's formatter, imported when the first record is rendered: starting does not wait for it."""

    def __init__(self, form: LogFormat, *, colours: bool = False) -> None:
        super().__init__()
        self._form = form
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        from structlog.processors import JSONRenderer
        from structlog.stdlib import ProcessorFormatter

        renderer: Processor = JSONRenderer(default=str) if self._form == "json" else console(colours=self._colours)
        return ProcessorFormatter(processors=[shape, renderer])


def shape(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Make the line's fields, in the order in which they are shown."""
    record: logging.LogRecord = event["_record"]
    fields: EventDict = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "level": record.levelname.lower(),
        "category": category(record),
        "message": event["event"],
    }
    fields.update((key, record.__dict__[key]) for key in ("function", "invocation_id") if record.__dict__.get(key))
    if len(record.__dict__) > len(_STANDARD) - 2:
        fields.update((key, value) for key, value in record.__dict__.items() if key not in _STANDARD)
    if event.get("exc_info") and event["exc_info"][0] is not None:
        fields["exception"] = logging.Formatter().formatException(event["exc_info"])
    if event.get("stack_info"):
        fields["stack"] = event["stack_info"]
    return fields


def category(record: logging.LogRecord) -> str:
    """Azure's name for where a record comes from."""
    name = record.name
    if name.startswith(_FUNCTION):
        return "Function." + name[len(_FUNCTION) :]
    if name == "hosting" or name.startswith("hosting."):
        return "Host." + ".".join(part.capitalize() if part.islower() else part for part in name.split(".")[1:])
    function = getattr(record, "function", None)
    return f"Function.{function}.User" if function else name


def console(*, colours: bool) -> Callable[[Any, str, EventDict], str]:
    """A renderer of lines as users of Core Tools know them: ``[timestamp] message``."""

    def render(_logger: Any, _method: str, fields: EventDict) -> str:
        level = fields["level"]
        mark = "" if level == "info" else f"{level.upper()} "
        line = f"[{fields['timestamp']}] {mark}{fields['message']}"
        for key in ("stack", "exception"):
            if key in fields:
                line += f"\n{fields[key]}"
        colour = _COLOURS.get(level) if colours else None
        return f"{colour}{line}\x1b[0m" if colour else line

    return render
