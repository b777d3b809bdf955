"""Builders of SDK objects for tests: requests, messages, timers, blobs, events and contexts."""

from __future__ import annotations

import json as jsons
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

import azure.functions as func
from azure.functions import blob as sdk_blob
from azure.functions import http as sdk_http
from azure.functions import queue as sdk_queue
from azure.functions import servicebus as sdk_servicebus
from azure.functions import timer as sdk_timer

from hosting.core import NOTHING
from hosting.host.context import Context, InvocationLocal, RetryContext
from hosting.host.sdk_types import register_types

Body = str | bytes
ORIGIN = "http://localhost:7071"
"""The address that a host in memory would have if it listened."""


def http_request(
    method: str = "GET",
    url: str = "/",
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    route_params: Mapping[str, str] | None = None,
    body: Body = b"",
    json: Any = None,
) -> func.HttpRequest:
    """Build a request as a function receives it.

    Args:
        method: the HTTP method, in upper or lower case.
        url: the whole URL, or a path, to which ``http://localhost:7071`` is prepended.
        params: query parameters; they are also added to the URL.
        headers: headers by name; names ignore case.
        route_params: values of the route's ``{parameters}``.
        body: the body; text is encoded as UTF-8.
        json: a JSON-serializable value for the body; the content type is then ``application/json``.

    Raises:
        TypeError: both ``body`` and ``json`` are given, or a value of the wrong type.
    """
    content, merged = payload(body, json, headers)
    query = f"?{urlencode(params)}" if params else ""
    return sdk_http.HttpRequest(
        method,
        f"{ORIGIN if url.startswith('/') else ''}{url}{query}",
        headers=merged,
        params=dict(params or {}),
        route_params=dict(route_params or {}),
        body_type="bytes",
        body=content,
    )


def queue_message(
    body: Any = "",
    *,
    id: str | None = None,  # noqa: A002 - the SDK's name
    dequeue_count: int = 1,
    insertion_time: datetime | None = None,
    expiration_time: datetime | None = None,
    time_next_visible: datetime | None = None,
    pop_receipt: str = "receipt",
) -> func.QueueMessage:
    """Build a message of a storage queue.

    Args:
        body: text, bytes, or a JSON-serializable value.
        id: the message id (default: a new one).
        dequeue_count: how often the message was received, including this time.
        insertion_time: when it was enqueued (default: now).
        expiration_time: when it expires (default: a week after it was enqueued).
        time_next_visible: when it becomes visible again (default: ten minutes after it was enqueued).
        pop_receipt: the receipt that deletes it.
    """
    now = insertion_time or datetime.now(UTC)
    return sdk_queue.QueueMessage(  # type: ignore[no-untyped-call]
        id=id or str(uuid.uuid4()),
        body=_bytes(body),
        dequeue_count=dequeue_count,
        insertion_time=now,
        expiration_time=expiration_time or now + timedelta(days=7),
        time_next_visible=time_next_visible or now + timedelta(minutes=10),
        pop_receipt=pop_receipt,
    )


def timer_request(
    *,
    past_due: bool = False,
    last: str = "",
    next: str = "",  # noqa: A002 - the SDK's name
    schedule: Mapping[str, Any] = NOTHING,
) -> sdk_timer.TimerRequest:
    """Build the argument of a timer function.

    Args:
        past_due: whether the run is late.
        last: when the timer was last due, in ISO 8601 format; empty if it never ran.
        next: when it is due next, in ISO 8601 format.
        schedule: the schedule (default: ``{"AdjustForDST": True}``, as Azure's host sends it).
    """
    status = {"Last": last, "Next": next, "LastUpdated": last} if last or next else {}
    return sdk_timer.TimerRequest(
        past_due=past_due, schedule_status=status, schedule=dict(schedule) or {"AdjustForDST": True}
    )


def blob(
    data: Body = b"",
    *,
    name: str | None = None,
    uri: str | None = None,
    metadata: Mapping[str, str] = NOTHING,
    properties: Mapping[str, Any] = NOTHING,
) -> func.InputStream:
    """Build a blob.

    Args:
        data: the content; text is encoded as UTF-8.
        name: the name with its container, ``container/folder/name.txt``; None for an input binding, which has none.
        uri: the address (default: derived from the name).
        metadata: the blob's metadata.
        properties: properties of Azure Storage, such as ``ContentType``.
    """
    content = data.encode() if isinstance(data, str) else data
    return sdk_blob.InputStream(
        data=content,
        name=name,
        uri=uri or (f"http://127.0.0.1:10000/devstoreaccount1/{name}" if name else None),
        length=len(content),
        blob_properties={"Length": len(content), **properties},
        metadata=dict(metadata),
    )


