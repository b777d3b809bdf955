"""Importing an app's modules as Azure's worker does, so that one app after another can be loaded in a process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path, PurePath
from types import ModuleType

from hosting.errors import AppLoadError

NAMESPACE = "__app__"
SITE_PACKAGES = Path(".python_packages", "lib", "site-packages")
LIBRARIES = frozenset({"site-packages", "dist-packages", ".python_packages", ".venv"})
OWN_PACKAGE = __name__.partition(".")[0]


def add_to_path(root: Path) -> None:
    """Make an app's modules importable: its root at the end of ``sys.path``, ``.python_packages`` at the front.

    Azure's worker has the root last as well; other apps' roots move behind it, so that this app's modules are found.
    The entries stay, because functions import at run time too. Calling it again changes nothing.
    """
    packages = str(root / SITE_PACKAGES)
    if Path(packages).is_dir() and packages not in sys.path:
        sys.path.insert(0, packages)
    others = [index for index, entry in enumerate(sys.path) if _is_other_app(entry, root)]
    place = min(others, default=len(sys.path))
    if str(root) not in sys.path[:place]:
        sys.path[place:] = [str(root), *(entry for entry in sys.path[place:] if entry != str(root))]


def unload_apps(root: Path) -> None:
    """Take the modules of this app, and of apps loaded before it, out of ``sys.modules``.

    Installed packages stay, and so do modules of tests: an app's tests may be what runs the host that loads it.
    """
    roots = [root, *_loaded_roots(), *(Path(entry) for entry in sys.path if _is_other_app(entry, root))]
    # named first and deleted afterwards: a namespace package cannot tell its path once its parent is gone
    stale = [name for name, module in list(sys.modules.items()) if not _is_kept(name) and _belongs_to(module, roots)]
    for name in {*stale, *(name for name in list(sys.modules) if name.partition(".")[0] == NAMESPACE)}:
        del sys.modules[name]
    importlib.invalidate_caches()


def install_namespace(root: Path) -> None:
    """Make ``__app__`` a namespace package of the modules in ``root``, with the spec that web frameworks look at."""
    spec = ModuleSpec(NAMESPACE, None, is_package=True)
    spec.submodule_search_locations = [str(root)]
    sys.modules[NAMESPACE] = module_from_spec(spec)


def check_script(file: Path) -> None:
    """Refuse a v2 file that would take the place of another module.

    Raises:
        AppLoadError: a module of that name is in use by Python or by a package.
    """
    if file.stem in sys.modules or file.stem in sys.stdlib_module_names:
        raise AppLoadError(
            f"{file.name} cannot be imported: the name {file.stem!r} belongs to a module that Python uses already",
            remedy="Rename the file and set PYTHON_SCRIPT_FILE_NAME to its new name.",
            file=str(file),
        )


def import_script(file: Path) -> ModuleType:
    """Import the file of a v2 app under its stem, whatever else ``sys.path`` has of that name.

    Raises:
        BaseException: what the file raised.
    """
    spec = spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {file}", name=file.stem, path=str(file))
    module = sys.modules[file.stem] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(file.stem, None)
        raise
    return module


def import_below_namespace(root: Path, file: Path) -> ModuleType:
    """Import a file of a v1 app as ``__app__.FOLDER[.FILE]``; ``__init__.py`` is the folder's package itself.

    Args:
        root: the app's root, which ``__app__`` stands for.
        file: a Python file below it.
    """
    parts = file.relative_to(root).with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return importlib.import_module(".".join((NAMESPACE, *parts)))


def is_app_file(file: str, root: Path) -> bool:
    """Whether a file is the app's own: below its root, and in no package that was installed there."""
    path = PurePath(file)
    return path.is_relative_to(root) and LIBRARIES.isdisjoint(path.relative_to(root).parts)


def _is_kept(name: str) -> bool:
    parts = name.split(".")
    tests = (part in ("conftest", "tests") or part.startswith("test_") for part in parts)
    return parts[0] in (OWN_PACKAGE, "__main__") or any(tests)


def _is_other_app(entry: str, root: Path) -> bool:
    folder = Path(entry)
    if not LIBRARIES.isdisjoint(folder.parts) or folder.resolve() == root:
        return False
    return (folder / "host.json").is_file() or (folder / "function_app.py").is_file() or folder in _loaded_roots()


def _loaded_roots() -> Iterator[Path]:
    namespace = sys.modules.get(NAMESPACE)
    yield from (Path(entry) for entry in getattr(namespace, "__path__", ()))


def _belongs_to(module: ModuleType, roots: list[Path]) -> bool:
    # the dictionary is asked, not the module: lazy modules import things when an attribute is looked up
    attributes = getattr(module, "__dict__", {})
    file = attributes.get("__file__")
    places = [file] if isinstance(file, str) else [str(entry) for entry in attributes.get("__path__") or ()]
    # most modules are elsewhere, which their path's text tells faster than its parts
    return any(place.startswith(str(root)) and is_app_file(place, root) for place in places for root in roots)
