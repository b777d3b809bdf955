"""Functions that look to Azure's worker like the author's own, and run the hooks around them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from hosting._author_line import show_as
from hosting._invocation import Invocation
from hosting.authoring import REPLACES
from hosting.azure_worker.state import WorkerState
from hosting.core import NOTHING, Function
from hosting.errors import FunctionLoadError, GuardError
from hosting.extensions import run_here
from hosting.host.context import Context, InvocationFacts, InvocationLocal, current
from hosting.host.refusal import refusal

if TYPE_CHECKING:
    from hosting.azure_worker.edges import EndHooks
    from hosting.extensions import Edges

Run: TypeAlias = Callable[[tuple[Any, ...], dict[str, Any]], Any]
"""Runs an invocation, given the positional and the named arguments."""

Prepare: TypeAlias = Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, dict[str, Any]]]
"""Returns the context of an invocation and its arguments by name, given the positional and the named arguments."""


def wrap(function: Function, state: WorkerState, by_name: Mapping[str, Function] = NOTHING) -> Callable[..., Any]:
    """Return what the worker gets instead of ``function.call``.

    It has the same name, file, annotations and defaults, is ``def`` or ``async def`` alike, and has the same
    parameters. ``context`` is added if it is not among them, because the worker passes the context of an invocation
    only to functions that take it.

    Args:
        function: the author's function.
        state: the extension host that runs the hooks.
        by_name: the functions that share this code, if there are several: the context of an invocation names one.
    """
    call = function.call
    signature = _without(inspect.signature(call), function.injected)
    adds_context = "context" not in signature.parameters
    prepare = _preparation(function, signature, adds_context=adds_context)
    run = (_async_run if function.is_async else _sync_run)(function, state, prepare, by_name)
    wrapper = _function_at(call, run, is_async=function.is_async)
    functools.update_wrapper(wrapper, call)
    if getattr(call, "__annotate__", None) is None:
        wrapper.__annotations__ = call.__annotations__  # Python 3.14 copies the function that makes them, if it exists
    hidden = function.injected.keys() | ({"return"} if function.returned else set[str]())
    if hidden:
        wrapper.__annotations__ = {name: one for name, one in call.__annotations__.items() if name not in hidden}
    if adds_context or function.injected:
        wrapper.__signature__ = _with_context(signature) if adds_context else signature  # type: ignore[attr-defined]
    setattr(wrapper, REPLACES, call)
    return wrapper


def _sync_run(default: Function, state: WorkerState, prepare: Prepare, by_name: Mapping[str, Function]) -> Run:
    call = default.call

    def run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        context, func_args = prepare(args, kwargs)
        state.load_expected()
        if not state.loops.ready:
            state.loops.start_from_thread()
        function = by_name.get(context.function_name, default) if by_name else default
        _describe_invocation(context, function, func_args)
        chain, edges = state.host.chain(function), state.host.edges(function)
        token = current.set(_facts(context, function))

        def invoke() -> Any:
            if chain is None:
                return _called(call, function, func_args)
            return run_here(chain, context, func_args, state.loops.other_loop, state.host.budget)

        try:
            if edges is None:
                return invoke()
            return _end_hooks(edges, function, context, func_args).calling(invoke, state.loops.other_loop)
        except GuardError as error:
            return _refuse(error, function, func_args)
        finally:
            current.reset(token)

    return run


def _async_run(
    default: Function, state: WorkerState, prepare: Prepare, by_name: Mapping[str, Function]
) -> Callable[[tuple[Any, ...], dict[str, Any]], Coroutine[Any, Any, Any]]:
    call = default.call

    async def run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        context, func_args = prepare(args, kwargs)
        state.load_expected()
        if not state.loops.ready:
            await state.loops.start()
        function = by_name.get(context.function_name, default) if by_name else default
        _describe_invocation(context, function, func_args)
        chain, edges = state.host.chain(function), state.host.edges(function)
        token = current.set(_facts(context, function))
        try:
            running = _called(call, function, func_args) if chain is None else chain.run(context, func_args)
            if edges is None:
                return await running
            return await _end_hooks(edges, function, context, func_args).awaiting(running)
        except GuardError as error:
            return _refuse(error, function, func_args)
        finally:
            current.reset(token)

    return run


def _refuse(error: GuardError, function: Function, func_args: dict[str, Any]) -> Any:
    """Answer an HTTP request that a guard has denied, in the style of the function, and unset its other outputs.

    Raises:
        GuardError: the function is not triggered by HTTP, or has no response; the worker's host handles the failure.
    """
    status, headers, body = refusal(error)
    try:
        response = Invocation((function, None, func_args, None, error.invocation_id)).respond(status, body, headers)
        for one in function.bindings:  # the worker writes the outputs of an invocation that answers
            if one.direction == "out" and one.name in func_args and not one.is_http_output:
                func_args[one.name].set(None)
        return response
    except Exception:  # noqa: BLE001 - a hook may have changed the arguments: the function stays closed
        raise error from error.__cause__


def _end_hooks(edges: Edges, function: Function, context: Any, func_args: dict[str, Any]) -> EndHooks:
    from hosting.azure_worker.edges import EndHooks  # only a function with hooks at its edges needs it

    return EndHooks(edges, function, context, func_args)


def _called(call: Callable[..., Any], function: Function, func_args: dict[str, Any]) -> Any:
    """Call a function without hooks.

    Raises:
        FunctionLoadError: nothing supplies one of its parameters.
    """
    if function.error is not None:
        raise FunctionLoadError(f"Function '{function.name}' could not be loaded: {function.error}")
    return call(**func_args)


def _describe_invocation(context: Any, function: Function, func_args: dict[str, Any]) -> None:
    """Set ``context.invocation``; an object that a test passes as the context may refuse it."""
    retry, invocation_id = getattr(context, "retry_context", None), getattr(context, "invocation_id", None) or ""
    invocation = Invocation((function, None, func_args, retry, invocation_id))
    try:
        context._hosting_invocation = context.invocation = invocation
    except Exception:  # noqa: BLE001 - such an object raises anything
        return


def _facts(context: Any, function: Function) -> InvocationFacts:
    """Return what log lines say of the invocation; the worker's host adds the trace itself."""
    return InvocationFacts(getattr(context, "invocation_id", None) or "", function.name)


