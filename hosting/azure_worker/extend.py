"""``hosting.extend``: the extension host inside Azure's own worker, on every Python version that Azure runs.

Azure's worker imports the app, asks it for its functions, reads their signatures and calls them. Each function is
replaced by a wrapper that looks the same to the worker and runs the hooks around the author's function.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar, overload

from hosting.apps.host_json import apply_host_json
from hosting.authoring import REPLACES, declared_opt_ins, pending, user_function
from hosting.azure_worker.state import WorkerState, extensions_are_off, log, log_errors, worker_state
from hosting.core import Binding, Function, Model
from hosting.errors import ExtensionError

T = TypeVar("T")

V1: Model = "v1"
V2: Model = "v2"
EXTENDED = "_hosting_extended"
PLAIN = "_hosting_plain"
CHECKED = "_hosting_checked"
REPLAYED = frozenset({"orchestrationtrigger", "entitytrigger"})
"""Triggers of Durable functions that are replayed: hooks around them would run once per replay."""
BINDING_KEYS = frozenset({"name", "type", "direction"})
"""The keys of a binding besides its properties."""
UNKNOWN_SDK = (
    "hosting.extend does not know this version of azure-functions: %s runs without extensions. Please update hosting."
)

NO_FUNCTION = "hosting.extend: '%s' runs without extensions: expected a def or async def, found %s."


@overload
def extend(target: T, /, *, diagnostics_route: str | None = None, health_route: str | None = None) -> T: ...
@overload
def extend(*, diagnostics_route: str | None = None, health_route: str | None = None) -> Callable[[T], T]: ...
def extend(*targets: Any, diagnostics_route: str | None = None, health_route: str | None = None) -> Any:
    """Run the installed extensions around the functions of an app, in Azure's worker.

    In the v2 model write ``app = hosting.extend(func.FunctionApp())``, before or after functions are registered; a
    second call changes nothing. It also works for a Blueprint, AsgiFunctionApp, WsgiFunctionApp and durable apps. In
    the v1 model write ``main = hosting.extend(main)`` or ``@hosting.extend``. It does nothing under ``hosting start``.
    If ``PYTHON_ENABLE_WORKER_EXTENSIONS`` is not true, the functions stay as they are, and one with a parameter that an
    extension would supply is refused when the worker asks for the functions.

    Args:
        targets: a FunctionApp or Blueprint, or a v1 function, ``def`` or ``async def``; none for a decorator.
        diagnostics_route: for an app: the route of an additional function, at admin level, that returns the diagnosis.
        health_route: for an app: the route of an additional function, at anonymous level, that runs the health checks
            of extensions. ``/live`` and ``/ready`` after it run those for liveness and for readiness.

    Returns:
        The same app; for a function, the function to use instead of it.

    Raises:
        TypeError: it is neither, or there are several; or a route is set without an app.
        ValueError: the app is extended already, with another route.
        FunctionLoadError: a function has a parameter that an extension supplies, and no extension runs.
        HostingError: an extension is required, and host.json cannot be used or extensions are switched off. If none is
            required, the error is logged and the app runs without extensions. If a required extension is missing, the
            worker's indexing fails.
    """
    if not targets:
        return functools.partial(extend, diagnostics_route=diagnostics_route, health_route=health_route)
    if len(targets) > 1:
        raise TypeError(f"hosting.extend takes one app or function, found {len(targets)}")
    return _extend(targets[0], Routes(diagnostics_route, health_route))


class Routes(NamedTuple):
    """The routes of the functions that ``extend`` adds to an app; None for those that it does not add."""

    diagnostics_route: str | None
    health_route: str | None

    @property
    def argument(self) -> str:
        """The name of the first argument of ``extend`` that is set; empty if none is."""
        return next((name for name, route in self._asdict().items() if route is not None), "")


def _extend(target: Any, routes: Routes) -> Any:
    if hasattr(target, "_function_builders"):
        return _extend_app(target, routes)
    if _is_unknown_app(target):
        _report_unextended(UNKNOWN_SDK, type(target).__name__)
        return target
    if not (inspect.isfunction(target) or inspect.ismethod(target)):
        raise TypeError(
            f"hosting.extend: expected a FunctionApp, a Blueprint or a function, found {type(target).__name__}. "
            "In the v2 model extend the app, not one of its decorated functions."
        )
    if routes.argument:
        raise TypeError(f"hosting.extend: {routes.argument} needs an app of the v2 model, found a function")
    return _extend_function(target)


class _Builders(list[Any]):
    """The functions of an extended Blueprint: wrapped when an app registers them, which is when they are complete.

    Those that it has when it is extended are wrapped then: an app may have registered them already.

    Args:
        builders: the functions that the Blueprint has.
        state: the state of the worker process.
    """

    def __init__(self, builders: list[Any], state: WorkerState) -> None:
        super().__init__(list.__iter__(builders))  # unchecked, where no extension ran before
        self._state = state
        log_errors(lambda: state.wait_for_app(self._wrapped()))

    def __iter__(self) -> Iterator[Any]:
        if not pending.hosted:
            log_errors(self._load)
        return super().__iter__()

    def _load(self) -> None:
        """Load the functions; where an app is extended as well, they are loaded with its functions."""
        wrapped = self._wrapped()
        if self._state.has_app:
            self._state.wait_for_app(wrapped)
        elif wrapped or self._state.is_waiting:
            self._state.load(wrapped, is_partial=True)

    def _wrapped(self) -> list[Function]:
        return _wrapped([builder._function for builder in super().__iter__()], self._state)


def _report_unextended(text: str, *values: object) -> None:
    """Log that functions run without extensions, now and when the app registers another one.

    Raises:
        ExtensionError: the app has a guard, without which its functions must not run.
    """
    state = None if pending.hosted or extensions_are_off() else worker_state()
    if state is not None and state.may_have_guards:
        raise ExtensionError(text % values, remedy="The app has a guard, without which no function may run.")
    log.error(text, *values)
    again = functools.partial(_report_unextended, text, *values)
    if not any(isinstance(one, functools.partial) and one.args == again.args for one in pending.deferred):
        pending.deferred.append(again)


def _is_unknown_app(target: Any) -> bool:
    """Return whether it is an app of an SDK that keeps its functions elsewhere than all known versions do."""
    return any(base.__name__ == "DecoratorApi" for base in type(target).__mro__)


def _extend_app(app: Any, routes: Routes) -> Any:
    if routes.argument and not (hasattr(app, "get_functions") and hasattr(app, "route")):
        raise TypeError(f"hosting.extend: {routes.argument} needs a FunctionApp, found {type(app).__name__}")
    if hasattr(app, EXTENDED):
        _check_same(getattr(app, EXTENDED), routes)
        return app
    if pending.hosted:
        return app
    state = None if extensions_are_off() else worker_state()
    if state is None:
        from hosting.azure_worker.late_extensions import wait_for_extension  # only where no extension runs

        _check_when_indexed(app)
        wait_for_extension(functools.partial(_extend_app, app, routes))
        return app
    setattr(app, EXTENDED, routes)
    if hasattr(app, "get_functions"):
        state.has_app = True
        app.get_functions = functools.partial(_get_functions, app, _original_get_functions(app), state)
    else:
        app._function_builders = _Builders(app._function_builders, state)
    return app


def _check_when_indexed(app: Any) -> None:
    """Name what a function lacks while no extension runs: the worker would only say that it has an unknown parameter.

    The functions stay as they are.
    """
    from hosting.azure_worker.injection import CheckedBuilders  # only where no extension runs

    if hasattr(app, CHECKED):
        return
    setattr(app, CHECKED, True)
    if hasattr(app, "get_functions"):
        app.get_functions = functools.partial(_get_checked_functions, app, _original_get_functions(app))
    else:
        app._function_builders = CheckedBuilders(app._function_builders)


def _get_checked_functions(app: Any, original: Callable[[], list[Any]]) -> list[Any]:
    """Replace ``get_functions`` of an app that would be extended if extensions ran."""
    from hosting.azure_worker.injection import check_functions  # only where no extension runs

    built = original()
    if not (pending.hosted or hasattr(app, EXTENDED)):
        check_functions(built)
    return built


def _check_same(first: Routes, routes: Routes) -> None:
    for name, route in routes._asdict().items():
        if route is not None and route != getattr(first, name):
            raise ValueError(f"hosting.extend: the app's {name} is {getattr(first, name)!r}, found {route!r}")


def _original_get_functions(app: Any) -> Callable[[], list[Any]]:
    """Return what calls the app's own ``get_functions``: an instrumentation may still replace that of its class."""
    own: Callable[[], list[Any]] | None = vars(app).get("get_functions")
    return own or (lambda: type(app).get_functions(app))


