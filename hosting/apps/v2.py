"""The v2 model: the decorators of ``function_app.py`` and its blueprints make the functions."""

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

from hosting.apps.failures import app_load_error, explain
from hosting.apps.imports import check_script, import_script
from hosting.apps.lifespan import lifespan_of
from hosting.apps.reader import AppReader
from hosting.apps.signature import defined_at, read_signature
from hosting.authoring import declared, user_function
from hosting.core import Function
from hosting.errors import AppLoadError, FunctionLoadError

SETTING = "PYTHON_SCRIPT_FILE_NAME"
FILE = "function_app.py"
_VALID_FILE = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_\-]*\.py")
_RETRY_NAMES = {
    "strategy": "strategy",
    "max_retry_count": "maxRetryCount",
    "delay_interval": "delayInterval",
    "minimum_interval": "minimumInterval",
    "maximum_interval": "maximumInterval",
}


def script_name(setting: str | None) -> str:
    """The name of the v2 file: the value of PYTHON_SCRIPT_FILE_NAME, or ``function_app.py``.

    Raises:
        AppLoadError: Azure's worker would refuse that name.
    """
    name = setting or FILE
    if not _VALID_FILE.fullmatch(name):
        raise AppLoadError(
            f"{SETTING}: {name!r} is not the name of a Python file in the app's folder",
            remedy="Use letters, digits, '_' and '-', then .py; sub-folders are not possible.",
        )
    return name


def read_v2(reader: AppReader, script: Path) -> bool:
    """Read the functions that a v2 file declares.

    Returns:
        Whether it declares any: Azure reads function.json folders where it declares none.

    Raises:
        AppLoadError: the file, or a function in it, is what Azure's worker fails the whole app for.
    """
    check_script(script)
    try:
        module = import_script(script)
    except (Exception, SystemExit) as error:  # it is the author's code, and may raise anything
        raise explain(AppLoadError, f"{script.name} cannot be imported", error, reader.root, script) from error
    return read_functions(reader, _function_app(module, script), script)


def read_functions(reader: AppReader, app: Any, script: Path) -> bool:
    """Read the functions of an app object; ``script`` is where it comes from.

    Returns:
        Whether it has any.

    Raises:
        AppLoadError: Azure's worker would refuse it.
    """
    reader.lifespan = lifespan_of(app)
    built = _built(app, reader.root, script)
    for function in built:
        _read(reader, function, script)
    return bool(built)


def _function_app(module: ModuleType, script: Path) -> Any:
    import azure.functions  # heavy, and only those who load an app need it

    register = azure.functions.FunctionRegister
    names = [name for name in dir(module) if isinstance(getattr(module, name, None), register)]
    if len(names) == 1:
        return getattr(module, names[0])
    if not names:
        raise AppLoadError(
            f"Could not find top level function app instances in {script.name}.",
            remedy="Write app = func.FunctionApp() at its top level; register each Blueprint with it.",
            file=str(script),
        )
    raise AppLoadError(
        f"More than one top level function app instance is defined in {script.name}: {', '.join(names)}.",
        remedy="Keep one name for one FunctionApp; use Blueprint for further files.",
        file=str(script),
    )


def _built(app: Any, root: Path, script: Path) -> Sequence[Any]:
    """The SDK's function objects; ``get_functions`` can be called once only, so the likely mistakes are told before."""
    functions = [builder._function for builder in app._function_builders]
    _check_triggers(functions, script)
    _check_names(functions, script)
    try:
        with _without_auth_level_warning():
            return list(app.get_functions())
    except Exception as error:  # the app may be the author's subclass, and raise anything
        raise explain(AppLoadError, f"the functions of {script.name} are refused", error, root, script) from error


def _check_triggers(functions: Sequence[Any], script: Path) -> None:
    for function in functions:
        if function.get_trigger() is None:
            file, line = _place(function, script)
            raise AppLoadError(
                f"Function {function.get_function_name()} does not have a trigger. "
                "A valid function must have one and only one trigger registered.",
                remedy="Decorate it with a trigger too, for instance @app.route(...).",
                file=file,
                line=line,
            )


def _check_names(functions: Sequence[Any], script: Path) -> None:
    seen: dict[str, tuple[str, int | None]] = {}
    for function in functions:
        name, place = function.get_function_name(), _place(function, script)
        first = seen.setdefault(name, place)
        if first is not place:
            raise AppLoadError(
                f"two functions have the name {name!r}; the first one is at {first[0]}:{first[1]}",
                remedy="Rename one of them, or give it another name with @app.function_name(...).",
                file=place[0],
                line=place[1],
            )


@contextmanager
def _without_auth_level_warning() -> Iterator[None]:
    """Keep back what the SDK says of each app without an HTTP function: nothing is wrong, and nothing can be done.

    The handler keeps ``logging.warning`` from configuring the root logger.
    """
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(_is_no_auth_level_warning)
    try:
        yield
    finally:
        root.removeFilter(_is_no_auth_level_warning)
        root.removeHandler(handler)


def _is_no_auth_level_warning(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Auth level is not applied")


def _read(reader: AppReader, built: Any, script: Path) -> None:
    name, call = built.get_function_name(), user_function(built.get_user_function())
    file, line = _place(built, script)
    try:
        content = json.loads(built.get_function_json())
        bindings, retry = reader.define(name, f"{file}:{line}", content["bindings"], _retry(built))
    except FunctionLoadError as error:
        reader.add_invalid_function(name, error, file, line)
        return
    try:
        signature = read_signature(call, bindings, "v2")
    except FunctionLoadError as error:
        reader.add_failed_function(name, error)
        raise app_load_error(reader.root, [error]) from error
    opt_ins, opt_outs = declared(call)
    if reader.is_allowed(name):
        reader.functions.append(
            Function(
                name=name,
                directory=str(Path(file).parent),
                file=file,
                model="v2",
                call=call,
                is_async=signature.is_async,
                bindings=bindings,
                annotations=signature.annotations,
                wants_context=signature.wants_context,
                opt_ins=opt_ins,
                opt_outs=opt_outs,
                retry=retry,
            )
        )


def _retry(built: Any) -> dict[str, Any] | None:
    settings = built.get_settings_dict("retry_policy")
    return {camel: settings.get(snake) for snake, camel in _RETRY_NAMES.items()} if settings else None


def _place(built: Any, script: Path) -> tuple[str, int | None]:
    """Where the author wrote a function; the script itself for one that the SDK wraps around a web app."""
    call: Callable[..., Any] = inspect.unwrap(built.get_user_function())
    file, line = defined_at(call)
    if file is None or (call.__module__ or "").startswith("azure.functions"):
        return str(script), None
    return file, line