def _preparation(function: Function, signature: inspect.Signature, *, adds_context: bool) -> Prepare:
    """Return what takes the context out of the arguments, and the other arguments by name."""

    def prepare(args: tuple[Any, ...], func_args: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        passed = func_args.pop("context", None) if adds_context else None
        if args:
            func_args = _by_name(signature, args, func_args)
        return passed or _context(function, func_args), func_args

    return prepare


def _by_name(signature: inspect.Signature, args: tuple[Any, ...], func_args: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments by name, as hooks see them; a unit test may pass some by position."""
    named = dict(signature.bind(*args, **func_args).arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            named |= named.pop(parameter.name, {})
    return named


def _context(function: Function, func_args: dict[str, Any]) -> Any:
    """Return the context that the function takes; a new one if a test passes none, or a binding has that name."""
    context = func_args.get("context")
    if context is not None and function.wants_context:
        return context
    import uuid  # Azure's worker always passes a context

    return Context(str(uuid.uuid4()), function.name, function.directory, InvocationLocal())


def innermost_function(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function in the author's file: the innermost one that decorators wrap.

    If something that is not a function is wrapped, it is the last function outside of it.

    Raises:
        TypeError: there is none.
    """
    inner: Any = inspect.unwrap(call)
    if not hasattr(inner, "__code__"):
        inner = inspect.unwrap(call, stop=_wraps_no_function)
    if not hasattr(inner, "__code__"):
        raise TypeError(f"expected a function, found {type(call).__name__}")
    function: Callable[..., Any] = inner
    return function


def _wraps_no_function(call: Any) -> bool:
    return not hasattr(call.__wrapped__, "__code__")


def _function_at(call: Callable[..., Any], run: Run, *, is_async: bool) -> Callable[..., Any]:
    """Return a function with code that names the file and line of ``call``: the worker asks for the file."""

    # Each is on one line, so that a traceback shows the line of the author's ``def``.
    # fmt: off
    def function(*args: Any, **kwargs: Any) -> Any: return run(args, kwargs)
    async def async_function(*args: Any, **kwargs: Any) -> Any: return await run(args, kwargs)
    # fmt: on
    placed: Callable[..., Any] = async_function if is_async else function
    code = innermost_function(call).__code__
    show_as(placed, code.co_name, code.co_filename, code.co_firstlineno)
    return placed


def _without(signature: inspect.Signature, injected: Mapping[str, Any]) -> inspect.Signature:
    """Return a signature without the parameters that extensions supply: the worker knows bindings only."""
    return signature.replace(parameters=[one for one in signature.parameters.values() if one.name not in injected])


def _with_context(signature: inspect.Signature) -> inspect.Signature:
    parameters = list(signature.parameters.values())
    index = next((at for at, one in enumerate(parameters) if one.kind is one.VAR_KEYWORD), len(parameters))
    parameters.insert(index, inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY))
    return signature.replace(parameters=parameters)
