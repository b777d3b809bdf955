"""``hosting start``: open the socket, then serve in this process, or supervise others that serve."""

from __future__ import annotations

import os
import time

from hosting._collection import collection_paused
from hosting.apps.local_settings import read_local_settings
from hosting.runner.options import (
    Role,
    StartOptions,
    listen_address,
    process_count,
    seconds_to_leave,
    set_worker_variables,
)


def start(options: StartOptions) -> None:
    """Serve an app until a signal, then exit.

    Raises:
        HostingError: the app does not load, or the port is taken.
    """
    with collection_paused():
        from hosting.runner.leave import EarlyExit, leave
        from hosting.server.uvicorn_adapter.server import listen

    _open_standard_descriptors()
    settings = read_local_settings(options.root)
    set_worker_variables(os.environ)
    count = process_count(options, settings, os.environ)
    if options.cert is not None:
        from hosting.server.uvicorn_adapter.tls import check_certificate

        check_certificate(options.cert, options.key)
    address, port = listen_address(options, settings, os.environ)
    options = options._replace(drain_delay=seconds_to_leave(options, address))
    with listen(address, port) as socket:
        if count > 1 or options.reload:
            from hosting.runner.supervisor import Supervisor
            from hosting.runner.terminal import Terminal

            supervisor, terminal = Supervisor(options, socket, count), Terminal()
            early_exit = EarlyExit(terminal.restore)
            try:
                code = supervisor.run(early_exit.disable)
            finally:
                terminal.restore()
            deadline = time.monotonic() + options.grace
        else:
            with collection_paused():
                from hosting.runner.serve import serve

            code, deadline = serve(options, socket, Role(), settings=settings)
    leave(code, deadline)


def _open_standard_descriptors() -> None:
    """Open what a daemon has closed: otherwise the next file or socket would be taken for a standard stream."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
