"""The hooks of an extension, in lifecycle order.

An implementation is a function with the name of a hook, marked ``@hosting.hookimpl``. It takes any subset of the hook's
arguments, and may be ``def`` or ``async def``. Hooks at app level (``init``, ``configure``, ``prepare``, ``startup``,
``shutdown`` and all that end in ``_app_level``) are for the whole app. The others are for functions that opt in to the
extension, except the hooks at the edges of an invocation (``binding_error``, ``gave_up``, ``invocation_end``,
``response_sent``), which run for every function that the extension is for.

- Order: before the function, hooks run in the order of their extensions, which ``hosting diag`` shows; after it in the
  reverse order.
- Errors: whatever a hook raises is logged, counted and shown by ``hosting diag``, and the next hook runs. It never
  changes what the caller gets, except where the extension is a guard: then the function does not run, or its result is
  withheld, and the invocation fails with ``hosting.GuardError``. Only KeyboardInterrupt and the host's own cancellation
  are raised again. The function's own exception, raised again by a hook, is not an error of the hook; of two extensions
  that raise the same exception in one invocation, the first has the error.
- Threads: in an invocation, ``def`` hooks of a ``def`` function run on that function's thread, all others on the event
  loop.
- Time limits: an ``async def`` hook is cancelled after ``budgets.hook`` seconds (5 by default, set in host.json), which
  counts as an error. A ``def`` hook in an invocation that takes longer is reported as an error when it ends. If the
  hook raises after its time, that is the error, and the only one.
- Start: an import, or a hook outside invocations, that takes longer than 5 seconds is named in the log while the host
  waits for it, and a ``def`` hook again at the end of its budget: Python cannot end it.

Names and arguments are those of Azure's interface (``azure.functions.AppExtensionBase``,
``azure.functions.FuncExtensionBase``), as far as that has them. ``invocation`` is an addition.
"""

from __future__ import annotations

from collections.abc import Generator
from logging import Logger
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from azure.functions import Blueprint, Context

    from hosting._invocation import Invocation, InvocationOutcome, Phase
    from hosting.app_handle import AppHandle
    from hosting.authoring import Outcome

hookspec = pluggy.HookspecMarker("hosting")


@hookspec
def init() -> None:
    """Called once, right after the extension is loaded.

    - Order: the order of the extensions.
    - Return value: ignored.
    - Error: the extension gets the status ``failed``, and none of its hooks is called again. If it is a guard, the host
      does not start.
    - Async: allowed; it runs on an event loop of its own, which is closed when it ends.
    """


@hookspec
def configure(settings: Any) -> None:
    """Called once, after the app is imported and before any function is set up.

    - Order: the order of the extensions.
    - Return value: ignored.
    - Error: the extension gets the status ``failed``, and none of its hooks is called again. If it is a guard, the host
      does not start.
    - Async: allowed; it runs on an event loop of its own, which is closed when it ends.

    Args:
        settings: the extension's settings from host.json and from ``hosting.configure``; for a key that both have, the
            value of host.json. Empty if there are none. If the extension has a class for them, ``settings = Settings``
            beside ``order``, an instance of it.
    """


@hookspec
def prepare(app: AppHandle) -> Blueprint | None:
    """Called once, when the app is imported and the extension is configured, and before functions are final.

    The place to look at the app's functions, and to add some: routes by ``app.add_route``, functions of any kind by
    returning an ``azure.functions.Blueprint``. Each is a function of the app: it has hooks, bindings and opt-ins.

    - Order: the order of the extensions. Each sees the functions that the ones before it have added.
    - Return value: a Blueprint, whose functions are added; or None.
    - Error: the extension gets the status ``failed``, none of its hooks is called again, and nothing that it has added
      is kept. The same happens if one of its functions has the name or the route of another function.
    - Async: allowed; it runs on an event loop of its own, which is closed when it ends.

    Args:
        app: the app: its functions, folder and settings, and what can be added to it.
    """


