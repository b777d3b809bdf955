"""The latest lines of the log, in bounded memory, for those who read it over HTTP."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from hosting._fork import call_in_forked_child
from hosting._redaction import redact
from hosting.host.context import InvocationFacts
from hosting.logging.fields import category_of, timestamp

MAX_LINES = 1_000
"""How many lines are kept."""
MAX_CHARACTERS = 4_000_000
"""How many characters all of them have at most."""
MAX_LINE_CHARACTERS = 32_000
"""The length from which a line that is kept is cut."""
MAX_MESSAGE_CHARACTERS = 8_000
"""The length from which a message that is shown is cut."""
_MARGIN_CHARACTERS = 4_096
"""What is redacted beyond the cut: a secret that is cut may not look like one."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
"""What makes a terminal show colours, or do other things."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_PREFIX = re.compile(r"^\[\d{4}-[^\]]*\] ")


class TailLine(NamedTuple):
    """One line of the log, or one that code has printed."""

    number: int
    """Its number, from 1."""
    created: float
    level: str
    logger: str
    """The name of the logger; that of the stream for a line that code has printed."""
    function: str | None
    invocation_id: str | None
    line: str
    is_printed: bool = False
    """Whether code has printed it: it may have secrets."""

    def document(self) -> dict[str, Any]:
        """Return the line for ``GET /admin/host/logs``: its message is plain text without secrets."""
        return {
            "time": timestamp(self.created),
            "level": self.level,
            "category": category_of(self.logger, self.function),
            "function": self.function,
            "invocationId": self.invocation_id,
            "message": self._message()[:MAX_MESSAGE_CHARACTERS],
        }

    def _message(self) -> str:
        if self.is_printed:
            return plain_text(redact(self.line[: MAX_MESSAGE_CHARACTERS + _MARGIN_CHARACTERS]))
        return _message(self.line)


class LogTail:
    """Keeps the latest lines. Any thread may add some."""

    def __init__(self) -> None:
        self.total = 0
        """How many lines there have been."""
        self._lines: deque[TailLine] = deque()
        self._characters = 0
        self._lock = threading.Lock()
        call_in_forked_child(self._reset_in_child)

    def add(self, record: logging.LogRecord, line: str) -> None:
        """Keep a line.

        Args:
            record: what it is about; it has passed an ``InvocationFilter``.
            line: what is written, without secrets.
        """
        attributes = record.__dict__
        function, invocation_id = attributes.get("function"), attributes.get("invocation_id")
        # The app's own values may have these names, and would be kept alive.
        if type(function) is not str or type(invocation_id) is not str:
            function = invocation_id = None
        level = record.levelname.lower()
        self._keep(TailLine(0, record.created, level, record.name, function, invocation_id, line))

    def add_printed(self, stream: str, text: str, invocation: InvocationFacts | None) -> None:
        """Keep a line that code has printed.

        Args:
            stream: ``stdout`` or ``stderr``.
            text: the line.
            invocation: what the code belongs to.
        """
        function = None if invocation is None else invocation.function
        invocation_id = None if invocation is None else invocation.id
        self._keep(TailLine(0, time.time(), "info", stream, function, invocation_id, text, is_printed=True))

    def _keep(self, line: TailLine) -> None:
        text = line.line[:MAX_LINE_CHARACTERS]
        with self._lock:
            self.total += 1
            self._lines.append(line._replace(number=self.total, line=text))
            self._characters += len(text)
            while len(self._lines) > MAX_LINES or self._characters > MAX_CHARACTERS:
                self._characters -= len(self._lines.popleft().line)

    def lines(self, after: int = 0) -> Sequence[TailLine]:
        """Return the lines that are kept whose number is above ``after``, the oldest first."""
        with self._lock:
            first = self.total - len(self._lines)
            return list(self._lines)[max(0, after - first) :] if after < self.total else []

    def _reset_in_child(self) -> None:
        self._lock = threading.Lock()


def _message(line: str) -> str:
    """Return the message of a line, with its traceback, as plain text."""
    if line.startswith("{"):
        try:
            fields = json.loads(line)
            line = "\n".join(str(fields[name]) for name in ("message", "stack", "exception") if name in fields)
        except (ValueError, KeyError):
            pass  # it is cut, or the app's own formatter has written it
    return _PREFIX.sub("", plain_text(line), count=1)


def plain_text(text: str) -> str:
    """Return a text without what would make a terminal or a reader show something else."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _ESCAPES.sub("", text))
