"""The keys of ``host.json`` that Azure's host and its extensions know: a key much like one of them is a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hosting._text import did_you_mean
from hosting.apps.json_files import JsonFile
from hosting.apps.json_keys import misspelled
from hosting.core import Problem

_EXTENSIONS = (
    *("http", "queues", "blobs", "tables", "eventHubs", "serviceBus", "cosmosDB", "durableTask", "eventGrid", "kafka"),
    *("rabbitMQ", "redis", "sendGrid", "signalR", "sql", "mySql", "mcp", "dapr", "kusto", "openai", "warmup"),
)
_RETRY = ("strategy", "maxRetryCount", "delayInterval", "minimumInterval", "maximumInterval")
_HTTP = (
    *("routePrefix", "maxOutstandingRequests", "maxConcurrentRequests", "dynamicThrottlesEnabled"),
    *("customHeaders", "hsts", "enableChunkedRequestBinding"),
)

KNOWN: Mapping[tuple[str, ...], tuple[str, ...]] = {
    (): (
        *("version", "functionTimeout", "functions", "retry", "extensions", "extensionBundle", "extensionHost"),
        *("logging", "singleton", "aggregator", "healthMonitor", "concurrency", "customHandler", "httpWorker"),
        *("watchDirectories", "watchFiles", "fileWatchingEnabled", "managedDependency", "managedDependencies"),
        *("telemetryMode", "configurationProfile", "sendCanceledInvocationsToWorker", "tracing", "tracingOptions"),
        "hosting",
    ),
    ("extensionBundle",): ("id", "version"),
    ("extensions",): _EXTENSIONS,
    ("extensions", "http"): _HTTP,
    ("extensions", "http", "hsts"): ("isEnabled", "maxAge", "includeSubDomains", "preload", "excludedHosts"),
    ("extensions", "queues"): (
        *("batchSize", "newBatchThreshold", "maxDequeueCount", "visibilityTimeout", "maxPollingInterval"),
        "messageEncoding",
    ),
    ("extensions", "blobs"): ("maxDegreeOfParallelism", "poisonBlobThreshold"),
    ("logging",): ("logLevel", "applicationInsights", "console", "fileLoggingMode", "debug"),
    ("retry",): _RETRY,
    ("singleton",): (
        *("lockPeriod", "listenerLockPeriod", "listenerLockRecoveryPollingInterval", "lockAcquisitionTimeout"),
        "lockAcquisitionPollingInterval",
    ),
}
"""The known keys of a section, by its path. Source: Azure's reference of host.json, and the host's own list."""

_ELSEWHERE: Mapping[str, str] = {
    **{name.lower(): f"extensions.{name}" for name in _EXTENSIONS},
    "eventhub": "extensions.eventHubs",
    "routeprefix": "extensions.http.routePrefix",
    "loglevel": "logging.logLevel",
    "applicationinsights": "logging.applicationInsights",
    "batchsize": "extensions.queues.batchSize",
}
"""Keys that have no effect at the top level, in lower case, with the path where they have one."""


def key_problems(file: JsonFile, content: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each key that is probably misspelled, or that has no effect at the top level.

    Args:
        file: host.json, for the lines.
        content: its content, with overrides from the environment.
    """
    for path, known in KNOWN.items():
        section = _section(content, path)
        for key, name in misspelled(section, known):
            if path or key.lower() not in _ELSEWHERE:
                what = f"host.json: {'.'.join((*path, key))} is not a setting that Azure's host knows; nothing reads it"
                yield _problem(file, (*path, key), what, did_you_mean(key, (name,)))
    for key in content:
        place = _ELSEWHERE.get(key.lower())
        if place is not None:
            yield _problem(file, (key,), f"host.json: {key} has no effect at the top level", f"Write it as {place}.")


def _problem(file: JsonFile, keys: tuple[str, ...], what: str, remedy: str) -> Problem:
    return Problem("warning", what, remedy, file=str(file.path), line=file.line(*keys))


def _section(content: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    section: Any = content
    for key in path:
        section = section.get(key) if isinstance(section, Mapping) else None
    return section if isinstance(section, Mapping) else {}
