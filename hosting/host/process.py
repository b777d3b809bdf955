"""What the process of a function app is like before its code is imported, as under Azure's Core Tools."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from hosting.errors import AppLoadError

DEBUG_LOGS = "PYTHON_ENABLE_DEBUG_LOGGING"


def enter(root: Path, address: str = "") -> None:
    """Make ``root`` the working directory and tell the app its address.

    Args:
        root: the app's folder.
        address: ``host:port`` where the app is served; empty if it is not.

    Raises:
        AppLoadError: there is no such folder.
    """
    if not root.is_dir():
        raise AppLoadError(f"There is no folder {root}.", remedy="Name the folder of a function app.")
    os.chdir(root)
    if address:
        os.environ["WEBSITE_HOSTNAME"] = address
    for stream in (sys.stdout, sys.stderr):
        # What a function prints shows at once, also in a pipe.
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def allow_debug_logs(environ: MutableMapping[str, str]) -> None:
    """Let functions log at debug level unless the settings say otherwise; host.json decides what of it is shown."""
    if not environ.get(DEBUG_LOGS):
        environ[DEBUG_LOGS] = "1"
