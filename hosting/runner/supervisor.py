"""Watches over the processes that serve: ``--workers`` starts several, ``--reload`` a new one after each edit.

The supervisor has the listening socket and imports no code of the app. What happens comes to it as events, one after
the other: a signal, a process that is ready or has ended, files that changed.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import Empty, SimpleQueue
from socket import socket
from time import monotonic
from typing import TypeAlias

from hosting.logging.setup import Logs
from hosting.runner.options import Role, StartOptions
from hosting.runner.reload import Watcher
from hosting.runner.worker import work

RELOAD_GRACE = 2.0
"""Seconds that running invocations have when the code has changed: whoever edits waits for them."""
MARGIN = 5.0
"""Seconds after the grace period in which a process should have ended by itself."""
FIRST_DELAY = 0.5
LONGEST_DELAY = 10.0
"""Seconds between the starts of a process that ends again and again; the longest is the interval of Azure's host."""

_logger = logging.getLogger("hosting.start")


@dataclass(eq=False, slots=True)
class Worker:
    """One process, in the place that its number says; another one takes the place when it ends."""

    number: int
    process: SpawnProcess
    ready: bool = False
    leaving: bool = False
    kill_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal came."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A process answers requests."""

    worker: Worker


@dataclass(frozen=True, slots=True)
class Ended:
    """A process has ended."""

    worker: Worker


@dataclass(frozen=True, slots=True)
class Changed:
    """Files of the app changed."""

    files: list[str]


Event: TypeAlias = Signalled | Ready | Ended | Changed


@dataclass(slots=True)
class Place:
    """A number that a process has, whichever process it is."""

    delay: float = 0.0
    since: float = 0.0
    due: float = float("inf")
    """When the next process starts, in ``time.monotonic``."""
    role: Role = field(default_factory=lambda: Role(announces=False, supervised=True))


class Supervisor:
    """Runs ``count`` processes until a signal.

    Args:
        options: what was asked for.
        socket: listens already, and stays open from one process to the next.
        count: how many processes serve.
    """

    def __init__(self, options: StartOptions, socket: socket, count: int) -> None:
        grace = min(options.grace, RELOAD_GRACE) if options.reload else options.grace
        self._options = options._replace(grace=grace)
        self._socket = socket
        self._places = [Place() for _ in range(count)]
        self._places[0].role = Role(supervised=True, announces=True)
        self._workers: list[Worker] = []
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._served = False
        self._code: int | None = None

    def run(self) -> int:
        """Serve until a signal; return the exit code."""
        logs = Logs(self._options.log_format, verbose=self._options.verbose)
        try:
            with self._signals(), self._watching():
                self._start(0)
                while self._workers or self._code is None:
                    self._handle(self._next())
        finally:
            logs.close()
        return self._code or 0

    def _handle(self, event: Event | None) -> None:
        match event:
            case Signalled(number):
                self._stop(number)
            case Ready(worker):
                self._is_ready(worker)
            case Ended(worker):
                self._has_ended(worker)
            case Changed(files) if self._code is None:
                self._reload(files)
        now = monotonic()
        for worker in self._workers:
            if worker.kill_at <= now:
                worker.process.kill()
        if self._code is None:
            for number, place in enumerate(self._places):
                if place.due <= now:
                    self._start(number)

    def _next(self) -> Event | None:
        """The next event; None when something is due before it comes."""
        times = [place.due for place in self._places] + [worker.kill_at for worker in self._workers]
        wait = min(times) - monotonic()
        try:
            return self._events.get(timeout=None if wait == float("inf") else max(0.01, wait))
        except Empty:
            return None

    def _start(self, number: int) -> None:
        place = self._places[number]
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        arguments = (self._options, self._socket, place.role, sender)
        process = context.Process(target=work, args=arguments, name=f"hosting-worker-{number + 1}")
        with _interrupts_held():
            process.start()
        sender.close()
        place.due, place.since = float("inf"), monotonic()
        worker = Worker(number, process)
        self._workers.append(worker)
        threading.Thread(target=self._attend, args=(worker, receiver), daemon=True).start()

    def _attend(self, worker: Worker, receiver: Connection) -> None:
        """In a thread of its own: turn what happens to a process into events."""
        with receiver, contextlib.suppress(EOFError, OSError):
            receiver.recv()
            self._events.put(Ready(worker))
        worker.process.join()
        self._events.put(Ended(worker))

    def _is_ready(self, worker: Worker) -> None:
        worker.ready = True
        if not self._served and self._code is None:
            # The others come when one has shown that the app loads: a mistake is told once.
            self._served = True
            self._places[0].role = self._places[0].role._replace(announces=self._options.reload)
            for number in range(1, len(self._places)):
                self._start(number)

    def _has_ended(self, worker: Worker) -> None:
        self._workers.remove(worker)
        place, code = self._places[worker.number], worker.process.exitcode
        if self._code is not None:
            return
        if worker.leaving:
            place.due = 0.0
        elif not self._options.reload and not self._served:
            self._code = code if code is not None and code > 0 else 1
        elif self._options.reload and not worker.ready:
            sentence = f"The function app ended its process with {_how(code)} while it was loaded."
            _logger.error("%s Waiting for the next edit.", sentence)
            place.role, place.due = place.role._replace(crashed=sentence), 0.0
        else:
            self._again(worker, place)

    def _again(self, worker: Worker, place: Place) -> None:
        now = monotonic()
        if now - place.since > LONGEST_DELAY:
            place.delay = 0.0
        place.due = now + place.delay
        _logger.error(
            "Process %d (pid %d) ended with %s; another one starts%s.",
            worker.number + 1,
            worker.process.pid,
            _how(worker.process.exitcode),
            f" in {place.delay:g} s" if place.delay else "",
        )
        place.delay = min(place.delay * 2 or FIRST_DELAY, LONGEST_DELAY)

    def _reload(self, files: list[str]) -> None:
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        _logger.info("Restarting: %s%s changed.", ", ".join(files[:3]), more)
        place = self._places[0]
        place.role, place.delay = place.role._replace(crashed=""), 0.0
        for worker in self._workers:
            self._dismiss(worker)
        if not self._workers:
            place.due = 0.0

    def _stop(self, number: int) -> None:
        if self._code is None:
            self._code = 130 if number == signal.SIGINT else 0
            for place in self._places:
                place.due = float("inf")
            for worker in self._workers:
                self._dismiss(worker)
        elif number == signal.SIGINT:
            for worker in self._workers:
                worker.process.kill()
            self._code = 130

    def _dismiss(self, worker: Worker) -> None:
        if not worker.leaving:
            worker.leaving = True
            worker.kill_at = monotonic() + self._options.grace + MARGIN
            worker.process.terminate()

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        if not self._options.reload:
            yield
            return
        watcher = Watcher(self._options.root, lambda files: self._events.put(Changed(files)))
        try:
            yield
        finally:
            watcher.close()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        # A SimpleQueue may be written to in a signal handler.
        before = [signal.signal(number, lambda sent, _frame: self._events.put(Signalled(sent))) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """A new process begins with Ctrl-C held back, until it has said what to do about it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"code {code}"
