"""uvicorn with our own way of starting and stopping: the port is taken first, signals drain, exit codes are ours."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn, Protocol

import uvicorn
from uvicorn.lifespan.on import LifespanOn

from hosting.errors import HostingError
from hosting.extensions import PoolThread
from hosting.server.types import Receive, Scope, Send
from hosting.server.uvicorn_adapter.date import DateHeader
from hosting.server.uvicorn_adapter.protocol import Connection
from hosting.server.uvicorn_adapter.write_buffer import FlushScheduler

_BACKLOG = 2048
_TICK = 0.05


def listen(host: str, port: int) -> socket.socket:
    """Take the port, before anything slow happens: requests that come early wait, a port in use is told at once.

    Args:
        host: an address or a name; an IPv6 address without brackets.
        port: 0 for any free one.

    Raises:
        HostingError: the port is in use, or the address is not ours.
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
    """What a server serves."""

    failure: BaseException | None
    """Why it could not start, once a server has tried."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of the ASGI protocol."""

    async def drain(self, grace: float) -> bool:
        """Take no new work and wait for what runs, ``grace`` seconds at most; say whether all of it finished."""

    def on_disconnect(self, scope: Scope) -> None:
        """Called when the client of a request that is not answered yet has disconnected."""


class Server(uvicorn.Server):
    """Runs an app until a signal; ``exit_code`` then says how the process should end.

    uvicorn raises a caught signal again once it has shut down, so that the process would end by it, not with a code.

    Args:
        app: what is served.
        grace: seconds for running invocations after the signal.
        ready: called once, when requests are answered.
        stop_at_once: called when a second Ctrl-C comes, in a signal handler; does not return. None where Ctrl-C is
            for another process, which tells this one.
        certificate: for TLS, a PEM file.
        key: the certificate's, if it is in a file of its own.
    """

    exit_code = 0

    def __init__(
        self,
        app: Application,
        *,
        grace: float,
        ready: Callable[[], None],
        stop_at_once: Callable[[], None] | None,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        dated = DateHeader(app)
        super().__init__(
            uvicorn.Config(
                dated,
                lifespan="on",
                interface="asgi3",
                http=functools.partial(Connection, app.on_disconnect, dated.current, FlushScheduler()),  # type: ignore[arg-type]
                ws="none",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                ssl_certfile=certificate,
                ssl_keyfile=key,
                # Requests of one connection must not see each other's context variables.
                reset_contextvars=True,
            )
        )
        self._app = app
        self._grace = grace
        self._ready = ready
        self._stop_at_once = stop_at_once

    def serve_until_signal(self, socket: socket.socket) -> None:
        """Serve on a listening socket; returns when everything is shut down.

        Raises:
            BaseException: what the host raised while starting.
        """
        log = logging.getLogger("uvicorn.error")
        log.addFilter(self._is_news)
        try:
            self.run(sockets=[socket])
        except SystemExit:
            if self._app.failure is None:
                raise
            raise self._app.failure from None
        finally:
            log.removeFilter(self._is_news)

    def _is_news(self, record: logging.LogRecord) -> bool:
        """Why the host could not start is told by whoever asked for it, in better words."""
        return self._app.failure is None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        watching = asyncio.create_task(self._give_up(asyncio.current_task()))
        try:
            await super().startup(sockets)
        except asyncio.CancelledError:
            if not self.should_exit:
                raise
            return  # nothing is served; uvicorn ends
        finally:
            watching.cancel()
        self._ready()

    async def _give_up(self, starting: asyncio.Task[None] | None) -> None:
        """Whoever wants the host to end need not wait for a start that takes long, or hangs."""
        while not self.should_exit:  # noqa: ASYNC110 - a signal handler sets it
            await asyncio.sleep(_TICK)
        # One that is through by now ends in order, with a shutdown.
        if starting is not None and isinstance(self.lifespan, LifespanOn) and not self.lifespan.startup_event.is_set():
            starting.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Triggers other than HTTP stop now as well, not after the last connection.
        draining = asyncio.create_task(self._app.drain(self._grace))
        self.config.timeout_graceful_shutdown = max(self._grace, 0.05)  # type: ignore[assignment]
        await super().shutdown(sockets)
        await draining

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        interrupted = sig == signal.SIGINT
        if interrupted and self._stop_at_once is None:
            return
        if self.should_exit:
            if interrupted and self._stop_at_once is not None:
                self._stop_at_once()
            return
        self.exit_code = 130 if interrupted else 0
        self.should_exit = True


def leave(code: int, deadline: float) -> NoReturn:
    """End the process with ``code``, also when a thread is still busy at ``deadline``, in ``time.monotonic``."""
    everybody = [one for one in threading.enumerate() if one is not threading.current_thread()]
    threads = [one for one in everybody if not one.daemon or isinstance(one, PoolThread)]
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.is_alive() for thread in threads):
        os._exit(code)
    sys.exit(code)
