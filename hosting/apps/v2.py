"""The v2 programming model: functions declared by decorators in ``function_app.py`` and its blueprints."""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from hosting._author_line import defined_at
from hosting.apps.failures import app_load_error, explain
from hosting.apps.imports import check_script, import_script
from hosting.apps.lifespan import lifespan_of
from hosting.apps.reader import AppReader
from hosting.apps.retry import retry_settings
from hosting.apps.signature import read_signature
from hosting.authoring import declared_opt_ins, user_function
from hosting.core import Function
from hosting.errors import AppLoadError, FunctionLoadError

SETTING = "PYTHON_SCRIPT_FILE_NAME"
FILE = "function_app.py"
_VALID_FILE = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_\-]*\.py")


def script_name(setting: str | None) -> str:
    """Return the name of the v2 file: the value of PYTHON_SCRIPT_FILE_NAME, or ``function_app.py`` if that is not set.

    Raises:
        AppLoadError: Azure's worker would reject the name.
    """
    name = setting or FILE
    if not _VALID_FILE.fullmatch(name):
        raise AppLoadError(
            f"{SETTING}: {name!r} is not the name of a Python file in the app's folder",
            remedy="Use letters, digits, '_' and '-', then .py; a file in a sub-folder is not possible.",
        )
    return name


def read_v2(reader: AppReader, script: Path) -> bool:
    """Import a v2 file and read its functions into ``reader``.

    Returns:
        Whether it declares any function; if not, Azure reads function.json folders.

    Raises:
        AppLoadError: the file cannot be imported, or Azure's worker would fail the whole app.
    """
    check_script(script)
    try:
        module = import_script(script)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the app's code may raise anything
        raise explain(AppLoadError, f"{script.name} cannot be imported", error, reader.root, script) from error
    return read_functions(reader, _function_app(module, script), script)


def read_functions(reader: AppReader, app: Any, script: Path) -> bool:
    """Read the functions of a ``FunctionApp`` object into ``reader``.

    Args:
        reader: where functions and problems are added.
        app: the ``FunctionApp``.
        script: the file that it comes from.

    Returns:
        Whether it has any function.

    Raises:
        AppLoadError: Azure's worker would reject the app.
    """
    reader.lifespan = lifespan_of(app)
    reader.auth_level = app.auth_level
    sdk_functions = _build_functions(app, reader.root, script)
    calls = [user_function(one.get_user_function()) for one in sdk_functions]
    for sdk_function in sdk_functions:
        _read(reader, sdk_function, script, calls)
    return bool(sdk_functions)


def _function_app(module: ModuleType, script: Path) -> Any:
    import azure.functions  # heavy: only loading an app needs it

    register = azure.functions.FunctionRegister
    names = [name for name in dir(module) if isinstance(getattr(module, name, None), register)]
    if len(names) == 1:
        return getattr(module, names[0])
    if not names:
        raise AppLoadError(
            f"Could not find top level function app instances in {script.name}.",
            remedy="Add app = func.FunctionApp() at the top level, and register each Blueprint with it.",
            file=str(script),
        )
    raise AppLoadError(
        f"More than one top level function app instance is defined in {script.name}: {', '.join(names)}.",
        remedy="Keep one FunctionApp under one name; use a Blueprint for each further file.",
        file=str(script),
    )


def _build_functions(app: Any, root: Path, script: Path) -> Sequence[Any]:
    """Return the SDK's function objects; the checks come first because ``get_functions`` can be called only once."""
    functions = [builder._function for builder in app._function_builders]
    _check_triggers(functions, script)
    _check_names(functions, script)
    try:
        with _without_auth_level_warning():
            return list(app.get_functions())
    except Exception as error:  # the app may be a subclass that raises anything
        raise explain(AppLoadError, f"the SDK rejects the functions of {script.name}", error, root, script) from error


def _check_triggers(functions: Sequence[Any], script: Path) -> None:
    for function in functions:
        if function.get_trigger() is None:
            file, line = _location(function, script)
            raise AppLoadError(
                f"Function {function.get_function_name()} does not have a trigger. "
                "A valid function must have one and only one trigger registered.",
                remedy="Add a trigger decorator, for example @app.route(...).",
                file=file,
                line=line,
            )


def _check_names(functions: Sequence[Any], script: Path) -> None:
    seen: dict[str, tuple[str, int | None]] = {}
    for function in functions:
        name, location = function.get_function_name(), _location(function, script)
        first = seen.setdefault(name, location)
        if first is not location:
            raise AppLoadError(
                f"two functions have the name {name!r}; the first one is at {first[0]}:{first[1]}",
                remedy="Rename one of them, or set its name with @app.function_name(...).",
                file=location[0],
                line=location[1],
            )


@contextmanager
def _without_auth_level_warning() -> Iterator[None]:
    """Suppress a warning of the SDK that appears for every app without an HTTP function, and that needs no action.

    The null handler prevents ``logging.warning`` from configuring the root logger.
    """
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(_is_not_auth_level_warning)
    try:
        yield
    finally:
        root.removeFilter(_is_not_auth_level_warning)
        root.removeHandler(handler)


def _is_not_auth_level_warning(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Auth level is not applied")


def _read(reader: AppReader, sdk_function: Any, script: Path, calls: Sequence[Any]) -> None:
    name, call = sdk_function.get_function_name(), user_function(sdk_function.get_user_function())
    file, line = _location(sdk_function, script)
    content = json.loads(sdk_function.get_function_json())
    try:
        bindings, retry = reader.read_definition(
            name, f"{file}:{line}", content["bindings"], retry_settings(sdk_function)
        )
    except FunctionLoadError as error:
        reader.add_invalid_function(name, error, file, line, bindings=content["bindings"])
        return
    try:
        signature = read_signature(call, bindings, "v2")
    except FunctionLoadError as error:
        reader.add_failed_function(name, error)
        raise app_load_error(reader.root, [error]) from error
    opt_ins, opt_outs = declared_opt_ins(call, calls)
    if reader.is_allowed(name):
        function = Function(
            name=name,
            directory=str(Path(file).parent),
            file=file,
            model="v2",
            call=call,
            is_async=signature.is_async,
            bindings=signature.bindings,
            annotations=signature.annotations,
            wants_context=signature.wants_context,
            opt_ins=opt_ins,
            opt_outs=opt_outs,
            retry=retry,
        )
        function.injected, function.returned = signature.injected, signature.returned
        reader.functions.append(function)


def _location(sdk_function: Any, script: Path) -> tuple[str, int | None]:
    """Return the file and line of a function's definition; the script for a function that the SDK itself defines."""
    call: Callable[..., Any] = inspect.unwrap(sdk_function.get_user_function())
    file, line = defined_at(call)
    if file is None or (call.__module__ or "").startswith("azure.functions"):
        return str(script), None
    return file, line
