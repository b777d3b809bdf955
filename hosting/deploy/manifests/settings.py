"""The settings of an app in a container: those with a value, and those that only a Secret may have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hosting._redaction import redact_field
from hosting.app_settings import AppSettings
from hosting.apps.v1 import FILE as FUNCTION_JSON
from hosting.core import Function, Problem
from hosting.deploy.manifests.connections import IDENTITY_KEYS, STORAGE, find_connection
from hosting.deploy.manifests.names import folded, is_key
from hosting.errors import UsageError

HOST_ID = "AzureFunctionsWebHost__hostid"
_MAX_HOST_ID = 32

_OF_THE_HOST = frozenset(
    {
        *("functions_worker_runtime", "functions_worker_runtime_version", "azure_functions_environment", "port"),
        *("azurewebjobsscriptroot", "azurewebjobssecretstoragetype", "website_hostname", "web_concurrency"),
        *("hosting_keys_secret", "hosting_keys_secret_file", "hosting_keys_folder", "xdg_state_home"),
    }
)
"""Settings that the platform or the manifests set, in lower case."""

_PLAIN = re.compile(
    r"azurewebjobs[._:].+[._:]disabled|python_enable_worker_extensions|python_threadpool_thread_count"
    r"|functions_worker_process_count|python_enable_debug_logging|hosting_allow|tz|website_time_zone"
    r"|azurefunctionsjobhost:(?!functions:|.*customheaders).+|azurefunctionswebhost:hostid",
)
"""Settings that are not secret, folded."""

_SHOWN = frozenset(
    {
        *("queuename", "topicname", "subscriptionname", "eventhubname", "consumergroup", "topic", "schedule"),
        *("path", "databasename", "containername", "collectionname", "tablename"),
    }
)
"""Properties of triggers that are not secret, in lower case; others, such as a password, may be."""

_EXPRESSION = re.compile(r"%([^%\s]+)%")
_CONNECTION_KEYS = ("connection", "connectionstringsetting")


class Settings(NamedTuple):
    """The settings of the containers.

    Args:
        values: settings with their values, for a ConfigMap.
        secrets: the names of the settings that a Secret must have.
        problems: what a person must know.
    """

    values: Mapping[str, str]
    secrets: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def setting_names(local: Iterable[str], environ: Mapping[str, str], functions: Sequence[Function]) -> list[str]:
    """Return the names of the settings in local.settings.json, and of those in the environment that bindings use."""
    used = {folded(name) for name in _expressions(functions)}
    wanted = {folded(name) for function in functions for name in _connections(function)} | {folded(STORAGE)}
    candidates = {*used, *wanted, *(f"azurewebjobs{name}" for name in wanted)}
    found = dict.fromkeys(local)
    known = {folded(name) for name in found}
    for name in sorted(environ):
        start = folded(name).rpartition(":")[0]
        if folded(name) not in known and (folded(name) in candidates or start in candidates):
            found[name] = None
    return list(found)


def collect(
    names: Iterable[str],
    settings: AppSettings,
    functions: Sequence[Function],
    required: Iterable[str],
    plain: Sequence[str],
    host_id: str,
) -> Settings:
    """Return the settings of the containers.

    Args:
        names: the names of the app's settings.
        settings: the app settings.
        functions: the functions that run.
        required: names of settings that scalers read from the Secret.
        plain: names of settings that are written with their values.
        host_id: the ID that all hosts of the app share, unless the settings say one.

    Raises:
        UsageError: ``plain`` has a name that is not set.
    """
    names = list(names)
    _check_plain(plain, names, settings)
    values = {"AZURE_FUNCTIONS_ENVIRONMENT": "Production", "FUNCTIONS_WORKER_RUNTIME": "python", HOST_ID: host_id}
    secrets: dict[str, None] = {}
    problems: list[Problem] = []
    required = list(required)
    is_plain = _Plain(settings, functions, plain)
    for name in [*names, *plain]:
        key = name.replace(":", "__")
        if folded(name) in _OF_THE_HOST:
            continue
        if not is_key(key):
            problems.append(_no_key(name))
        elif key not in required and is_plain(name):
            values[HOST_ID if folded(name) == folded(HOST_ID) else key] = settings.get(name) or ""
        else:
            secrets[key] = None
    secrets.update(dict.fromkeys((*required, *_missing(names, settings, functions))))
    return Settings(dict(sorted(values.items())), tuple(sorted(secrets)), tuple(problems))


class _Plain:
    """Says which settings are not secret: known ones, names in expressions of triggers, and those of identities."""

    def __init__(self, settings: AppSettings, functions: Sequence[Function], plain: Sequence[str]) -> None:
        self._settings = settings
        self._asked = {folded(name) for name in plain}
        self._used = {folded(name) for name in _expressions(functions)}
        self._texts = [
            text.lower()
            for one in functions
            for key, text in one.trigger.properties.items()
            if isinstance(text, str) and key.lower() in _SHOWN
        ]

    def __call__(self, name: str) -> bool:
        value, wanted = self._settings.get(name), folded(name)
        if wanted in self._asked:
            return True
        if value is None or redact_field(name, value) != value:
            return False
        if wanted.rpartition(":")[2] in IDENTITY_KEYS and ":" in wanted:
            return "?" not in value
        if _PLAIN.fullmatch(wanted):
            return True
        return wanted in self._used and bool(value) and any(value.lower() in text for text in self._texts)


def make_host_id(namespace: str, name: str) -> str:
    """Return the ID that the hosts of an app share: it names its locks, so that it differs between namespaces."""
    from hosting.deploy.manifests.names import as_label

    wanted = f"{namespace}-{name}" if namespace else name
    return wanted if len(wanted) <= _MAX_HOST_ID else as_label(wanted + ".", _MAX_HOST_ID)


def _expressions(functions: Iterable[Function]) -> Iterator[str]:
    """Yield the names that the files of functions have between percent signs."""
    for path in sorted({_declaration(function) for function in functions}):
        try:
            text = path.read_text("utf-8", errors="replace")
        except OSError:
            continue
        yield from _EXPRESSION.findall(text)


def _declaration(function: Function) -> Path:
    return Path(function.directory, FUNCTION_JSON) if function.model == "v1" else Path(function.file)


def _connections(function: Function) -> Iterator[str]:
    for binding in function.bindings:
        for key, value in binding.properties.items():
            if key.lower() in _CONNECTION_KEYS and isinstance(value, str) and is_key(value):
                yield value


def _missing(names: Sequence[str], settings: AppSettings, functions: Sequence[Function]) -> Iterator[str]:
    """Yield the connections that no setting has yet, and the storage that every host uses."""
    known = {folded(name) for name in names}
    for name in (STORAGE, *(name for function in functions for name in _connections(function))):
        found = find_connection(settings, names, name)
        if not found.is_identity and folded(found.setting) not in known:
            yield found.setting


def _check_plain(plain: Sequence[str], names: Sequence[str], settings: AppSettings) -> None:
    for name in plain:
        if settings.get(name) is None or not is_key(name.replace(":", "__")):
            raise UsageError(
                f"--plain names the setting {name!r}, which is not set.",
                remedy=f"Set it in the environment or in local.settings.json, which has: {', '.join(names) or 'none'}.",
            )


def _no_key(name: str) -> Problem:
    return Problem(
        "warning",
        f"The setting {name!r} is left out: a Secret takes only letters, digits, '-', '_' and '.' in names",
        "Rename it in the app and its settings.",
    )
