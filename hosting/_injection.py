"""Parameters that extensions supply: the mark on a function's parameter, and the mark on what gives its value."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from hosting._exceptions import error_text
from hosting.errors import ExtensionError

PROVIDES = "__hosting_provides__"
"""The attribute of a provider with the type that it gives."""

INVOCATION = "invocation"
"""The name of a provider's parameter that gets the invocation."""

ProviderKind: TypeAlias = Literal["def", "async def", "generator", "async generator"]

T = TypeVar("T", bound=Callable[..., Any])


class Inject:
    """Marks a parameter that an extension supplies: ``user: Annotated[User, hosting.Inject]``.

    The value comes from the extension's ``hosting.provider(User)``. The parameter is not a binding, and Azure's
    worker does not see it.
    """


class Provider(NamedTuple):
    """What gives the values of one type."""

    type: Any
    call: Callable[..., Any]
    kind: ProviderKind
    needs: Mapping[str, Any]
    """The types of its parameters, by their names; ``Invocation`` for the invocation."""
    extension: str
    """The name of its extension, for messages."""

    @property
    def is_async(self) -> bool:
        """Whether its value is awaited."""
        return self.kind.startswith("async")


def provider(type: Any, /) -> Callable[[T], T]:  # noqa: A002 - shown to authors
    """Mark a function of an extension that gives the values of a type: ``@hosting.provider(User)``.

    It is a ``def``, an ``async def``, or a generator that yields the value once and then cleans up; the function's
    exception is raised at its yield. It may take ``invocation`` and parameters that other providers supply. It
    is called right before the function, once for each invocation. What it raises fails the invocation;
    ``hosting.ShortCircuit`` responds in the function's place.

    Args:
        type: the class, or any other type that can be a key.

    Returns:
        A decorator that returns the function itself.

    Raises:
        TypeError: there is no type, or what is decorated is not a function.
    """
    if type is None or isinstance(type, str) or (inspect.isroutine(type) and not inspect.isclass(type)):
        raise TypeError(f"hosting.provider takes the type that is provided, found {type!r}: @hosting.provider(User)")
    hash(type)  # raises TypeError

    def mark(function: T) -> T:
        if not inspect.isfunction(function):
            raise TypeError(f"hosting.provider: expected a function to decorate, found {function!r}")
        setattr(function, PROVIDES, type)
        return function

    return mark


def injected_parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the parameters that are marked with ``Inject``, by name.

    Raises:
        Exception: an annotation cannot be evaluated.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    return {name: typing.get_args(hint)[0] for name, hint in hints.items() if _is_injected(hint)}


def _is_injected(hint: Any) -> bool:
    marks = getattr(hint, "__metadata__", ())
    return any(mark is Inject or isinstance(mark, Inject) for mark in marks)


def read_providers(plugin: Any, extension: str) -> dict[Any, Provider]:
    """Return the providers of a module or an object, by type.

    Raises:
        ExtensionError: two give the same type, or one has a parameter that nothing supplies.
    """
    found: dict[Any, Provider] = {}
    for name in dir(plugin):
        static = inspect.getattr_static(plugin, name, None)
        if not hasattr(getattr(static, "__func__", static), PROVIDES):
            continue
        function = getattr(plugin, name)
        one = describe_provider(getattr(function, PROVIDES), function, extension)
        if one.type in found:
            raise ExtensionError(
                f"{name_of(one.type)} is provided twice: by {found[one.type].call.__name__} and {function.__name__}",
                remedy="Keep one of the two providers.",
            )
        found[one.type] = one
    return found


def describe_provider(type: Any, function: Callable[..., Any], extension: str) -> Provider:  # noqa: A002
    """Return a function as a provider.

    Raises:
        ExtensionError: it has a parameter that nothing supplies, or an annotation that cannot be evaluated.
    """
    subject = f"the provider {function.__name__} of {name_of(type)}"
    try:
        injected = injected_parameters(function)
    except Exception as error:  # an annotation is the author's code, and may raise anything
        raise ExtensionError(
            f"{subject} has an annotation that cannot be evaluated: {error_text(error)}",
            remedy="Import the name at run time too, not only under TYPE_CHECKING.",
        ) from error
    needs: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in injected:
            needs[parameter.name] = injected[parameter.name]
        elif parameter.name == INVOCATION:
            needs[INVOCATION] = None
        elif parameter.default is parameter.empty:
            raise ExtensionError(
                f"{subject} has a parameter {parameter.name!r} that nothing supplies",
                remedy=f"Call it {INVOCATION!r}, or annotate it: Annotated[T, hosting.Inject].",
            )
    return Provider(type, function, _kind(function), needs, extension)


def _kind(function: Callable[..., Any]) -> ProviderKind:
    if inspect.isasyncgenfunction(function):
        return "async generator"
    if inspect.isgeneratorfunction(function):
        return "generator"
    return "async def" if inspect.iscoroutinefunction(function) else "def"


def name_of(type: Any) -> str:  # noqa: A002
    """Return the name of a type for messages."""
    return str(getattr(type, "__qualname__", None) or getattr(type, "__name__", None) or type)
