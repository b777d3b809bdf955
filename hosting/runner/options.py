"""The options of ``hosting start``, and the address and number of processes that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hosting.apps.local_settings import LocalSettings
from hosting.errors import SettingsError, UsageError
from hosting.host.missing_options import MissingOutputs
from hosting.logging.formatters import LogFormat, LogStyle

DEFAULT_PORT = 7071
DEFAULT_ADDRESS = "127.0.0.1"
PROCESS_COUNT = "FUNCTIONS_WORKER_PROCESS_COUNT"
MAX_PROCESSES = 10
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


def listen_address(options: StartOptions, settings: LocalSettings) -> tuple[str, int]:
    """Return address and port: from flags, else ``local.settings.json``, else the defaults of Core Tools."""
    port = options.port if options.port is not None else settings.port
    return options.host or settings.address or DEFAULT_ADDRESS, DEFAULT_PORT if port is None else port


def url(address: str, port: int, *, tls: bool = False) -> str:
    """Return the URL as a person types it: ``localhost`` for local and wildcard addresses."""
    name = "localhost" if address in _LOCAL else f"[{address}]" if ":" in address else address
    return f"{'https' if tls else 'http'}://{name}:{port}"


def process_count(options: StartOptions, settings: LocalSettings, environ: Mapping[str, str]) -> int:
    """Return the number of processes: ``--workers``, else the setting, which is read as Azure's host does.

    With ``--reload`` or ``--debug`` there is one process, whatever the setting is.

    Raises:
        SettingsError: the setting is not a number, or is above 10.
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
    text = environ.get(PROCESS_COUNT) or settings.values.get(PROCESS_COUNT)
    return 1 if is_single or not text else _count(text)


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        raise SettingsError(
            f"{PROCESS_COUNT}: expected a whole number, found {text!r}",
            remedy="Correct it, or leave it out.",
        ) from None
    if count > MAX_PROCESSES:
        raise SettingsError(
            f"{PROCESS_COUNT}: {count} is above {MAX_PROCESSES}, the maximum of Azure's host",
            remedy="Lower it; here, --workers takes any number.",
        )
    return max(1, count)
