"""What authors of extensions and apps write: the marker, the decorators, and what hooks are handed.

``hosting.configure`` and ``hosting.use`` may be called at module level, before any host exists. They write to a pending
list that the host which imports the module takes over and empties: the one exception to "no globals".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

import pluggy

from hosting.core import OptIn

hookimpl = pluggy.HookimplMarker("hosting")
"""Marks a hook implementation: ``@hosting.hookimpl`` or ``@hosting.hookimpl(tryfirst=True)``, ``trylast=True``."""

OPT_INS = "__hosting_use__"
OPT_OUTS = "__hosting_without__"
REPLACES = "__hosting_replaces__"
"""Where a function that stands in for an author's own has that."""

T = TypeVar("T")


class Order:
    """Where an extension stands: ``order = hosting.Order(before=("otel",), after=("auth",))`` on its module or class.

    Names of extensions that are not installed are ignored.
    """

    __slots__ = ("after", "before")

    def __init__(self, before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> None:
        places: dict[str, Any] = {"before": before, "after": after}
        for side, names in places.items():
            if isinstance(names, str) or not all(isinstance(name, str) for name in names):
                raise TypeError(f"hosting.Order: {side} is a tuple of extension names, not {names!r}")
        self.before = before
        self.after = after

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Order) and (self.before, self.after) == (other.before, other.after)

    def __hash__(self) -> int:
        return hash((self.before, self.after))

    def __repr__(self) -> str:
        return f"Order(before={self.before!r}, after={self.after!r})"


class ShortCircuit(Exception):
    """Raised by a pre hook, or by an around hook before its yield, to answer in the function's place.

    Args:
        result: what the caller gets, as if the function had returned it.
    """

    def __init__(self, result: Any = None) -> None:
        super().__init__(result)
        self.result = result


class Outcome:
    """What an around hook's ``yield`` gives: how the invocation ended so far."""

    __slots__ = ("_exception", "_replaced", "_result")

    def __init__(self, result: Any = None, exception: BaseException | None = None) -> None:
        self._result = result
        self._exception = exception
        self._replaced = False

    @property
    def result(self) -> Any:
        """What the function returned; None if it raised."""
        return self._result

    @property
    def exception(self) -> BaseException | None:
        """What the function raised, or the cancellation that ended it; None if it returned."""
        return self._exception

    def set_result(self, value: Any) -> None:
        """Answer with ``value`` instead; an exception counts as handled."""
        self._result, self._exception, self._replaced = value, None, True

    def __repr__(self) -> str:
        return f"Outcome(result={self._result!r}, exception={self._exception!r})"


class Pending:
    """What modules asked for at import, until the host that imports them takes it over."""

    def __init__(self) -> None:
        self.settings: dict[str, dict[str, Any]] = {}
        self.containers: list[tuple[Any, OptIn]] = []
        self.hosted = False
        """Whether a host imports the app right now: it runs the extensions, not ``hosting.extend``."""
        self.shared: Any = None
        """What ``hosting.extend`` shares among the functions of a v1 app."""

    def add(self, other: Pending) -> None:
        """Take in what modules asked for later."""
        for extension, settings in other.settings.items():
            self.settings.setdefault(extension, {}).update(settings)
        self.containers += other.containers

    def take(self) -> Pending:
        """Hand over everything and be empty again."""
        taken = Pending()
        taken.settings, self.settings = self.settings, {}
        taken.containers, self.containers = self.containers, []
        return taken


pending = Pending()


def configure(extension: str, /, **settings: Any) -> None:
    """Give an app's settings to the extension called ``extension``; host.json wins, key by key.

    Raises:
        TypeError: ``extension`` is not a name.
    """
    pending.settings.setdefault(_name("configure", extension), {}).update(settings)


@overload
def use(extension: str, /, **settings: Any) -> Callable[[T], T]: ...
@overload
def use(container: Any, extension: str, /, **settings: Any) -> None: ...
def use(*names: Any, **settings: Any) -> Any:
    """Opt in to a function-level extension.

    ``@hosting.use("profile", top=20)`` on a function, above or below Azure's decorators; or
    ``hosting.use(blueprint, "profile")`` for every function registered through that Blueprint or FunctionApp, also
    those registered later.

    Raises:
        TypeError: the name is not text, or the container cannot hold functions.
    """
    if len(names) == 1:
        return _marker(OPT_INS, OptIn(_name("use", names[0]), settings))
    if len(names) != 2:
        raise TypeError("hosting.use takes an extension's name, or a Blueprint or FunctionApp and a name")
    container, extension = names
    if not hasattr(container, "_function_builders"):
        raise TypeError(f"hosting.use: expected a Blueprint or a FunctionApp, found {type(container).__name__}")
    pending.containers.append((container, OptIn(_name("use", extension), settings)))
    return None


def without(extension: str, /) -> Callable[[T], T]:
    """Opt a function out of the extension called ``extension``, app level and function level alike.

    Raises:
        TypeError: ``extension`` is not a name.
    """
    return _marker(OPT_OUTS, _name("without", extension))


def user_function(target: Any) -> Any:
    """The author's own function inside what Azure's decorators, or ``hosting.extend``, made of it."""
    built = getattr(target, "_function", None)
    function = target if built is None or not hasattr(built, "get_user_function") else built.get_user_function()
    return getattr(function, REPLACES, function)


def declared(function: Any) -> tuple[tuple[OptIn, ...], frozenset[str]]:
    """What ``use`` and ``without`` wrote on a function: its opt-ins, the top decorator last, and its opt-outs."""
    return tuple(getattr(function, OPT_INS, ())), frozenset(getattr(function, OPT_OUTS, ()))


def _marker(attribute: str, value: OptIn | str) -> Callable[[T], T]:
    def mark(target: T) -> T:
        function = user_function(target)
        if not callable(function):
            raise TypeError(f"expected a function to decorate, found {type(target).__name__}")
        setattr(function, attribute, (*getattr(function, attribute, ()), value))
        return target

    return mark


def _name(caller: str, extension: object) -> str:
    if not isinstance(extension, str) or not extension:
        raise TypeError(f"hosting.{caller}: expected an extension's name, found {extension!r}")
    return extension


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of several layers, key by key; the later layer wins."""
    return {key: value for layer in layers for key, value in layer.items()}
