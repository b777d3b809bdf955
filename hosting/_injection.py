"""Parameters that extensions supply: the mark on a function's parameter, and the mark on what gives its value."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from types import CoroutineType
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from hosting._exceptions import error_text
from hosting.errors import ExtensionError

PROVIDES = "__hosting_provides__"
"""The attribute of a provider with the type that it gives."""

INVOCATION = "invocation"
"""The name of a provider's parameter that gets the invocation."""

MARKED = "marked"
"""The name of a provider's parameter that gets what is marked, if the provider is for a class of marks."""

ProviderKind: TypeAlias = Literal["def", "async def", "generator", "async generator"]

T = TypeVar("T", bound=Callable[..., Any])


class Inject:
    """Marks a parameter that an extension supplies: ``user: Annotated[User, hosting.Inject]``.

    The value comes from the extension's ``hosting.provider(User)``. The parameter is not a binding, and Azure's
    worker does not see it.
    """


class Mark:
    """Base class of an extension's own marks: ``body: Annotated[Order, Body]``, ``-> Annotated[Order, Response]``.

    A parameter with such a mark is supplied by the extension's ``hosting.provider(Body)``, whatever its type. A result
    with such a mark is for the extension's hooks. Neither is a binding, and Azure's worker does not see them. An
    annotation names the class, or an instance: ``Annotated[Order, Body(strict=True)]``.
    """


_MarkClass: TypeAlias = type[Mark]


class Marked:
    """A parameter or a result that has a mark of an extension's own.

    Args:
        name: the name of the parameter; ``return`` for the result.
        annotation: the whole annotation, ``Annotated[Order, Body]``.
        mark: the class of the mark or the instance, as the annotation has it.
        default: the default of the parameter; ``inspect.Parameter.empty`` if there is none.
    """

    def __init__(self, name: str, annotation: Any, mark: Any, default: Any = inspect.Parameter.empty) -> None:
        self.name, self.annotation, self.mark, self.default = name, annotation, mark, default

    @property
    def type(self) -> Any:
        """The type: ``Order`` in ``Annotated[Order, Body]``."""
        return typing.get_args(self.annotation)[0]

    @property
    def mark_class(self) -> _MarkClass:
        """The class of the mark."""
        found: _MarkClass = self.mark if isinstance(self.mark, type) else self.mark.__class__
        return found

    def __repr__(self) -> str:
        return f"Annotated[{name_of(self.type)}, {self.mark_class.__name__}]"


class Provider(NamedTuple):
    """What gives the values of one type."""

    type: Any
    call: Callable[..., Any]
    kind: ProviderKind
    needs: Mapping[str, Any]
    """The types of its parameters, by their names; ``Invocation`` for the invocation."""
    extension: str
    """The name of its extension, for messages."""
    takes_marked: bool = False
    """Whether it takes the parameter that it gives a value for."""

    @property
    def is_async(self) -> bool:
        """Whether its value is awaited."""
        return self.kind.startswith("async")

    def for_parameter(self, wanted: Any) -> Provider:
        """Return the provider for one parameter.

        Args:
            wanted: what is provided: a type, or a ``Marked``.
        """
        return self._replace(call=functools.partial(self.call, **{MARKED: wanted})) if self.takes_marked else self

    @property
    def checks_value(self) -> bool:
        """Whether a coroutine as its value is a mistake, because its type does not include coroutines."""
        kind = typing.get_origin(self.type) or self.type
        return not (inspect.isclass(kind) and issubclass(CoroutineType, kind))


