"""uvicorn's server with our way to start and stop: it listens first, signals drain it, and exit codes are ours."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import signal
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Protocol

import uvicorn
from uvicorn.lifespan.on import LifespanOn

from hosting._log import host_logger
from hosting.bindings.http.response import Headers
from hosting.errors import HostingError
from hosting.server.event_loop import EventLoop
from hosting.server.middleware.access import Access
from hosting.server.signals import ExitSignals
from hosting.server.timeouts import Timeouts
from hosting.server.types import Receive, Scope, Send
from hosting.server.uvicorn_adapter.date import DateHeader
from hosting.server.uvicorn_adapter.leaving import Leaving
from hosting.server.uvicorn_adapter.protocol import Connection, Shared
from hosting.server.uvicorn_adapter.sweep import Sweep
from hosting.server.uvicorn_adapter.write_buffer import FlushScheduler

_BACKLOG = 2048
_POLL_SECONDS = 0.05
_MIN_SHUTDOWN_SECONDS = 0.05

_logger = host_logger("start")


def listen(host: str, port: int) -> socket.socket:
    """Listen before anything slow happens: early requests wait, and a port in use is an error at once.

    Args:
        host: an address or a name; an IPv6 address without brackets.
        port: 0 for any free port.

    Raises:
        HostingError: the port is in use or not a port, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise HostingError(
                f"Port {port} is unavailable. Close the process using that port, or specify another port using --port."
            ) from error
        raise HostingError(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from error
    except OverflowError as error:
        raise HostingError(f"Cannot listen on port {port}: a port is a number from 0 to 65535.") from error


class Application(Protocol):
    """An ASGI application that a server can drain."""

    failure: BaseException | None
    """Why it could not start, once a server has tried."""
    timeouts: Timeouts
    """How long connections wait for their clients."""
    event_loop: EventLoop
    """Which event loop it runs on."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection of the ASGI protocol."""

    def running(self) -> Sequence[str]:
        """Return the names of the functions that run, once for each invocation."""

    async def leave(self) -> None:
        """Take no more work but requests: the server stops soon."""

    async def drain(self, grace: float) -> bool:
        """Take no new work and wait ``grace`` seconds at most for running work; return whether all of it finished."""

    def on_disconnect(self, scope: Scope) -> None:
        """Called when the client of a request that is not answered yet has disconnected."""

    def on_refusal(self, access: Access) -> Headers:
        """Called when the server refuses a request because of its form; returns headers to add, and must not raise."""


class Server(uvicorn.Server):
    """Serves an application until a signal; ``exit_code`` is then the exit code for the process.

    uvicorn alone would raise the signal again after its shutdown, which would end the process without an exit code.

    Args:
        app: the application.
        grace: seconds for running invocations after the signal and ``drain_delay``.
        drain_delay: seconds for which it still accepts connections after SIGTERM.
        ready: called once, when requests are answered.
        stop_at_once: called in a signal handler, with the exit code, at a second Ctrl-C, and at the first signal while
            a debugger waits in the main thread; does not return.
        supervised: whether another process handles Ctrl-C and sends SIGTERM to this one.
        certificate: for TLS, a PEM file.
        key: the certificate's private key, if it is in a file of its own.
        signals: made before the app was imported.
    """

    exit_code = 0

    def __init__(
        self,
        app: Application,
        *,
        grace: float,
        ready: Callable[[], None],
        signals: ExitSignals,
        stop_at_once: Callable[[int], None],
        supervised: bool = False,
        drain_delay: float = 0.0,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        sweep = Sweep(app.timeouts)
        calls = (app, app.on_disconnect, app.on_refusal)
        leaving = Leaving(drain_delay, app.leave)
        shared = Shared(*calls, app.timeouts, sweep, FlushScheduler(), DateHeader(), leaving)
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="on",
                interface="asgi3",
                loop=app.event_loop,
                http=functools.partial(Connection, shared),  # type: ignore[arg-type]
                ws="none",
                workers=1,  # else it would read WEB_CONCURRENCY, which has any text, and is of the supervisor
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                ssl_certfile=certificate,
                ssl_keyfile=key,
            )
        )
        self._app = app
        self._leaving = leaving
        self._drain_delay = drain_delay
        self._grace = grace
        self._ready = ready
        self._signals = signals
        self._stop_at_once = stop_at_once
        self._supervised = supervised

    def serve_until_signal(self, socket: socket.socket) -> None:
        """Serve on a listening socket; return when everything is shut down.

        Raises:
            BaseException: what the application raised while starting.
        """
        log = logging.getLogger("uvicorn.error")
        log.addFilter(self._is_not_the_failure)
        try:
            self.run(sockets=[socket])
        except SystemExit:
            if self._app.failure is None:
                raise
            raise self._app.failure from None
        finally:
            log.removeFilter(self._is_not_the_failure)

    def _is_not_the_failure(self, record: logging.LogRecord) -> bool:
        """Drop what uvicorn logs of an application that could not start: the caller gets the exception."""
        return self._app.failure is None

    @property
    def deadline(self) -> float:
        """When its process should end, by ``time.monotonic``: drain delay and grace period after the signal."""
        return min(self._leaving.began_at, monotonic()) + self._drain_delay + self._grace

    def skip_drain_delay(self) -> None:
        """Wait no longer for load balancers; called on the event loop."""
        self._leaving.skip()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and accept connections, unless a signal arrives first."""
        watching = asyncio.create_task(self._cancel_start_on_exit(asyncio.current_task()))
        try:
            await super().startup(sockets)
        except asyncio.CancelledError:
            if not self.should_exit:
                raise
            return  # nothing is served; uvicorn ends
        finally:
            watching.cancel()
        if threading.current_thread() is threading.main_thread():
            self._signals.adopt()  # a web framework's start may have installed handlers, too
        self._ready()

    async def _cancel_start_on_exit(self, starting: asyncio.Task[None] | None) -> None:
        """Cancel a start that takes long, or hangs, when the server is to exit."""
        while not self.should_exit:  # noqa: ASYNC110 - a signal handler sets it
            await asyncio.sleep(_POLL_SECONDS)
        # A start that is over by now is followed by an orderly shutdown.
        if starting is not None and isinstance(self.lifespan, LifespanOn) and not self.lifespan.startup_event.is_set():
            starting.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain the application while connections end, then shut it down."""
        self._report_running()
        # Triggers other than HTTP stop now, too, not after the last connection has closed.
        draining = asyncio.create_task(self._app.drain(self._grace))
        self.config.timeout_graceful_shutdown = max(self._grace, _MIN_SHUTDOWN_SECONDS)  # type: ignore[assignment]
        await super().shutdown(sockets)
        await draining

    def _report_running(self) -> None:
        """Log what the end waits for, and after Ctrl-C how not to wait."""
        if names := Counter(self._app.running()):
            listed = ", ".join(f"{name} ({count} times)" if count > 1 else name for name, count in names.items())
            hint = " Press Ctrl-C again to end it now." if self.exit_code else ""
            _logger.info("Still running: %s. The host waits up to %g s for it.%s", listed, self._grace, hint)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM inside the block, without raising them again after it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._signals.install(self.handle_exit)
        try:
            yield
        finally:
            self._signals.restore()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to shut down at the first signal, after the app's own handler; stop at once at a second Ctrl-C.

        The first Ctrl-C waits for no load balancer; after SIGTERM it ends that wait, and a second SIGTERM does nothing.
        """
        interrupted = sig == signal.SIGINT
        if interrupted and self._supervised:
            return
        code = 130 if interrupted else 0
        if _waits_for_debugger(frame) or (interrupted and self.should_exit):
            self._stop_at_once(code)
        elif interrupted and self._leaving.is_leaving:
            self._leaving.skip()
        elif not self._leaving.is_leaving:
            self.exit_code = code
            self._leaving.begin()
            self._signals.call_apps_handler(sig, frame)
            if interrupted or not self.started:
                self._leaving.skip()
            self.should_exit = self._leaving.is_over_at_once

    async def on_tick(self, counter: int) -> bool:
        """Return whether to exit; called several times a second."""
        self._signals.take_back_from_debugger()
        self.should_exit = self.should_exit or self._leaving.is_over()
        return await super().on_tick(counter)


def _waits_for_debugger(frame: FrameType | None) -> bool:
    """Return whether a debugger reads commands in the main thread, so that the event loop cannot end."""
    while frame is not None:
        if frame.f_code.co_name == "cmdloop":  # that of ``cmd.Cmd``, or of a subclass
            return True
        frame = frame.f_back
    return False