def _get_functions(app: Any, original: Callable[[], list[Any]], state: WorkerState) -> list[Any]:
    """Replace ``get_functions`` of an extended app. The worker calls it once; a function host runs hooks itself."""
    if pending.hosted:
        return original()
    from hosting.azure_worker.health import add_diagnostics, add_health  # not needed before the functions are

    routes: Routes = getattr(app, EXTENDED)
    if routes.diagnostics_route is not None:
        add_diagnostics(app, routes.diagnostics_route, state, PLAIN)
    if routes.health_route is not None:
        add_health(app, routes.health_route, state, PLAIN)
    log_errors(lambda: _prepare(app, state))
    built = original()
    log_errors(lambda: _wrap_all(built, state))
    return built


def _prepare(app: Any, state: WorkerState) -> None:
    """Let extensions add functions to an app, before the worker gets its functions."""
    own = [builder._function for builder in list.__iter__(app._function_builders)]
    described: list[Function] = []
    for built in own:
        with suppress(Exception):  # one that cannot be described is reported when it is wrapped
            described.append(_describe(built, own, app.auth_level))
    apply_host_json(state.host_json, described)
    state.prepare(described, app, has_health=getattr(app, EXTENDED).health_route is not None)


def _wrap_all(built: Sequence[Any], state: WorkerState) -> None:
    """Wrap the author's functions, each once, and load them in the order of ``hosting start``."""
    wrapped = _wrapped(built, state)
    if wrapped or state.is_waiting:
        state.load(wrapped)


