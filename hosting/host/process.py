"""The process of a function app before its code is imported, as under Azure's Core Tools."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from hosting.core import Problem
from hosting.errors import MissingFolderError

DEBUG_LOGS = "PYTHON_ENABLE_DEBUG_LOGGING"
THREAD_COUNT = "PYTHON_THREADPOOL_THREAD_COUNT"


def enter(root: Path, address: str = "") -> None:
    """Make ``root`` the working directory and publish the app's address in the environment.

    Args:
        root: the app's folder.
        address: ``host:port`` where the app is served; empty if it is not.

    Raises:
        MissingFolderError: there is no such folder.
    """
    if not root.is_dir():
        raise MissingFolderError(root)
    os.chdir(root)
    if address:
        os.environ["WEBSITE_HOSTNAME"] = address
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # it is None in a process that was started with a closed stream
            # What a function prints shows at once, also in a pipe.
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def allow_debug_logs(environ: MutableMapping[str, str]) -> None:
    """Let functions log at debug level unless the settings say otherwise; host.json decides what of it is shown."""
    if not environ.get(DEBUG_LOGS):
        environ[DEBUG_LOGS] = "1"


def read_thread_count(environ: Mapping[str, str]) -> tuple[int | None, Problem | None]:
    """Return how many threads run sync functions, as Azure's worker reads it; None for Python's own default.

    Returns:
        The number, and a warning if the setting cannot be used.
    """
    text = environ.get(THREAD_COUNT)
    if text is None:
        return None, None
    try:
        count = int(text)
    except ValueError:
        return None, _unusable_count(f"must be an integer; it is {text!r}.")
    if not 1 <= count <= sys.maxsize:
        return None, _unusable_count(f"must be set to a value between 1 and {sys.maxsize}; it is {count}.")
    return count, None


def _unusable_count(reason: str) -> Problem:
    remedy = "Correct the setting or remove it; until then Python's own default is used."
    return Problem("warning", f"{THREAD_COUNT} {reason}", remedy=remedy)
