"""The whole contract of an extension, in lifecycle order.

An implementation is a function marked ``@hosting.hookimpl``. It has the name of a hook, takes any subset of the hook's
arguments, and may be ``def`` or ``async def``. Names ending in ``_app_level``, and ``init``, ``configure``, ``startup``
and ``shutdown``, speak of the whole app; the others of one function that opted in.

What goes first before the function goes last after it. A hook that raises never changes what the caller gets: the error
is logged, counted and kept, and the next hook runs. Names and arguments are those of Azure's interface
(``azure.functions.AppExtensionBase``, ``azure.functions.FuncExtensionBase``); the rest is this project's.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from logging import Logger
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from azure.functions import Context

    from hosting.authoring import Outcome

hookspec = pluggy.HookspecMarker("hosting")


@hookspec
def init() -> None:
    """Once, right after the extension is loaded; in order. An error makes the extension ``failed``."""


@hookspec
def configure(settings: Mapping[str, Any]) -> None:
    """Once, after the app is imported, with the settings of host.json over those of ``hosting.configure``.

    ``settings`` is empty where nothing was set. An error makes the extension ``failed``.
    """


@hookspec
def init_function(function_name: str, function_directory: str) -> None:
    """Once for each function that opted in, before any function's load hooks; in order."""


@hookspec
def configure_function(function_name: str, settings: Mapping[str, Any]) -> None:
    """Once for each function that opted in, with that function's settings over the extension's own."""


@hookspec
def post_function_load_app_level(function_name: str, function_directory: str) -> None:
    """Right after a function is loaded, once for each function of the app; in order."""


@hookspec
def post_function_load(function_name: str, function_directory: str) -> None:
    """Right after a function that opted in is loaded; in order, after the app level."""


@hookspec
def startup() -> None:
    """The host begins to serve: once per process, on the event loop, in order, within a time budget.

    A ``def`` implementation runs in a thread.
    """


@hookspec
def invocation_app_level(logger: Logger, context: Context, func_args: dict[str, Any]) -> Generator[None, Outcome, None]:
    """Around every invocation: a generator (or async generator) that yields once.

    ``outcome = yield`` tells what happened; ``outcome.set_result(value)`` replaces it. Nothing is thrown in. Before its
    yield it may ``raise hosting.ShortCircuit(result)``. Its ``return`` value is ignored.
    """
    raise NotImplementedError


@hookspec
def pre_invocation_app_level(logger: Logger, context: Context, func_args: dict[str, Any]) -> None:
    """Right before every function; in order. ``func_args`` is the live dictionary of the call.

    May ``raise hosting.ShortCircuit(result)`` to answer in the function's place. What it returns is ignored.
    """


@hookspec
def invocation(logger: Logger, context: Context, func_args: dict[str, Any]) -> Generator[None, Outcome, None]:
    """Around a function that opted in, inside the app level: a generator as ``invocation_app_level`` is."""
    raise NotImplementedError


@hookspec
def pre_invocation(logger: Logger, context: Context, func_args: dict[str, Any]) -> None:
    """Right before a function that opted in, as ``pre_invocation_app_level``."""


@hookspec
def post_invocation(logger: Logger, context: Context, func_args: dict[str, Any], func_ret: Any) -> Any:
    """Right after a function that opted in returned; in reverse order.

    What it returns, other than None, replaces the result.
    """


@hookspec
def invocation_error(logger: Logger, context: Context, func_args: dict[str, Any], exception: BaseException) -> None:
    """Right after a function that opted in raised or was cancelled; in reverse order. What it returns is ignored."""


@hookspec
def post_invocation_app_level(logger: Logger, context: Context, func_args: dict[str, Any], func_ret: Any) -> Any:
    """Right after every function that returned, outside the function level, as ``post_invocation``."""


@hookspec
def invocation_error_app_level(
    logger: Logger, context: Context, func_args: dict[str, Any], exception: BaseException
) -> None:
    """Right after every function that raised or was cancelled, outside the function level, as ``invocation_error``."""


@hookspec
def shutdown() -> None:
    """The host has drained: once per process, in reverse order, within a time budget.

    The place to close clients and to flush telemetry. A ``def`` implementation runs in a thread.
    """
