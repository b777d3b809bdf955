"""What happened in one call of a test: which function ran, how often, what it gave, wrote and logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hosting.host.invocation_log import Journal
from hosting.testing.process_state import Listener


class Written(NamedTuple):
    """One output that an invocation wrote."""

    name: str
    """The binding's name; ``$return`` for the return value."""
    type: str
    """The binding's type, such as ``queue``."""
    value: Any
    """What the function gave."""
    encoded: Any
    """What Azure's worker makes of it: text, bytes, or None."""
    properties: Mapping[str, Any]
    """The binding's, with ``%settings%`` and ``{expressions}`` filled in, as far as they can be."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """How a function ran in a test; after retries, the last attempt."""

    function: str
    """The function's name."""
    id: str
    """The invocation id that hooks and logs have."""
    result: Any = None
    """What the function returned, after every hook; None if it failed."""
    exception: BaseException | None = None
    """Why it failed; None if it succeeded."""
    written: tuple[Written, ...] = ()
    """The outputs, in the order in which they were written; none if it failed."""
    logs: tuple[logging.LogRecord, ...] = ()
    """What was logged during it, by the function, by extensions and by the host."""
    attempts: int = 1
    """How often it ran: one more than it was retried."""

    @property
    def outputs(self) -> dict[str, Any]:
        """What the function gave to its outputs, by name; ``$return`` is the return value."""
        return {one.name: one.value for one in self.written}

    @property
    def messages(self) -> list[str]:
        """The logged messages."""
        return [record.getMessage() for record in self.logs]


@dataclass(slots=True)
class Recording:
    """What is noted while one call of a test runs.

    Args:
        owner: the host that runs it.
        inputs: what the test gives to input bindings, by the binding's name.
    """

    owner: object
    inputs: Mapping[str, Any] = field(default_factory=dict)
    function: str = ""
    id: str = ""
    result: Any = None
    exception: BaseException | None = None
    written: list[Written] = field(default_factory=list)
    logs: list[logging.LogRecord] = field(default_factory=list)
    attempts: int = 0

    def began(self, function: str, invocation_id: str) -> None:
        """One attempt begins; what the one before left counts no more."""
        self.function, self.id = function, invocation_id
        self.attempts += 1
        self.result = self.exception = None
        self.written.clear()

    def told(self) -> Invocation:
        """What happened so far."""
        return Invocation(
            self.function,
            self.id,
            None if self.exception else self.result,
            self.exception,
            tuple(self.written),
            tuple(self.logs),
            self.attempts,
        )


recording: ContextVar[Recording | None] = ContextVar("hosting_testing_recording", default=None)
"""The call that the running code belongs to."""


class RecordingJournal(Journal):
    """Notes invocations besides logging them."""

    def began(self, logger: logging.Logger, name: str, invocation_id: str) -> None:
        self._note(name, invocation_id)
        Journal.began(self, logger, name, invocation_id)

    def triggered(self, logger: logging.Logger, name: str, invocation_id: str, reason: str, details: str) -> None:
        self._note(name, invocation_id)
        Journal.triggered(self, logger, name, invocation_id, reason, details)

    def failed(
        self, logger: logging.Logger, name: str, invocation_id: str, milliseconds: float, shown: BaseException
    ) -> None:
        if (current := recording.get()) is not None:
            current.exception = shown
        Journal.failed(self, logger, name, invocation_id, milliseconds, shown)

    def _note(self, name: str, invocation_id: str) -> None:
        if (current := recording.get()) is not None:
            current.began(name, invocation_id)


class LogCapture(Listener):
    """Keeps the records of one host, and of each of its invocations.

    Args:
        owner: the host; records of other hosts' invocations are not kept.
    """

    def __init__(self, owner: object) -> None:
        super().__init__()
        self._owner = owner
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record; one of a thread that nobody knows could be anybody's, and is kept, too."""
        current = recording.get()
        if current is not None and current.owner is not self._owner:
            return
        self.records.append(record)
        if current is not None:
            current.logs.append(record)
