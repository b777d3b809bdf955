"""Where a test's app comes from: a folder, files, or an object that the test has imported."""

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
from hosting.apps import load_app, read_host_json
from hosting.apps.load import adopt_app
from hosting.authoring import Pending, pending
from hosting.core import App, Binding, Function
from hosting.host.binding import RETURN
from hosting.testing.memory import has_implicit_output

AppSource: TypeAlias = str | os.PathLike[str] | Mapping[str, str | bytes] | func.FunctionRegister | func.Blueprint
"""A folder, files by their path inside it, or an app of the v2 model."""

HOST_JSON = "host.json"
MOST_RETRIES = 100
"""Of a policy without a limit: a test has to end."""


class Source(NamedTuple):
    """An app that a host can load."""

    root: Path
    reads: Callable[..., App]
    """As ``load_app``."""
    temporary: bool
    """Whether the folder was made for the test."""
    imported: bool = False
    """Whether the app is an object that the test has imported."""


def source(app: AppSource) -> Source:
    """Prepare an app for loading.

    Raises:
        TypeError: it is nothing that could be one.
    """
    if isinstance(app, str | os.PathLike):
        return Source(Path(app).resolve(), load_app, False)
    if isinstance(app, Mapping):
        return Source(_written(app), load_app, True)
    if not hasattr(app, "_function_builders"):
        raise TypeError(f"expected a folder, files by path, a FunctionApp or a Blueprint, found {type(app).__name__}")
    whole = _whole(app)
    found = _folder_of(app)
    return Source(found or _written({}), functools.partial(adopt_app, whole), found is None, imported=True)


def overridden(root: Path, environ: Mapping[str, str], over: Mapping[str, Any]) -> dict[str, Any]:
    """host.json of the app at ``root`` with ``over`` laid on it, key by key, checked as any host.json is."""
    written = read_host_json(root, environ)
    if not over:
        return written
    folder = _written({HOST_JSON: json.dumps(_laid(written, over))})
    try:
        return read_host_json(folder, environ)
    finally:
        (folder / HOST_JSON).unlink()
        folder.rmdir()


def write_app(files: Mapping[str, str | bytes], root: Path) -> Path:
    """Write an app's files into ``root``, with a host.json if they have none; give that folder."""
    for name, content in {HOST_JSON: '{"version": "2.0"}', **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def _written(files: Mapping[str, str | bytes]) -> Path:
    folder = Path(mkdtemp(prefix="hosting-testing-")).resolve()
    try:
        return write_app(files, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _whole(app: Any) -> Any:
    """The app itself, or one around a Blueprint."""
    if isinstance(app, func.FunctionRegister):
        return app
    around = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    around.register_functions(app)
    return around


def _folder_of(app: Any) -> Path | None:
    """The folder of a module that has the app, if there is a host.json beside it."""
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
def pending_kept(*, imported: bool) -> Iterator[Callable[[], None]]:
    """Keep what modules that the test has imported asked for: they are imported once, and hosts come and go.

    Args:
        imported: whether the app of the host is one of those modules.

    Yields:
        What is to be called when the app is read, for the host to learn what its modules asked for.
    """
    asked = pending.take()

    def tell() -> None:
        if imported:
            copy = Pending()
            copy.add(asked)
            pending.add(copy)

    try:
        yield tell
    finally:
        pending.take()
        pending.add(asked)


def prepare(function: Function) -> None:
    """Nobody waits for retries in a test; and a return value that needs no binding gets one to be seen in."""
    if function.retry is not None:
        count = function.retry.max_count if function.retry.max_count >= 0 else MOST_RETRIES
        function.retry = function.retry._replace(max_count=count, delay=0.0, minimum=0.0, maximum=0.0)
    if has_implicit_output(function.trigger) and not any(one.name == RETURN for one in function.bindings):
        kind = function.trigger.type[: -len("Trigger")]
        function.bindings = (*function.bindings, Binding(RETURN, kind, "out"))


def _laid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _laid(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