@hookspec
def init_function(function_name: str, function_directory: str) -> None:
    """Called once for each function that opted in, before any function is configured.

    - Order: function by function; for each in the order of the extensions.
    - Return value: ignored.
    - Error: that function runs without the function-level hooks of this extension; if it is a guard, it does not run.
    - Async: allowed; it runs on an event loop of its own, which is closed when it ends.

    Args:
        function_name: the function's name.
        function_directory: the folder of the function (v1) or of the file that declares it (v2), an absolute path.
    """


@hookspec
def configure_function(function_name: str, settings: Any) -> None:
    """Called once for each function that opted in, after ``init_function`` of all functions.

    - Order: function by function; for each in the order of the extensions.
    - Return value: ignored.
    - Error: that function runs without the function-level hooks of this extension; if it is a guard, it does not run.
    - Async: allowed; it runs on an event loop of its own, which is closed when it ends.

    Args:
        function_name: the function's name.
        settings: the extension's settings for this function. For a key that several places have, host.json comes first,
            then ``hosting.use`` on the function, then ``hosting.configure``. An instance of the extension's class for
            settings, if it has one. If it has a class ``function_settings``, an instance of that, of what
            ``hosting.use`` says alone.
    """


@hookspec
def post_function_load_app_level(function_name: str, function_directory: str) -> None:
    """Called once for each function of the app, when all functions are set up.

    - Order: function by function; for each in the order of the extensions, before ``post_function_load``.
    - Return value: ignored.
    - Error: recorded; nothing else changes, except that the function does not run if the extension is a guard.
    - Async: allowed; it runs on an event loop of its own, which is closed when it ends.

    Args:
        function_name: the function's name.
        function_directory: the folder of the function (v1) or of the file that declares it (v2), an absolute path.
    """


@hookspec
def post_function_load(function_name: str, function_directory: str) -> None:
    """Called once for each function that opted in, right after ``post_function_load_app_level`` for that function.

    - Order: the order of the extensions.
    - Return value: ignored.
    - Error: recorded; nothing else changes, except that the function does not run if the extension is a guard.
    - Async: allowed; it runs on an event loop of its own, which is closed when it ends.

    Args:
        function_name: the function's name.
        function_directory: the folder of the function (v1) or of the file that declares it (v2), an absolute path.
    """


@hookspec
def startup(app: AppHandle) -> None:
    """Called once per process, before the host serves; in Azure's worker, before the first invocation.

    The place to open clients and connections.

    - Order: the order of the extensions, one after the other.
    - Return value: ignored.
    - Error: recorded; the host serves all the same, except under ``hosting start --strict``, or if the extension is a
      guard. In Azure's worker, the functions of the guard do not run then.
    - Async: allowed, on the event loop of the invocations. ``def`` runs in a thread. After ``budgets.startup`` seconds
      (30 by default) it is cancelled, and not waited for.

    Args:
        app: the app, as in ``prepare``; functions can no longer be added.
    """


@hookspec
def invocation_app_level(
    logger: Logger, context: Context, func_args: dict[str, Any], invocation: Invocation
) -> Generator[None, Outcome, None]:
    """Runs around every invocation: a generator that yields once, for example to measure time or to open a span.

    ``outcome = yield`` gives how the invocation ended. Nothing is thrown into the generator: a function that raised, or
    was cancelled, is an ``outcome.exception``. ``outcome.set_result(value)`` replaces the result or the exception.

    - Order: up to the yield in the order of the extensions, before all pre hooks; the rest in reverse order, after all
      post and error hooks.
    - Return value: ignored.
    - ``hosting.ShortCircuit(result)``, raised before the yield: the function and the hooks further in are not called,
      except those of guards, and the caller gets ``result``. Hooks that have run are called on the way back, except
      this one.
    - Error: recorded, also if it does not yield exactly once; the invocation goes on as if the hook were not there. If
      the extension is a guard, the function does not run, or its result is withheld.
    - Async: allowed, as an async generator.

    Args:
        logger: the logger ``hosting.extensions.NAME``.
        context: the invocation's context, the same object as the function gets. Attributes set here are seen by it.
        func_args: the arguments of the call by name. A change before the yield changes what the function gets.
        invocation: the function, the HTTP request if there is one, and a way to respond; also ``context.invocation``.
    """
    raise NotImplementedError


