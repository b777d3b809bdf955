"""Which event loop runs the functions: uvloop for speed, asyncio's own where an app needs it."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Mapping
from typing import Literal, TypeAlias

from hosting.errors import SettingsError

EventLoop: TypeAlias = Literal["asyncio", "uvloop"]

SETTING = "HOSTING_EVENT_LOOP"
_NEED_ASYNCIO = ("nest_asyncio", "nest_asyncio2")
"""Packages that change asyncio's own event loop, and fail with another."""


def choose_event_loop(environ: Mapping[str, str]) -> EventLoop:
    """Return which event loop to use, after the app is imported.

    Azure's worker uses asyncio's own loop. uvloop is as good for almost every app and faster; it is used where it is
    installed, unless the app has imported a package that changes asyncio's loop, or has set an event loop policy.

    Args:
        environ: ``HOSTING_EVENT_LOOP`` in it decides: ``auto``, ``asyncio`` or ``uvloop``.

    Raises:
        SettingsError: the setting is none of these, or uvloop is not installed.
    """
    setting = environ.get(SETTING, "auto").strip().lower() or "auto"
    is_installed = importlib.util.find_spec("uvloop") is not None
    if setting == "auto":
        return "uvloop" if is_installed and not _needs_asyncio() else "asyncio"
    if setting == "asyncio":
        return "asyncio"
    if setting != "uvloop":
        raise SettingsError(
            f"{SETTING}: expected auto, asyncio or uvloop, found {setting!r}.",
            remedy="Correct the setting, or remove it.",
        )
    if not is_installed:
        raise SettingsError(
            f"{SETTING} is uvloop, which is not installed.", remedy="Install uvloop, or remove the setting."
        )
    return "uvloop"


def _needs_asyncio() -> bool:
    return any(name in sys.modules for name in _NEED_ASYNCIO) or _has_policy()


def _has_policy() -> bool:
    """Whether the app has set an event loop policy of its own; the default one is asyncio's."""
    if sys.version_info >= (3, 14):  # policies are deprecated there, and asking for one warns
        return False
    return type(asyncio.get_event_loop_policy()) is not asyncio.DefaultEventLoopPolicy
