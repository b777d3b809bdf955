"""The app of a test: a folder, files, or an object that the test has imported."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple, TypeAlias

import azure.functions as func

import hosting
from hosting.apps.host_json import read_host_json
from hosting.apps.load import load_app, load_app_object
from hosting.authoring import Registrations, pending
from hosting.bindings.generic.implicit import has_implicit_output
from hosting.core import App, Binding, Function
from hosting.host.binding import RETURN

AppSource: TypeAlias = str | os.PathLike[str] | Mapping[str, str | bytes] | func.FunctionRegister | func.Blueprint
"""An app's folder, its files by path, or an app object of the v2 model."""

HOST_JSON = "host.json"
MAX_RETRIES = 100
"""The limit for a policy that retries without one: a test has to end."""


class Source(NamedTuple):
    """An app that a host can load."""

    root: Path
    read: Callable[..., App]
    """Loads the app, with the arguments of ``load_app``."""
    temporary: bool
    """Whether the folder was created for the test."""
    imported: bool = False
    """Whether the app is an object that the test has imported."""


def find_app(app: AppSource) -> Source:
    """Return the folder and the loader of an app.

    Raises:
        TypeError: ``app`` is not an app.
    """
    if isinstance(app, str | os.PathLike):
        return Source(Path(app).resolve(), load_app, False)
    if isinstance(app, Mapping):
        return Source(_write_temporary(app), load_app, True)
    if not hasattr(app, "_function_builders"):
        raise TypeError(f"expected a folder, files by path, a FunctionApp or a Blueprint, found {type(app).__name__}")
    function_app = _as_function_app(app)
    found = _folder_of(app)
    return Source(
        found or _write_temporary({}), functools.partial(load_app_object, function_app), found is None, imported=True
    )


def merged_host_json(root: Path, environ: Mapping[str, str], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return host.json of the app at ``root`` with ``over`` merged into it, validated as any host.json."""
    content = read_host_json(root, environ)
    if not over:
        return content
    folder = _write_temporary({HOST_JSON: json.dumps(_deep_merge(content, over))})
    try:
        return read_host_json(folder, environ)
    finally:
        (folder / HOST_JSON).unlink()
        folder.rmdir()


def write_app(files: Mapping[str, str | bytes], root: Path) -> Path:
    """Write an app's files into ``root``, add a host.json if it is missing, and return the folder."""
    for name, content in {HOST_JSON: '{"version": "2.0"}', **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def _write_temporary(files: Mapping[str, str | bytes]) -> Path:
    folder = Path(mkdtemp(prefix="hosting-testing-")).resolve()
    try:
        return write_app(files, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _as_function_app(app: Any) -> Any:
    """Return the app itself, or a new app with the functions of a Blueprint."""
    if isinstance(app, func.FunctionRegister):
        return app
    function_app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    function_app.register_functions(app)
    return function_app


def _folder_of(app: Any) -> Path | None:
    """Return the folder of the module that holds the app, if it has a host.json."""
    libraries = (os.path.dirname(os.__file__), os.path.dirname(hosting.__file__))
    for module in list(sys.modules.values()):
        attributes = getattr(module, "__dict__", {})
        file = attributes.get("__file__")
        if not isinstance(file, str) or file.startswith(libraries) or "-packages" in file:
            continue
        if any(value is app for value in list(attributes.values())):
            folder = Path(file).resolve().parent
            if (folder / HOST_JSON).is_file():
                return folder
    return None


@contextmanager
def preserve_pending(*, imported: bool) -> Iterator[Callable[[], None]]:
    """Preserve pending registrations of modules that the test has imported, for the hosts that follow.

    A module is imported once and registers once, while a test may open several hosts.

    Args:
        imported: whether the host's app is an object of such a module.

    Yields:
        A function to call when the app has been read: it passes the registrations to the host.
    """
    registrations = pending.take()

    def restore() -> None:
        if imported:
            copy = Registrations()
            copy.add(registrations)
            pending.add(copy)

    try:
        yield restore
    finally:
        pending.take()
        pending.add(registrations)


def adapt_for_tests(function: Function) -> None:
    """Let retries not wait, and add an output for a return value that needs no binding, so that it is recorded.

    The output of a trigger in memory records that by itself.
    """
    if function.retry is not None:
        count = function.retry.max_count if function.retry.max_count >= 0 else MAX_RETRIES
        function.retry = function.retry._replace(max_count=count, delay=0.0, minimum=0.0, maximum=0.0)
    implicit = [one for one in function.bindings if has_implicit_output(one)]
    is_http = function.trigger.type.lower() == "httptrigger"
    is_of_trigger = has_implicit_output(function.trigger)
    if implicit and not is_http and not is_of_trigger and not any(one.name == RETURN for one in function.bindings):
        function.bindings = (*function.bindings, Binding(RETURN, implicit[-1].type, "out"))


def _deep_merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _deep_merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
