"""Records what happens in one call of a test: the function, its attempts, result, outputs and logs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from logging import Logger
from typing import Any, NamedTuple

from hosting.host.context import InvocationFacts
from hosting.host.invocation_log import End, Fields, InvocationLog
from hosting.testing.process_state import HostHandler


class Written(NamedTuple):
    """One output that an invocation wrote."""

    name: str
    """The binding's name; ``$return`` for the return value."""
    type: str
    """The binding's type, such as ``queue``."""
    value: Any
    """The value that the function passed or returned."""
    encoded: Any
    """The value as Azure's worker sends it: text, bytes, or None."""
    properties: Mapping[str, Any]
    """The binding's properties; ``%settings%`` and ``{expressions}`` are resolved where possible."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """The result of an invocation in a test; after retries, of the last attempt."""

    function: str
    """The function's name."""
    id: str
    """The invocation id, as in hooks and logs."""
    result: Any = None
    """The function's result after all hooks; None if it failed."""
    exception: BaseException | None = None
    """The exception of an invocation that failed; None if it succeeded."""
    written: tuple[Written, ...] = ()
    """The outputs in the order in which they were written; empty if it failed."""
    logs: tuple[logging.LogRecord, ...] = ()
    """Log records of the function, of extensions and of the host during the invocation."""
    attempts: int = 1
    """The number of attempts: one more than the number of retries."""

    @property
    def outputs(self) -> dict[str, Any]:
        """Values that the function passed to its output bindings, by name; ``$return`` is the return value."""
        return {one.name: one.value for one in self.written}

    @property
    def messages(self) -> list[str]:
        """The messages of ``logs``."""
        return [record.getMessage() for record in self.logs]


@dataclass(slots=True)
class Recording:
    """The record of one call of a test while it runs.

    Args:
        owner: the host that runs it.
        inputs: values of input bindings, by binding name.
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

    def start_attempt(self, function: str, invocation_id: str) -> None:
        """Record the start of an attempt, and discard results of the previous one."""
        self.function, self.id = function, invocation_id
        self.attempts += 1
        self.result = self.exception = None
        self.written.clear()

    def invocation(self) -> Invocation:
        """Return what was recorded so far."""
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
"""The call of a test that the running code belongs to."""


class RecordingInvocationLog(InvocationLog):
    """Records invocations in addition to logging them."""

    def started(self, logger: Logger, invocation: InvocationFacts, trigger: Fields) -> None:
        """Record and log the start of an invocation."""
        self._start_attempt(invocation)
        super().started(logger, invocation, trigger)

    def triggered(
        self, logger: Logger, invocation: InvocationFacts, trigger: Fields, reason: str, details: str
    ) -> None:
        """Record and log the start of a triggered invocation."""
        self._start_attempt(invocation)
        super().triggered(logger, invocation, trigger, reason, details)

    def failed(
        self, logger: Logger, invocation: InvocationFacts, trigger: Fields, end: End, error: BaseException
    ) -> None:
        """Record and log a failure."""
        if (current := recording.get()) is not None:
            current.exception = error
        super().failed(logger, invocation, trigger, end, error)

    def _start_attempt(self, invocation: InvocationFacts) -> None:
        if (current := recording.get()) is not None:
            current.start_attempt(invocation.function, invocation.id)


class LogCapture(HostHandler):
    """Keeps the log records of one host, and of each of its invocations.

    Args:
        owner: the host; records of other hosts' invocations are not kept.
    """

    def __init__(self, owner: object) -> None:
        super().__init__()
        self._owner = owner
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, unless it belongs to another host; a record of an unknown thread may belong to this one."""
        current = recording.get()
        if current is not None and current.owner is not self._owner:
            return
        self.records.append(record)
        if current is not None:
            current.logs.append(record)
