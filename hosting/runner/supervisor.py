"""Supervises the processes that serve: ``--workers`` starts several, ``--reload`` a new one after each edit.

The supervisor keeps the listening socket open and imports no code of the app. It handles one event after the other: a
signal, a process that is ready or has ended, a message of a process, files that changed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from queue import Empty, SimpleQueue
from socket import socket
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, TypeAlias

from hosting._log import host_logger
from hosting.logging.setup import Logs
from hosting.runner.options import Role, StartOptions
from hosting.runner.questions import SKIP_DRAIN_DELAY, Asked, Party, Questions, Replied, Sender, Started, Stop
from hosting.runner.reload import Watcher
from hosting.runner.worker import work

RELOAD_GRACE_SECONDS = 2.0
"""How long running invocations may take when the code has changed: the user waits for them."""
KILL_MARGIN_SECONDS = 5.0
"""How long after the grace period a process is killed that has not ended."""
HINT_SECONDS = 0.5
"""How long after Ctrl-C a hint is given: functions or the shutdown of extensions may take time."""
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 10.0
"""The pauses before a crashing process is restarted; the maximum is the interval of Azure's host."""

_logger = host_logger("start")


@dataclass(eq=False, slots=True)
class Worker:
    """A process that serves, in the slot of its number."""

    number: int
    process: SpawnProcess
    sender: Sender | None = None
    ready: bool = False
    stopping: bool = False
    kill_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal arrived."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A process answers requests for the first time."""

    worker: Worker


@dataclass(frozen=True, slots=True)
class Sent:
    """A process sent a message."""

    worker: Worker
    message: Any


@dataclass(frozen=True, slots=True)
class Ended:
    """A process has ended."""

    worker: Worker


@dataclass(frozen=True, slots=True)
class Changed:
    """Files of the app changed."""

    files: list[str]


Event: TypeAlias = Signalled | Ready | Sent | Ended | Changed


@dataclass(slots=True)
class Slot:
    """The state of a process number over restarts of the process."""

    role: Role
    delay: float = 0.0
    started_at: float = 0.0
    start_at: float = float("inf")
    """When the next process starts, by ``time.monotonic``."""


