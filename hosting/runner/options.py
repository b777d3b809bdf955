"""The options of ``hosting start``, and the address and number of processes that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hosting.apps.local_settings import LocalSettings
from hosting.core import NOTHING
from hosting.errors import SettingsError, UsageError
from hosting.host.missing_options import MissingOutputs
from hosting.logging.formatters import LogFormat, LogStyle
from hosting.server.cross_site import is_loopback

DEFAULT_PORT = 7071
DEFAULT_ADDRESS = "127.0.0.1"
DEFAULT_DRAIN_DELAY_SECONDS = 5.0
"""How long load balancers usually need until they send no more requests to a host that is not ready."""
PROCESS_COUNT = "FUNCTIONS_WORKER_PROCESS_COUNT"
PORT = "PORT"
CONCURRENCY = "WEB_CONCURRENCY"
"""The variables that platforms of containers set. Source: Knative's runtime contract, and gunicorn's settings."""
MAX_PORT = 65_535
MAX_PROCESSES = 10
MOST_WORKERS = 1_000
"""More than any machine serves an app with: above it, a number is a mistake."""
WORKER_NUMBER = "HOSTING_WORKER_NUMBER"
WORKERS_FOLDER = "HOSTING_WORKERS_FOLDER"
"""The variables by which extensions learn about the other processes; see ``Role``."""
_LOCAL = ("127.0.0.1", "0.0.0.0", "::", "::1")


class StartOptions(NamedTuple):
    """The flags of ``hosting start``; None for a flag that was not given."""

    root: Path
    host: str | None = None
    port: int | None = None
    functions: Sequence[str] = ()
    verbose: bool = False
    log_format: LogFormat = "console"
    log_style: LogStyle | None = None
    """How lines for people look; None for short ones on a terminal, and Azure's elsewhere."""
    strict: bool = False
    grace: float = 10.0
    drain_delay: float | None = None
    """Seconds for which the host still accepts connections after SIGTERM (default: see ``seconds_to_leave``)."""
    workers: int | None = None
    reload: bool = False
    debug: int | None = None
    """The port for a debugger."""
    wait_for_debugger: bool = False
    cert: Path | None = None
    key: Path | None = None
    auth: bool | None = None
    """Whether callers need keys (default: only if other machines can connect)."""
    cors: Sequence[str] = ()
    cors_credentials: bool = False
    allowed_host: Sequence[str] = ()
    """Host names by which the admin endpoints and webhooks may be called without keys, in addition to local ones."""
    missing_outputs: MissingOutputs | None = None
    """What happens to outputs that no installed package provides; None for what host.json says."""
    until_idle: bool = False
    """Whether the host ends once no event waits and nothing runs."""
    ui: bool = True
    """Whether the host records what it does, and shows it on a page and to commands such as ``hosting top``."""


class Role(NamedTuple):
    """The role of a process among those that serve; by default it is the only one."""

    announces: bool = True
    """Whether it prints the banner."""
    supervised: bool = False
    """Whether a supervisor handles Ctrl-C, stops this process with SIGTERM, and restarts it when it ends."""
    crashed: str = ""
    """Why the app is not loaded again before the next edit."""
    number: int | None = None
    """The number of this process, from 1, if there are several."""
    folder: str = ""
    """A folder that these processes share while the supervisor runs; empty if there is only one."""
    kept: tuple[tuple[Any, ...], ...] = ()
    """What was asked of every process before this one started, and holds for it too: the fields of questions."""


def set_worker_variables(environ: MutableMapping[str, str], role: Role | None = None) -> None:
    """Set the variables about several processes, or remove those of another host that has started this one.

    Args:
        environ: the environment.
        role: the role of this process among several; None if there is only one.
    """
    for name in (WORKER_NUMBER, WORKERS_FOLDER):
        environ.pop(name, None)
    if role is not None and role.folder:
        environ.update({WORKER_NUMBER: str(role.number), WORKERS_FOLDER: role.folder})


def listen_address(
    options: StartOptions, settings: LocalSettings, environ: Mapping[str, str] = NOTHING
) -> tuple[str, int]:
    """Return address and port: from flags, else ``PORT``, ``local.settings.json``, or the defaults of Core Tools.

    Raises:
        SettingsError: ``PORT`` is not a port.
    """
    port = options.port if options.port is not None else _port(environ.get(PORT, "").strip())
    port = settings.port if port is None else port
    return options.host or settings.address or DEFAULT_ADDRESS, DEFAULT_PORT if port is None else port


def seconds_to_leave(options: StartOptions, address: str) -> float:
    """Return for how many seconds the host still accepts connections after SIGTERM: none on a loopback address.

    Args:
        options: the flags of ``hosting start``.
        address: the address that it listens on.
    """
    if options.reload:
        return 0.0  # each edit stops the process
    if options.drain_delay is not None:
        return options.drain_delay
    return 0.0 if options.until_idle or is_loopback(address.lower()) else DEFAULT_DRAIN_DELAY_SECONDS


def url(address: str, port: int, *, tls: bool = False) -> str:
    """Return the URL as a person types it: ``localhost`` for local and wildcard addresses."""
    name = "localhost" if address in _LOCAL else f"[{address}]" if ":" in address else address
    return f"{'https' if tls else 'http'}://{name}:{port}"


def process_count(options: StartOptions, settings: LocalSettings, environ: Mapping[str, str]) -> int:
    """Return the number of processes: ``--workers``, else the setting, which is read as Azure's host does.

    Where the environment does not have that setting, ``WEB_CONCURRENCY`` decides before ``local.settings.json``.

    With ``--reload`` or ``--debug`` there is one process, whatever the setting is.

    Raises:
        SettingsError: the setting is not a number, or is above 10; or ``WEB_CONCURRENCY`` is not a number
            from 1 to 1,000.
        UsageError: ``--workers`` is given with ``--reload`` or ``--debug``.
    """
    is_single = options.reload or options.debug is not None
    if options.workers is not None:
        if is_single and options.workers > 1:
            raise UsageError(
                f"--workers {options.workers} cannot be combined with --reload or --debug.",
                remedy="Leave one of them out: reloading and debugging are for a single process.",
            )
        return options.workers
    concurrency = environ.get(CONCURRENCY, "").strip()
    if is_single:
        return 1
    if concurrency and not environ.get(PROCESS_COUNT):
        return _concurrency(concurrency)
    text = environ.get(PROCESS_COUNT) or settings.values.get(PROCESS_COUNT)
    return _count(text) if text else 1


def _port(text: str) -> int | None:
    """Return the port in a text; None for an empty one."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and int(text) <= MAX_PORT:
        return int(text)
    raise SettingsError(
        f"{PORT}: expected a port from 0 to {MAX_PORT}, found {text!r}", remedy="Correct it, or unset it."
    )


def _whole_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SettingsError(
            f"{name}: expected a whole number, found {text!r}",
            remedy="Correct it, or leave it out.",
        ) from None


def _concurrency(text: str) -> int:
    count = _whole_number(CONCURRENCY, text)
    if 1 <= count <= MOST_WORKERS:
        return count
    raise SettingsError(
        f"{CONCURRENCY}: expected a whole number from 1 to {MOST_WORKERS}, found {text!r}",
        remedy="Correct it, or leave it out.",
    )


def _count(text: str) -> int:
    count = _whole_number(PROCESS_COUNT, text)
    if count > MAX_PROCESSES:
        raise SettingsError(
            f"{PROCESS_COUNT}: {count} is above {MAX_PROCESSES}, the maximum of Azure's host",
            remedy=f"Lower it; here, --workers takes up to {MOST_WORKERS}.",
        )
    return max(1, count)
