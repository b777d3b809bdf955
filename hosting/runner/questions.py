"""Questions between processes, in the supervisor: passes each one on to all of them, and their answers to who asked.

It runs in the thread of the supervisor, which never waits for a process: what is sent goes through a thread of the
process's own, and a process that has not answered in time is named in the answer.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from queue import SimpleQueue
from time import monotonic
from typing import Any, NamedTuple

MAX_UNANSWERED = 32
"""How many questions wait for one process; of further ones it is said at once that it does not answer."""

SKIP_DRAIN_DELAY = "skip the drain delay"
"""What a process is asked at Ctrl-C, before it gets SIGTERM: no load balancer is there to wait for."""


class Started(NamedTuple):
    """From a process: it answers requests for the first time."""


class Stop(NamedTuple):
    """From a process: the host shall stop."""


class Asked(NamedTuple):
    """From a process: a question to all; or to a process: answer it."""

    id: int
    question: tuple[Any, ...]
    """The fields of ``hosting.server.processes.Question``."""
    seconds: float
    keep: str


class Replied(NamedTuple):
    """From a process: its answer."""

    id: int
    text: str | None
    """The answer as JSON; None if there is only an error."""
    error: str


class Answered(NamedTuple):
    """To the process that asked: for each process its number, its id, its answer as JSON, and why it has none."""

    id: int
    answers: list[tuple[int | None, int, str | None, str]]


class Sender:
    """Sends messages to one process, from a thread: a process that reads nothing blocks nothing else.

    Args:
        connection: the supervisor's end of the connection.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages: SimpleQueue[Any] = SimpleQueue()
        threading.Thread(target=self._run, name="hosting-sender", daemon=True).start()

    def send(self, message: Any) -> None:
        """Send a message, after those before it; nothing happens if the process has ended."""
        self._messages.put(message)

    def close(self) -> None:
        """End the thread, once it has sent what it had to."""
        self._messages.put(None)

    def _run(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has ended, or its connection is closed
            while (message := self._messages.get()) is not None:
                self._connection.send(message)


class Party(NamedTuple):
    """A process of the host, as it is asked."""

    number: int | None
    """Its number, from 1; None if there is only one."""
    pid: int
    sender: Sender | None
    """Sends to it; None if it cannot answer."""
    absence: str = ""
    """Why it cannot answer."""


@dataclass(slots=True)
class _Pending:
    asker: Sender
    id: int
    until: float
    seconds: float
    parties: Sequence[Party]
    values: dict[int, tuple[str | None, str]] = field(default_factory=dict)
    """The answers by process id."""

    def is_complete(self) -> bool:
        """Return whether every process that can answer has answered."""
        return all(party.sender is None or party.pid in self.values for party in self.parties)


class Questions:
    """The questions that processes have asked and that are not answered yet.

    Args:
        clock: returns a time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._ids = count(1)
        self._pending: dict[int, _Pending] = {}
        self._kept: dict[str, Asked] = {}

    @property
    def kept(self) -> list[tuple[Any, ...]]:
        """The questions that hold for processes that start later as well, as the fields of ``Question``."""
        return [asked.question for asked in self._kept.values()]

    @property
    def next_end(self) -> float:
        """When the time of the next question is over, by the clock; infinite without one."""
        return min((pending.until for pending in self._pending.values()), default=float("inf"))

    def ask(self, asker: Sender, asked: Asked, parties: Iterable[Party]) -> None:
        """Pass a question on to all processes.

        Args:
            asker: sends to the process that asks.
            asked: its question.
            parties: all processes of the host.
        """
        if asked.keep:
            self._kept.pop(asked.keep, None)  # the last one is asked last
            self._kept[asked.keep] = asked
        own = next(self._ids)
        checked = [self._checked(party) for party in parties]
        pending = _Pending(asker, asked.id, self._clock() + asked.seconds, asked.seconds, checked)
        self._pending[own] = pending
        for party in checked:
            if party.sender is not None:
                party.sender.send(asked._replace(id=own))
        self._end_if_complete(own, pending)

    def repeat(self, sender: Sender) -> None:
        """Ask a process that has started what was asked of all while it started."""
        for asked in self._kept.values():
            sender.send(asked._replace(id=0))

    def reply(self, pid: int, replied: Replied) -> None:
        """Note the answer of a process; one that comes too late is dropped."""
        pending = self._pending.get(replied.id)
        if pending is not None:
            pending.values.setdefault(pid, (replied.text, replied.error))
            self._end_if_complete(replied.id, pending)

    def end(self, pid: int) -> None:
        """Note that a process has ended."""
        for own, pending in list(self._pending.items()):
            pending.values.setdefault(pid, (None, "it has ended"))
            self._end_if_complete(own, pending)

    def expire(self) -> None:
        """Answer the questions whose time is over."""
        now = self._clock()
        for own, pending in list(self._pending.items()):
            if pending.until <= now:
                self._finish(own, pending)

    def _checked(self, party: Party) -> Party:
        """Return a process as it is asked: one that leaves many questions unanswered gets no more."""
        unanswered = sum(
            party.pid not in pending.values and any(party.pid == other.pid for other in pending.parties)
            for pending in self._pending.values()
        )
        if party.sender is None or unanswered < MAX_UNANSWERED:
            return party
        return party._replace(sender=None, absence=f"{unanswered} questions wait for its answer")

    def _end_if_complete(self, own: int, pending: _Pending) -> None:
        if pending.is_complete():
            self._finish(own, pending)

    def _finish(self, own: int, pending: _Pending) -> None:
        del self._pending[own]
        late = f"it has not answered within {pending.seconds:g} s"
        answers = []
        for party in pending.parties:
            value, error = (
                (None, party.absence) if party.sender is None else pending.values.get(party.pid, (None, late))
            )
            answers.append((party.number, party.pid, value, error))
        pending.asker.send(Answered(pending.id, answers))
