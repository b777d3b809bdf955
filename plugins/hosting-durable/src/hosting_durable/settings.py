"""``extensions.durableTask`` of host.json."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hosting.bindings import Services
from hosting.core import Problem
from hosting.errors import SettingsError
from hosting_durable.versions import Match

_SETTING = re.compile("%([^%]+)%")
BACKEND = "durabletask"
"""The type of a store that is the engine as well: a backend of the Durable Task protocol."""

_TYPES = ("sqlite", "postgresql", BACKEND)
_CONNECTED = {
    "postgresql": "postgresql://USER:PASSWORD@HOST/NAME",
    BACKEND: "Endpoint=http://HOST:PORT;TaskHub=NAME;Authentication=None",
}
_PARALLEL_PER_CPU = 10
_MAX_ACTIONS = 100_000
_BATCH = 5000
_SLEEP_MS = 30_000
_SCHEDULER = frozenset({"azuremanaged", "durabletask-scheduler"})
_OF_AZURE = frozenset({"azurestorage", "mssql", "netherite", *_SCHEDULER})


@dataclass(frozen=True, slots=True)
class DurableSettings:
    """What host.json says about a task hub; names as there, in Python's spelling.

    Args:
        hub_name: the name of the task hub; hubs are apart from each other.
        max_activities: how many activities run at once in one process.
        max_orchestrators: how many turns of orchestrators run at once in one process.
        max_entities: how many batches of entities run at once in one process.
        max_entity_batch: the most operations of a batch.
        max_actions: the most actions of one execution of an orchestration.
        replaces_any: whether a start with the ID of an orchestration that is not finished replaces it.
        default_version: the version of orchestrations that are started without one.
        http_sleep_seconds: how long ``call_http`` waits between two polls if the response does not say.
        stores_inputs: whether histories show the inputs of activities.
        store_type: ``sqlite``, ``postgresql`` or ``durabletask``.
        connection: for ``postgresql`` the URI of the database, for ``durabletask`` the connection string.
        version_match: which versions of orchestrations this host runs.
        fails_other_versions: whether the others fail; if not, they wait for a host that runs them.
    """

    hub_name: str
    max_activities: int
    max_orchestrators: int
    max_entities: int
    max_entity_batch: int = _BATCH
    max_actions: int = _MAX_ACTIONS
    replaces_any: bool = False
    default_version: str | None = None
    http_sleep_seconds: float = _SLEEP_MS / 1000
    stores_inputs: bool = False
    store_type: str = "sqlite"
    connection: str = ""
    version_match: Match = Match.NONE
    fails_other_versions: bool = False


def read_settings(services: Services) -> DurableSettings:
    """Return the settings of an app; what does not apply here becomes one of ``services.problems``.

    Raises:
        SettingsError: a value cannot be used.
    """
    section = _Section(services.section("extensions", "durableTask"), services)
    parallel = _PARALLEL_PER_CPU * (os.cpu_count() or 1)
    store_type, connection = _store(section, services)
    return DurableSettings(
        hub_name=_hub_name(section, services),
        max_activities=section.count("maxConcurrentActivityFunctions", parallel),
        max_orchestrators=section.count("maxConcurrentOrchestratorFunctions", parallel),
        max_entities=section.count("maxConcurrentEntityFunctions", parallel),
        max_entity_batch=section.count("maxEntityOperationBatchSize", _BATCH),
        max_actions=section.count("maxOrchestrationActions", _MAX_ACTIONS),
        replaces_any=str(section.get("overridableExistingInstanceStates")).lower() == "anystate",
        default_version=section.text("defaultVersion") or None,
        http_sleep_seconds=_http_sleep(section),
        stores_inputs=section.get("storeInputsInOrchestrationHistory") is True,
        store_type=store_type,
        connection=connection,
        version_match=_version_match(section),
        fails_other_versions=section.choice("versionFailureStrategy", ("Reject", "Fail")) == "Fail",
    )


def _version_match(section: _Section) -> Match:
    """Return the strategy; by default the versions count only where the host has one."""
    chosen = section.choice("versionMatchStrategy", [one.value for one in Match])
    if chosen:
        return Match(chosen)
    return Match.CURRENT_OR_OLDER if section.text("defaultVersion") else Match.NONE


class _Section:
    """The section of host.json; keys ignore case, and ``%NAME%`` in texts is an app setting."""

    def __init__(self, values: Mapping[str, Any], services: Services) -> None:
        self._values = {str(key).lower(): value for key, value in values.items()}
        self._services = services

    def get(self, key: str) -> Any:
        """Return a value; None if there is none."""
        return self._values.get(key.lower())

    def text(self, key: str) -> str:
        """Return a value as text, with app settings filled in; empty if there is none."""
        value = self.get(key)
        if value is None:
            return ""
        return _SETTING.sub(lambda found: self._services.settings.get(found[1]) or "", str(value)).strip()

    def choice(self, key: str, names: Sequence[str]) -> str:
        """Return one of some names as they are spelled, or an empty text; raises SettingsError for other values."""
        value = self.text(key)
        found = next((name for name in names if name.lower() == value.lower()), "")
        if value and not found:
            raise _wrong(key, f"{', '.join(names[:-1])} or {names[-1]}", self.get(key))
        return found

    def count(self, key: str, default: int) -> int:
        """Return a whole number of at least 1; raises SettingsError for other values."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise _wrong(key, "a whole number of at least 1", value)
        return value


