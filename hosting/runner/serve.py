"""One process that serves an app on a port that is already taken: load, announce, serve, drain."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from socket import socket
from typing import NoReturn

from hosting.apps.local_settings import LocalSettings
from hosting.errors import HostingError, print_error
from hosting.host.function_host import FunctionHost
from hosting.host.process import allow_debug_logs, enter
from hosting.logging.levels import Levels
from hosting.logging.setup import Logs
from hosting.runner.banner import announce
from hosting.runner.debugger import accept_debugger
from hosting.runner.front import host_app
from hosting.runner.options import Role, StartOptions, url
from hosting.server.unavailable import UnavailableApp
from hosting.server.uvicorn_adapter.server import Application, Server

_BROKEN = "The function app does not load. Its error is on the terminal; correct it, and this address serves it again."

_logger = logging.getLogger("hosting.start")


def serve(
    options: StartOptions,
    socket: socket,
    role: Role,
    *,
    settings: LocalSettings | None = None,
    ready: Callable[[], None] = lambda: None,
) -> int:
    """Serve until a signal; return the exit code.

    Args:
        options: what was asked for.
        socket: listens already.
        role: what this process is among those that serve.
        settings: ``local.settings.json``, if it is read already.
        ready: called once, when requests are answered.

    Raises:
        HostingError: the app does not load, unless edits are waited for.
    """
    # Until it serves there is nothing to drain.
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    address = socket.getsockname()
    base = url(address[0], address[1], tls=options.cert is not None)
    logs = Logs(options.log_format, verbose=options.verbose)
    try:
        app, announced = _application(options, role, settings, base, logs)

        def on_ready() -> None:
            announced()
            ready()

        server = _server(app, options, role, logs, on_ready)
        try:
            server.serve_until_signal(socket)
        except Exception as error:  # it loaded, but did not start: the next edit may mend that, too
            if not options.reload:
                raise
            logs.flush()
            _tell_broken(error, options)
            server = _server(UnavailableApp(_BROKEN), options, role, logs, ready)
            server.serve_until_signal(socket)
    finally:
        logs.close()
    return server.exit_code


def _server(app: Application, options: StartOptions, role: Role, logs: Logs, ready: Callable[[], None]) -> Server:
    return Server(
        app,
        grace=options.grace,
        ready=ready,
        stop_at_once=None if role.supervised else lambda: _stop_at_once(logs),
        certificate=options.cert,
        key=options.key,
    )


def _application(
    options: StartOptions, role: Role, settings: LocalSettings | None, base: str, logs: Logs
) -> tuple[Application, Callable[[], None]]:
    """The app to serve, and what to say of it once it serves."""
    if role.crashed:
        return UnavailableApp(role.crashed), lambda: None
    try:
        host = _load(options, settings, base, logs)
        app = host_app(host, options, announces=role.announces)
    except Exception as error:  # whatever is wrong, the next edit may mend it
        if not options.reload:
            raise
        logs.flush()
        _tell_broken(error, options)
        return UnavailableApp(_BROKEN), lambda: None
    return app, lambda: announce(host, base, options) if role.announces else None


def _load(options: StartOptions, settings: LocalSettings | None, base: str, logs: Logs) -> FunctionHost:
    enter(options.root, base.partition("//")[2])
    if options.debug is not None:
        accept_debugger(options.debug, wait=options.wait_for_debugger)
    host = FunctionHost(options.root, functions=options.functions, strict=options.strict)
    host.configure(settings)
    allow_debug_logs(host.environ)
    levels = Levels(host.host_json, host.environ, verbose=options.verbose)
    logs.set_levels(levels)
    host.load()
    logs.set_function_levels(levels, (function.name for function in host.functions))
    logs.attach(host.running)
    return host


def _tell_broken(error: Exception, options: StartOptions) -> None:
    if isinstance(error, HostingError):
        print_error(error, verbose=options.verbose)
    else:
        traceback.print_exception(error)
    _logger.warning("The app does not load; waiting for the next edit.")


def _stop_at_once(logs: Logs) -> NoReturn:
    """End now, with what is logged so far written."""
    logs.flush()
    sys.stdout.flush()
    os._exit(130)
