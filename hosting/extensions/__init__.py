"""Extension host: extensions and functions, independent of HTTP, of storage, and of how an app is read."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

from hosting.extensions._chains import GuardPauseError, PauseWord
from hosting.extensions._config import FLAG, is_enabled
from hosting.extensions._discovery import EntryPoint, has_guards, installed_entry_points, may_load
from hosting.extensions._model import COMMANDS, GROUPS, HOOK_GROUPS, Extension
from hosting.extensions._sdk import SdkRegistrations
from hosting.extensions.dispatch.execution import run_here
from hosting.extensions.dispatch.runtime import record_unusable_result
from hosting.extensions.dispatch.thread_pool import PoolThread, ThreadPool
from hosting.extensions.host import ExtensionHost

if _TYPE_CHECKING:
    from hosting.extensions._commands import InstalledCommand, installed_commands
    from hosting.extensions._edges import Edges, outcome_of, run_edges_here
    from hosting.extensions._health import HealthResult
    from hosting.extensions._injection import overrides

__all__ = [
    "COMMANDS",
    "FLAG",
    "GROUPS",
    "HOOK_GROUPS",
    "Edges",
    "EntryPoint",
    "Extension",
    "ExtensionHost",
    "GuardPauseError",
    "HealthResult",
    "InstalledCommand",
    "PauseWord",
    "PoolThread",
    "SdkRegistrations",
    "ThreadPool",
    "has_guards",
    "installed_commands",
    "installed_entry_points",
    "is_enabled",
    "may_load",
    "outcome_of",
    "overrides",
    "record_unusable_result",
    "run_edges_here",
    "run_here",
]

_LATER = {
    "Edges": "_edges",
    "HealthResult": "_health",
    "InstalledCommand": "_commands",
    "installed_commands": "_commands",
    "outcome_of": "_edges",
    "overrides": "_injection",
    "run_edges_here": "_edges",
}
"""The modules of the names that not every host needs; they are imported when they are asked for."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'hosting.extensions' has no attribute {name!r}")
    return getattr(_import_module(f"{__name__}.{_LATER[name]}"), name)
