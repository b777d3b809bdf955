"""Checking a function's parameters and annotations against its bindings, as Azure's worker does at load time."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from hosting._author_line import defined_at
from hosting._distributions import installed_version
from hosting._exceptions import error_text
from hosting._injection import Inject, Marked, injected_parameters, marked_result
from hosting.apps.web import WebExtension, is_settlement_type, supports_sdk_type, web_extension
from hosting.core import NOTHING, Binding, Model
from hosting.errors import FunctionLoadError

SETTLEMENT = "serviceBusClient"
"""The binding type of what settles messages of Service Bus."""

_EXTENSION = "The app imports a web extension: use that extension's request and responses in every HTTP function."


_SDK_TYPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "blob": ("azure.storage.blob", "blob"),
        "blobtrigger": ("azure.storage.blob", "blob"),
        "cosmosdb": ("azure.cosmos", "cosmosdb"),
        "eventhubtrigger": ("azure.eventhub", "eventhub"),
        "servicebustrigger": ("azure.servicebus", "servicebus"),
    }
)
"""The SDK that has the classes, and the last part of the name of Azure's package that converts to them, by type."""


class Signature(NamedTuple):
    """The parts of a function's signature that an invocation needs."""

    annotations: Mapping[str, Any]
    """The evaluated annotations of the parameters and of ``return``."""
    wants_context: bool
    """Whether it has a parameter ``context`` that is not a binding."""
    is_async: bool
    """Whether it is a coroutine function."""
    bindings: tuple[Binding, ...]
    """Its bindings, with one for a parameter that settles messages, for which the app has none."""
    injected: Mapping[str, Any] = NOTHING
    """The types of the parameters that extensions supply, by name."""
    returned: Marked | None = None
    """The result, if an extension's own mark is in its annotation; then ``annotations`` do not have it."""


def read_signature(function: Callable[..., Any], bindings: Sequence[Binding], model: Model) -> Signature:
    """Check a function against its bindings, as Azure's worker does, and return its signature.

    ``str`` and ``bytes`` match every binding. For other annotations the SDK's converter of the binding type decides. If
    a v2 app imports Azure's web extension, every HTTP function must use that extension's requests and responses.

    Args:
        function: the function.
        bindings: its bindings, with the trigger.
        model: the app's programming model.

    Raises:
        FunctionLoadError: the function and its bindings do not match. The error has the function's file and line, and
            its remedy says which of the two to change.
    """
    try:
        annotations, injected, returned = _annotations(function)
        bound = {binding.name: binding for binding in bindings if binding.name != "$return"}
        parameters = set(inspect.signature(function).parameters)
        wants_context = "context" in parameters and "context" not in bound
        if wants_context:
            parameters.remove("context")
            _check_context(annotations)
        _check_injected(annotations, injected, bound)
        parameters -= injected.keys()
        settlement = _settlement_binding(parameters - bound.keys(), annotations)
        parameters -= {one.name for one in settlement}
        _check_names(parameters, bound, model)
        for name in sorted(parameters & annotations.keys()):
            _check_parameter(bound[name], annotations[name], model)
        _check_return(bindings, annotations, model)
    except FunctionLoadError as error:
        error.file, error.line = defined_at(function)
        raise
    is_async = inspect.iscoroutinefunction(function)
    return Signature(annotations, wants_context, is_async, (*bindings, *settlement), injected, returned)


def _settlement_binding(unbound: set[str], annotations: Mapping[str, Any]) -> tuple[Binding, ...]:
    """Return the binding of the only parameter without one, if it settles messages of Service Bus.

    Source: ``validate_settlement_param`` in ``bindings/meta.py`` of Azure's libraries for Python 3.13.
    """
    is_one = len(unbound) == 1 and is_settlement_type(annotations.get(min(unbound)))
    return (Binding(min(unbound), SETTLEMENT, "in"),) if is_one else ()


def _annotations(function: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, Any], Marked | None]:
    """Return the annotations without those that are for extensions, the types of these, and the marked result."""
    if getattr(function, "__annotations__", None) is None:
        return {}, {}, None  # a partial, or another callable object
    try:
        injected, returned = injected_parameters(function), marked_result(function)
        hints = typing.get_type_hints(function)
        hidden = injected.keys() | ({"return"} if returned else set[str]())
        return {name: hint for name, hint in hints.items() if name not in hidden}, injected, returned
    except Exception as error:  # an annotation is the author's code, and may raise anything
        raise FunctionLoadError(
            f"an annotation cannot be evaluated: {error_text(error)}",
            remedy="Import the name at run time too, not only under TYPE_CHECKING, or remove the annotation.",
        ) from error


def _check_injected(annotations: Mapping[str, Any], injected: Mapping[str, Any], bound: Mapping[str, Binding]) -> None:
    for name in sorted(injected.keys() & bound.keys()):
        raise FunctionLoadError(
            f"parameter {name!r} is a binding, and is annotated as one that an extension supplies",
            remedy="Remove hosting.Inject from its annotation, or rename the parameter.",
        )
    for name, annotation in annotations.items():
        if annotation is Inject:
            raise FunctionLoadError(
                f"parameter {name!r} does not say what an extension supplies for it",
                remedy=f"Write {name}: Annotated[T, hosting.Inject], with its type for T.",
            )


def _check_context(annotations: Mapping[str, Any]) -> None:
    annotation = annotations.get("context")
    if annotation is not None and getattr(annotation, "__name__", None) != "Context":
        raise FunctionLoadError(
            f'the "context" parameter is expected to be of type azure.functions.Context, got {_format(annotation)}',
            remedy="Annotate it with func.Context, or rename the parameter if it belongs to a binding.",
        )


