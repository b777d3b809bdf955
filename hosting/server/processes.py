"""The processes that serve one app, as one host: a question goes to each of them, and the answers come back together.

To add a question, give it a name in the constructor of what knows the answer, and ask it where a request arrives::

    processes.add("queues", self._queues)              # def or async def; returns what JSON can express
    answers = await processes.ask("queues", top=3)     # one Answer for each process, in the order of their numbers

Under ``--workers`` the supervisor passes questions on (``hosting.runner.questions``); a single process asks itself. A
process that hangs, ends or still starts has an answer with an ``error``, after ``seconds`` at most.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from hosting._exceptions import error_text
from hosting._log import host_logger
from hosting._redaction import redact

ASK_SECONDS = 2.0
"""How long a process may take to answer, unless a question says otherwise."""
_MARGIN_SECONDS = 1.0
"""How much longer the process that asks waits for the supervisor."""

_logger = host_logger("start")

Answering: TypeAlias = Callable[..., Any]


class Answer(NamedTuple):
    """The answer of one process to a question."""

    process: int | None
    """The number of the process, from 1; None if the host has only one."""
    pid: int
    """Its process id; 0 if it does not run at the moment."""
    value: Any = None
    """What it answered."""
    error: str = ""
    """Why it has not answered; empty if it has."""

    @property
    def name(self) -> str:
        """The process, as the subject of a sentence."""
        return "The host" if self.process is None else f"Process {self.process}"


class Question(NamedTuple):
    """A question to every process."""

    name: str
    arguments: Mapping[str, Any]
    """Arguments by name: what JSON can express."""
    seconds: float = ASK_SECONDS
    """How long a process may take to answer."""
    keep: str = ""
    """A key under which the supervisor keeps the question for processes that start later; empty to forget it."""


class Channel(Protocol):
    """What connects one process to all processes of the host."""

    kept: Sequence[Question]
    """The questions that were asked before this process started, and hold for it as well."""

    def open(self, answer: Callable[[Question], Awaitable[Any]]) -> None:
        """Begin to answer questions, on the running event loop.

        Args:
            answer: returns the answer of this process; an exception becomes the answer's ``error``.
        """

    async def ask(self, question: Question) -> list[Answer]:
        """Return the answer of every process, this one included."""

    def stop(self) -> None:
        """Let the host stop, as SIGTERM does."""

    def close(self) -> None:
        """Answer no more questions."""


class Processes:
    """All processes of a host, seen from one of them.

    Args:
        channel: connects it to the others; None if it is the only one.
        stop: lets a host with one process stop, as SIGTERM does.
    """

    def __init__(self, channel: Channel | None = None, stop: Callable[[], None] = lambda: None) -> None:
        self._channel = channel
        self._stop = stop
        self._answers: dict[str, Answering] = {}

    def add(self, name: str, answer: Answering) -> None:
        """Add a question.

        Args:
            name: the name by which it is asked.
            answer: returns the answer of this process, which JSON can express; called on the event loop with the
                arguments of ``ask``; it may be async.

        Raises:
            ValueError: there is a question of this name.
        """
        if name in self._answers:
            raise ValueError(f"question '{name}' is answered already")
        self._answers[name] = answer

    async def start(self) -> None:
        """Begin to answer, and do what earlier questions asked of every process. Called before the host starts."""
        if self._channel is None:
            return
        self._channel.open(self._answer)
        for question in self._channel.kept:
            try:
                await self._answer(question)
            except Exception:
                _logger.exception("What all processes were asked to do cannot be done here: %s.", question.name)

    async def ask(
        self, name: str, /, *, seconds: float = ASK_SECONDS, keep: str = "", **arguments: Any
    ) -> list[Answer]:
        """Ask every process, this one included; async.

        Args:
            name: the question's name.
            seconds: how long a process may take to answer.
            keep: a key. The last question under it is asked again of every process that starts later.
            arguments: its arguments, which JSON can express.

        Returns:
            One answer for each process, in the order of their numbers; never an exception.
        """
        question = Question(name, arguments, seconds, keep)
        if self._channel is None:
            return [await answered(question, self._answer, None)]
        try:
            async with asyncio.timeout(seconds + _MARGIN_SECONDS):
                return await self._channel.ask(question)
        except TimeoutError:
            return [
                await answered(question, self._answer, None),
                Answer(None, 0, error="the supervisor has not answered"),
            ]

    def stop(self) -> None:
        """Let the host stop, with all its processes, as SIGTERM does."""
        if self._channel is None:
            self._stop()
        else:
            self._channel.stop()

    def close(self) -> None:
        """Answer no more questions."""
        if self._channel is not None:
            self._channel.close()

    async def _answer(self, question: Question) -> Any:
        value = self._answers[question.name](**question.arguments)
        return await value if isinstance(value, Awaitable) else value


async def answered(question: Question, answer: Callable[[Question], Awaitable[Any]], process: int | None) -> Answer:
    """Return the answer of this process, within the time of the question; async.

    Args:
        question: the question.
        answer: answers it.
        process: the number of this process.
    """
    limit = asyncio.timeout(question.seconds)
    try:
        async with limit:
            return Answer(process, os.getpid(), await answer(question))
    except Exception as error:  # noqa: BLE001 - the answer of one process must not hide those of the others
        if limit.expired():
            return Answer(process, os.getpid(), error=no_answer(question.seconds))
        return Answer(process, os.getpid(), error=redact(error_text(error)))


def no_answer(seconds: float) -> str:
    """Return what is said of a process that has not answered within some seconds."""
    return f"it has not answered within {seconds:g} s"
