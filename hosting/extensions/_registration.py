"""From an entry point's object to hooks that are known to be callable, or to an error that says what is wrong.

pluggy finds the marked functions. What they may look like is checked here, at load and not at the first call: pluggy
alone lets unknown hooks, keyword-only parameters, forgotten instances and generators in the wrong place through.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pluggy

from hosting._text import did_you_mean
from hosting.authoring import Order
from hosting.errors import ExtensionError
from hosting.extensions._hooks import APP_HOOKS, AROUND_HOOKS, FUNCTION_HOOKS, spec_arguments
from hosting.extensions._model import EAGER, ON_DEMAND, Extension, Hook, Mark

MARKER = "hosting_impl"
"""Where pluggy's marker leaves its mark."""


def register(extension: Extension, target: Any) -> None:
    """Fill in the extension's hooks and order from what its entry point named; all of it or nothing.

    ``target`` is a module, an object, or a class, which is made once, without arguments.

    Raises:
        ExtensionError: the target breaks the contract.
        Exception: whatever the class raises when it is made.
    """
    plugin = _made(target)
    order = _order(plugin)
    hooks = _hooks(extension, plugin)
    extension.file = _file(target, hooks)
    extension.hooks = hooks
    extension.order = order
    extension.warnings = tuple(_forgotten(plugin, hooks))


def _made(target: Any) -> Any:
    if not inspect.isclass(target):
        return target
    try:
        inspect.signature(target).bind()
    except TypeError as error:
        raise ExtensionError(
            f"class {target.__name__} cannot be made without arguments: {error}",
            remedy="Give each parameter of its __init__ a default; settings come through 'configure'.",
        ) from None
    except ValueError:  # a class written in C may have no signature
        pass
    return target()


def _order(plugin: Any) -> Order:
    order = getattr(plugin, "order", None)
    if order is not None and not isinstance(order, Order):
        raise ExtensionError(
            f"'order' must be a hosting.Order, found {type(order).__name__}",
            remedy="Write: order = hosting.Order(before=(...), after=(...)).",
        )
    return order or Order()


def _hooks(extension: Extension, plugin: Any) -> dict[str, Hook]:
    """Every marked function, checked; in lifecycle order."""
    found = _marked(extension.name, plugin)
    specification = spec_arguments()
    for name in found:
        _check_name(name, specification)
        _check_group(name, extension.group)
    hooks = {
        name: _hook(extension, name, found[name], arguments)
        for name, arguments in specification.items()
        if name in found
    }
    if not hooks:
        raise _no_hooks(plugin, specification)
    return hooks


def _marked(name: str, plugin: Any) -> dict[str, pluggy.HookImpl]:
    """The implementations by hook, as pluggy reads the markers, with a manager of their own."""
    manager = pluggy.PluginManager("hosting")
    manager.register(plugin, name)
    found = {}
    for caller in manager.get_hookcallers(plugin) or ():
        first, *others = caller.get_hookimpls()
        if others:
            raise ExtensionError(
                f"hook {caller.name!r} is implemented {len(others) + 1} times",
                remedy="Make one function of them; 'specname' gives one function another hook's name.",
            )
        if caller.name in spec_arguments() or not first.optionalhook:
            found[caller.name] = first
    _refuse_overlooked(manager, plugin)
    return found


def _refuse_overlooked(manager: pluggy.PluginManager, plugin: Any) -> None:
    """pluggy passes by what is marked but no function, such as a callable object that decorates a hook."""
    for name in dir(plugin):
        marked = inspect.getattr_static(plugin, name, None)
        is_marked = isinstance(inspect.getattr_static(marked, MARKER, None), dict)
        if is_marked and manager.parse_hookimpl_opts(plugin, name) is None:
            raise ExtensionError(
                f"{name!r} is marked as a hook, but is no function: found {type(marked).__name__}",
                remedy="Mark a 'def' or 'async def' that calls it.",
            )


def _check_name(name: str, specification: Iterable[str]) -> None:
    if name not in specification:
        raise ExtensionError(f"unknown hook {name!r}", remedy=_suggestion(name, specification))


