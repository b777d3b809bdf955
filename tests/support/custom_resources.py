"""The keys of custom resources that the manifests use, from the projects' own definitions, and what differs from them.

The file beside this one lists for each kind the keys below ``spec`` (``properties`` for Azure Container Apps): ``!``
after a required one, the type or the values of each. It was written for this repository, and lists only what is used.

Sources: KEDA 2.20, its HTTP add-on 0.15, Prometheus Operator 0.93, Knative Serving 1.22; for Azure Container Apps the
reference of ``Microsoft.App/containerApps`` and of ``ContainerAppProbe`` at learn.microsoft.com.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_TYPES: Mapping[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}
_PROBE_LIMITS = {"failureThreshold": 10, "periodSeconds": 240, "timeoutSeconds": 240}
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_MEMORY_OF_A_CORE = 2
_MAX_TERMINATION_SECONDS = 600


def known_keys() -> dict[str, Any]:
    """Return the keys of each kind."""
    found: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return found


def differences(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of an object that its kind does not have, those that are missing, and values of other types."""
    if document.get("type") == "Microsoft.App/containerApps":
        yield from _differences(document["properties"], known_keys()[document["type"]], "properties")
        yield from _container_app(document)
    else:
        kind = f"{document['apiVersion']} {document['kind']}"
        yield from _differences(document["spec"], known_keys()[kind], "spec")


def _differences(value: Any, wanted: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, list):
        for number, item in enumerate(value):
            yield from _differences(item, wanted[0], f"{path}[{number}]")
    elif isinstance(wanted, dict):
        known = {key.rstrip("!"): rule for key, rule in wanted.items()}
        yield from (f"{path}: no {key[:-1]}" for key in wanted if key.endswith("!") and key[:-1] not in value)
        for key, item in value.items():
            if key in known or "*" in known:
                yield from _differences(item, known.get(key, known.get("*")), f"{path}.{key}")
            else:
                yield f"{path}: {key} is not known"
    elif wanted != "any" and not _fits(value, wanted):
        yield f"{path}: {value!r} is not {wanted}"


def _fits(value: Any, wanted: str) -> bool:
    if wanted in _TYPES:
        return isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
    return value in wanted.split("|")


def _container_app(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the service refuses, of which no schema says anything."""
    if not _NAME.fullmatch(document["name"]):
        yield f"{document['name']} is longer than 32 characters, or has others than a-z, 0-9 and dashes"
    template = document["properties"]["template"]
    if template["terminationGracePeriodSeconds"] > _MAX_TERMINATION_SECONDS:
        yield "terminationGracePeriodSeconds is above 600"
    for container in template["containers"]:
        resources = container["resources"]
        if resources["memory"] != f"{resources['cpu'] * _MEMORY_OF_A_CORE:g}Gi":
            yield "memory is not twice the cores, in Gi"
        kinds = [probe["type"] for probe in container["probes"]]
        yield from (f"two probes are {kind}" for kind in set(kinds) if kinds.count(kind) > 1)
        for probe in container["probes"]:
            for key, limit in _PROBE_LIMITS.items():
                if not 1 <= probe.get(key, 1) <= limit:
                    yield f"{probe['type']}: {key} {probe[key]} is not 1 to {limit}"
    for rule in template["scale"].get("rules", ()):
        if len({"http", "custom"} & rule.keys()) != 1:
            yield f"the rule {rule['name']} has not one type"
