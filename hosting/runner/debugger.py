"""``--debug``: lets a debugger attach to the process that runs the functions."""

from __future__ import annotations

import os

from hosting._install import install_command
from hosting._log import host_logger
from hosting.errors import HostingError

DEFAULT_PORT = 5678
_ADDRESS = "127.0.0.1"

_logger = host_logger("start")


def accept_debugger(port: int, *, wait: bool) -> None:
    """Listen for a debugger on this machine, before the app is imported.

    Args:
        port: the port for the debugger.
        wait: whether to wait until one has attached.

    Raises:
        HostingError: debugpy is not installed, or the port is taken.
    """
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # its warning does not help the author
    try:
        import debugpy  # noqa: T100 - starting it is what this is for
    except ModuleNotFoundError as error:
        raise HostingError(
            "--debug needs the package debugpy, which is not installed.", remedy=install_command("hosting", "debug")
        ) from error
    try:
        debugpy.listen((_ADDRESS, port))  # noqa: T100
    except (RuntimeError, OSError) as error:
        raise HostingError(
            f"Debug port {port} is unavailable: {error}.", remedy="Specify another port: --debug PORT."
        ) from error
    _logger.info("A debugger can attach to %s:%d.", _ADDRESS, port)
    if wait:
        _logger.info("Waiting for a debugger before the app is loaded.")
        debugpy.wait_for_client()  # noqa: T100
