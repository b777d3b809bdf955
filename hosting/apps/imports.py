"""Importing an app's modules as Azure's worker does; a process can load one app after another."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path, PurePath
from types import ModuleType

from hosting.errors import AppLoadError

NAMESPACE = "__app__"
SITE_PACKAGES = Path(".python_packages", "lib", "site-packages")
LIBRARIES = frozenset({"site-packages", "dist-packages", ".python_packages", ".venv"})
APP_FILES = ("host.json", "function_app.py")
"""Files by which the folder of an app is recognized."""
OWN_PACKAGE = __name__.partition(".")[0]


def add_to_path(root: Path) -> None:
    """Add an app to ``sys.path``: its folder at the end, its ``.python_packages`` at the front.

    Azure's worker uses the same order. The folders of other apps move behind this one, so that this app's modules are
    found first. The entries stay, because functions also import while they run. A second call changes nothing.

    Args:
        root: the app's folder, resolved.
    """
    packages = str(root / SITE_PACKAGES)
    if Path(packages).is_dir() and packages not in sys.path:
        sys.path.insert(0, packages)
    others = [index for index, entry in enumerate(sys.path) if _is_other_app(entry, root)]
    index = min(others, default=len(sys.path))
    if str(root) not in sys.path[:index]:
        sys.path[index:] = [str(root), *(entry for entry in sys.path[index:] if entry != str(root))]


def unload_apps(root: Path) -> None:
    """Remove the modules of this app, and of apps that were loaded before it, from ``sys.modules``.

    Installed packages stay. Modules of tests stay too, because an app's tests may run the host that loads the app.

    Args:
        root: the folder of the app that is going to be loaded, resolved.
    """
    roots = [root, *_loaded_roots(), *(Path(entry) for entry in sys.path if _is_other_app(entry, root))]
    prefixes = tuple(map(str, roots))
    # All names are collected before the first is deleted: a namespace package needs its parent to compute its path.
    # A copy is made in one step; a list of items may be interrupted by a thread that imports.
    modules = sys.modules.copy()
    # Most modules are outside the apps: comparing text rules them out faster than comparing path objects.
    places = ((name, place) for name, module in modules.items() for place in module_places(module))
    near = [(name, place) for name, place in places if place.startswith(prefixes)]
    stale = [name for name, place in near if not _is_kept(name) and any(is_app_file(place, one) for one in roots)]
    for name in {*stale, *(name for name in list(sys.modules) if name.partition(".")[0] == NAMESPACE)}:
        del sys.modules[name]
    importlib.invalidate_caches()


def install_namespace(root: Path) -> None:
    """Make ``__app__`` the package of the modules in ``root``; it has a spec because web frameworks read it."""
    spec = ModuleSpec(NAMESPACE, None, is_package=True)
    spec.submodule_search_locations = [str(root)]
    sys.modules[NAMESPACE] = module_from_spec(spec)


def check_script(file: Path) -> None:
    """Check that a v2 file does not replace another module when it is imported.

    Raises:
        AppLoadError: Python or a package already uses a module of that name.
    """
    if file.stem in sys.modules or file.stem in sys.stdlib_module_names:
        raise AppLoadError(
            f"{file.name} cannot be imported: Python already uses a module called {file.stem!r}",
            remedy="Rename the file and set PYTHON_SCRIPT_FILE_NAME to its new name.",
            file=str(file),
        )


def import_script(file: Path) -> ModuleType:
    """Import the file of a v2 app as a module with the file's stem as its name, and return the module.

    Other modules of that name on ``sys.path`` do not matter.

    Raises:
        BaseException: whatever the file raises.
    """
    finder = _FileFinder(file)
    sys.meta_path.insert(0, finder)
    try:
        # Python's own machinery, so that its messages explain a circular import.
        return importlib.import_module(file.stem)
    finally:
        sys.meta_path.remove(finder)


class _FileFinder(MetaPathFinder):
    """Finds one file as the module with the file's stem as its name."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """Return the spec of the file, or None for another module."""
        return spec_from_file_location(fullname, self._file) if fullname == self._file.stem else None


def import_below_namespace(root: Path, file: Path) -> ModuleType:
    """Import a file of a v1 app as ``__app__.FOLDER.FILE``, or as ``__app__.FOLDER`` if it is ``__init__.py``.

    Args:
        root: the app's folder; ``install_namespace`` has made it ``__app__``.
        file: a Python file below it.

    Returns:
        The module.

    Raises:
        BaseException: whatever the file raises.
    """
    parts = file.relative_to(root).with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return importlib.import_module(".".join((NAMESPACE, *parts)))


def is_app_file(file: str, root: Path) -> bool:
    """Return whether a file is below an app's folder and not in a package that was installed there."""
    path = PurePath(file)
    return path.is_relative_to(root) and LIBRARIES.isdisjoint(path.relative_to(root).parts)


def module_location(module: ModuleType) -> Path | None:
    """Return the file of a module, or the folder of a package; None for one that is built in."""
    if paths := list(getattr(module, "__path__", ())):
        return Path(paths[0]).resolve()
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def own_module(name: str, root: Path) -> Path | None:
    """Return the file or the folder of a top-level module that the app brings, itself or in ``.python_packages``."""
    candidates = [folder / part for folder in (root, root / SITE_PACKAGES) for part in (name, f"{name}.py")]
    return next((path.resolve() for path in candidates if name and path.exists()), None)


def _is_kept(name: str) -> bool:
    parts = name.split(".")
    tests = (part in ("conftest", "tests") or part.startswith("test_") for part in parts)
    return parts[0] in (OWN_PACKAGE, "__main__") or any(tests)


def _is_other_app(entry: str, root: Path) -> bool:
    folder = Path(entry)
    is_app = any(os.path.isfile(os.path.join(entry, name)) for name in APP_FILES) or folder in _loaded_roots()
    return is_app and LIBRARIES.isdisjoint(folder.parts) and folder.resolve() != root


def _loaded_roots() -> Iterator[Path]:
    namespace = sys.modules.get(NAMESPACE)
    yield from (Path(entry) for entry in getattr(namespace, "__path__", ()))


def module_places(module: ModuleType) -> list[str]:
    """Return the file of a module, or the folders of a namespace package; neither for what has none."""
    # The dictionary is read, not the module: a lazy module imports things when an attribute is read.
    attributes = getattr(module, "__dict__", {})
    file = attributes.get("__file__")
    if isinstance(file, str):
        return [file]
    try:
        return [str(entry) for entry in attributes.get("__path__") or ()]
    except KeyError:  # a namespace package of which the parent was removed from sys.modules
        return []
