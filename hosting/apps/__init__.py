"""Function apps: their settings, ``host.json``, and their functions of either model as the core types.

What is here is imported when it is asked for: ``hosting.extend`` needs ``host.json`` only, and a cold start is short.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hosting.apps.expansion import AppSettings
    from hosting.apps.host_json import read_host_json
    from hosting.apps.imports import add_to_path
    from hosting.apps.load import load_app
    from hosting.apps.local_settings import LocalSettings, apply_settings, read_local_settings

__all__ = [
    "AppSettings",
    "LocalSettings",
    "add_to_path",
    "apply_settings",
    "load_app",
    "read_host_json",
    "read_local_settings",
]

_MODULES = {
    "AppSettings": "expansion",
    "LocalSettings": "local_settings",
    "add_to_path": "imports",
    "apply_settings": "local_settings",
    "load_app": "load",
    "read_host_json": "host_json",
    "read_local_settings": "local_settings",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