def _check_names(parameters: set[str], bound: Mapping[str, Binding], model: Model) -> None:
    unbound, missing = sorted(parameters - bound.keys()), sorted(bound.keys() - parameters)
    if not unbound and not missing:
        return
    reasons = [
        *([f"Python has {_list(unbound)} without a binding"] if unbound else []),
        *([f"the bindings have {_list(missing)} without a parameter"] if missing else []),
    ]
    side = "in function.json" if model == "v1" else "in its decorator (arg_name; trigger_arg_name of @app.route)"
    is_hidden = bool({"args", "kwargs"} & set(unbound))
    remedy = f"Use the same name for the parameter in Python and for the binding {side}."
    raise FunctionLoadError(
        f"parameters and bindings do not match: {', '.join(reasons)}",
        remedy="A decorator hides the function's parameters: use functools.wraps in it." if is_hidden else remedy,
    )


def _check_parameter(binding: Binding, annotation: Any, model: Model) -> None:
    is_out = _is_out(annotation)
    inner = _out_argument(binding, annotation) if is_out else annotation
    if not _is_type(inner):
        raise FunctionLoadError(
            f"binding {binding.name} has invalid non-type annotation {_format(annotation)}",
            remedy="Annotate the parameter with one class; Optional and Union are not accepted.",
        )
    if is_out != (binding.direction == "out"):
        raise FunctionLoadError(
            f'binding {binding.name} has the direction "{binding.direction}", but its annotation '
            f"is {'' if is_out else 'not '}azure.functions.Out",
            remedy="Annotate an output with func.Out[...], and an input without it.",
        )
    if inner not in (str, bytes) and not _accepts(binding, inner, model):
        raise FunctionLoadError(
            f'the type "{binding.type}" of binding {binding.name} does not match its Python annotation '
            f"{_format(inner)}",
            remedy=_class_remedy(binding, inner),
        )


def _class_remedy(binding: Binding, annotation: Any) -> str:
    if _web_extension(binding):
        return _EXTENSION
    package, service = _SDK_TYPES.get(binding.type.lower(), ("", ""))
    if package and getattr(_element(annotation), "__module__", "").startswith(f"{package}."):
        distribution = f"azurefunctions-extensions-bindings-{service}"
        install = "" if installed_version(distribution) else f" Install it with: pip install --pre {distribution}"
        return f"Import {_element(annotation).__name__} from azurefunctions.extensions.bindings.{service}.{install}"
    return "Use the SDK's class for this binding, or str or bytes."


def _element(annotation: Any) -> Any:
    """Return the class of a list's elements, or the annotation itself."""
    arguments = typing.get_args(annotation)
    return arguments[0] if len(arguments) == 1 else annotation


def _check_return(bindings: Iterable[Binding], annotations: Mapping[str, Any], model: Model) -> None:
    binding = next((binding for binding in bindings if binding.name == "$return"), None)
    if binding is None or "return" not in annotations:
        return
    annotation = annotations["return"]
    if _is_out(annotation):
        raise FunctionLoadError(
            "the return annotation should not be azure.functions.Out",
            remedy="Annotate the function with the type that it returns, without func.Out.",
        )
    if not isinstance(annotation, type):
        raise FunctionLoadError(
            f"invalid non-type return annotation {_format(annotation)}",
            remedy="Use one class as the return annotation; generic types, Optional and Union are not accepted.",
        )
    if not _accepts(binding, annotation, model):
        raise FunctionLoadError(
            f'the Python return annotation {_format(annotation)} does not match the binding type "{binding.type}"',
            remedy=_EXTENSION
            if _web_extension(binding)
            else "Use the SDK's class for this binding, or remove the annotation.",
        )


def _is_out(annotation: Any) -> bool:
    return getattr(typing.get_origin(annotation) or annotation, "__name__", None) == "Out"


def _out_argument(binding: Binding, annotation: Any) -> Any:
    arguments = typing.get_args(annotation)
    if len(arguments) != 1:
        raise FunctionLoadError(
            f"binding {binding.name} has invalid Out annotation {_format(annotation)}",
            remedy="Write func.Out[...] with one class in the brackets.",
        )
    return arguments[0]


def _is_type(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    return isinstance(annotation, type) or (isinstance(origin, type) and origin is not types.UnionType)


def _accepts(binding: Binding, annotation: Any, model: Model) -> bool:
    """Return whether the converter of a binding accepts a class: the web extension, an SDK type package, or the SDK."""
    web = _web_extension(binding)
    if web is not None:
        is_accepted = web.accepts_request(annotation) if binding.direction == "in" else web.accepts_response(annotation)
        if is_accepted or model == "v2":
            return is_accepted  # in v1 a function may still use the SDK's classes
    if binding.direction == "in" and supports_sdk_type(binding.type, annotation):
        return True
    return _converter_accepts(binding.type, binding.direction, annotation)


def _web_extension(binding: Binding) -> WebExtension | None:
    is_http = (binding.type.lower(), binding.direction) in (("httptrigger", "in"), ("http", "out"))
    return web_extension() if is_http else None


def _converter_accepts(binding_type: str, direction: str, annotation: Any) -> bool:
    import azure.functions  # heavy: only loading an app needs it

    registry: Any = azure.functions.get_binding_registry
    converter = registry().get(binding_type)
    plain = (str, bytes) if direction == "in" else (str, bytes, bytearray)
    try:
        if converter is None:
            return issubclass(annotation, plain)
        check = getattr(converter, f"check_{direction}put_type_annotation", None)
        return check is not None and bool(check(annotation))
    except TypeError:
        return False  # the converter expects a class, and a generic type is not one


def _format(annotation: Any) -> str:
    return inspect.formatannotation(annotation)


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
