"""What is the same for all invocations of a function: its span's name, kind and attributes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.trace import SpanKind

from hosting import Invocation
from hosting.core import Function

_MESSAGING: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "queuetrigger": ("azure_queue_storage", ("queueName",)),
    "servicebustrigger": ("servicebus", ("queueName", "topicName")),
    "eventhubtrigger": ("eventhubs", ("eventHubName",)),
    "eventgridtrigger": ("eventgrid", ()),
    "kafkatrigger": ("kafka", ("topic",)),
    "rabbitmqtrigger": ("rabbitmq", ("queueName",)),
}
"""The messaging system of a trigger, and the properties of its binding that name where messages come from."""
_DATA = {
    "blobtrigger": ("path",),
    "cosmosdbtrigger": ("containerName", "collectionName"),
    "sqltrigger": ("tableName",),
}
"""The properties of a binding that name the collection whose changes trigger the function."""


class FunctionFacts(NamedTuple):
    """What the spans and the metrics of one function have in common.

    The attributes are those of the semantic conventions for FaaS, HTTP and messaging, version 1.44.0.
    """

    name: str
    trigger: str
    """The value of ``faas.trigger``."""
    span_name: str
    """The name of a span; for HTTP what follows the method."""
    kind: SpanKind
    attributes: Mapping[str, Any]
    """The attributes of each span."""
    metric_attributes: Mapping[str, Any]
    """The attributes of each measurement of a ``faas.*`` metric."""
    is_http: bool = False
    is_message: bool = False
    traced_by: str = ""
    """The product that makes a span for each invocation already; empty if none does."""


class Site(NamedTuple):
    """The function app as Azure knows it; empty outside of Azure.

    Args:
        name: its name, of ``WEBSITE_SITE_NAME``.
        resource_id: its id; empty if it is not known.
    """

    name: str = ""
    resource_id: str = ""

    @classmethod
    def from_environment(cls) -> Site:
        """Return the site of this process, from the settings that Azure's host makes."""
        name, owner = os.environ.get("WEBSITE_SITE_NAME", ""), os.environ.get("WEBSITE_OWNER_NAME", "")
        subscription, group = owner.partition("+")[0], os.environ.get("WEBSITE_RESOURCE_GROUP", "")
        if not (name and subscription and group):
            return cls(name)
        return cls(name, f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Web/sites/{name}")


def describe(invocation: Invocation, site: Site, *, is_internal: bool) -> FunctionFacts:
    """Return the facts of the function of an invocation.

    Args:
        invocation: one of its invocations.
        site: the function app in Azure.
        is_internal: whether Azure's host makes the SERVER span itself, so that ours is INTERNAL.
    """
    function = invocation.function
    kind = function.trigger.type.lower()
    name = f"{site.name}/{function.name}" if site.name else function.name
    attributes: dict[str, Any] = {"faas.name": name}
    if site.resource_id:
        attributes["cloud.resource_id"] = f"{site.resource_id}/functions/{function.name}"
    attributes |= _own_attributes(function, kind)
    trigger = "http" if _is_http(invocation) else attributes["faas.trigger"]
    attributes["faas.trigger"] = trigger
    return FunctionFacts(
        function.name,
        trigger,
        _span_name(function, attributes, trigger),
        SpanKind.INTERNAL if is_internal else SpanKind.CONSUMER if trigger == "pubsub" else SpanKind.SERVER,
        attributes,
        {"faas.name": name, "faas.trigger": trigger},
        is_http=trigger == "http",
        is_message=trigger == "pubsub",
    )


def _is_http(invocation: Invocation) -> bool:
    """Return whether it is an HTTP function; of a v1 function in Azure's worker only an invocation may tell."""
    if invocation.function.trigger.name:
        return invocation.function.is_http
    return invocation.request is not None


def _own_attributes(function: Function, kind: str) -> dict[str, Any]:
    if kind == "httptrigger":
        route = {"http.route": f"/{function.route}"} if function.route is not None else {}
        return {"faas.trigger": "http", **route}
    if kind == "timertrigger":
        return {"faas.trigger": "timer", "faas.cron": str(function.trigger.get("schedule") or "")}
    if kind in _MESSAGING:
        system, keys = _MESSAGING[kind]
        destination = _first_property(function, keys)
        return {
            "faas.trigger": "pubsub",
            "messaging.system": system,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            **({"messaging.destination.name": destination} if destination else {}),
        }
    if kind in _DATA:
        collection = _first_property(function, _DATA[kind]).partition("/")[0]
        return {
            "faas.trigger": "datasource",
            "faas.document.collection": collection,
            "faas.document.operation": "edit",
        }
    return {"faas.trigger": "other"}


def _first_property(function: Function, keys: tuple[str, ...]) -> str:
    return next((str(value) for key in keys if (value := function.trigger.get(key))), "")


def _span_name(function: Function, attributes: Mapping[str, Any], trigger: str) -> str:
    if trigger == "http":
        return str(attributes.get("http.route", ""))
    if trigger == "pubsub":
        return f"process {attributes.get('messaging.destination.name', function.name)}"
    return function.name
