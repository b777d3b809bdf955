"""Function apps: their settings, ``host.json``, and their functions of either model as the core types."""

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
