"""Services: objects that an extension offers to the others of one host, by their class."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar, cast

from hosting.core import Problem
from hosting.errors import ExtensionError

T = TypeVar("T")

ServiceStatus = Literal["value", "unused", "created", "closed"]


class Service:
    """One service.

    Args:
        kind: its class.
        extension: the name of the extension that has added it.
        factory: makes it; None if ``value`` is the service.
        value: the service, once it exists.
        close: called with it when the host stops; None if there is nothing to do.
    """

    def __init__(
        self, kind: type[Any], extension: str, factory: Callable[[], Any] | None, value: Any, close: Any
    ) -> None:
        self.kind, self.extension = kind, extension
        self.factory, self.value, self.close = factory, value, close
        self.status: ServiceStatus = "value" if factory is None else "unused"

    @property
    def name(self) -> str:
        """The name of its class, with the module."""
        return f"{self.kind.__module__}.{self.kind.__qualname__}"


class ServiceRegistry:
    """The services of one host.

    Args:
        report: called with what is wrong with the order of extensions.
    """

    def __init__(self, report: Callable[[Problem], None]) -> None:
        self._report = report
        self._services: dict[type[Any], Service] = {}
        self._made: list[Service] = []
        self._making: list[Service] = []
        self._asked: list[tuple[type[Any], str]] = []
        self._lock = threading.RLock()
        self._is_open = True

    def __iter__(self) -> Iterator[Service]:
        return iter(tuple(self._services.values()))

    def add(self, extension: str, kind: type[Any], value: Any, close: Any) -> None:
        """Add a service; the arguments are those of ``AppServices.add``."""
        subject = f"services.add({_name(kind)}) of extension '{extension}'"
        if not self._is_open:
            raise ExtensionError(
                f"{subject}: services can be added in 'prepare' and 'startup' only",
                remedy="Add a factory there, which makes the service when it is first used.",
            )
        is_value = _check(subject, kind, value, close)
        with self._lock:
            first = self._services.get(kind)
            if first is not None:
                raise ExtensionError(
                    f"{subject}: extension '{first.extension}' has added a service of this class",
                    remedy="Disable one of the two extensions, or offer a class of your own.",
                )
            service = Service(kind, extension, None if is_value else value, value if is_value else None, close)
            self._services[kind] = service
            if is_value:
                self._made.append(service)
        for asked, other in self._asked:
            if asked is kind and other != extension:
                self._report(_too_early(service, other))

    def get(self, extension: str, kind: type[Any]) -> Any:
        """Return a service; the argument and the errors are those of ``AppServices.get``."""
        service = self._services.get(kind)
        if service is None:
            self._asked.append((kind, extension))
            raise self._missing(extension, kind)
        if service.status == "unused":
            with self._lock:
                self._make(service)
        if service.status == "closed":
            raise ExtensionError(f"services.get({_name(kind)}) of extension '{extension}': the host has stopped")
        return service.value

    def discard(self, extension: str) -> None:
        """Remove the services of an extension that has failed; those that exist are closed with the others."""
        with self._lock:
            self._services = {kind: one for kind, one in self._services.items() if one.extension != extension}

    def seal(self) -> None:
        """Take no more services, because the host has started."""
        self._is_open = False

    @property
    def has_made(self) -> bool:
        """Whether there is a service to close, also one of an extension that failed."""
        return bool(self._made)

    def closing(self) -> Iterator[Service]:
        """Yield the services to close, the last one that was made first; none of them can be used any more."""
        self._is_open = False
        while self._made:
            service = self._made.pop()
            service.status = "closed"
            if service.close is not None:
                yield service

    def _make(self, service: Service) -> None:
        if service.status != "unused" or service.factory is None:
            return  # another thread has made it
        if service in self._making:
            cycle = " -> ".join(_name(one.kind) for one in (*self._making, service))
            raise ExtensionError(
                f"the services need each other: {cycle}",
                remedy=f"Let the factory of {_name(service.kind)} in extension '{service.extension}' not ask for them.",
            )
        self._making.append(service)
        try:
            value = service.factory()
        finally:
            self._making.pop()
        if not _is_instance(value, service.kind):
            raise ExtensionError(
                f"the factory of service {_name(service.kind)} in extension '{service.extension}' returned an object "
                f"of type {type(value).__name__}",
                remedy=f"Return a {service.kind.__name__}.",
            )
        service.value, service.status = value, "created"
        self._made.append(service)

    def _missing(self, extension: str, kind: type[Any]) -> ExtensionError:
        known = ", ".join(_name(one) for one in self._services)
        return ExtensionError(
            f"services.get({_name(kind)}) of extension '{extension}': no extension has added a service of this class",
            remedy=f"Install the extension that offers it. Known services: {known or 'none'}.",
        )


class AppServices:
    """The services of the host, as one extension uses them: ``app.services``.

    Args:
        extension: the name of the extension.
        registry: all services of the host.
    """

    def __init__(self, extension: str, registry: ServiceRegistry) -> None:
        self._extension = extension
        self._registry = registry

    def add(
        self, kind: type[T], value_or_factory: T | Callable[[], T], close: Callable[[T], Any] | None = None
    ) -> None:
        """Offer an object to all extensions of this host, by its class. Only in ``prepare`` and ``startup``.

        Args:
            kind: the class by which it is found.
            value_or_factory: an instance of the class; or a function without parameters that returns one. It is called
                once, when the service is first used.
            close: called with the object when the host stops, after the ``shutdown`` hooks, in reverse order. It is
                ``def`` or ``async def``. It is not called for an object that was never made, nor in Azure.

        Raises:
            ExtensionError: it is called later, an argument is wrong, or there is a service of this class.
        """
        self._registry.add(self._extension, kind, value_or_factory, close)

    def get(self, kind: type[T]) -> T:
        """Return the service of a class; a factory is called by the first call.

        Args:
            kind: the class.

        Raises:
            ExtensionError: no extension has added it so far, its factory needs itself, or the host has stopped.
            Exception: what the factory raises; the next call tries it again.
        """
        return cast("T", self._registry.get(self._extension, kind))


def _check(subject: str, kind: Any, value: Any, close: Any) -> bool:
    """Check the arguments of ``add``, and return whether ``value`` is the service itself."""
    import inspect  # only an extension that offers a service needs it

    if not isinstance(kind, type):
        raise ExtensionError(f"{subject}: the first argument must be a class, found {type(kind).__name__}")
    if close is not None and not callable(close):
        raise ExtensionError(f"{subject}: close must be a function, found {type(close).__name__}")
    if inspect.iscoroutinefunction(value):
        raise ExtensionError(
            f"{subject}: the factory is async",
            remedy="Make the service in 'async def startup(app)', and add it there.",
        )
    is_value = _is_instance(value, kind) and not (inspect.isfunction(value) or inspect.isclass(value))
    if not is_value and not callable(value):
        raise ExtensionError(
            f"{subject}: expected a {kind.__name__} or a function that makes one, found {type(value).__name__}"
        )
    return is_value


def _is_instance(value: Any, kind: type[Any]) -> bool:
    try:
        return isinstance(value, kind)
    except TypeError:  # a protocol that cannot be checked at run time
        return not callable(value)


def _too_early(service: Service, other: str) -> Problem:
    return Problem(
        "warning",
        f"Extension '{other}' has asked for the service {_name(service.kind)}, which extension "
        f"'{service.extension}' adds later.",
        f"Write order = hosting.Order(after=('{service.extension}',)) in '{other}', or set the order in host.json.",
        extension=other,
    )


def _name(kind: Any) -> str:
    return getattr(kind, "__qualname__", None) or repr(kind)
