"""Finding an app's folder from a path: that of the folder, of a file in it, or of a folder inside it."""

from __future__ import annotations

import os
from pathlib import Path

from hosting.apps.host_json import FILE as HOST_JSON
from hosting.apps.v1 import FILE as FUNCTION_JSON
from hosting.apps.v1 import function_folders
from hosting.apps.v2 import FILE as SCRIPT
from hosting.apps.v2 import SETTING
from hosting.errors import AppLoadError


def app_folder(path: Path) -> Path:
    """Return the app's folder for a path that a person gave.

    As Azure's Core Tools do, it goes up to the nearest folder with a host.json, unless the path is an app's.

    Args:
        path: a folder, or a file such as ``function_app.py``.

    Returns:
        The folder, resolved; the path itself where there is no app, for the message about that.

    Raises:
        AppLoadError: the path is that of a file that does not belong to an app's folder.
    """
    path = path.resolve()
    folder = _folder_of(path) if path.is_file() else path
    if is_app_folder(folder) or not folder.is_dir():
        return folder
    above = next((above for above in folder.parents if (above / HOST_JSON).is_file()), None)
    if above is None and path.suffix == ".py" and path.is_file():
        remedy = f"Pass the folder, or set {SETTING}={path.name} if it is a v2 app."
        raise AppLoadError(f"{path} is not a file of a function app", remedy=remedy)
    return above or folder


def is_app_folder(folder: Path) -> bool:
    """Return whether a folder has the files of an app: host.json, a v2 file, or folders with a function.json."""
    script = os.environ.get(SETTING) or SCRIPT
    return any((folder / name).is_file() for name in (HOST_JSON, script)) or bool(function_folders(folder))


def apps_below(folder: Path) -> list[Path]:
    """Return the apps in the folders inside a folder, for a message: at most two levels below it."""
    found = [path.parent for pattern in ("*", "*/*") for path in folder.glob(f"{pattern}/{HOST_JSON}")]
    return [one for one in found if not any(part.startswith(".") for part in one.relative_to(folder).parts)]


def _folder_of(file: Path) -> Path:
    """Return the folder of a file; for one of a v1 function, which has a folder of its own, the one above it."""
    return file.parent.parent if (file.parent / FUNCTION_JSON).is_file() else file.parent