def _wrapped(built: Sequence[Any], state: WorkerState) -> list[Function]:
    wrapped: list[Function] = []
    app = [*filter(_can_be_wrapped, built)]
    for one in app:
        log_errors(functools.partial(_wrap_one, one, app, state, wrapped))
    return wrapped


def _wrap_one(built: Any, app: Sequence[Any], state: WorkerState, wrapped: list[Function]) -> None:
    from hosting.azure_worker.wrapper import wrap  # not needed before the functions are

    function = _describe(built, app)
    added = state.additions.get(function.name.lower())
    function.addition = None if added is None else added.addition
    built._func = wrap(function, state)
    wrapped.append(function)


def _can_be_wrapped(built: Any) -> bool:
    if not hasattr(built, "_func"):
        _report_unextended(UNKNOWN_SDK, built)
        return False
    trigger = built.get_trigger()
    if trigger is not None and trigger.type.lower() in REPLAYED:
        return False
    if not hasattr(inspect.unwrap(built._func), "__code__") and not inspect.isroutine(built._func):
        _report_unextended(NO_FUNCTION, built.get_function_name(), type(built._func).__name__)
        return False
    return not (hasattr(built._func, REPLACES) or hasattr(built._func, PLAIN))


def _describe(built: Any, app: Sequence[Any], auth_level: Any = None) -> Function:
    """Return a function of the v2 model as a core type.

    Args:
        built: the SDK's function.
        app: the SDK's functions of the whole app.
        auth_level: the level of an HTTP function that has none.
    """
    from hosting.azure_worker.description import complete  # not needed before the functions are

    call = user_function(built.get_user_function())
    function = _function(built.get_function_name(), call, tuple(_v2_bindings(built, auth_level)), "v2")
    calls = [user_function(one.get_user_function()) for one in app if hasattr(one, "get_user_function")]
    function.opt_ins, function.opt_outs = declared_opt_ins(call, calls)
    complete(function, built)
    return function


