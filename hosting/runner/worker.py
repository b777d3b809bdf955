"""A process that serves, started by the supervisor."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from socket import socket

from hosting.errors import HostingError, print_error
from hosting.runner.options import Role, StartOptions


def work(options: StartOptions, socket: socket, role: Role, ready: Connection) -> None:
    """Serve until the supervisor says so with SIGTERM, or is gone; then end the process.

    Args:
        options: what was asked for.
        socket: listens already; the supervisor has it too.
        role: what this process is among the others.
        ready: gets one message when requests are answered.
    """
    # Not before, since the supervisor imports this module too.
    from hosting.runner.serve import serve
    from hosting.server.uvicorn_adapter.server import leave

    # A terminal sends Ctrl-C to every process; the supervisor alone acts on it.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_follow_supervisor, name="hosting-supervisor", daemon=True).start()
    with contextlib.suppress(OSError):
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a new process has none, and breakpoint() needs it
    try:
        code = serve(options, socket, role, ready=lambda: ready.send(None))
    except HostingError as error:
        print_error(error, verbose=options.verbose)
        code = 1
    leave(code, time.monotonic() + options.grace)


def _follow_supervisor() -> None:
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