@hookspec
def pre_invocation_app_level(
    logger: Logger, context: Context, func_args: dict[str, Any], invocation: Invocation
) -> None:
    """Called right before every function.

    - Order: the order of the extensions, after all ``invocation_app_level`` hooks and before the function-level hooks.
    - Return value: ignored.
    - ``hosting.ShortCircuit(result)``, if raised: the function and the hooks further in are not called, except those of
      guards, and the caller gets ``result``. Hooks that have run are called on the way back, except the post hook of
      this extension.
    - Error: recorded; the next hook is called. If the extension is a guard, the function does not run.
    - Async: allowed.

    Args:
        logger: the logger ``hosting.extensions.NAME``.
        context: the invocation's context, the same object as the function gets. Attributes set here are seen by it.
        func_args: the arguments of the call by name. A change here changes what the function gets.
        invocation: the function, the HTTP request if there is one, and a way to respond; also ``context.invocation``.
    """


@hookspec
def invocation(
    logger: Logger, context: Context, func_args: dict[str, Any], invocation: Invocation
) -> Generator[None, Outcome, None]:
    """Runs around every invocation of a function that opted in: ``invocation_app_level`` at function level.

    - Order: inside all hooks at app level, around the pre, post and error hooks at function level.
    - Return value, ``hosting.ShortCircuit``, errors, async and arguments: as ``invocation_app_level``.
    """
    raise NotImplementedError


@hookspec
def pre_invocation(logger: Logger, context: Context, func_args: dict[str, Any], invocation: Invocation) -> None:
    """Called right before a function that opted in: ``pre_invocation_app_level`` at function level.

    - Order: the order of the extensions, after all hooks at app level and all ``invocation`` hooks.
    - Return value, ``hosting.ShortCircuit``, errors, async and arguments: as ``pre_invocation_app_level``.
    """


@hookspec
def post_invocation(
    logger: Logger, context: Context, func_args: dict[str, Any], func_ret: Any, invocation: Invocation
) -> Any:
    """Called right after a function that opted in returned; not if it raised or was cancelled.

    - Order: in reverse order of the extensions, before the hooks at app level.
    - Return value: if it is not None, it replaces the result; the hooks further out and the caller get it.
    - Error: recorded; the result stays as it is. If the extension is a guard, the result is withheld.
    - Async: allowed.

    Args:
        logger: the logger ``hosting.extensions.NAME``.
        context: the invocation's context.
        func_args: the arguments of the call by name.
        func_ret: the result as of now: what the function returned, or what a hook replaced it with.
        invocation: the function, the HTTP request if there is one, and a way to respond; also ``context.invocation``.
    """


@hookspec
def invocation_error(
    logger: Logger, context: Context, func_args: dict[str, Any], exception: BaseException, invocation: Invocation
) -> None:
    """Called right after a function that opted in raised or was cancelled, in place of ``post_invocation``.

    Under ``hosting start`` it is also called when an input or an output fails: then before the function ran, or after
    ``post_invocation``; see ``binding_error``.

    - Order: in reverse order of the extensions, before the hooks at app level.
    - Return value: ignored. Only an around hook can replace an exception with a result.
    - Error: recorded; the caller gets the function's exception.
    - Async: allowed.

    Args:
        logger: the logger ``hosting.extensions.NAME``.
        context: the invocation's context.
        func_args: the arguments of the call by name.
        exception: what the function raised, or the ``asyncio.CancelledError`` of an invocation that the host cancelled.
        invocation: the function, the HTTP request if there is one, and a way to respond; also ``context.invocation``.
    """


@hookspec
def post_invocation_app_level(
    logger: Logger, context: Context, func_args: dict[str, Any], func_ret: Any, invocation: Invocation
) -> Any:
    """Called after every function that returned: ``post_invocation`` at app level.

    - Order: in reverse order of the extensions, after all hooks at function level.
    - Return value, errors, async and arguments: as ``post_invocation``.
    """


