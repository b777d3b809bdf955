"""Extension host: extensions and functions, independent of HTTP, of storage, and of how an app is read."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from hosting._lazy import lazy_name as _lazy_name
from hosting.extensions._config import FLAG, is_enabled
from hosting.extensions._discovery import EntryPoint, has_guards, installed_entry_points, load_entry_point, may_load
from hosting.extensions._failures import run_isolated
from hosting.extensions._model import COMMANDS, GROUPS, HOOK_GROUPS, Extension
from hosting.extensions.host import ExtensionHost

if _TYPE_CHECKING:
    from hosting.extensions._chains import GuardPauseError, PauseWord
    from hosting.extensions._commands import InstalledCommand, installed_commands
    from hosting.extensions._edges import Edges, outcome_of, run_edges_here
    from hosting.extensions._health import HealthResult
    from hosting.extensions._injection import overrides
    from hosting.extensions._sdk_registrations import SdkRegistrations
    from hosting.extensions.dispatch.execution import run_here
    from hosting.extensions.dispatch.runtime import record_unusable_result
    from hosting.extensions.dispatch.thread_pool import PoolThread, ThreadPool

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
    "load_entry_point",
    "may_load",
    "outcome_of",
    "overrides",
    "record_unusable_result",
    "run_edges_here",
    "run_here",
    "run_isolated",
]

_LATER = {
    "Edges": f"{__name__}._edges",
    "GuardPauseError": f"{__name__}._chains",
    "HealthResult": f"{__name__}._health",
    "InstalledCommand": f"{__name__}._commands",
    "installed_commands": f"{__name__}._commands",
    "PauseWord": f"{__name__}._chains",
    "PoolThread": f"{__name__}.dispatch.thread_pool",
    "SdkRegistrations": f"{__name__}._sdk_registrations",
    "ThreadPool": f"{__name__}.dispatch.thread_pool",
    "outcome_of": f"{__name__}._edges",
    "overrides": f"{__name__}._injection",
    "record_unusable_result": f"{__name__}.dispatch.runtime",
    "run_edges_here": f"{__name__}._edges",
    "run_here": f"{__name__}.dispatch.execution",
}


def __getattr__(name: str) -> object:
    return _lazy_name(__name__, name, _LATER)
