"""Finding the provider of a binding type: the built-in ones, then entry points of installed packages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from hosting._distributions import distribution_name
from hosting._text import did_you_mean
from hosting.bindings.generic.cosmos import takes_cosmos_client
from hosting.bindings.provider import Provider
from hosting.bindings.services import Services
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from hosting.extensions import EntryPoint, installed_entry_points, load_entry_point, may_load

if TYPE_CHECKING:
    from hosting.bindings.generic.provider import GenericProvider

GROUP = "hosting.bindings"
TESTING_GROUP = "hosting.testing"
"""The group of providers that ``hosting.testing`` uses in place of those in memory."""
Factory = Callable[[Services], Provider]

BUILT_IN: Mapping[str, str] = {
    "httptrigger": "hosting.bindings.http.provider:HttpProvider",
    "http": "hosting.bindings.http.provider:HttpProvider",
    "servicebusclient": "hosting.bindings.generic.settlement:SettlementProvider",
    "timertrigger": "hosting.bindings.timer.provider:TimerProvider",
    "eventgridtrigger": "hosting.bindings.eventgrid.provider:EventGridProvider",
    "warmuptrigger": "hosting.bindings.warmup:WarmupProvider",
}
"""The built-in providers, by binding type in lower case."""

_COSMOS_CLIENTS = "hosting.bindings.generic.cosmos:CosmosClientProvider"
"""Provides the clients of an app with Azure's package for them; an installed package that has the type comes first."""

PROVIDED_BY: Mapping[str, str] = {
    "activitytrigger": "hosting-durable",
    "blob": "hosting-storage",
    "blobtrigger": "hosting-storage",
    "durableclient": "hosting-durable",
    "entitytrigger": "hosting-durable",
    "mcpprompttrigger": "hosting-mcp",
    "mcpresourcetrigger": "hosting-mcp",
    "mcptooltrigger": "hosting-mcp",
    "orchestrationclient": "hosting-durable",
    "orchestrationtrigger": "hosting-durable",
    "queue": "hosting-storage",
    "queuetrigger": "hosting-storage",
    "table": "hosting-storage",
}
"""Packages of this project that provide further binding types, for the remedy of an unknown type."""


OF_AZURE = frozenset(
    {
        *("assistantpost", "assistantquery", "assistantskilltrigger", "cosmosdb", "cosmosdbtrigger"),
        *("daprbinding", "daprbindingtrigger", "daprinvoke", "daprpublish", "daprsecret", "daprservicetrigger"),
        *("daprserviceinvocationtrigger", "daprstate", "daprtopictrigger", "embeddings"),
        *("embeddingsstore", "eventgrid", "eventhub", "eventhubtrigger", "kafka", "kafkatrigger"),
        *("kusto", "mysql", "mysqltrigger"),
        *("rabbitmq", "rabbitmqtrigger", "redis", "redislisttrigger"),
        *("redispubsubtrigger", "redisstreamtrigger", "semanticsearch", "sendgrid", "servicebus"),
        *("servicebustrigger", "signalr", "signalrconnectioninfo", "signalrtrigger", "sql", "sqltrigger"),
        *("textcompletion", "token", "twiliosms", "webpubsub", "webpubsubconnection", "webpubsubcontext"),
        "webpubsubtrigger",
    }
)
"""Types of Azure's extension bundle that no package of this project provides, in lower case."""


