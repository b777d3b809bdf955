"""The v1 programming model: each folder with a ``function.json`` is a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from hosting.apps.failures import explain
from hosting.apps.imports import import_below_namespace
from hosting.apps.json_files import JsonFile, describe_json, read_json
from hosting.apps.reader import AppReader
from hosting.apps.signature import read_signature
from hosting.authoring import declared_opt_ins
from hosting.core import Binding, Function, OptIn, Problem, Retry
from hosting.errors import FunctionLoadError

FILE = "function.json"


class Declaration(NamedTuple):
    """The content of a valid ``function.json``; the function's code is not imported yet."""

    folder: Path
    script: Path
    entry_point: str
    bindings: tuple[Binding, ...]
    retry: Retry | None
    opt_ins: tuple[OptIn, ...]


def function_folders(root: Path) -> list[Path]:
    """Return the folders directly below ``root`` that contain a ``function.json``, sorted by name."""
    return sorted(path.parent for path in root.glob(f"*/{FILE}"))


def read_v1(reader: AppReader) -> None:
    """Read each function folder of the app into ``reader``; a broken one does not stop the others, as in Azure."""
    for folder in function_folders(reader.root):
        if not reader.is_allowed(folder.name):
            continue
        try:
            declaration = read_declaration(reader, folder)
        except FunctionLoadError as error:
            reader.add_invalid_function(folder.name, error, str(folder / FILE), bindings=_raw_bindings(folder))
        else:
            reader.functions.append(_load(reader, declaration))


def _raw_bindings(folder: Path) -> Any:
    try:
        return read_json(folder / FILE, FunctionLoadError).content.get("bindings")
    except FunctionLoadError:
        return None


def read_declaration(reader: AppReader, folder: Path) -> Declaration:
    """Return what the ``function.json`` in a folder declares.

    Raises:
        FunctionLoadError: it is invalid.
    """
    file = read_json(folder / FILE, FunctionLoadError)
    content = file.content
    bindings, retry = reader.read_definition(folder.name, str(file.path), content.get("bindings"), content.get("retry"))
    if content.get("disabled") is True:
        reader.problems.append(_ignored_disabled(file))
    return Declaration(
        folder=folder,
        script=_script(reader.root, folder, _text(file, "scriptFile")),
        entry_point=_text(file, "entryPoint") or "main",
        bindings=bindings,
        retry=retry,
        opt_ins=_opt_ins(file),
    )


def _load(reader: AppReader, declaration: Declaration) -> Function:
    """Import a function. If that fails, it stays listed, and each call of it fails with the reason, as in Azure."""
    function = Function(
        name=declaration.folder.name,
        directory=str(declaration.folder),
        file=str(declaration.script),
        model="v1",
        call=_not_loaded,
        is_async=False,
        bindings=declaration.bindings,
        opt_ins=declaration.opt_ins,
        retry=declaration.retry,
    )
    try:
        call = _entry_point(reader.root, declaration)
        signature = read_signature(call, declaration.bindings, "v1")
    except FunctionLoadError as error:
        reader.add_failed_function(function.name, error)
        function.error, function.call = str(error), _raises(str(error))
        return function
    opt_ins, function.opt_outs = declared_opt_ins(call)
    function.opt_ins = (*opt_ins, *declaration.opt_ins)
    function.call, function.is_async = call, signature.is_async
    function.annotations, function.wants_context = signature.annotations, signature.wants_context
    function.injected, function.returned = signature.injected, signature.returned
    function.bindings = signature.bindings
    return function


def _entry_point(root: Path, declaration: Declaration) -> Callable[..., Any]:
    script, name = declaration.script, declaration.entry_point
    try:
        module = import_below_namespace(root, script)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the app's code may raise anything
        raise explain(FunctionLoadError, f"importing {script.name} failed", error, root, script) from error
    call: Callable[..., Any] | None = getattr(module, name, None)
    if call is None or not callable(call):
        raise FunctionLoadError(
            f"function {name}() is not present in {script.relative_to(root)}",
            remedy=f'Define it there, or set "entryPoint" in {FILE} to the name of the function.',
            file=str(script),
        )
    return call


def _not_loaded() -> NoReturn:
    raise AssertionError("replaced before the function can be called")


def _raises(reason: str) -> Callable[..., NoReturn]:
    def fail(**_: object) -> NoReturn:
        """Fail an invocation with the reason why the function is not loaded."""
        raise FunctionLoadError(reason)

    return fail


def _script(root: Path, folder: Path, script_file: str | None) -> Path:
    script = _configured_script(folder, script_file) if script_file else _default_script(folder)
    if not script.is_relative_to(root):
        raise FunctionLoadError(
            f"script path {script} is not below the app's folder {root}", remedy="Move the file to the app's folder."
        )
    if script.suffix != ".py" or "." in script.stem:
        raise FunctionLoadError(
            f"invalid Python filename {script.name}", remedy="Use a name that ends with .py and has no other dot."
        )
    return script


def _configured_script(folder: Path, script_file: str) -> Path:
    script = (folder / script_file).resolve()
    if not script.is_file():
        raise FunctionLoadError(
            "Invalid script file name configuration. "
            f"The 'scriptFile' property is set to a file that does not exist: {script}",
            remedy='Correct "scriptFile"; it is relative to the folder of function.json.',
        )
    return script


def _default_script(folder: Path) -> Path:
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != FILE)
    usual = [path for path in files if path.stem in ("run", "index") or path.name == "__init__.py"]
    candidates = files if len(files) == 1 else usual
    if not candidates:
        raise FunctionLoadError(
            "Unable to determine the primary function script. Make sure at least one script file is present.",
            remedy='Rename it to __init__.py, or set "scriptFile" to its name.',
        )
    return candidates[0]


def _text(file: JsonFile, key: str) -> str | None:
    value = file.content.get(key)
    if value is None or isinstance(value, str):
        return value
    raise FunctionLoadError(
        f"{key!r}: expected a text, found {describe_json(value)}",
        remedy="Write the name as text in quotes.",
        file=str(file.path),
        line=file.line(key),
    )


def _opt_ins(file: JsonFile) -> tuple[OptIn, ...]:
    """Return the extensions that a function.json opts in to: ``"extensions": ["profile", {"timer": {"digits": 3}}]``.

    An item is an extension's name, or an object that maps names to settings.
    """
    entries = file.content.get("extensions") or []
    if isinstance(entries, list):
        named = [{entry: {}} if isinstance(entry, str) else entry for entry in entries]
        if all(isinstance(entry, Mapping) and all(isinstance(s, Mapping) for s in entry.values()) for entry in named):
            return tuple(OptIn(name, settings) for entry in named for name, settings in entry.items())
    raise FunctionLoadError(
        f"'extensions': expected a list of names, found {describe_json(entries)}",
        remedy='Write "extensions": ["profile"], or with settings: [{"profile": {"top": 20}}].',
        file=str(file.path),
        line=file.line("extensions"),
    )


def _ignored_disabled(file: JsonFile) -> Problem:
    name = Path(file.path).parent.name
    return Problem(
        "warning",
        f'The {name!r} function runs: "disabled" in {FILE} is ignored, as in Azure',
        f"Set the app setting AzureWebJobs.{name}.Disabled to true to disable it.",
        file=str(file.path),
        line=file.line("disabled"),
        function=name,
    )
