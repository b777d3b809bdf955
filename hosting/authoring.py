"""Interface for authors of extensions and apps: the marker of hooks, the decorators, and what hooks receive.

``hosting.configure`` and ``hosting.use`` may be called while a module is imported, before any host exists. They write
to ``pending``, which the host that imports the module takes over and empties: the one exception to "no globals".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from types import FunctionType, MethodType, ModuleType
from typing import Any, TypeVar, overload

import pluggy

from hosting.core import NOTHING, OptIn

hookimpl = pluggy.HookimplMarker("hosting")
"""Marks a function as a hook: ``@hosting.hookimpl``, or with ``(tryfirst=True)`` or ``(trylast=True)``."""

OPT_INS = "__hosting_use__"
OPT_OUTS = "__hosting_without__"
REPLACES = "__hosting_replaces__"
"""The attribute of a wrapper that has the author's own function."""
_MAX_LAYERS = 64
"""How many objects are looked at to find what a function's decorators wrap."""

T = TypeVar("T")


class Order:
    """Position of an extension among the others: ``order = hosting.Order(before=("otel",), after=("auth",))``.

    It is an attribute of the extension's module or class, called ``order``. The ``order`` in host.json comes before it.

    Args:
        before: names of extensions that this one is called before; names that are not installed are ignored.
        after: names of extensions that this one is called after; names that are not installed are ignored.

    Raises:
        TypeError: an argument is not a tuple of names.
    """

    __slots__ = ("after", "before")

    def __init__(self, before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> None:
        sides: dict[str, Any] = {"before": before, "after": after}
        for side, names in sides.items():
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
    """Raised by a pre hook, or by an around hook before its yield, to respond in place of the function.

    Args:
        result: what the caller gets, as if the function had returned it.
    """

    def __init__(self, result: Any = None) -> None:
        super().__init__(result)
        self.result = result


class Outcome:
    """Result of an around hook's ``yield``: how the function and the inner hooks ended.

    Args:
        result: what was returned.
        exception: what was raised; None if nothing was.
    """

    __slots__ = ("_exception", "_replaced", "_result")

    def __init__(self, result: Any = None, exception: BaseException | None = None) -> None:
        self._result = result
        self._exception = exception
        self._replaced = False

    @property
    def result(self) -> Any:
        """What the function returned, or an inner hook replaced it with; None if the function raised."""
        return self._result

    @property
    def exception(self) -> BaseException | None:
        """What the function raised, or the CancelledError of its cancellation; None if there is a result."""
        return self._exception

    def set_result(self, value: Any) -> None:
        """Replace the result with ``value``; an exception counts as handled."""
        self._result, self._exception, self._replaced = value, None, True

    def __repr__(self) -> str:
        return f"Outcome(result={self._result!r}, exception={self._exception!r})"


class Registrations:
    """What modules register while they are imported, until the host that imports them takes it over."""

    def __init__(self) -> None:
        self.settings: dict[str, dict[str, Any]] = {}
        """The settings of ``hosting.configure`` by extension."""
        self.containers: list[tuple[Any, OptIn]] = []
        """The Blueprints and FunctionApps of ``hosting.use``, each with its opt-in."""
        self.extensions: list[tuple[str, Any]] = []
        """The extensions of ``hosting.extension``, each with its name."""
        self.late: list[Callable[[str, Any], bool]] = []
        """What the hosts that run do with an extension that is registered while they run: each returns whether it is an
        extension of its app."""
        self.deferred: list[Callable[[], Any]] = []
        """What ``hosting.extend`` does once there is an extension of the app, while installed ones are off."""
        self.hosted = False
        """Whether a host imports the app now: then the host runs extensions, and ``hosting.extend`` does nothing."""
        self.shared: Any = None
        """What ``hosting.extend`` shares among the functions of a v1 app."""

    def run_deferred(self) -> None:
        """Do what waits for an extension. An action that raises, and those after it, go on waiting for the next one."""
        deferred, self.deferred = self.deferred, []
        while deferred:
            try:
                deferred[0]()
            except BaseException:
                self.deferred += deferred
                raise
            deferred.pop(0)

    def add(self, other: Registrations) -> None:
        """Add later registrations; a setting replaces an earlier one with the same key."""
        for extension, settings in other.settings.items():
            self.settings.setdefault(extension, {}).update(settings)
        self.containers += other.containers
        self.extensions += other.extensions

    def take(self) -> Registrations:
        """Return all registrations, and forget them, with what waits for one."""
        self.deferred = []
        return self.collect()

    def collect(self) -> Registrations:
        """Return all registrations, and forget them."""
        taken = Registrations()
        taken.settings, self.settings = self.settings, {}
        taken.containers, self.containers = self.containers, []
        taken.extensions, self.extensions = self.extensions, []
        return taken


pending = Registrations()


def configure(extension: str, /, **settings: Any) -> None:
    """Set an extension's settings for the whole app.

    Call it in a module of the app. For a key that host.json has as well, the value of host.json is used.

    Args:
        extension: the extension's name, in any case.
        settings: the settings; they are passed to the extension's ``configure``.

    Raises:
        TypeError: ``extension`` is not text, or empty.
    """
    pending.settings.setdefault(_name("configure", extension), {}).update(settings)


def extension(target: T, /, *, name: str | None = None) -> T:
    """Register an extension of the app itself, which needs no package: ``hosting.extension(Audit)``.

    Call it in a module of the app, or write ``@hosting.extension`` above the class. Such extensions run as the app's
    own code does, also if ``PYTHON_ENABLE_WORKER_EXTENSIONS`` is not true. Everything else is as for installed ones.
    It must be called while the app is imported: later, it logs a warning, and a guard denies the app's functions.

    Args:
        target: a class, which is instantiated without arguments, an object or a module with hooks.
        name: the extension's name; by default that of the class, the object's class or the module, in lower case.

    Returns:
        ``target``.

    Raises:
        TypeError: ``name`` is not text, or empty.
    """
    if name is None:
        named = target if isinstance(target, type | ModuleType) else type(target)
        name = named.__name__.rpartition(".")[2].lower()
    name = _name("extension", name)
    takers = [takes for takes in pending.late if takes(name, target)]  # all of them: a test may run several hosts
    if takers:
        return target
    pending.extensions.append((name, target))
    pending.run_deferred()
    return target


@overload
def use(extension: str, /, **settings: Any) -> Callable[[T], T]: ...
@overload
def use(container: Any, extension: str, /, **settings: Any) -> None: ...
def use(*names: Any, **settings: Any) -> Any:
    """Opt functions in to an extension, so that its function-level hooks run for them.

    For one function write ``@hosting.use("profile", top=20)`` on it, above or below Azure's decorators. For all
    functions of a Blueprint or FunctionApp, also those registered later, call ``hosting.use(blueprint, "profile")``.

    Args:
        names: the extension's name, in any case; before it the Blueprint or FunctionApp, if there is one.
        settings: the extension's settings for these functions, passed to its ``configure_function``.

    Returns:
        A decorator that returns the function itself; None where a Blueprint or FunctionApp is passed.

    Raises:
        TypeError: the name is not text or is empty, or the first of two arguments is not a Blueprint or FunctionApp.
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
    """Opt a function out of an extension: neither its app-level nor its function-level hooks run for it.

    Args:
        extension: the extension's name, in any case.

    Returns:
        A decorator that returns the function itself.

    Raises:
        TypeError: ``extension`` is not text, or empty.
    """
    return _marker(OPT_OUTS, _name("without", extension))


def user_function(target: Any) -> Any:
    """Return the author's own function, inside of what Azure's decorators or ``hosting.extend`` made of it."""
    built = getattr(target, "_function", None)
    function = target if built is None or not hasattr(built, "get_user_function") else built.get_user_function()
    return getattr(function, REPLACES, function)


def declared_opt_ins(function: Any, app: Collection[Any] = ()) -> tuple[tuple[OptIn, ...], frozenset[str]]:
    """Return the opt-ins of a function's ``use`` decorators, the top one last, and the names in its ``without``.

    Those below other decorators count too, whether or not these use ``functools.wraps``.

    Args:
        function: the function.
        app: all functions of the app. A function may refer to another one as a decorator refers to what it wraps: what
            the other one opts out of does not count, since it may be a guard.
    """
    opt_ins: tuple[OptIn, ...] = ()
    for layer in map(_attributes, reversed(decorated_layers(function))):
        opt_ins = _with_inner(opt_ins, layer.get(OPT_INS, ()))
    own = decorated_layers(function, {id(one) for one in app})
    return opt_ins, frozenset(name for layer in map(_attributes, own) for name in layer.get(OPT_OUTS, ()))


def decorated_layers(function: Any, others: Collection[int] = frozenset()) -> list[Any]:
    """Return a function and what its decorators wrap, the outermost first.

    A decorator keeps the function that it wraps in a variable of its own, in an attribute or in a ``partial``.

    Args:
        function: the function.
        others: the ids of functions that are left out, also where ``hosting.extend`` has replaced them.
    """
    layers, seen = [function], {id(function), *others}
    for layer in layers:  # it grows while it is read
        inner = [one for one in _kept(layer) if callable(one) and not issubclass(type(one), type)]
        inner = [one for one in inner if id(_attributes(one).get(REPLACES)) not in others]
        for one in inner[: _MAX_LAYERS - len(layers)]:
            if id(one) not in seen:
                seen.add(id(one))
                layers.append(one)
    return layers


def _kept(layer: Any) -> Iterator[Any]:
    """Yield the objects that a function or a callable object keeps for its calls."""
    yield from list(_attributes(layer).values())
    kind = type(layer)  # not isinstance: it would ask a proxy for the object behind it, which may not exist
    if kind is MethodType:
        yield layer.__func__
        yield from list(_attributes(layer.__self__).values())
    elif issubclass(kind, functools.partial):
        yield layer.func
    elif issubclass(kind, FunctionType):
        for cell in layer.__closure__ or ():
            with suppress(ValueError):  # a variable that has no value yet
                yield cell.cell_contents


def _attributes(layer: Any) -> Mapping[str, Any]:
    try:
        attributes: Mapping[str, Any] = vars(layer)
        return attributes
    except Exception:  # noqa: BLE001 - a proxy raises anything if the object behind it does not exist
        return NOTHING


def _with_inner(inner: tuple[OptIn, ...], own: tuple[OptIn, ...]) -> tuple[OptIn, ...]:
    """Return a layer's opt-ins after those of the layer inside, without those that ``functools.wraps`` has copied."""
    return (*inner, *(one for one in own if all(one is not other for other in inner)))


def _marker(attribute: str, value: OptIn | str) -> Callable[[T], T]:
    def mark(target: T) -> T:
        function = user_function(target)
        if not callable(function):
            raise TypeError(f"expected a function to decorate, found {type(target).__name__}")
        try:
            setattr(function, attribute, (*getattr(function, attribute, ()), value))
        except AttributeError:
            raise TypeError(
                f"hosting.use and hosting.without cannot mark an object of type {type(function).__name__}: "
                "write them below the decorator that returns it, on the function itself"
            ) from None
        return target

    return mark


def _name(caller: str, extension: object) -> str:
    if not isinstance(extension, str) or not extension:
        raise TypeError(f"hosting.{caller}: expected an extension's name, found {extension!r}")
    return extension