def _wrong(key: str, expected: str, found: Any) -> SettingsError:
    return SettingsError(
        f"host.json: extensions.durableTask.{key}: expected {expected}, found {found!r}.",
        remedy="Correct the value, or remove the key for its default.",
    )


def _hub_name(section: _Section, services: Services) -> str:
    name = section.text("hubName")
    if not name:
        return default_hub_name(services.settings.get("WEBSITE_SITE_NAME") or "")
    if not re.fullmatch("[A-Za-z][A-Za-z0-9]{2,44}", name):
        raise SettingsError(
            f"Task hub name '{name}' should contain only alphanumeric characters, start with a letter, and have length "
            "between 3 and 45.",
            remedy="Correct extensions.durableTask.hubName in host.json.",
        )
    return name


def default_hub_name(site: str) -> str:
    """Return the name of the hub of an app without ``hubName``, as Azure's extension makes it of the site's name."""
    if not site:
        return "TestHubName"
    name = re.sub("[^A-Za-z0-9]", "", site)
    if not name:
        return "DefaultTaskHub"
    name = f"t{name}" if name[0].isdigit() else name
    return (f"{name}Hub" if len(name) < 3 else name)[:45]


def _http_sleep(section: _Section) -> float:
    http = section.get("httpSettings")
    value = http.get("defaultAsyncRequestSleepTimeMilliseconds") if isinstance(http, Mapping) else None
    return (value if isinstance(value, int) and value > 0 else _SLEEP_MS) / 1000


def _store(section: _Section, services: Services) -> tuple[str, str]:
    """Return the type of the store and the URI of its database."""
    values = section.get("storageProvider")
    provider = _Section(values if isinstance(values, Mapping) else {}, services)
    kind = provider.text("type").lower()
    if kind in _SCHEDULER and _setting(provider, services):
        kind = BACKEND
    if kind in _OF_AZURE:
        _warn_of_azure(provider.text("type"), services)
        kind = ""
    if kind not in ("", *_TYPES):
        raise _wrong("storageProvider.type", f"{', '.join(_TYPES[:-1])} or {_TYPES[-1]}", provider.get("type"))
    return (kind or "sqlite", _connection(kind, provider, services) if kind in _CONNECTED else "")


def _warn_of_azure(kind: str, services: Services) -> None:
    services.problems.append(
        Problem(
            "warning",
            f"host.json: extensions.durableTask.storageProvider.type: '{kind}' is not served here; the state of "
            "orchestrations is in an SQLite file.",
            'Set it to "sqlite" or "postgresql" to say where the state of orchestrations belongs.',
        )
    )


def _setting(provider: _Section, services: Services) -> str:
    """Return the app setting that ``connectionStringName`` names; empty if there is none."""
    name = provider.text("connectionStringName")
    return (services.settings.get(name) or "") if name else ""


def _connection(kind: str, provider: _Section, services: Services) -> str:
    name, value = provider.text("connectionStringName"), _setting(provider, services)
    if not value:
        what = f"the app setting '{name}'" if name else "extensions.durableTask.storageProvider.connectionStringName"
        raise SettingsError(
            f"The store of Durable Functions is {kind}, but {what} is not set.",
            remedy=f"Set connectionStringName in host.json, and the app setting to {_CONNECTED[kind]}.",
        )
    return value
