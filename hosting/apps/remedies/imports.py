"""Remedies for a failed import: a module, or a name in one, that was not found."""

from __future__ import annotations

import ast
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType

from hosting._distributions import installed_version
from hosting._text import closest, did_you_mean
from hosting.apps.imports import NAMESPACE, is_app_file, module_location
from hosting.apps.remedies.distributions import (
    SHARED,
    Required,
    other_environment,
    provider,
    usual_distributions,
)
from hosting.apps.remedies.frames import app_file, app_module, importer, source_line
from hosting.apps.remedies.own_modules import elsewhere_remedy, inside_remedy, own_path, similar_module
from hosting.apps.remedies.python_versions import missing_standard_module, newer_name
from hosting.apps.requirements import FILE

_NAME = re.compile(r"cannot import name '(.+?)' from ")
_RELATIVE = re.compile(r"^\s*from\s+\.+\s*(\S*)\s+import\s+(.+)$")
_SIMILAR = 0.8
_INSTALL = f"pip install -r {FILE}"


def missing_module_remedy(error: ModuleNotFoundError, name: str, root: Path) -> str:
    """Return what to do about a module that was not found.

    Args:
        error: the exception.
        name: the module's name, with dots.
        root: the app's folder.
    """
    using = _using_package(error, name)
    return (
        missing_standard_module(name)
        or (_not_a_package(error, name) or inside_remedy(name, root) if using is None else None)
        or _missing_submodule(name, root)
        or _installed_elsewhere(name, root)
        or _required(name, root)
        or (elsewhere_remedy(name, root) or _not_required(name, root) if using is None else _needed(using))
    )


def missing_name_remedy(error: ImportError, module: str, root: Path) -> str:
    """Return what to do about a name that could not be imported from a module.

    Args:
        error: the exception.
        module: the module's name, with dots.
        root: the app's folder.
    """
    match = _NAME.search(str(error))
    if match is None:
        return _check_version(module, root)
    name = match[1]
    file = error.path or _file_of(module)
    top = module.partition(".")[0]
    if file is None and (root / top).is_dir() and (required := _required(module, root)):
        return f"{root / top} is a folder of the app, and not the package. {required}"
    if top == NAMESPACE or (file or "").startswith(str(root)) or own_path(module, root):
        return _own_name(name, module, file, root)
    if top in sys.stdlib_module_names:
        return newer_name(name, module) or _no_name(f"Python's own module {module!r}", name, module, "Check the name.")
    return _version_remedy(error, name, module, root)


def circular_import_remedy(error: BaseException, root: Path) -> str | None:
    """Return what to do about modules that import each other, None for an exception with another reason."""
    if "partially initialized module" not in str(error):
        return None
    module = getattr(error, "name", None) if isinstance(error, ImportError) else _module_of(error)
    first, second = (
        str(module or "").removeprefix(f"{NAMESPACE}."),
        app_module(error, root).removeprefix(f"{NAMESPACE}."),
    )
    if second in ("", first):
        return f"{first!r} imports a module with its own name. Rename the file, or remove the import."
    hint = ""
    if first == "function_app":
        hint = " The functions of further files belong to a func.Blueprint there, which needs no FunctionApp."
    return (
        f"The imports of {first!r} and {second!r} form a cycle. Move what both need to a third module, or import "
        f"it inside the function that needs it.{hint}"
    )


def relative_import_remedy(error: ImportError, root: Path) -> str | None:
    """Return what to do about a relative import outside of a package, None for an exception with another reason."""
    if not str(error).startswith("attempted relative import"):
        return None
    file = app_file(error, root)
    match = _RELATIVE.match(source_line(error, root))
    wanted = ""
    if match is not None:
        module, names = match.groups()
        wanted = f" Write '{f'from {module} import {names.strip()}' if module else f'import {names.strip()}'}'."
    if "beyond" in str(error):
        return f"There is no package so far up: the app's folder {root} is the outermost.{wanted}"
    where = file.name if file else "The file"
    return f"{where} is a module of its own and not in a package, so its imports begin without a dot.{wanted}"


def attribute_remedy(error: AttributeError, root: Path) -> str | None:
    """Return what to do about a name that a module, or an object of the SDK, does not have; None for other objects."""
    owner, name = error.obj, error.name or ""
    if isinstance(owner, ModuleType):
        module, file = owner.__name__, module_location(owner)
        if name in _submodules(owner):
            return f"Write 'import {module}.{name}': a package does not import its modules by itself."
        if file is not None and is_app_file(str(file), root):
            return _own_name(name, module, str(file), root)
        return None if module in sys.stdlib_module_names else _version_remedy(error, name, module, root)
    module = type(owner).__module__
    if module.startswith(("azure.functions", "azure.durable_functions")):
        hint = did_you_mean(name, [one for one in dir(owner) if not one.startswith("_")])
        return f"{_state(module)} has no {name!r}. {hint or _check_version(module, root)}"
    return None


def _using_package(error: BaseException, module: str) -> tuple[str, str] | None:
    """Return name and version of the installed distribution that imports a module of another one; None for the app."""
    using = importer(error)
    return provider(using) if using and using.partition(".")[0] != module.partition(".")[0] else None


def _not_a_package(error: ModuleNotFoundError, name: str) -> str | None:
    match = re.search(r"'([\w.]+)' is not a package", str(error))
    found = module_location(sys.modules[match[1]]) if match and match[1] in sys.modules else None
    if match is None or found is None:
        return None
    missing = name.removeprefix(f"{match[1]}.")
    remedy = f"it has no module {missing!r}. Check the spelling, or rename the file if it hides a package."
    return f"{match[1]!r} is the file {found}, not a package: {remedy}"