class Providers:
    """The providers of one host; each is created when the first function needs it.

    Args:
        services: passed to each provider.
        entry_points: returns the entry points of installed packages.
    """

    group = GROUP
    """The group of the entry points."""

    def __init__(
        self,
        services: Services,
        entry_points: Callable[[], Iterable[EntryPoint]] = installed_entry_points,
    ) -> None:
        self._services = services
        self._entry_points = entry_points
        self._factories: dict[str, Factory] = {}
        self._providers: dict[Factory, Provider] = {}

    def get(self, function: Function, binding: Binding) -> Provider:
        """Return the provider of a binding's type.

        Args:
            function: the function with the binding, for error messages.
            binding: the binding.

        Raises:
            FunctionLoadError: no package provides the type, several packages do, or the package cannot be imported.
            TypeError: the entry point does not create a ``Provider``.
        """
        factory = self._factory(function, binding)
        if factory not in self._providers:
            self._providers[factory] = _create(factory, self._services)
        return self._providers[factory]

    def _factory(self, function: Function, binding: Binding) -> Factory:
        binding_type = binding.type.lower()
        if takes_cosmos_client(function, binding) and not self._candidates(binding.type):
            clients: Factory = resolve_name(_COSMOS_CLIENTS)
            return clients
        if binding_type not in self._factories:
            built_in = BUILT_IN.get(binding_type)
            self._factories[binding_type] = resolve_name(built_in) if built_in else self._load(function, binding)
        return self._factories[binding_type]

    def supports(self, function: Function, binding: Binding) -> bool:
        """Return whether a built-in provider or a package provides a binding of ``function``."""
        is_built_in = binding.type.lower() in BUILT_IN or takes_cosmos_client(function, binding)
        return is_built_in or bool(self._candidates(binding.type))

    def with_generic(self) -> ProvidersWithGeneric:
        """Return a lookup that has the generic provider for types that no package provides."""
        from hosting.bindings.generic.provider import GenericProvider  # only manual runs and tests need it

        return ProvidersWithGeneric(self, GenericProvider(self._services))

    def all(self) -> tuple[Provider, ...]:
        """Return the providers that were created, in the order of their creation."""
        return tuple(self._providers.values())

    def _load(self, function: Function, binding: Binding) -> Factory:
        candidates = self._candidates(binding.type)
        if len(candidates) != 1:
            raise _lookup_error(function, binding, candidates, self._blocked(binding.type))
        owner = _owner(candidates[0])
        subject = f"Function '{function.name}' needs binding type '{binding.type}', but {owner}"
        factory: Factory = load_entry_point(candidates[0], subject, error=FunctionLoadError)
        return factory

    def _candidates(self, binding_type: str) -> list[EntryPoint]:
        environ = self._services.environ
        return [entry for entry in self._installed(binding_type) if may_load(entry, environ)]

    def _blocked(self, binding_type: str) -> list[EntryPoint]:
        """Return the entry points that ``HOSTING_ALLOW`` keeps from loading."""
        environ = self._services.environ
        return [entry for entry in self._installed(binding_type) if not may_load(entry, environ)]

    def _installed(self, binding_type: str) -> list[EntryPoint]:
        return self._by_type.get(binding_type.lower(), [])

    @cached_property
    def _by_type(self) -> dict[str, list[EntryPoint]]:
        """The entry points of binding types, read once for all bindings of the app."""
        by_type = defaultdict(list)
        for entry in self._entry_points():
            if entry.group == self.group:
                by_type[entry.name.lower()].append(entry)
        return by_type


class ProvidersWithGeneric:
    """Looks up the providers of a function that is never triggered, but can be run manually.

    Args:
        providers: the lookup for types that are provided.
        generic: the provider of all other types.
    """

    def __init__(self, providers: Providers, generic: GenericProvider) -> None:
        self._providers = providers
        self._generic = generic

    def get(self, function: Function, binding: Binding) -> Provider:
        """Return the provider of a binding's type, as ``Providers.get``; the generic one if no package provides it."""
        is_provided = self._providers.supports(function, binding)
        return self._providers.get(function, binding) if is_provided else self._generic


def _create(factory: Factory, services: Services) -> Provider:
    provider: object = factory(services)
    if not isinstance(provider, Provider):
        raise TypeError(f"an entry point of group '{GROUP}' created a {type(provider).__name__}, expected a Provider")
    return provider


def _owner(entry: EntryPoint) -> str:
    return distribution_name(entry.dist) or entry.value


def _lookup_error(
    function: Function,
    binding: Binding,
    candidates: list[EntryPoint],
    blocked: list[EntryPoint],
) -> FunctionLoadError:
    if candidates:
        names = " and ".join(sorted(_owner(entry) for entry in candidates))
        return FunctionLoadError(
            f"Function '{function.name}' needs binding type '{binding.type}', which is provided by {names}.",
            remedy="Uninstall all but one of them.",
        )
    if blocked:
        owner = _owner(blocked[0])
        return FunctionLoadError(
            f"Function '{function.name}' needs binding type '{binding.type}', but HOSTING_ALLOW does not name {owner}, "
            "which provides it.",
            remedy=f"Add {owner} to HOSTING_ALLOW if the package is to load.",
            file=function.file,
        )
    return FunctionLoadError(
        f"Function '{function.name}' cannot run: no installed package provides its binding type '{binding.type}'.",
        remedy=missing_provider_remedy(binding),
        file=function.file,
    )


def missing_provider_remedy(binding: Binding) -> str:
    """Return what to do about a binding that no installed package provides, in one or two sentences."""
    return f"{type_remedy(binding)}{_alternative(binding)}"


def _alternative(binding: Binding) -> str:
    """Return how to run a function without the service of a binding; empty for a trigger."""
    if binding.direction == "out":
        return " To run the function without it, and log what it would send: hosting start --missing-outputs log"
    if binding.is_trigger:
        return ""
    entry = f'"hosting": {{"inputs": {{"{binding.name}": "{binding.name}.json"}}}}'
    return f" To read it from a file here, write {entry} into host.json."


def type_remedy(binding: Binding) -> str:
    """Return what to do about a binding type that no installed package provides, in one sentence."""
    package = PROVIDED_BY.get(binding.type.lower())
    if package:
        from hosting._install import install_command  # only an error needs it

        return f"{install_command(package)} installs the package that provides it."
    package_remedy = f"install a package with an entry point '{binding.type}' in group '{GROUP}'."
    if binding.type.lower() in OF_AZURE:
        return f"Azure has this type, and hosting does not: in Azure it works. To use it here, {package_remedy}"
    hint = did_you_mean(binding.type, (*BUILT_IN, *PROVIDED_BY, *OF_AZURE))
    return f"Correct the type{f' ({hint[:-1]})' if hint else ''}, or {package_remedy}"
