"""What stands between a port and an app: keys and CORS, from flags and from ``local.settings.json``."""

from __future__ import annotations

import ipaddress
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hosting.host.function_host import FunctionHost
from hosting.runner.options import StartOptions, place
from hosting.server.app import HostApp
from hosting.server.middleware.cors import cors_policy

if TYPE_CHECKING:
    from hosting.server.keys import Keys

_logger = logging.getLogger("hosting.start")


def host_app(host: FunctionHost, options: StartOptions, *, announces: bool = True) -> HostApp:
    """The app that a server serves for ``host``, which is loaded.

    Args:
        host: what is served.
        options: the flags.
        announces: whether to say that keys are needed.

    Raises:
        HostingError: keys, CORS or limits cannot be used as they are asked for.
    """
    settings = host.configure()
    asks = asks_for_keys(options.auth, place(options, settings)[0])
    cors = cors_policy(options.cors or settings.cors, credentials=options.cors_credentials or settings.cors_credentials)
    return HostApp(host, grace=options.grace, keys=_keys(host.root, announces=announces) if asks else None, cors=cors)


def _keys(root: Path, *, announces: bool) -> Keys:
    from hosting.server.keys import load_keys  # costs a start what few starts need

    keys = load_keys(root)
    if announces:
        _logger.info("Callers need a key; 'hosting keys %s' shows them.", root)
    return keys


def asks_for_keys(wanted: bool | None, address: str) -> bool:
    """Whether callers need keys: as a person says, else where other machines can reach the address.

    Args:
        wanted: ``--enable-auth`` or ``--no-auth``; None for neither.
        address: where the app listens.
    """
    return not _is_loopback(address) if wanted is None else wanted


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"
