"""The end of a process in the channel to its supervisor: it asks all processes, and answers their questions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from hosting.runner.questions import Answered, Asked, Replied, Started, Stop
from hosting.server.processes import Answer, Question, answered


class SupervisorChannel:
    """Connects a process to its supervisor. A thread reads; everything else is called on the event loop.

    Args:
        connection: this process's end of the connection.
        number: the number of this process; None if it is the only one.
        kept: the fields of the questions that hold for it as well, since they were asked before it started.
    """

    def __init__(self, connection: Connection, number: int | None, kept: Sequence[tuple[Any, ...]] = ()) -> None:
        self.kept: Sequence[Question] = [Question(*fields) for fields in kept]
        self._connection = connection
        self._number = number
        self._ids = count(1)
        self._asked: dict[int, asyncio.Future[list[Answer]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def open(self, answer: Callable[[Question], Awaitable[Any]]) -> None:
        """Begin to answer questions, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(self._loop, answer), name="hosting-channel", daemon=True).start()

    def report_start(self) -> None:
        """Let the supervisor know that this process answers requests."""
        self._send(Started())

    async def ask(self, question: Question) -> list[Answer]:
        """Return the answer of every process, this one included; async."""
        number = next(self._ids)
        future: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            self._send(Asked(number, tuple(question), question.seconds, question.keep))
            return await future
        finally:
            del self._asked[number]

    def stop(self) -> None:
        """Let the supervisor stop the host."""
        self._send(Stop())

    def close(self) -> None:
        """Answer no more questions."""
        self._loop = None

    def _read(self, loop: asyncio.AbstractEventLoop, answer: Callable[[Question], Awaitable[Any]]) -> None:
        """Pass what arrives on to the event loop; runs in a thread, until the supervisor has ended."""
        with contextlib.suppress(EOFError, OSError, RuntimeError):  # the last: the event loop has been closed
            while self._loop is not None:
                message = self._connection.recv()
                loop.call_soon_threadsafe(self._handle, message, answer)

    def _handle(self, message: Asked | Answered, answer: Callable[[Question], Awaitable[Any]]) -> None:
        if isinstance(message, Asked):
            task = asyncio.ensure_future(self._answer(message, answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif (future := self._asked.get(message.id)) is not None and not future.done():
            future.set_result([_answer(*fields) for fields in message.answers])

    async def _answer(self, asked: Asked, answer: Callable[[Question], Awaitable[Any]]) -> None:
        async def as_text(question: Question) -> str:
            return json.dumps(await answer(question), default=str)

        own = await answered(Question(*asked.question), as_text, self._number)
        self._send(Replied(asked.id, own.value, own.error))

    def _send(self, message: Any) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):  # the supervisor has ended, and so will this process
            self._connection.send(message)


def _answer(process: int | None, pid: int, text: str | None, error: str) -> Answer:
    return Answer(process, pid, None if text is None else json.loads(text), error)