def event_grid_event(
    data: Any = None,
    *,
    id: str | None = None,  # noqa: A002
    topic: str = "topic",
    subject: str = "subject",
    event_type: str = "Test.Event",
    event_time: datetime | None = None,
    data_version: str = "1.0",
) -> func.EventGridEvent:
    """Build an Event Grid event; ``get_json`` returns ``data`` (default: an empty object)."""
    return func.EventGridEvent(
        id=id or str(uuid.uuid4()),
        data={} if data is None else data,
        topic=topic,
        subject=subject,
        event_type=event_type,
        event_time=event_time or datetime.now(UTC),
        data_version=data_version,
    )


def event_hub_event(
    body: Any = "",
    *,
    partition_key: str | None = None,
    sequence_number: int = 0,
    offset: str = "0",
    enqueued_time: datetime | None = None,
) -> func.EventHubEvent:
    """Build an Event Hubs event; a body that is neither text nor bytes is serialized as JSON."""
    return func.EventHubEvent(
        body=_bytes(body),
        partition_key=partition_key,
        sequence_number=sequence_number,
        offset=offset,
        enqueued_time=enqueued_time or datetime.now(UTC),
    )


def service_bus_message(
    body: Any = "",
    *,
    message_id: str | None = None,
    application_properties: Mapping[str, Any] = NOTHING,
    delivery_count: int = 1,
    **fields: Any,
) -> func.ServiceBusMessage:
    """Build a Service Bus message.

    Args:
        body: text, bytes, or a JSON-serializable value.
        message_id: the message id (default: a new one).
        application_properties: properties that the sender set; also available as ``user_properties``.
        delivery_count: how often the message was delivered, including this time.
        fields: further fields by the SDK's names: ``session_id``, ``content_type``, ``correlation_id``, ...
    """
    return sdk_servicebus.ServiceBusMessage(
        body=_bytes(body),
        message_id=message_id or str(uuid.uuid4()),
        application_properties=dict(application_properties),
        user_properties=dict(application_properties),
        delivery_count=delivery_count,
        **fields,
    )


def documents(*items: Mapping[str, Any]) -> func.DocumentList:
    """Build the list of documents that a Cosmos DB trigger passes to a function."""
    return func.DocumentList(func.Document.from_dict(dict(item)) for item in items)


def invocation_context(
    function_name: str = "function",
    *,
    invocation_id: str | None = None,
    function_directory: str = "",
    trace_parent: str = "",
    trace_state: str = "",
    retry_count: int = 0,
    max_retry_count: int = 0,
) -> func.Context:
    """Build the ``context`` of an invocation, for a function or a hook that a test calls directly.

    It is an instance of ``func.Context``, and accepts new attributes as the real one does.

    Args:
        function_name: the function's name.
        invocation_id: the invocation's id (default: a new one).
        function_directory: the function's folder.
        trace_parent: the caller's ``traceparent``, as W3C Trace Context defines it.
        trace_state: the caller's ``tracestate``.
        retry_count: the number of the retry; 0 for the first attempt.
        max_retry_count: the limit of the retry policy.
    """
    register_types()
    context = Context(
        invocation_id or str(uuid.uuid4()),
        function_name,
        function_directory,
        InvocationLocal(),
        trace_parent,
        trace_state,
    )
    context.retry_context = RetryContext(retry_count, max_retry_count)
    return cast("func.Context", context)


def payload(body: Body, json: Any, headers: Mapping[str, str] | None) -> tuple[bytes, dict[str, str]]:
    """Return the bytes of a body, and the headers with its content type.

    Raises:
        TypeError: both ``body`` and ``json`` are given, the body is neither text nor bytes, or a header is not text.
    """
    merged: dict[Any, Any] = dict(headers or {})
    for name, value in merged.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise TypeError(f"names and values of headers are text, not {name!r}: {value!r}")
    if not isinstance(body, str | bytes | bytearray):
        raise TypeError(f"body is text or bytes, not {type(body).__name__}; json= takes any other value")
    if json is None:
        return (body.encode() if isinstance(body, str) else bytes(body)), merged
    if body:
        raise TypeError("give body or json, not both")
    if not any(name.lower() == "content-type" for name in merged):
        merged["content-type"] = "application/json"
    return jsons.dumps(json).encode(), merged


def _bytes(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes) else jsons.dumps(body).encode()
