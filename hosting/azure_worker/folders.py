"""The functions of a v1 app in Azure's worker: the folders whose ``function.json`` names an extended function."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hosting.app_settings import AppSettings
from hosting.apps.host_json import read_host_json
from hosting.apps.imports import NAMESPACE, is_app_file
from hosting.apps.reader import AppReader
from hosting.apps.v1 import Declaration, function_folders, read_declaration
from hosting.authoring import declared_opt_ins, decorated_layers
from hosting.core import Function
from hosting.errors import FunctionLoadError, HostingError


class Expected(NamedTuple):
    """An extended v1 function, before its folder is known."""

    function: Function
    """Describes it as far as its code does; becomes the first of the functions that name it."""
    wrapper: Callable[..., Any]
    """What the worker gets instead of it."""
    by_name: dict[str, Function]
    """Its functions by name, if several folders name it."""


def find_functions(expected: Sequence[Expected], root: str) -> list[Function]:
    """Return the functions that extended functions are, with name, folder and bindings as under ``hosting start``.

    Decorators may stand above and below ``hosting.extend``, with code in any file. A function that no folder names is
    returned as its code describes it.

    Args:
        expected: the extended functions; their descriptions are completed.
        root: the app's folder.
    """
    entry_points = [
        (declaration, call, set(map(id, decorated_layers(call)))) for declaration, call in _entry_points(root)
    ]
    functions: list[Function] = []
    for one in expected:
        function = one.function
        function.opt_ins, function.opt_outs = declared_opt_ins(function.call)
        named = [(declaration, call) for declaration, call, layers in entry_points if id(one.wrapper) in layers]
        for number, (declaration, call) in enumerate(named):
            function = one.function if number == 0 else _copy(one.function)
            _complete(function, declaration, call)
            if len(named) > 1:
                one.by_name[function.name] = function
            functions.append(function)
        functions += [] if named else [function]
    return sorted(functions, key=lambda function: function.name.lower())


def _copy(function: Function) -> Function:
    copy = Function(
        function.name, function.directory, function.file, function.model, function.call, is_async=function.is_async
    )
    copy.injected, copy.returned = function.injected, function.returned
    return copy


def _complete(function: Function, declaration: Declaration, entry_point: Any) -> None:
    opt_ins, function.opt_outs = declared_opt_ins(entry_point)
    function.opt_ins = (*opt_ins, *declaration.opt_ins)
    function.name, function.model = declaration.folder.name, "v1"
    function.directory, function.file = str(declaration.folder), str(declaration.script)
    function.bindings = declaration.bindings
    bound = {binding.name for binding in declaration.bindings}
    function.wants_context = "context" in inspect.signature(function.call).parameters and "context" not in bound


def _entry_points(root: str) -> Iterator[tuple[Declaration, Any]]:
    """Yield the functions with an imported module, each with what the worker calls."""
    namespace = getattr(sys.modules.get(NAMESPACE), "__path__", ())
    for folder in dict.fromkeys(Path(one).resolve() for one in (root, *namespace)):
        reader = AppReader(folder, AppSettings(os.environ), _allowed_names(folder))
        modules = _imported_modules(folder)
        for declaration in _declarations(reader):
            module = modules.get(declaration.script.resolve())
            entry_point = getattr(module, declaration.entry_point, None)
            if callable(entry_point):
                yield declaration, entry_point


def _allowed_names(root: Path) -> frozenset[str] | None:
    try:
        names = read_host_json(root, os.environ).get("functions")
    except HostingError:
        return None  # Azure's host reports it
    return None if names is None else frozenset(str(name).lower() for name in names)


def _declarations(reader: AppReader) -> Iterator[Declaration]:
    for folder in function_folders(reader.root):
        try:
            if reader.is_allowed(folder.name):
                yield read_declaration(reader, folder)
        except FunctionLoadError:
            continue  # Azure's host reports it


def _imported_modules(root: Path) -> Mapping[Path, Any]:
    """Return the modules below a folder by their files; of two with the same file, the one that Azure's worker uses."""
    found: dict[Path, Any] = {}
    for name, module in sorted(sys.modules.copy().items(), key=lambda item: item[0].startswith(f"{NAMESPACE}.")):
        file = getattr(module, "__dict__", {}).get("__file__")
        if name != "__main__" and isinstance(file, str) and is_app_file(os.path.realpath(file), root):
            found[Path(file).resolve()] = module
    return found
