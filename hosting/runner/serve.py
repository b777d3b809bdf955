"""One process that serves an app on an open socket: load, announce, serve, drain."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from socket import socket
from typing import TYPE_CHECKING, NoReturn

from hosting._exceptions import traceback_text
from hosting._log import host_logger
from hosting.apps.host_json import locate
from hosting.apps.local_settings import LocalSettings
from hosting.errors import HostingError
from hosting.host.function_host import FunctionHost
from hosting.host.process import allow_debug_logs, enter
from hosting.host.recorder import attach_recorder
from hosting.logging.levels import Levels
from hosting.logging.setup import Logs
from hosting.logging.tail import LogTail
from hosting.runner.banner import announce, log_problems
from hosting.runner.debugger import accept_debugger, install_breakpoint_hook
from hosting.runner.errors import report_error
from hosting.runner.leave import EarlyExit
from hosting.runner.options import Role, StartOptions, listen_address, url
from hosting.runner.questions import SKIP_DRAIN_DELAY
from hosting.runner.terminal import Terminal
from hosting.runner.until_idle import UntilIdle
from hosting.server.app import HostApp
from hosting.server.cross_site import CrossSiteCheck, is_loopback
from hosting.server.middleware.access import Access, access_fields, access_text
from hosting.server.middleware.cors import cors_policy
from hosting.server.processes import Processes
from hosting.server.signals import ExitSignals
from hosting.server.unavailable import UnavailableApp
from hosting.server.uvicorn_adapter.server import Application, Server

if TYPE_CHECKING:
    from hosting.runner.channel import SupervisorChannel
    from hosting.server.admin.app import MakeMonitor
    from hosting.server.key_store import LiveKeys
    from hosting.server.monitor.endpoints import MonitorEndpoints

_BROKEN = "The function app does not load. Its error is on the terminal; correct it, and this address serves it again."

_logger = host_logger("start")
_requests_logger = host_logger("requests")


def serve(
    options: StartOptions,
    socket: socket,
    role: Role,
    *,
    settings: LocalSettings | None = None,
    channel: SupervisorChannel | None = None,
) -> tuple[int, float]:
    """Serve until a signal, and return the exit code, and until when the process should end, by ``time.monotonic``.

    Args:
        options: the flags of ``hosting start``.
        socket: the listening socket.
        role: the role of this process among those that serve.
        settings: ``local.settings.json``, if it has been read.
        channel: connects this process to its supervisor; None if it has none.

    Raises:
        HostingError: the app does not load, and ``--reload`` is off.
    """
    terminal = Terminal()
    early_exit = EarlyExit(terminal.restore)
    signals, logs = ExitSignals(), _logs(options, role)
    base = url(*socket.getsockname()[:2], tls=options.cert is not None)
    stop_at_once = partial(_stop_at_once, logs, terminal)
    try:
        processes = Processes(channel, stop=lambda: signal.raise_signal(signal.SIGTERM))
        app, announce_app = _application(options, role, settings, base, logs, processes)
        signals.note_apps_handlers()
        report_start: Callable[[], None] = (lambda: None) if channel is None else channel.report_start

        def on_ready() -> None:
            early_exit.disable()
            announce_app()
            report_start()

        server = _server(app, options, role, stop_at_once, signals, on_ready)
        processes.add(SKIP_DRAIN_DELAY, server.skip_drain_delay)
        try:
            server.serve_until_signal(socket)
        except Exception as error:  # it loaded but did not start: the next edit may fix it
            if not options.reload:
                raise
            broken = _broken_app(error, options, logs)
            server = _server(broken, options, role, stop_at_once, signals, report_start)
            server.serve_until_signal(socket)
    finally:
        terminal.restore()
        logs.close()
    return server.exit_code, server.deadline


def build_app(
    host: FunctionHost,
    options: StartOptions,
    *,
    announces: bool = True,
    access: Callable[[Access], None] | None = None,
    processes: Processes | None = None,
    monitor: MakeMonitor | None = None,
) -> HostApp:
    """Return the ASGI application of a loaded host, with keys and CORS from flags and ``local.settings.json``.

    Args:
        host: the loaded host.
        options: the flags of ``hosting start``.
        announces: whether to log that keys are required.
        access: called with each request that is answered; None for no access log.
        processes: all processes of the host; None if there is only this one.
        monitor: makes what shows the host, when it is first asked for; None if nothing does.

    Raises:
        HostingError: keys, CORS or limits cannot be used.
    """
    settings = host.configure()
    address = listen_address(options, settings)[0]
    is_auth_required = requires_keys(options.auth, address)
    cross_site = None if is_auth_required else CrossSiteCheck(address, options.allowed_host)
    keys = _keys(host, announces=announces) if is_auth_required else None
    cors = cors_policy(options.cors or settings.cors, credentials=options.cors_credentials or settings.cors_credentials)
    is_local = not is_auth_required and is_loopback(address.lower())
    try:
        return HostApp(
            host,
            grace=options.grace,
            keys=keys,
            cors=cors,
            cross_site=cross_site,
            shows_tracebacks=is_local,
            access=access,
            processes=processes,
            monitor=monitor,
        )
    except HostingError as error:
        locate(error, host.root)
        raise


def requires_keys(auth: bool | None, address: str) -> bool:
    """Return whether callers need keys; by default only if other machines can connect.

    Args:
        auth: ``--enable-auth`` or ``--no-auth``; None for neither.
        address: the address that the app listens on.
    """
    return not is_loopback(address.lower()) if auth is None else auth


def _access_log(logs: Logs) -> Callable[[Access], None] | None:
    """Return what writes the line about a request; None where the lines are those of Azure's host, for people."""
    if logs.is_short:
        return lambda access: logs.write_answer(access_text(access), access.status)
    return _log_without_function if logs.is_json else None


