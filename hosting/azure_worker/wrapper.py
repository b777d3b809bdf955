"""A function that looks to Azure's worker like the author's own, and runs the hooks around it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Protocol

from hosting.authoring import REPLACES
from hosting.core import Function
from hosting.extensions import ExtensionHost, run_here
from hosting.host.context import Context, InvocationLocal


class Shared(Protocol):
    """What the replacements of one app have in common."""

    host: ExtensionHost
    loops: Loops

    def load_expected(self) -> None: ...


class Loops:
    """Which event loop async hooks run on, and whether ``startup`` has run there.

    It is the worker's: the one that ran when functions were loaded, or the one of the first async invocation. A call
    that comes from no loop, or blocks the only one, gets a loop in a thread of its own.
    """

    def __init__(self, host: ExtensionHost) -> None:
        self._host = host
        self._home: asyncio.AbstractEventLoop | None = None
        self._own: asyncio.AbstractEventLoop | None = None
        self._startup: Future[None] | None = None
        self._starting = threading.Lock()
        self.ready = False
        """Whether ``startup`` has run."""

    def remember(self) -> None:
        """Take the running loop, if there is one, for the worker's."""
        try:
            self._home = self._home or asyncio.get_running_loop()
        except RuntimeError:
            return

    def elsewhere(self) -> asyncio.AbstractEventLoop:
        """A loop that this thread may wait for."""
        if self._home is not None and self._home.is_running() and not _is_running_here(self._home):
            return self._home
        with self._starting:
            if self._own is None:
                self._own = asyncio.new_event_loop()
                threading.Thread(target=self._own.run_forever, name="hosting-loop", daemon=True).start()
        return self._own

    def start_from_thread(self) -> None:
        """Run ``startup`` if it has not run, and wait for it."""
        asyncio.run_coroutine_threadsafe(self.start(), self.elsewhere()).result()

    async def start(self) -> None:
        """Run ``startup`` if it has not run, on the loop of whoever comes first; others wait for it."""
        self.remember()
        with self._starting:
            first, self._startup = self._startup is None, self._startup or Future()
        if not first:
            await asyncio.wrap_future(self._startup)
            return
        try:
            await self._host.startup()
        finally:
            self.ready = True
            self._startup.set_result(None)


def replacement(function: Function, shared: Shared) -> Callable[..., Any]:
    """What the worker gets in the place of ``function.call``.

    It has the same name, file, annotations, defaults and colour, and the same parameters; where ``context`` is not
    among them it is added, because the worker passes an invocation's context only to functions that take it.
    """
    call = function.call
    signature = inspect.signature(call)
    adds_context = "context" not in signature.parameters
    run = (_async_run if function.is_async else _run)(function, shared, signature, adds_context=adds_context)
    made = _at_the_place_of(call, run, is_async=function.is_async)
    functools.update_wrapper(made, call)
    if getattr(call, "__annotate__", None) is None:
        made.__annotations__ = call.__annotations__  # Python 3.14 copies the function that makes them, if there is one
    if adds_context:
        made.__signature__ = _with_context(signature)  # type: ignore[attr-defined]
    setattr(made, REPLACES, call)
    return made


def _run(
    function: Function, shared: Shared, signature: inspect.Signature, *, adds_context: bool
) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
    call = function.call

    def run(args: tuple[Any, ...], func_args: dict[str, Any]) -> Any:
        given = func_args.pop("context", None) if adds_context else None
        if args:
            func_args = _named(signature, args, func_args)
        context = given or _context(function, func_args)
        shared.load_expected()
        if not shared.loops.ready:
            shared.loops.start_from_thread()
        chain = shared.host.chain(function)
        if chain is None:
            return call(**func_args)
        return run_here(chain, context, func_args, shared.loops.elsewhere, shared.host.budget)

    return run


def _async_run(
    function: Function, shared: Shared, signature: inspect.Signature, *, adds_context: bool
) -> Callable[[tuple[Any, ...], dict[str, Any]], Coroutine[Any, Any, Any]]:
    call = function.call

    async def run(args: tuple[Any, ...], func_args: dict[str, Any]) -> Any:
        given = func_args.pop("context", None) if adds_context else None
        if args:
            func_args = _named(signature, args, func_args)
        context = given or _context(function, func_args)
        shared.load_expected()
        if not shared.loops.ready:
            await shared.loops.start()
        chain = shared.host.chain(function)
        return await (call(**func_args) if chain is None else chain.run(context, func_args))

    return run


def _named(signature: inspect.Signature, args: tuple[Any, ...], func_args: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name: a unit test may give them by position, and hooks see names."""
    named = dict(signature.bind(*args, **func_args).arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            named |= named.pop(parameter.name, {})
    return named


def _context(function: Function, func_args: dict[str, Any]) -> Any:
    """The context that the function takes; one of our own where a test gives none, or a binding has taken the name."""
    context = func_args.get("context")
    if context is not None and function.wants_context:
        return context
    import uuid  # Azure's worker always has a context

    return Context(str(uuid.uuid4()), function.name, function.directory, InvocationLocal())


def written(call: Callable[..., Any]) -> Callable[..., Any]:
    """The function that stands in the author's file: the innermost, or the last before something that is no function.

    Raises:
        TypeError: there is none.
    """
    inner: Any = inspect.unwrap(call)
    if not hasattr(inner, "__code__"):
        inner = inspect.unwrap(call, stop=_ends_functions)
    if not hasattr(inner, "__code__"):
        raise TypeError(f"expected a function, found {type(call).__name__}")
    made: Callable[..., Any] = inner
    return made


def _ends_functions(call: Any) -> bool:
    return not hasattr(call.__wrapped__, "__code__")


def _at_the_place_of(call: Callable[..., Any], run: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
    """A function whose code says that it stands where ``call`` does: the worker asks for its file."""
    code = written(call).__code__
    head, tail = ("async def", "return await") if is_async else ("def", "return")
    source = "\n" * (code.co_firstlineno - 1) + f"{head} function(*args, **kwargs): {tail} run(args, kwargs)"
    namespace: dict[str, Any] = {"run": run, "__name__": call.__module__}
    exec(compile(source, code.co_filename, "exec"), namespace)
    made: Callable[..., Any] = namespace["function"]
    return made


def _with_context(signature: inspect.Signature) -> inspect.Signature:
    parameters = list(signature.parameters.values())
    place = next((at for at, one in enumerate(parameters) if one.kind is one.VAR_KEYWORD), len(parameters))
    parameters.insert(place, inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY))
    return signature.replace(parameters=parameters)


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
