"""How many threads run ``def`` functions."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from hosting.core import Problem

SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"


def thread_count(environ: Mapping[str, str]) -> tuple[int | None, Problem | None]:
    """How many threads the app asks for, as Azure's worker reads it; None for Python's own default.

    Returns:
        The number, and a warning if the setting is not usable.
    """
    text = environ.get(SETTING)
    if text is None:
        return None, None
    try:
        count = int(text)
    except ValueError:
        return None, _unusable(f"must be an integer; it is {text!r}.")
    if not 1 <= count <= sys.maxsize:
        return None, _unusable(f"must be set to a value between 1 and {sys.maxsize}; it is {count}.")
    return count, None


def _unusable(reason: str) -> Problem:
    return Problem("warning", f"{SETTING} {reason}", remedy="Correct or remove it; Python's own default is used.")
