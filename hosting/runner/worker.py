"""A process that serves an app, started by the supervisor."""

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

from hosting._collection import collection_paused
from hosting.errors import HostingError
from hosting.runner.options import Role, StartOptions, set_worker_variables


def work(options: StartOptions, socket: socket, role: Role, connection: Connection) -> None:
    """Serve until the supervisor sends SIGTERM or has ended, then exit.

    Args:
        options: the flags of ``hosting start``.
        socket: the listening socket, which the supervisor keeps open as well.
        role: the role of this process among those that serve.
        connection: this process's end of the channel to the supervisor.
    """
    # Imported here because the supervisor imports this module as well.
    with collection_paused():
        from hosting.runner.channel import SupervisorChannel
        from hosting.runner.errors import report_error
        from hosting.runner.leave import leave
        from hosting.runner.serve import serve

    set_worker_variables(os.environ, role)
    # A terminal sends Ctrl-C to every process; only the supervisor handles it.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_follow_supervisor, name="hosting-supervisor", daemon=True).start()
    with contextlib.suppress(OSError):
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a new process has none, and breakpoint() needs it
    try:
        code, deadline = serve(options, socket, role, channel=SupervisorChannel(connection, role.number, role.kept))
    except HostingError as error:
        report_error(error, options, role.number)
        code, deadline = 1, time.monotonic() + options.grace
    leave(code, deadline)


def _follow_supervisor() -> None:
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