def provider(type: Any, /) -> Callable[[T], T]:  # noqa: A002 - shown to authors
    """Mark a function of an extension that gives the values of a type: ``@hosting.provider(User)``.

    It is a ``def``, an ``async def``, or a generator that yields the value once and then cleans up; the function's
    exception is raised at its yield. It may take ``invocation`` and parameters that other providers supply. It
    is called right before the function, once for each invocation. What it raises fails the invocation, and so does a
    coroutine as its value, which nothing would await: write ``async def``, or await it in the provider.
    ``hosting.ShortCircuit`` responds in the function's place. For a subclass of ``hosting.Mark`` it is called once for
    each parameter with this mark, and may take ``marked``, the ``hosting.Marked`` of the parameter.

    Args:
        type: the class, or any other type, such as ``list[User]`` or a ``NewType``.

    Returns:
        A decorator that returns the function itself.

    Raises:
        TypeError: it is not a type, or what is decorated is not a function.
    """
    if not _is_type(type):
        raise TypeError(f"hosting.provider takes the type that is provided, found {type!r}: @hosting.provider(User)")

    def mark(function: T) -> T:
        if not inspect.isfunction(function):
            raise TypeError(f"hosting.provider: expected a function to decorate, found {function!r}")
        setattr(function, PROVIDES, type)
        return function

    return mark


def _is_type(value: Any) -> bool:
    """Return whether a value can be the type of a parameter: a class, or what ``typing`` makes of classes."""
    is_named = isinstance(value, typing.NewType) or hasattr(value, "__value__")  # the latter is a statement ``type``
    return inspect.isclass(value) or value is Any or is_named or typing.get_origin(value) is not None


def injected_parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the parameters that extensions supply, by name; for one with a ``Mark`` its ``Marked``.

    Raises:
        Exception: an annotation cannot be evaluated, or has several marks.
    """
    found: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(function, include_extras=True).items():
        mark = _mark(name, hint)
        if mark is None:
            continue
        if _is_of(mark, Inject):
            found[name] = typing.get_args(hint)[0]
        elif name != "return":
            found[name] = Marked(name, hint, mark, inspect.signature(function).parameters[name].default)
    return found


def marked_result(function: Callable[..., Any]) -> Marked | None:
    """Return the result of a function that has a ``Mark`` in its annotation; None for any other.

    Raises:
        Exception: an annotation cannot be evaluated, or has several marks.
    """
    hint = typing.get_type_hints(function, include_extras=True).get("return")
    mark = _mark("return", hint)
    return None if mark is None or _is_of(mark, Inject) else Marked("return", hint, mark)


def _mark(name: str, hint: Any) -> Any:
    """Return the mark of an annotation; None if it has none."""
    marks = [mark for mark in getattr(hint, "__metadata__", ()) if _is_of(mark, Inject) or _is_of(mark, Mark)]
    if len(marks) > 1:
        names = " and ".join(name_of(mark if isinstance(mark, type) else type(mark)) for mark in marks)
        raise TypeError(f"{name!r} has several marks: {names}; only one can supply it")
    return marks[0] if marks else None


def _is_of(mark: Any, kind: type) -> bool:
    return isinstance(mark, kind) or (isinstance(mark, type) and issubclass(mark, kind))


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
    takes_marked = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in injected:
            needs[parameter.name] = injected[parameter.name]
        elif parameter.name == INVOCATION:
            needs[INVOCATION] = None
        elif parameter.name == MARKED and _is_of(type, Mark):
            takes_marked = True
        elif parameter.default is parameter.empty:
            raise ExtensionError(
                f"{subject} has a parameter {parameter.name!r} that nothing supplies",
                remedy=f"Call it {INVOCATION!r}, or annotate it: Annotated[T, hosting.Inject].",
            )
    return Provider(type, function, _kind(function), needs, extension, takes_marked)


def _kind(function: Callable[..., Any]) -> ProviderKind:
    if inspect.isasyncgenfunction(function):
        return "async generator"
    if inspect.isgeneratorfunction(function):
        return "generator"
    return "async def" if inspect.iscoroutinefunction(function) else "def"


def name_of(type: Any) -> str:  # noqa: A002
    """Return the name of a type for messages, or of what is marked."""
    if isinstance(type, Marked):
        return repr(type)
    return str(getattr(type, "__qualname__", None) or getattr(type, "__name__", None) or type)