@hookspec
def invocation_error_app_level(
    logger: Logger, context: Context, func_args: dict[str, Any], exception: BaseException, invocation: Invocation
) -> None:
    """Called after every function that raised or was cancelled: ``invocation_error`` at app level.

    - Order: in reverse order of the extensions, after all hooks at function level.
    - Return value, errors, async and arguments: as ``invocation_error``.
    """


@hookspec
def binding_error(
    logger: Logger,
    invocation: Invocation,
    phase: Phase,
    exception: BaseException,
) -> None:
    """Called when an input or an output of an invocation fails, so that the function's own code did not.

    The error hooks are called right after it: ``invocation_error``, then ``invocation_error_app_level``. Not called in
    Azure's worker, which converts inputs and outputs itself.

    - Order: in reverse order of the extensions. Runs for every function of the app; for an extension of the group
      ``hosting.functions``, for functions that opt in.
    - Return value: ignored.
    - Error: recorded; the next hook is called.
    - Async: allowed. Hooks at the edges run on the event loop, ``def`` ones too.

    Args:
        logger: the logger ``hosting.extensions.NAME``.
        invocation: the invocation.
        phase: ``decode`` for the trigger's argument, ``input``, ``encode`` for what the function returned or set, or
            ``write``.
        exception: what failed.
    """


@hookspec
def gave_up(logger: Logger, invocation: Invocation, exception: BaseException, attempts: int) -> None:
    """Called when a function failed that is tried several times, and no attempt follows.

    That is after the last attempt of a retry policy; and for a queue's message after ``maxDequeueCount`` deliveries,
    when it moves to the poison queue. Before ``invocation_end``.

    - Order, return value, errors and async: as ``binding_error``. In Azure's worker a ``def`` hook of a ``def``
      function runs on that function's thread.

    Args:
        logger: the logger ``hosting.extensions.NAME``.
        invocation: the last attempt.
        exception: why it failed.
        attempts: how often the function was tried.
    """


@hookspec
def invocation_end(logger: Logger, invocation: Invocation, outcome: InvocationOutcome, seconds: float) -> None:
    """Called once for each invocation, last: when all outputs are encoded and written, or when it failed.

    In Azure's worker it is called when the function has returned, before the worker encodes its outputs.

    - Order, return value, errors and async: as ``gave_up``. The caller waits for it.

    Args:
        logger: the logger ``hosting.extensions.NAME``.
        invocation: the invocation.
        outcome: how it ended: ``succeeded``, ``failed``, ``cancelled`` or ``refused``, the exception, and the status.
        seconds: how long it took.
    """


@hookspec
def response_sent(
    logger: Logger,
    invocation: Invocation,
    status: int,
    bytes: int,  # noqa: A002 - the name of the argument
    seconds: float,
    exception: BaseException | None,
) -> None:
    """Called when the last byte of an HTTP response is sent, or its connection is broken.

    The client does not wait for an ``async def`` hook. Not called in Azure's worker, which sends no response itself.

    - Order, return value, errors and async: as ``binding_error``.

    Args:
        logger: the logger ``hosting.extensions.NAME``.
        invocation: the invocation; of several attempts the last.
        status: the status of the response.
        bytes: the size of its body, as far as it was sent.
        seconds: the time since the invocation started.
        exception: why the response is not complete: what a stream raised, or a ConnectionResetError. None if it is.
    """


@hookspec
def shutdown(app: AppHandle) -> None:
    """Called once per process, when no invocation runs any more.

    The place to close clients and to flush telemetry.

    - Order: in reverse order of the extensions, one after the other.
    - Return value: ignored.
    - Error: recorded; the next hook is called.
    - Async: allowed, on the event loop of the invocations. ``def`` runs in a thread. After ``budgets.shutdown`` seconds
      (10 by default) it is cancelled, and not waited for.

    Args:
        app: the app, as in ``startup``.
    """
