"""Requests, messages, timers, blobs, events and contexts, of the SDK's own classes, from what a test cares for."""

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
from hosting.host.function_host import register_types

Body = str | bytes
ORIGIN = "http://localhost:7071"
"""Where a host in memory would be, if it listened."""


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
    """Make a request as a function gets it.

    Args:
        method: in any case.
        url: with a path only, ``http://localhost:7071`` stands before it.
        params: of the query; added to the URL, too.
        headers: by name in any case.
        route_params: what the route's ``{parameters}`` are.
        body: text is encoded as UTF-8.
        json: anything that can be written as JSON, for the body; then the content type is ``application/json``.
    """
    content, given = payload(body, json, headers)
    query = f"?{urlencode(params)}" if params else ""
    return sdk_http.HttpRequest(
        method,
        f"{ORIGIN if url.startswith('/') else ''}{url}{query}",
        headers=given,
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
    """Make a message of a storage queue.

    Args:
        body: text, bytes, or anything else to be written as JSON.
        id: a new one by default.
        dequeue_count: how often it was taken, this time included.
        insertion_time: now by default.
        expiration_time: a week later by default.
        time_next_visible: ten minutes later by default.
        pop_receipt: what it could be deleted with.
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
    """Make what a timer function gets.

    Args:
        past_due: whether the run comes late.
        last: when it was due before, in ISO form; nothing is known of earlier runs if empty.
        next: when it is due again.
        schedule: ``{"AdjustForDST": True}`` by default, as Azure's host sends it.
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
    """Make a blob.

    Args:
        data: its content; text is encoded as UTF-8.
        name: with its container, ``container/folder/name.txt``; an input binding does not tell it.
        uri: made of the name by default.
        metadata: what its writer said of it.
        properties: those of Azure's storage, such as ``ContentType``.
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
    """Make an event of Event Grid; ``data`` is what ``get_json`` gives, an empty object by default."""
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
    """Make an event of an event hub; a body that is neither text nor bytes is written as JSON."""
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
    """Make a message of Service Bus.

    Args:
        body: text, bytes, or anything else to be written as JSON.
        message_id: a new one by default.
        application_properties: what its sender said of it; ``user_properties``, too.
        delivery_count: how often it was delivered, this time included.
        fields: further ones by the SDK's names: ``session_id``, ``content_type``, ``correlation_id``, ...
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
    """Make the list of documents that Cosmos DB hands to a function."""
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
    """Make the ``context`` of an invocation, for a function or a hook that a test calls by itself.

    It counts as a ``func.Context``, and takes attributes of its own as the real one does.

    Args:
        function_name: of the function.
        invocation_id: a new one by default.
        function_directory: where the function is.
        trace_parent: the W3C trace context of the caller.
        trace_state: the same.
        retry_count: 1 for the first retry.
        max_retry_count: of the policy.
    """
    register_types()
    made = Context(
        invocation_id or str(uuid.uuid4()),
        function_name,
        function_directory,
        InvocationLocal(),
        trace_parent,
        trace_state,
    )
    made.retry_context = RetryContext(retry_count, max_retry_count)
    return cast("func.Context", made)


def payload(body: Body, json: Any, headers: Mapping[str, str] | None) -> tuple[bytes, dict[str, str]]:
    """The bytes of a body and the headers that go with it.

    Raises:
        TypeError: both are given.
    """
    given = dict(headers or {})
    if json is None:
        return (body.encode() if isinstance(body, str) else body), given
    if body:
        raise TypeError("give body or json, not both")
    if not any(name.lower() == "content-type" for name in given):
        given["content-type"] = "application/json"
    return jsons.dumps(json).encode(), given


def _bytes(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes) else jsons.dumps(body).encode()
