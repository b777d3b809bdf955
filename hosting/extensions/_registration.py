"""Registration: an extension's hooks, found by pluggy and checked when they are loaded, not when they are called.

pluggy alone accepts unknown hooks, keyword-only parameters, classes that are not instantiated, and generators where a
hook is not an around hook.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from hosting._text import did_you_mean
from hosting.authoring import Order
from hosting.errors import ExtensionError
from hosting.extensions._compatibility import check_interface, warn_of_changes
from hosting.extensions._hooks import APP_HOOKS, AROUND_HOOKS, FUNCTION_HOOKS, MARKER, spec_arguments
from hosting.extensions._model import EAGER, GUARDS, ON_DEMAND, Extension, Hook, Priority
from hosting.extensions.settings.declared import settings_class

if TYPE_CHECKING:
    from hosting._injection import Provider
    from hosting.extensions.settings.models import SettingsModel


def register(extension: Extension, target: Any) -> None:
    """Set the extension's hooks, order, settings classes, file and warnings, or none of them.

    Args:
        extension: the extension.
        target: what its entry point names: a module, an object, or a class, which is instantiated without arguments.

    Raises:
        ExtensionError: the target is not valid.
        Exception: what the class raises when it is instantiated.
    """
    errors = try_register(extension, target)
    if errors:
        raise errors[0]


def try_register(extension: Extension, target: Any) -> list[ExtensionError]:
    """Set the extension's hooks, order, file and warnings; or none of them, and return everything that is wrong.

    Args:
        extension: the extension.
        target: what its entry point names, as for ``register``.

    Raises:
        ExtensionError: the target is a class that needs arguments, or is made for a newer interface.
        Exception: what the class raises when it is instantiated.
    """
    _declare_guard(extension, target, is_final=False)  # before its class can fail
    plugin = _instance(target)
    check_interface(plugin)
    order = getattr(plugin, "order", None)
    hooks, errors = _hooks(extension, plugin)
    providers, wrong_providers = _providers(extension.name, plugin)
    if not (hooks or errors or providers or wrong_providers):
        errors.append(_no_hooks(plugin, spec_arguments()))
    errors += wrong_providers
    model, wrong = _settings_model(extension.name, plugin, "settings")
    function_model, wrong_for_functions = _settings_model(extension.name, plugin, "function_settings")
    errors = [*wrong, *wrong_for_functions, *_declare_guard(extension, plugin), *errors]
    if order is not None and not isinstance(order, Order):
        errors.insert(0, _wrong_order(order))
    if not errors:
        functions = [hook.function for hook in hooks.values()] + [one.call for one in providers.values()]
        extension.file = _file(target, functions)
        extension.hooks = hooks
        extension.providers = providers
        extension.order = order or Order()
        extension.settings_model, extension.function_settings_model = model, function_model
        extension.warnings = tuple(_missing_markers(plugin, hooks))
        extension.notices = tuple(warn_of_changes(extension.name, hooks.values()))
    return errors


def declare_late(extension: Extension, target: Any) -> None:
    """Note whether a target that is not registered says that it is a guard, without creating its object.

    Args:
        extension: the extension; a value that cannot be read makes it a guard.
        target: as for ``register``.
    """
    value = inspect.getattr_static(target, "guard", None)
    is_said = value is not None and value is not False and not inspect.ismodule(value)
    extension.declared_guard = is_said or None  # a property, for example, may say that it is one


def _instance(target: Any) -> Any:
    if not inspect.isclass(target):
        return target
    if type(target) is type and target.__init__ is object.__init__ and target.__new__ is object.__new__:
        return target()  # Python would parse the text of a signature to find no parameter
    try:
        inspect.signature(target).bind()
    except TypeError as error:
        raise ExtensionError(
            f"class {target.__name__} cannot be instantiated without arguments: {error}",
            remedy="Give each parameter of its __init__ a default value; settings are passed to 'configure'.",
        ) from None
    except ValueError:  # a class written in C may have no signature
        pass
    return target()


def _settings_model(name: str, plugin: Any, attribute: str) -> tuple[SettingsModel | None, list[ExtensionError]]:
    """Return the model of an extension's own class for its settings, if it has one, and what is wrong with that."""
    settings = settings_class(plugin, attribute)
    if settings is None:
        return None, []
    from hosting.extensions.settings.models import settings_model

    try:
        return settings_model(settings, name), []
    except ExtensionError as error:
        return None, [error]


