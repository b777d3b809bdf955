"""``--debug``: lets a debugger attach to the process that runs the functions. And ``breakpoint()`` without it."""

from __future__ import annotations

import os
import sys
from typing import Any

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


def install_breakpoint_hook() -> None:
    """Let ``breakpoint()`` open a debugger that the host can end, unless another one is installed already."""
    if sys.breakpointhook is sys.__breakpointhook__:
        sys.breakpointhook = _break


def _break(*args: Any, **options: Any) -> Any:
    if os.environ.get("PYTHONBREAKPOINT", "") not in ("", "pdb.set_trace"):
        return sys.__breakpointhook__(*args, **options)  # noqa: T100 - what breakpoint() does
    from hosting.runner.breakpoints import HostDebugger, interrupt_host  # its import is slow

    HostDebugger(interrupt_host).set_trace(sys._getframe(1))  # in the caller of breakpoint()
    return None