class Supervisor:
    """Runs ``count`` processes until a signal.

    Args:
        options: the flags of ``hosting start``.
        socket: the listening socket, which stays open between processes.
        count: the number of processes.
    """

    def __init__(self, options: StartOptions, socket: socket, count: int) -> None:
        grace = min(options.grace, RELOAD_GRACE_SECONDS) if options.reload else options.grace
        self._options = options._replace(grace=grace)
        self._socket = socket
        numbers = range(1, count + 1) if count > 1 else (None,)
        self._slots = [Slot(Role(supervised=True, announces=number in (1, None), number=number)) for number in numbers]
        self._workers: list[Worker] = []
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._questions = Questions()
        self._served = False
        self._code: int | None = None
        self._hint_at = float("inf")

    def run(self, on_signals: Callable[[], None] = lambda: None) -> int:
        """Serve until a signal, and return the exit code.

        Args:
            on_signals: called when the signals are handled.
        """
        logs = Logs(self._options.log_format, verbose=self._options.verbose)
        try:
            with self._signals(), self._watching(), self._shared_folder():
                on_signals()
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
                self._on_ready(worker)
            case Sent(worker, message):
                self._on_message(worker, message)
            case Ended(worker):
                self._on_end(worker)
            case Changed(files) if self._code is None:
                self._reload(files)
        self._act_on_time(monotonic())

    def _act_on_time(self, now: float) -> None:
        """Do what is due: a hint, the end of questions, and the end and the start of processes."""
        self._questions.expire()
        if self._hint_at <= now:
            self._hint_at = float("inf")
            _logger.info("The host is still stopping. Press Ctrl-C again to end it now.")
        for worker in self._workers:
            if worker.kill_at <= now:
                worker.process.kill()
        if self._code is None:
            for number, slot in enumerate(self._slots):
                if slot.start_at <= now:
                    self._start(number)

    def _next(self) -> Event | None:
        """Return the next event; None if a start, a kill, a hint or the end of a question is due first."""
        times = [self._hint_at, *(slot.start_at for slot in self._slots), *(worker.kill_at for worker in self._workers)]
        wait = min(*times, self._questions.next_end) - monotonic()
        try:
            return self._events.get(timeout=None if wait == float("inf") else max(0.01, wait))
        except Empty:
            return None

    def _start(self, number: int) -> None:
        slot = self._slots[number]
        context = multiprocessing.get_context("spawn")
        own_end, other_end = context.Pipe()
        role = slot.role._replace(kept=tuple(self._questions.kept))
        arguments = (self._options, self._socket, role, other_end)
        process = context.Process(target=work, args=arguments, name=f"hosting-worker-{number + 1}")
        _leave_deleted_folder(self._options.root)
        with _blocked_interrupts():
            process.start()
        other_end.close()
        slot.start_at, slot.started_at = float("inf"), monotonic()
        worker = Worker(number, process, Sender(own_end))
        self._workers.append(worker)
        threading.Thread(target=self._attend, args=(worker, own_end), daemon=True).start()

    def _attend(self, worker: Worker, connection: Connection) -> None:
        """Turn what happens to a process into events; runs in a thread."""
        with connection:
            with contextlib.suppress(EOFError, OSError):
                while True:
                    message = connection.recv()
                    self._events.put(Ready(worker) if isinstance(message, Started) else Sent(worker, message))
            worker.process.join()
        self._events.put(Ended(worker))

    def _on_message(self, worker: Worker, message: Any) -> None:
        match message:
            case Asked() if worker.sender is not None:
                self._questions.ask(worker.sender, message, self._parties())
            case Replied() if worker.process.pid is not None:
                self._questions.reply(worker.process.pid, message)
            case Stop():
                self._stop(signal.SIGTERM)

    def _parties(self) -> Iterator[Party]:
        """Yield every process of the host, also one that does not run at the moment."""
        for number, slot in enumerate(self._slots):
            worker = next((one for one in self._workers if one.number == number), None)
            if worker is None:
                next_one = "; another one starts" if self._code is None else ""
                absence = f"it has ended{next_one}" if slot.started_at else "it has not started yet"
                yield Party(slot.role.number, 0, None, absence)
            else:
                sender = worker.sender if worker.ready else None
                yield Party(slot.role.number, worker.process.pid or 0, sender, "it starts")

    def _on_ready(self, worker: Worker) -> None:
        worker.ready = True
        if worker.sender is not None:
            self._questions.repeat(worker.sender)
        if not self._served and self._code is None:
            # The others start when one has loaded the app, so that an error is printed once.
            self._served = True
            self._slots[0].role = self._slots[0].role._replace(announces=self._options.reload)
            for number in range(1, len(self._slots)):
                self._start(number)

    def _on_end(self, worker: Worker) -> None:
        self._workers.remove(worker)
        if worker.sender is not None:
            worker.sender.close()
        self._questions.end(worker.process.pid or 0)
        slot, code = self._slots[worker.number], worker.process.exitcode
        if self._code is not None:
            return
        if worker.stopping:
            slot.start_at = 0.0
        elif not self._options.reload and not self._served:
            self._code = code if code is not None and code > 0 else 1
        elif self._options.reload and not worker.ready and not slot.role.crashed:
            sentence = f"The function app ended its process with {_exit_text(code)} while it was loaded."
            _logger.error("%s Waiting for the next edit.", sentence)
            slot.role, slot.start_at = slot.role._replace(crashed=sentence), 0.0
        else:
            self._restart_later(worker, slot)

    def _restart_later(self, worker: Worker, slot: Slot) -> None:
        now = monotonic()
        if now - slot.started_at > MAX_DELAY_SECONDS:
            slot.delay = 0.0
        slot.start_at = now + slot.delay
        _logger.error(
            "Process %d (pid %d) ended with %s; another one starts%s.",
            worker.number + 1,
            worker.process.pid,
            _exit_text(worker.process.exitcode),
            f" in {slot.delay:g} s" if slot.delay else "",
        )
        slot.delay = min(slot.delay * 2 or FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS)

    def _reload(self, files: list[str]) -> None:
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        _logger.info("Restarting: %s%s changed.", ", ".join(files[:3]), more)
        slot = self._slots[0]
        slot.role, slot.delay = slot.role._replace(crashed=""), 0.0
        for worker in self._workers:
            self._terminate(worker)
        if not self._workers:
            slot.start_at = 0.0

    def _stop(self, number: int) -> None:
        if self._code is None:
            self._code = 130 if number == signal.SIGINT else 0
            self._hint_at = monotonic() + HINT_SECONDS if number == signal.SIGINT else float("inf")
            for slot in self._slots:
                slot.start_at = float("inf")
            for worker in self._workers:
                if number == signal.SIGINT and worker.sender is not None:
                    worker.sender.send(Asked(0, (SKIP_DRAIN_DELAY, {}), 1.0, ""))
                self._terminate(worker)
        elif number == signal.SIGINT:
            for worker in self._workers:
                worker.process.kill()
            self._code = 130

    def _terminate(self, worker: Worker) -> None:
        if not worker.stopping:
            worker.stopping = True
            delay = self._options.drain_delay or 0.0
            worker.kill_at = monotonic() + delay + self._options.grace + KILL_MARGIN_SECONDS
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
    def _shared_folder(self) -> Iterator[None]:
        """Have a folder that several processes share, for their extensions."""
        if len(self._slots) == 1:
            yield
            return
        with TemporaryDirectory(prefix="hosting-workers-", ignore_cleanup_errors=True) as folder:
            for slot in self._slots:
                slot.role = slot.role._replace(folder=folder)
            yield

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


def _leave_deleted_folder(root: Path) -> None:
    """Go elsewhere if the current folder, often the app's, was removed: a new process begins in the current folder."""
    try:
        os.getcwd()
    except FileNotFoundError:
        os.chdir(root if root.is_dir() else root.anchor)


@contextlib.contextmanager
def _blocked_interrupts() -> Iterator[None]:
    """Block Ctrl-C while a process starts: it inherits the mask, and unblocks Ctrl-C once it has a handler."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _exit_text(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"code {code}"