def _check_group(name: str, group: str | None) -> None:
    if group == ON_DEMAND and name in APP_HOOKS:
        raise ExtensionError(
            f"hook {name!r} sees every function, but entry points of group {ON_DEMAND!r} are for functions that opt in",
            remedy=f"Move the entry point to group {EAGER!r}, or implement the hook without '_app_level'.",
        )


def _no_hooks(plugin: Any, specification: Iterable[str]) -> ExtensionError:
    bare = _unmarked(plugin, specification)
    if bare:
        return ExtensionError("it has no hook implementation", remedy=f"Mark {', '.join(bare)} with @hosting.hookimpl.")
    return ExtensionError(
        "it has no hook implementation",
        remedy="The entry point must name the module, object or class that has the functions marked @hosting.hookimpl.",
    )


def _forgotten(plugin: Any, hooks: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Functions that have a hook's name but no marker, where the name can hardly mean anything else."""
    for name in _unmarked(plugin, (APP_HOOKS | FUNCTION_HOOKS).difference(hooks)):
        yield f"{name!r} is not marked as a hook and never runs", "Mark it with @hosting.hookimpl, or rename it."


def _unmarked(plugin: Any, names: Iterable[str]) -> list[str]:
    return [name for name in sorted(names) if inspect.isroutine(getattr(plugin, name, None))]


def _hook(extension: Extension, name: str, implementation: pluggy.HookImpl, arguments: tuple[str, ...]) -> Hook:
    function = implementation.function
    if implementation.wrapper or implementation.hookwrapper:
        raise ExtensionError(
            f"hook {name!r} is a pluggy wrapper",
            remedy="Write a plain generator, 'invocation' or 'invocation_app_level', marked @hosting.hookimpl.",
        )
    _check_form(name, function)
    positional, keywords = _selected(name, function, arguments)
    return Hook(
        name=name,
        extension=extension,
        function=function,
        positional=positional,
        keywords=keywords,
        is_async=inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function),
        mark=_mark(implementation),
    )


def _check_form(name: str, function: Any) -> None:
    """A generator where a plain function belongs would never run, and the other way round."""
    is_generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if name in AROUND_HOOKS and not is_generator:
        raise ExtensionError(f"hook {name!r} must be a generator", remedy="Its body needs one 'outcome = yield'.")
    if name not in AROUND_HOOKS and is_generator:
        raise ExtensionError(
            f"hook {name!r} is a generator, which would never run",
            remedy="Drop its 'yield', or name it 'invocation' or 'invocation_app_level'.",
        )


def _selected(name: str, function: Any, arguments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of the hook's arguments the implementation takes, by position and by keyword.

    A parameter with a default is given its argument all the same, and ``**kwargs`` takes those that are not named.
    """
    positional: list[str] = []
    keywords: list[str] = []
    parameters = inspect.signature(function).parameters.values()
    skipped = False
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name not in arguments:
            _refuse_required(name, parameter, arguments)
            skipped = True
        elif parameter.kind is parameter.KEYWORD_ONLY or skipped:
            keywords.append(parameter.name)
        else:
            positional.append(parameter.name)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        keywords += [argument for argument in arguments if argument not in (*positional, *keywords)]
    return tuple(positional), tuple(keywords)


def _refuse_required(name: str, parameter: inspect.Parameter, arguments: tuple[str, ...]) -> None:
    if parameter.default is parameter.empty:
        raise ExtensionError(
            f"hook {name!r} takes an argument {parameter.name!r} that it does not get",
            remedy=_suggestion(parameter.name, arguments) if arguments else "It gets no arguments.",
        )


def _suggestion(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, known) or f"There are: {', '.join(known)}."


def _mark(implementation: pluggy.HookImpl) -> Mark:
    return 0 if implementation.tryfirst else 2 if implementation.trylast else 1


def _file(target: Any, hooks: Mapping[str, Hook]) -> str | None:
    """The file of a module or a class; of an object, that of its first hook."""
    is_named = inspect.ismodule(target) or inspect.isclass(target)
    try:
        return inspect.getfile(target if is_named else inspect.unwrap(next(iter(hooks.values())).function))
    except (TypeError, OSError):
        return None