def _missing_submodule(name: str, root: Path) -> str | None:
    """Return the remedy for a module that an installed package does not have."""
    parent, _, last = name.rpartition(".")
    package = sys.modules.get(parent)
    if package is None:
        return None
    names = _submodules(package)
    if getattr(package, "__file__", None) is None:  # several distributions share it, and one may be missing
        similar = closest(last, names, cutoff=_SIMILAR)
        return f"{parent!r} has no module {last!r}. Did you mean {parent}.{similar}?" if similar else None
    hint = did_you_mean(last, names) or _check_version(parent, root)
    return f"{_state(parent)} has no module {last!r}. {hint}"


def _submodules(package: ModuleType) -> list[str]:
    return [one.name for one in pkgutil.iter_modules(getattr(package, "__path__", ()))]


def _installed_elsewhere(name: str, root: Path) -> str | None:
    folder = other_environment(root, name)
    if folder is None:
        return None
    here = f"hosting runs in {sys.prefix}"
    return f"It is installed in {folder}, but {here}. Install hosting in {folder.name}, and run it there."


def _required(name: str, root: Path) -> str | None:
    line = Required(root).providing(name)
    if line is None:
        return None
    wanted, place = line.requirement, f"{line.file}:{line.line}"
    if wanted.marker is not None and not wanted.marker.evaluate():
        return f"{place} requires {wanted.name} only where {wanted.marker}, which is not so here. Change the condition."
    installed = installed_version(wanted.name)
    if installed is not None:
        again = f"pip install --force-reinstall {wanted.name}"
        return (
            f"{wanted.name} {installed} is installed, but has no module {name!r}. Check the spelling, or run: {again}"
        )
    return f"{place} requires {wanted.name}, which is not installed in {sys.prefix}. Run: {_install(line.file)}"


def _install(file: str) -> str:
    return "pip install ." if file.endswith(".toml") else f"pip install -r {file}"


def _needed(using: tuple[str, str]) -> str:
    again = f"pip install --force-reinstall {using[0]}"
    return f"{using[0]} {using[1]} needs it, and not the app itself. Install it anew with what it requires: {again}"


def _not_required(name: str, root: Path) -> str:
    top = name.partition(".")[0]
    usual = next(usual_distributions(name), None)
    hint = f" (usually {usual})" if usual else ""
    shown = name if top in SHARED else top
    remedy = f"Add the package that provides {shown!r}{hint} to {FILE}, then run: {_INSTALL}"
    question = similar_module(name, root) or ("" if usual else _similar_name(top, root))
    return f"{question}{remedy[0].lower()}{remedy[1:]}" if question else remedy


def _similar_name(name: str, root: Path) -> str:
    """Return a question about a required package or a module of Python with a similar name; empty if none has."""
    line = Required(root).similar(name)
    if line is not None:
        return f"{line.file}:{line.line} requires {line.requirement.name}: did you mean that? If not: "
    similar = closest(name, sys.stdlib_module_names, cutoff=_SIMILAR)
    return f"Python has the module {similar!r}: did you mean that? If not: " if similar else ""


def _own_name(name: str, module: str, file: str | None, root: Path) -> str:
    """Return the remedy for a name that a module of the app does not have."""
    if file is None or Path(file).name == "__init__.py":  # a package: the name may be that of a module
        hint = inside_remedy(f"{module}.{name}", root) or ""
        if hint and "no such module" not in hint:
            return hint
    hint = did_you_mean(name, _names_in(module, file))
    return f"{file or module} has no {name!r}. {hint or 'Check the spelling, and that it is defined there.'}"


def _names_in(module: str, file: str | None) -> list[str]:
    """Return the names that a module defines: those of the loaded one, else those in its source."""
    loaded = sys.modules.get(module)
    names = [name for name in vars(loaded) if not name.startswith("__")] if loaded else []
    try:
        tree = ast.parse(Path(file).read_bytes()) if file and file.endswith(".py") else ast.Module([], [])
    except (OSError, ValueError, SyntaxError):
        return names
    return [*names, *(name for node in tree.body for name in _defined(node))]


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    return [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]


def _version_remedy(error: BaseException, name: str, module: str, root: Path) -> str:
    """Return the remedy for a name that a module of an installed package does not have."""
    using = _using_package(error, module)
    remedy = _no_name(_state(module), name, module, _check_version(module, root))
    return remedy if using is None else f"{using[0]} {using[1]} expects another version. {remedy}"


def _no_name(subject: str, name: str, module: str, otherwise: str) -> str:
    loaded = sys.modules.get(module)
    hint = did_you_mean(name, [one for one in vars(loaded) if not one.startswith("_")]) if loaded else ""
    return f"{subject} has no {name!r}. {hint or otherwise}"


def _state(module: str) -> str:
    """Return the subject of a sentence: the installed distribution that provides a module."""
    found = provider(module)
    return f"The module {module!r}" if found is None else f"{found[0]} {found[1]}, which is installed,"


def _check_version(module: str, root: Path) -> str:
    line = Required(root).providing(module)
    if line is not None:
        where = f"{line.file}:{line.line} requires {line.requirement}"
        return f"{where}: write the version that has it there, then run: {_install(line.file)}"
    found = provider(module)
    update = f", or update: pip install --upgrade {found[0]}" if found else ""
    return f"Check the name and the installed version of {module.partition('.')[0]!r}{update}"


def _file_of(module: str) -> str | None:
    return getattr(sys.modules.get(module), "__file__", None)


def _module_of(error: BaseException) -> str:
    match = re.search(r"partially initialized module '([^']+)'", str(error))
    return match[1] if match else ""