def _declare_guard(extension: Extension, target: Any, *, is_final: bool = True) -> list[ExtensionError]:
    """Set ``declared_guard`` as the attribute ``guard`` of the target says, and return what is wrong with it.

    Args:
        extension: the extension; a value that cannot be read, or is wrong, makes it a guard.
        target: its module, object or class.
        is_final: whether a value that is neither True nor False is wrong; a class may have a property.

    Raises:
        Exception: what reading the value raises.
    """
    declared, extension.declared_guard = extension.declared_guard, True
    value = getattr(target, "guard", None)
    if value is None or inspect.ismodule(value) or not (is_final or isinstance(value, bool)):
        extension.declared_guard = declared
    elif not isinstance(value, bool):
        return [_wrong_guard(value)]
    elif value is False and extension.group == GUARDS:
        return [_contradicting_guard()]
    else:
        extension.declared_guard = value
    return []


def _wrong_guard(value: object) -> ExtensionError:
    return ExtensionError(
        f"'guard' must be True or False, found {type(value).__name__}",
        remedy="Write guard = True if functions must not run without it, or use another name.",
    )


def _contradicting_guard() -> ExtensionError:
    return ExtensionError(
        f"it says guard = False, but its entry point is in the group {GUARDS!r}",
        remedy=f"Move the entry point to the group {EAGER!r}, or remove that line.",
    )


def _wrong_order(order: object) -> ExtensionError:
    return ExtensionError(
        f"'order' must be a hosting.Order, found {type(order).__name__}",
        remedy="Write: order = hosting.Order(before=(...), after=(...)).",
    )


def _hooks(extension: Extension, plugin: Any) -> tuple[dict[str, Hook], list[ExtensionError]]:
    """Return every marked function that is a valid hook, in lifecycle order, and what is wrong with the others."""
    found, errors = _implementations(extension.name, plugin)
    specification = spec_arguments()
    hooks: dict[str, Hook] = {}
    for name in sorted(found, key=[*found.keys() - specification, *specification].index):
        try:
            _check_name(name, specification)
            _check_group(name, extension.group)
            hooks[name] = _hook(extension, name, found[name], specification[name])
        except ExtensionError as error:
            errors.append(error)
    return hooks, errors


def _providers(name: str, plugin: Any) -> tuple[Mapping[Any, Provider], list[ExtensionError]]:
    """Return what gives values for parameters, and what is wrong with that."""
    if "hosting._injection" not in sys.modules:  # it has the decorator of providers
        return {}, []
    from hosting._injection import read_providers

    try:
        return read_providers(plugin, name), []
    except ExtensionError as error:
        return {}, [error]


def _implementations(name: str, plugin: Any) -> tuple[dict[str, pluggy.HookImpl], list[ExtensionError]]:
    """Return the implementations by the name of their hook, found by a plugin manager of their own."""
    manager = pluggy.PluginManager("hosting")
    manager.register(plugin, name)
    found: dict[str, pluggy.HookImpl] = {}
    errors: list[ExtensionError] = []
    for caller in manager.get_hookcallers(plugin) or ():
        first, *others = caller.get_hookimpls()
        if others:
            errors.append(_implemented_twice(caller.name, len(others) + 1))
        elif caller.name in spec_arguments() or not first.optionalhook:
            found[caller.name] = first
    errors.extend(_marked_objects(manager, plugin))
    return found, errors


def _implemented_twice(name: str, count: int) -> ExtensionError:
    return ExtensionError(
        f"hook {name!r} is implemented {count} times",
        remedy="Keep one function for it; 'specname' makes a function implement the hook of another name.",
    )


def _marked_objects(manager: pluggy.PluginManager, plugin: Any) -> Iterator[ExtensionError]:
    """Yield an error for each marked object that is not a function, such as a callable object: pluggy ignores it."""
    for name in dir(plugin):
        marked = inspect.getattr_static(plugin, name, None)
        if marked is vars(object).get(name):
            continue
        is_marked = isinstance(inspect.getattr_static(marked, MARKER, None), dict)
        if is_marked and manager.parse_hookimpl_opts(plugin, name) is None:
            yield ExtensionError(
                f"{name!r} is marked as a hook, but is not a function: found {type(marked).__name__}",
                remedy="Mark a function that calls it.",
            )


