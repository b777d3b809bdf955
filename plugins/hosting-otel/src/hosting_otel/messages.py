"""Messages, blobs and timers: the attributes of their spans, where a message comes from, and how old it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hosting import Invocation

MAX_LINKS = 128
"""The most links of a span: the limit of the specification."""
DEQUEUE_COUNT = "functions.message.dequeue_count"
"""How often a message of a storage queue has been delivered, for which the conventions have no name."""
_MAX_BODY_BYTES = 65_536
"""The largest body in which a traceparent is looked for: that of a queue's message."""


def trigger_value(invocation: Invocation) -> Any:
    """Return what triggered the function, as it gets it; None if that could not be made."""
    return invocation.args.get(invocation.function.trigger.name)


def message_attributes(value: Any, invocation: Invocation) -> dict[str, Any]:
    """Return the attributes of a message, or of a batch of them.

    Source: conventions for messaging, version 1.44.0.
    """
    if isinstance(value, list):
        return {"messaging.batch.message_count": len(value)}
    attributes: dict[str, Any] = {}
    for name in ("message_id", "id"):
        found = _read(value, name)
        if isinstance(found, str) and found:
            attributes["messaging.message.id"] = found
            break
    conversation = _read(value, "correlation_id")
    if isinstance(conversation, str) and conversation:
        attributes["messaging.message.conversation_id"] = conversation
    count = invocation.dequeue_count
    if count is not None:
        is_queue = invocation.trigger.lower() == "queuetrigger"
        attributes[DEQUEUE_COUNT if is_queue else "messaging.servicebus.message.delivery_count"] = count
    return attributes


def data_attributes(value: Any) -> dict[str, Any]:
    """Return the attributes of a blob or of changed rows."""
    attributes: dict[str, Any] = {"faas.document.time": _now()}
    name = _read(value, "name")
    if isinstance(name, str) and name:
        attributes["faas.document.name"] = name.partition("/")[2] or name
    return attributes


def timer_attributes() -> dict[str, Any]:
    """Return the attributes of a timer's run."""
    return {"faas.time": _now()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def age_seconds(invocation: Invocation) -> float | None:
    """Return how long ago the message of an invocation was sent; None where that is not known."""
    sent = invocation.enqueued_at
    return None if sent is None else max(0.0, (datetime.now(UTC) - sent).total_seconds())


def carriers(value: Any, *, reads_body: bool) -> list[Mapping[str, str]]:
    """Return for each message what it says of its sender's trace; without those that say nothing.

    That are the application properties of a message of Service Bus or Event Hubs. Messages of storage queues have
    none: if their body is a JSON object with ``traceparent``, as in CloudEvents, that counts.

    Args:
        value: a message, or a list of them.
        reads_body: whether bodies are read.
    """
    found: list[Mapping[str, str]] = []
    for message in _as_list(value)[:MAX_LINKS]:
        carrier = _from_properties(message) or (_from_body(message) if reads_body else None)
        if carrier:
            found.append(carrier)
    return found


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _from_properties(message: Any) -> Mapping[str, str] | None:
    properties = _read(message, "application_properties")
    if not isinstance(properties, Mapping):
        metadata = _read(message, "metadata")
        properties = metadata.get("Properties") if isinstance(metadata, Mapping) else None
    if not isinstance(properties, Mapping):
        return None
    parent = properties.get("traceparent") or properties.get("Diagnostic-Id")
    if not isinstance(parent, str):
        return None
    state = properties.get("tracestate")
    return {"traceparent": parent, **({"tracestate": state} if isinstance(state, str) else {})}


def _from_body(message: Any) -> Mapping[str, str] | None:
    body = _body(message)
    if body is None or b'"traceparent"' not in body or len(body) > _MAX_BODY_BYTES:
        return None
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    return {name: text for name in ("traceparent", "tracestate") if isinstance(text := content.get(name), str)}


def _body(message: Any) -> bytes | None:
    if isinstance(message, bytes):
        return message
    if isinstance(message, str):
        return message.encode("utf-8", "replace")
    if isinstance(message, dict):
        return json.dumps(message, default=str).encode() if "traceparent" in message else None
    read = _read(message, "get_body")
    try:
        body = read() if callable(read) else None
    except Exception:  # noqa: BLE001 - an app's own class may raise anything
        return None
    return body if isinstance(body, bytes) else None


def _read(value: Any, name: str) -> Any:
    """Return an attribute; None if there is none, or if reading it fails."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - an app's own class may raise anything
        return None
