"""Finds who provides a binding type: a table of the built-in ones, then entry points of installed packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from hosting._install import install_command
from hosting.bindings.generic.provider import GenericProvider
from hosting.bindings.provider import Provider
from hosting.bindings.services import Services
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from hosting.extensions import installed_entry_points

if TYPE_CHECKING:
    import importlib_metadata

GROUP = "hosting.bindings"
Factory = Callable[[Services], Provider]

BUILT_IN: Mapping[str, str] = {
    "httptrigger": "hosting.bindings.http.provider:HttpProvider",
    "http": "hosting.bindings.http.provider:HttpProvider",
    "timertrigger": "hosting.bindings.timer.provider:TimerProvider",
    "eventgridtrigger": "hosting.bindings.eventgrid.provider:EventGridProvider",
    "warmuptrigger": "hosting.bindings.warmup:WarmupProvider",
}
"""Where the built-in providers are, by binding type in lower case."""

PROVIDED_BY: Mapping[str, str] = {
    "blob": "hosting-storage",
    "blobtrigger": "hosting-storage",
    "queue": "hosting-storage",
    "queuetrigger": "hosting-storage",
    "table": "hosting-storage",
}
"""Which package would provide a type, as far as we know."""


class Providers:
    """The providers of one host, made when the first function needs them."""

    def __init__(
        self,
        services: Services,
        entry_points: Callable[[], importlib_metadata.EntryPoints] = installed_entry_points,
    ) -> None:
        self._services = services
        self._entry_points = entry_points
        self._factories: dict[str, Factory] = {}
        self._made: dict[Factory, Provider] = {}

    def get(self, function: Function, binding: Binding) -> Provider:
        """The provider of ``binding``'s type.

        Raises:
            FunctionLoadError: nobody provides the type, several packages claim it, or its package cannot be imported.
        """
        kind = binding.type.lower()
        if kind not in self._factories:
            built_in = BUILT_IN.get(kind)
            self._factories[kind] = resolve_name(built_in) if built_in else self._imported(function, binding)
        factory = self._factories[kind]
        if factory not in self._made:
            self._made[factory] = _made(factory, self._services)
        return self._made[factory]

    def supports(self, binding: Binding) -> bool:
        """Whether anybody claims ``binding``'s type."""
        return binding.type.lower() in BUILT_IN or bool(self._claims(binding.type))

    def with_generic(self) -> ProvidersWithGeneric:
        """The same, with a stand-in for types that nobody provides."""
        return ProvidersWithGeneric(self, GenericProvider(self._services))

    def all(self) -> tuple[Provider, ...]:
        """Those in use, in the order they were first needed."""
        return tuple(self._made.values())

    def _imported(self, function: Function, binding: Binding) -> Factory:
        claims = self._claims(binding.type)
        if len(claims) != 1:
            raise _unclaimed(function, binding, claims)
        try:
            factory: Factory = claims[0].load()
        except (Exception, SystemExit) as error:
            raise FunctionLoadError(
                f"Function '{function.name}' needs binding type '{binding.type}', but {_owner(claims[0])} cannot be "
                f"imported: {type(error).__name__}: {error}",
                remedy="Reinstall or update that package.",
            ) from error
        return factory

    def _claims(self, kind: str) -> list[importlib_metadata.EntryPoint]:
        entries = self._entry_points().select(group=GROUP)
        return [entry for entry in entries if entry.name.lower() == kind.lower()]


class ProvidersWithGeneric:
    """For a function that is never triggered, but can be run by hand."""

    def __init__(self, providers: Providers, generic: GenericProvider) -> None:
        self._providers = providers
        self._generic = generic

    def get(self, function: Function, binding: Binding) -> Provider:
        return self._providers.get(function, binding) if self._providers.supports(binding) else self._generic


def _made(factory: Factory, services: Services) -> Provider:
    """A provider that a package's entry point makes.

    Raises:
        TypeError: what it makes is none.
    """
    made: object = factory(services)
    if not isinstance(made, Provider):
        raise TypeError(f"an entry point of group '{GROUP}' makes a {type(made).__name__}, and no Provider")
    return made


def _owner(entry: importlib_metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value


def _unclaimed(function: Function, binding: Binding, claims: list[importlib_metadata.EntryPoint]) -> FunctionLoadError:
    if claims:
        names = " and ".join(sorted(_owner(entry) for entry in claims))
        return FunctionLoadError(
            f"Function '{function.name}' needs binding type '{binding.type}', which {names} both provide.",
            remedy="Uninstall all but one of them.",
        )
    return FunctionLoadError(
        f"Function '{function.name}' cannot run: no installed package provides its binding type '{binding.type}'.",
        remedy=missing_provider_remedy(binding),
        file=function.file,
    )


def missing_provider_remedy(binding: Binding) -> str:
    """What a person can do about a binding type that nobody provides."""
    package = PROVIDED_BY.get(binding.type.lower())
    if package:
        return f"Install the package that does: {install_command(package)}"
    return f"Install a package with an entry point '{binding.type}' in group '{GROUP}', or correct the type."
