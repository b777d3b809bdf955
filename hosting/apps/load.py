"""Loading a function app from its folder: the v2 file if it declares functions, else the function.json folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from hosting._log import host_logger
from hosting._text import did_you_mean
from hosting.app_settings import AppSettings
from hosting.apps.deprecated import namespace_imports
from hosting.apps.expansion import disable_functions
from hosting.apps.failures import app_load_error
from hosting.apps.folder import apps_below
from hosting.apps.host_json import FILE as HOST_JSON
from hosting.apps.host_json import read_host_json
from hosting.apps.imports import add_to_path, install_namespace, unload_apps
from hosting.apps.local_settings import LocalSettings
from hosting.apps.reader import AppReader
from hosting.apps.retry import read_retry
from hosting.apps.v1 import function_folders, read_v1
from hosting.apps.v2 import FILE, SETTING, read_functions, read_v2, script_name
from hosting.apps.web import classic_requests, settle_request_types, unload_web_extension
from hosting.core import App, Problem, Retry
from hosting.errors import AppLoadError, FunctionLoadError, MissingFolderError, SettingsError

_PROXIES = "proxies.json"

logger = host_logger("apps")


def load_app(
    root: Path,
    *,
    environ: Mapping[str, str],
    host_json: Mapping[str, Any] | None = None,
    settings: LocalSettings | None = None,
    importing: Callable[[Path], AbstractContextManager[Any]] = nullcontext,
) -> App:
    """Import the function app in ``root`` and return it. The working directory is not changed.

    Modules of this app, and of apps that were loaded before it, are imported again. As in Azure, function.json folders
    count only if the v2 file declares no function. A v1 function that cannot be imported is in ``App.functions`` with
    its ``error``. A function that Azure's host would reject is in ``App.problems`` only, in both models.

    Args:
        root: the app's folder.
        environ: the environment, with the app's settings applied.
        host_json: the result of ``read_host_json``; if it is None, host.json of ``root`` is read.
        settings: the result of ``read_local_settings``, for ``App.settings`` and ``App.problems``.
        importing: returns a context manager for the app's folder, which is entered while the app's code is imported.

    Returns:
        The app, with its functions in the order of Azure's host: by name, ignoring case.

    Raises:
        SettingsError: ``host.json`` is invalid.
        AppLoadError: the folder has no app, the v2 file fails, or none of the functions can be used.
    """
    root = root.resolve()
    host_json = read_host_json(root, environ) if host_json is None else host_json
    reader = new_reader(root, environ, host_json)
    script = root / script_name(reader.settings.get(SETTING))
    _check_is_app(root, script)
    unload_apps(root)
    unload_web_extension()
    add_to_path(root)
    install_namespace(root)
    with importing(root):
        _read(reader, script)
    settle_request_types(reader.functions)
    return _app(reader, host_json, settings or LocalSettings(root))


def ignored_files(root: Path) -> list[Problem]:
    """Return a warning for each file of an app that Azure's host once read and no longer does."""
    file = root / _PROXIES
    remedy = "Delete it: write a function for each proxy, or use Azure API Management."
    warning = Problem("warning", f"{_PROXIES} has no effect: proxies are not supported", remedy, file=str(file))
    return [warning] if file.is_file() else []


def load_app_object(
    function_app: Any,
    root: Path,
    *,
    environ: Mapping[str, str],
    host_json: Mapping[str, Any],
    settings: LocalSettings,
    importing: Callable[[Path], AbstractContextManager[Any]] = nullcontext,
) -> App:
    """Return the app of an ``azure.functions.FunctionApp`` object, which can be loaded repeatedly.

    Args:
        function_app: the ``FunctionApp``.
        root: the folder that counts as the app's folder.
        environ: the environment, with the app's settings applied.
        host_json: the result of ``read_host_json``.
        settings: the result of ``read_local_settings``.
        importing: returns a context manager for ``root``, which is entered while the functions are read.

    Raises:
        SettingsError: the retry policy of ``host_json`` is invalid.
        AppLoadError: the app has no functions, or Azure's worker would reject it.
    """
    reader = new_reader(root, environ, host_json)
    with importing(root), classic_requests(function_app):
        # The SDK remembers the names of an earlier load, and would report each function as a duplicate.
        function_app.functions_bindings = {}
        if not read_functions(reader, function_app, root / FILE):
            raise AppLoadError(
                "the app has no functions", remedy="Decorate a function with a trigger, for example @app.route(...)."
            )
        settle_request_types(reader.functions)
    return _app(reader, host_json, settings)