def _log_without_function(access: Access) -> None:
    """Log a request that reached no function; the lines about its invocation say all of another one."""
    if not access.function:
        level = logging.WARNING if access.duration_ms is None else logging.INFO
        _requests_logger.log(level, "%s", access_text(access), extra=access_fields(access))


def _keys(host: FunctionHost, *, announces: bool) -> LiveKeys:
    from hosting.server.key_store import LiveKeys, key_store  # few starts need it

    store = key_store(host.root, host.environ)
    keys = LiveKeys(store)
    if announces:
        origin = f"it comes from {store.title}" if store.remedy else f"'hosting keys {host.root}' shows them"
        _logger.info("Callers need a key; %s.", origin)
        for problem in keys.problems:
            _logger.warning("%s", problem)
    return keys


def _logs(options: StartOptions, role: Role) -> Logs:
    tail = LogTail() if options.ui else None
    return Logs(options.log_format, style=options.log_style, verbose=options.verbose, process=role.number, tail=tail)


def _server(
    app: Application,
    options: StartOptions,
    role: Role,
    stop_at_once: Callable[[int], NoReturn],
    signals: ExitSignals,
    ready: Callable[[], None],
) -> Server:
    return Server(
        app,
        grace=options.grace,
        drain_delay=options.drain_delay or 0.0,
        ready=ready,
        signals=signals,
        stop_at_once=stop_at_once,
        supervised=role.supervised,
        certificate=options.cert,
        key=options.key,
    )


def _application(
    options: StartOptions,
    role: Role,
    settings: LocalSettings | None,
    base: str,
    logs: Logs,
    processes: Processes,
) -> tuple[Application, Callable[[], None]]:
    """Return the application to serve, and a function that announces it once it serves."""
    if role.crashed:
        return UnavailableApp(role.crashed, _access_log(logs)), lambda: None
    try:
        host = _load(options, settings, base, logs)
        monitor = None if logs.tail is None else _monitor(host, logs.tail, role)
        access = _access_log(logs)
        app = build_app(host, options, announces=role.announces, access=access, processes=processes, monitor=monitor)
    except Exception as error:  # the next edit may fix it
        if not options.reload:
            raise
        return _broken_app(error, options, logs), lambda: None
    idle = UntilIdle(host, processes) if options.until_idle else None

    def on_serving() -> None:
        if role.announces:
            announce(host, base, options, logs.print)
        if idle is not None and role.number in (None, 1):
            idle.start()

    return app, on_serving


def _monitor(host: FunctionHost, tail: LogTail, role: Role) -> MakeMonitor:
    """Record the invocations of a host from now on; return what makes the endpoints that show it."""
    recorder = attach_recorder(host.running)

    def make(processes: Processes) -> MonitorEndpoints:
        # Costs a start what few starts need.
        from hosting.server.monitor.endpoints import MonitorEndpoints
        from hosting.server.monitor.monitor import Monitor
        from hosting.server.monitor.token import PageToken

        return MonitorEndpoints(Monitor(host, recorder, tail), processes, PageToken(role.folder))

    return make


def _load(options: StartOptions, settings: LocalSettings | None, base: str, logs: Logs) -> FunctionHost:
    enter(options.root, base.partition("//")[2])
    if options.debug is not None:
        accept_debugger(options.debug, wait=options.wait_for_debugger)
    else:
        install_breakpoint_hook()
    host = FunctionHost(
        options.root, functions=options.functions, strict=options.strict, missing_outputs=options.missing_outputs
    )
    host.configure(settings)
    allow_debug_logs(host.environ)
    levels = Levels(host.host_json, host.environ, verbose=options.verbose)
    logs.set_levels(levels)
    try:
        host.load()
    except HostingError:
        # A misspelled section, for example, may be why the app's code finds no setting.
        log_problems((*host.configure().problems, *host.file_problems))
        raise
    logs.set_function_levels(levels, (function.name for function in host.functions))
    logs.attach(host.running)
    return host


def _broken_app(error: Exception, options: StartOptions, logs: Logs) -> UnavailableApp:
    """Report why an app does not load, and return what answers in its place."""
    logs.flush()
    if isinstance(error, HostingError):
        report_error(error, options)
    else:
        print(traceback_text(error), file=sys.stderr)
    _logger.warning("The app does not load; waiting for the next edit.")
    return UnavailableApp(_BROKEN, _access_log(logs))


def _stop_at_once(logs: Logs, terminal: Terminal, code: int) -> NoReturn:
    """Write what has been logged, and exit."""
    terminal.restore()
    logs.flush()
    os._exit(code)
