"""The modules that an app has itself, wherever they are: a name of the app's own is never installed with pip."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hosting._text import closest
from hosting.apps.imports import LIBRARIES, NAMESPACE

_MAX_DEPTH = 4
_MAX_FOLDERS = 2000
_SIMILAR = 0.8


def inside_remedy(name: str, root: Path) -> str | None:
    """Return what to do about a module that was not found in a package of the app; None if the app has no such package.

    Args:
        name: the module's name, with dots.
        root: the app's folder.
    """
    parts = name.split(".")
    is_own = parts[0] == NAMESPACE
    folder = root
    for index, part in enumerate(parts[is_own:], int(is_own)):
        found = _child(folder, part)
        if found is None:
            return _missing_inside(folder, parts[is_own:], parts[index], root) if index else None
        if found.suffix == ".py":
            rest = ".".join(parts[index + 1 :])
            return f"{part!r} is the file {found}, not a package: it has no module {rest!r}." if rest else None
        folder = found
    return f"{folder} has no module that can be imported: check that its files exist." if is_own else None


def elsewhere_remedy(name: str, root: Path) -> str | None:
    """Return what to do about a module that the app has in another folder, or in another case; None if it has none."""
    top = name.partition(".")[0]
    if top == root.name:
        return f"{root} is the app's folder itself, and modules are found inside it. Import them without '{top}.'."
    if top == "function_app":  # a package of that name is never what is meant
        return f"{root} has no function_app.py: write the name of the app's v2 file."
    return _other_spelling(root, top) or _other_folder(root, top)


def own_path(name: str, root: Path) -> Path | None:
    """Return the file or folder of a module in the app's folder; None if the app has none of that name there."""
    folder: Path | None = root
    for part in name.removeprefix(f"{NAMESPACE}.").split("."):
        folder = _child(folder, part) if folder is not None else None
    return folder


def similar_module(name: str, root: Path) -> str:
    """Return a question about a module directly in the app's folder that has a similar name; empty if none has."""
    similar = closest(name.partition(".")[0], _modules(root), cutoff=_SIMILAR)
    return "" if similar is None else f"The app has {_child(root, similar)}: did you mean {similar!r}? If not: "


def _child(folder: Path, name: str) -> Path | None:
    """Return a module or package in a folder, which Python finds with exactly this spelling."""
    names = _names(folder)
    if name in names and (folder / name).is_dir():
        return folder / name
    return folder / f"{name}.py" if f"{name}.py" in names else None


def _missing_inside(folder: Path, parts: Sequence[str], name: str, root: Path) -> str:
    """Return the remedy for a module that a package of the app does not have."""
    similar = closest(name, _modules(folder))
    hint = None if similar is None else f"The app has {_child(folder, similar)}. Did you mean {similar!r}?"
    nothing = f"The app's folder {root} has no such module: check the spelling, and that the file exists."
    return _other_spelling(folder, name) or hint or _other_folder(root, parts[-1]) or nothing


def _other_spelling(folder: Path, name: str) -> str | None:
    """Return the remedy for a module that the folder has in another case, or as a file that cannot be imported."""
    same = next((one for one in _modules(folder) if one.lower() == name.lower() and one != name), None)
    if same is not None:
        return f"The app has {_child(folder, same)}. Write {same!r}: upper and lower case differ on Linux, as in Azure."
    file = next((one for one in sorted(_names(folder)) if one.startswith(f"{name}.") and _is_module_like(one)), None)
    return None if file is None else f"{folder / file} is not a module that this Python can import. Write {name}.py."


def _is_module_like(name: str) -> bool:
    return name.endswith((".pyx", ".ipynb", ".so", ".pyd", ".pyc", ".pyi", ".py.txt", ".PY"))


def _other_folder(root: Path, name: str) -> str | None:
    place = next(_search(root, name), None)
    if place is None:
        return None
    dotted = ".".join(place.relative_to(root).with_suffix("").parts)
    start = f"The app has {place}, and modules are found from the app's folder on."
    if all(part.isidentifier() for part in dotted.split(".")):
        return f"{start} Write {dotted!r}, or move it to {root}."
    return f"{start} Move it to {root}."


def _search(root: Path, name: str) -> Iterator[Path]:
    """Yield modules and packages of this name, in any case, in the folders inside an app, the outermost first."""
    waiting = [root]
    for folder in itertools.islice(waiting, _MAX_FOLDERS):  # the list grows while it is read
        if folder != root:
            found = (_child(folder, one) for one in _modules(folder) if one.lower() == name.lower())
            yield from filter(None, found)
        if len(folder.relative_to(root).parts) < _MAX_DEPTH:
            waiting += [folder / one for one in sorted(_names(folder)) if _is_searched(folder / one)]


def _is_searched(path: Path) -> bool:
    hidden = path.name.startswith((".", "__")) or path.name in LIBRARIES or path.name == "node_modules"
    return not hidden and path.is_dir() and not (path / "pyvenv.cfg").is_file()


def _modules(folder: Path) -> Iterator[str]:
    """Yield the names of the modules and packages directly in a folder."""
    for name in sorted(_names(folder)):
        stem, _, suffix = name.partition(".")
        if suffix == "py":
            yield stem
        elif not suffix and name.isidentifier() and _is_searched(folder / name) and _has_code(folder / name):
            yield name


def _has_code(folder: Path) -> bool:
    return any(name.endswith(".py") or (folder / name / "__init__.py").is_file() for name in _names(folder))


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