def new_reader(root: Path, environ: Mapping[str, str], host_json: Mapping[str, Any]) -> AppReader:
    """Return a reader for functions of the app in ``root``.

    Raises:
        SettingsError: the retry policy of ``host_json`` is invalid.
    """
    return AppReader(root, AppSettings(environ), _allowed(host_json), _retry(root, host_json))


def _allowed(host_json: Mapping[str, Any]) -> frozenset[str] | None:
    names = host_json.get("functions")
    if names is None:
        return None
    logger.info(
        "A function allow list has been specified, excluding all but the following functions: [%s]",
        ", ".join(map(str, names)),
    )
    return frozenset(str(name).lower() for name in names)


def _retry(root: Path, host_json: Mapping[str, Any]) -> Retry | None:
    try:
        return None if host_json.get("retry") is None else read_retry(host_json["retry"])
    except FunctionLoadError as error:
        raise SettingsError(f"{HOST_JSON}: {error.message}", remedy=error.remedy, file=str(root / HOST_JSON)) from error


def _check_is_app(root: Path, script: Path) -> None:
    if not root.is_dir():
        raise MissingFolderError(root)
    if not script.is_file() and not function_folders(root):
        raise AppLoadError(
            f"there is no function app in {root}: neither {script.name} (v2) nor a folder with a function.json (v1)",
            remedy=_where_it_is(root),
        )


def _where_it_is(root: Path) -> str:
    below = apps_below(root)
    if below:
        return f"There is one in {' and in '.join(map(str, below[:3]))}: change to it, or pass its path."
    return "Change to the app's folder, or pass its path."


def _read(reader: AppReader, script: Path) -> None:
    folders = [folder.name for folder in function_folders(reader.root)]
    if not script.is_file() or not read_v2(reader, script):
        if not folders:
            raise AppLoadError(
                f"{script.name} declares no functions",
                remedy="Decorate a function with a trigger, for example @app.route(...); register each Blueprint.",
                file=str(script),
            )
        read_v1(reader)
    elif folders:
        reader.problems.append(
            Problem(
                "warning",
                f"these folders with a function.json are not loaded, because {script.name} declares functions: "
                + ", ".join(folders),
                f"Move their functions to {script.name}, or remove that file.",
            )
        )


def _app(reader: AppReader, host_json: Mapping[str, Any], settings: LocalSettings) -> App:
    if reader.failures and all(function.error for function in reader.functions):
        raise app_load_error(reader.root, reader.failures) from reader.failures[0]
    reader.problems.extend(_unknown_names(reader, [str(name) for name in host_json.get("functions") or ()]))
    disable_functions((*reader.functions, *reader.in_error), reader.settings)
    functions = tuple(sorted(reader.functions, key=lambda function: function.name.upper()))
    problems = (*settings.problems, *reader.problems, *namespace_imports(reader.root))
    return App(
        reader.root,
        functions,
        host_json,
        settings.values,
        problems,
        reader.lifespan,
        in_error=tuple(reader.in_error),
        auth_level=reader.auth_level,
    )


def _unknown_names(reader: AppReader, names: Sequence[str]) -> list[Problem]:
    known = {function.name.lower() for function in reader.functions}
    known |= {problem.function.lower() for problem in reader.problems if problem.function}
    unknown = sorted(name for name in names if name.lower() not in known)
    message = f"{HOST_JSON}: 'functions' lists functions that the app does not have: {', '.join(unknown)}"
    remedy = " ".join(filter(None, (did_you_mean(name, [one.name for one in reader.functions]) for name in unknown)))
    return [Problem("warning", message, remedy or "Correct the names.")] if unknown else []