def _v2_bindings(built: Any, auth_level: Any) -> Iterator[Binding]:
    """Yield the bindings of the SDK's function with their properties as in function.json."""
    for one, content in zip(built.get_bindings(), json.loads(built.get_function_json())["bindings"], strict=True):
        properties = {key: value for key, value in content.items() if key not in BINDING_KEYS}
        if auth_level is not None and one.type.lower() == "httptrigger" and not properties.get("authLevel"):
            properties["authLevel"] = getattr(auth_level, "value", auth_level)
        yield Binding(one.name, one.type, "out" if int(one.direction) else "in", properties)


def _extend_function(call: Callable[..., Any]) -> Callable[..., Any]:
    if hasattr(call, REPLACES) or pending.hosted:
        return call
    state = None if extensions_are_off() else worker_state()
    if state is None:
        from hosting.azure_worker.injection import check_needs_no_extension  # only where no extension runs
        from hosting.azure_worker.late_extensions import report_each_extension

        check_needs_no_extension(call.__name__, call)
        report_each_extension(f"'{call.__name__}' runs")
        return call
    result = [call]
    log_errors(lambda: result.append(_wrapped_v1(call, state)))
    return result[-1]


def _wrapped_v1(call: Callable[..., Any], state: WorkerState) -> Callable[..., Any]:
    """Return the wrapper of a v1 function, whose folder is looked for before the first invocation."""
    from hosting.azure_worker.wrapper import wrap  # not needed where no extension runs

    folder, content = _function_folder(call)
    bindings = tuple(
        Binding(
            str(one.get("name")),
            str(one.get("type")),
            "out" if one.get("direction") == "out" else "in",
            {key: value for key, value in one.items() if key not in BINDING_KEYS},
        )
        for one in (content or {}).get("bindings", ())
    )
    name, model = (call.__name__, V2) if content is None else (os.path.basename(folder), V1)
    function, by_name = _function(name, call, bindings, model), dict[str, Function]()
    wrapper = wrap(function, state, by_name)
    state.expect(function, wrapper, by_name)
    return wrapper


def _function_folder(call: Callable[..., Any]) -> tuple[str, dict[str, Any] | None]:
    """Return the folder of a function's code or of its module, and the ``function.json`` there; None if it has none."""
    from hosting.azure_worker.wrapper import innermost_function  # not needed before the functions are

    module = sys.modules.get(call.__module__ or "")
    files = inspect.getfile(innermost_function(call)), getattr(module, "__file__", None) or ""
    folders = [os.path.dirname(file) for file in files if os.path.isabs(file)]
    found = ((folder, content) for folder in folders if (content := _function_json(folder)) is not None)
    return next(found, ("", None))


def _function(name: str, call: Callable[..., Any], bindings: tuple[Binding, ...], model: Model) -> Function:
    from hosting.azure_worker.injection import marked_or_none  # neither is needed before the functions are
    from hosting.azure_worker.wrapper import innermost_function

    file = inspect.getfile(innermost_function(call))
    opt_ins, opt_outs = declared_opt_ins(call)
    bound = {binding.name for binding in bindings}
    function = Function(
        name=name,
        directory=os.path.dirname(file),
        file=file,
        model=model,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        bindings=bindings or (Binding("", "unknownTrigger", "in"),),
        wants_context="context" in inspect.signature(call).parameters and "context" not in bound,
        opt_ins=opt_ins,
        opt_outs=opt_outs,
    )
    function.injected, function.returned = marked_or_none(call)
    return function


def _function_json(folder: str) -> dict[str, Any] | None:
    """Return the content of function.json; None if there is none: the function is not of the v1 model."""
    try:
        with open(os.path.join(folder, "function.json"), encoding="utf-8-sig") as stream:
            content = json.load(stream)
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