def _check_name(name: str, specification: Iterable[str]) -> None:
    if name not in specification:
        raise ExtensionError(f"unknown hook {name!r}", remedy=_suggestion(name, specification))


def _check_group(name: str, group: str | None) -> None:
    if group == ON_DEMAND and name in APP_HOOKS:
        raise ExtensionError(
            f"hook {name!r} runs for every function, but the group {ON_DEMAND!r} is for functions that opt in",
            remedy=f"Move the entry point to group {EAGER!r}, or implement the hook without '_app_level'.",
        )


def _no_hooks(plugin: Any, specification: Iterable[str]) -> ExtensionError:
    unmarked = _unmarked(plugin, specification)
    remedy = "The entry point must name the module, object or class that has the functions marked @hosting.hookimpl."
    if unmarked:
        remedy = f"Mark {', '.join(unmarked)} with @hosting.hookimpl."
    return ExtensionError("it has no hook implementation", remedy=remedy)


def _missing_markers(plugin: Any, hooks: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a warning for each function with the name of a hook but no marker, where the name is unmistakable."""
    for name in _unmarked(plugin, (APP_HOOKS | FUNCTION_HOOKS).difference(hooks)):
        yield f"{name!r} is not marked as a hook and never runs", "Mark it with @hosting.hookimpl, or rename it."


def _unmarked(plugin: Any, names: Iterable[str]) -> list[str]:
    return [name for name in sorted(names) if inspect.isroutine(getattr(plugin, name, None))]


def _hook(extension: Extension, name: str, implementation: pluggy.HookImpl, arguments: tuple[str, ...]) -> Hook:
    function = implementation.function
    if implementation.wrapper or implementation.hookwrapper:
        raise ExtensionError(
            f"hook {name!r} is a pluggy wrapper",
            remedy="Write a plain generator called 'invocation' or 'invocation_app_level', marked @hosting.hookimpl.",
        )
    _check_form(name, function)
    positional, keywords = _accepted_arguments(name, function, arguments)
    return Hook(
        name=name,
        extension=extension,
        function=function,
        positional=positional,
        keywords=keywords,
        is_async=inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function),
        priority=_priority(implementation),
    )


def _check_form(name: str, function: Any) -> None:
    """Check that around hooks are generators, and that no other hook is one: its body would never run."""
    is_generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if name in AROUND_HOOKS and not is_generator:
        raise ExtensionError(f"hook {name!r} must be a generator", remedy="It must have one 'outcome = yield'.")
    if name not in AROUND_HOOKS and is_generator:
        raise ExtensionError(
            f"hook {name!r} is a generator, which would never run",
            remedy="Remove its 'yield', or call it 'invocation' or 'invocation_app_level'.",
        )


def _accepted_arguments(
    name: str, function: Any, arguments: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which of the hook's arguments a function takes by position, and which by keyword.

    A parameter with a default value gets its argument, too. ``**kwargs`` gets those that no parameter names.
    """
    positional: list[str] = []
    keywords: list[str] = []
    parameters = inspect.signature(function).parameters.values()
    skipped = False
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name not in arguments:
            _check_optional(name, parameter, arguments)
            skipped = True
        elif parameter.kind is parameter.KEYWORD_ONLY or skipped:
            keywords.append(parameter.name)
        else:
            positional.append(parameter.name)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        keywords += [argument for argument in arguments if argument not in (*positional, *keywords)]
    return tuple(positional), tuple(keywords)


def _check_optional(name: str, parameter: inspect.Parameter, arguments: tuple[str, ...]) -> None:
    if parameter.default is parameter.empty:
        raise ExtensionError(
            f"hook {name!r} has a parameter {parameter.name!r}, which is not one of the hook's arguments",
            remedy=_suggestion(parameter.name, arguments) if arguments else "The hook has no arguments.",
        )


def _suggestion(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, known) or f"Known names: {', '.join(known)}."


def _priority(implementation: pluggy.HookImpl) -> Priority:
    return 0 if implementation.tryfirst else 2 if implementation.trylast else 1


def _file(target: Any, functions: Sequence[Callable[..., Any]]) -> str | None:
    """Return the file of a module or a class; for an object the file of its first function."""
    is_named = inspect.ismodule(target) or inspect.isclass(target)
    try:
        return inspect.getfile(target if is_named else inspect.unwrap(functions[0]))
    except (TypeError, OSError):
        return None
