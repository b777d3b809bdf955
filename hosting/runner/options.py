"""What ``hosting start`` was asked for, and what follows from it and from the settings: where to listen, how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hosting.apps.local_settings import LocalSettings
from hosting.errors import HostingError, SettingsError
from hosting.logging.formatters import LogFormat

DEFAULT_PORT = 7071
DEFAULT_ADDRESS = "127.0.0.1"
PROCESS_COUNT = "FUNCTIONS_WORKER_PROCESS_COUNT"
MOST_PROCESSES = 10
_LOCAL = ("127.0.0.1", "0.0.0.0", "::", "::1")


class StartOptions(NamedTuple):
    """The flags of ``hosting start``; None where one was not given."""

    root: Path
    host: str | None = None
    port: int | None = None
    functions: Sequence[str] = ()
    verbose: bool = False
    log_format: LogFormat = "console"
    strict: bool = False
    grace: float = 10.0
    workers: int | None = None
    reload: bool = False
    debug: int | None = None
    """The port that a debugger connects to."""
    wait_for_debugger: bool = False
    cert: Path | None = None
    key: Path | None = None
    auth: bool | None = None
    """Whether callers need keys; by default where other machines can reach the address."""
    cors: Sequence[str] = ()
    cors_credentials: bool = False


class Role(NamedTuple):
    """What this process is among those that serve; by default it is the only one."""

    announces: bool = True
    """Whether it says what is served."""
    supervised: bool = False
    """Whether another process gets Ctrl-C and tells this one to drain, and starts it again when it ends."""
    crashed: str = ""
    """Why the app cannot be tried again before the next edit."""


def place(options: StartOptions, settings: LocalSettings) -> tuple[str, int]:
    """Address and port: flags first, then ``local.settings.json``, then the defaults of Core Tools."""
    port = options.port if options.port is not None else settings.port
    return options.host or settings.address or DEFAULT_ADDRESS, DEFAULT_PORT if port is None else port


def url(address: str, port: int, *, tls: bool = False) -> str:
    """The address as a person would type it."""
    name = "localhost" if address in _LOCAL else f"[{address}]" if ":" in address else address
    return f"{'https' if tls else 'http'}://{name}:{port}"


def process_count(options: StartOptions, settings: LocalSettings, environ: Mapping[str, str]) -> int:
    """How many processes serve: ``--workers``, or else the setting, which is read as Azure's host reads it.

    Whoever reloads or debugs has one process, whatever the setting says.

    Raises:
        SettingsError: the setting is not a number, or is above 10.
        HostingError: ``--workers`` is given with ``--reload`` or ``--debug``.
    """
    alone = options.reload or options.debug is not None
    if options.workers is not None:
        if alone and options.workers > 1:
            raise HostingError(
                f"--workers {options.workers} cannot be combined with --reload or --debug.",
                remedy="Leave one of them out: reloading and debugging are for a single process.",
            )
        return options.workers
    text = environ.get(PROCESS_COUNT) or settings.values.get(PROCESS_COUNT)
    return 1 if alone or not text else _count(text)


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        raise SettingsError(
            f"{PROCESS_COUNT}: expected a whole number, found {text!r}", remedy="Correct it, or leave it out for one."
        ) from None
    if count > MOST_PROCESSES:
        raise SettingsError(
            f"{PROCESS_COUNT}: {count} is above {MOST_PROCESSES}, the most that Azure's host takes",
            remedy="Lower it; here, --workers takes any number.",
        )
    return max(1, count)
