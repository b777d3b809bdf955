"""Objects of the SDK, made from what a test cares for."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.testing import (
    blob,
    documents,
    event_grid_event,
    event_hub_event,
    http_request,
    invocation_context,
    queue_message,
    service_bus_message,
    timer_request,
)


@given(st.binary(), st.dictionaries(st.text(), st.text()))
def test_requests(body: bytes, params: dict[str, str]) -> None:
    """A request has what it is given, and behaves as one that came over the network."""
    request = http_request("post", "/api/f", params=params, headers={"X-A": "1"}, route_params={"id": "2"}, body=body)
    assert (request.method, request.get_body(), dict(request.params)) == ("POST", body, params)
    assert (request.headers["x-a"], dict(request.route_params)) == ("1", {"id": "2"})
    assert request.url.startswith("http://localhost:7071/api/f")


def test_requests_with_json() -> None:
    """JSON is written and read; what is none is refused in the words of Azure's worker."""
    assert http_request(json=[1]).get_json() == [1]
    assert http_request(url="https://elsewhere/x", json={}).url == "https://elsewhere/x"
    with pytest.raises(ValueError, match="HTTP request does not contain valid JSON data"):
        http_request(body="{").get_json()


@pytest.mark.parametrize(("body", "stored"), [("é", "é".encode()), (b"\xff", b"\xff"), ({"a": 1}, b'{"a": 1}')])
def test_messages(body: object, stored: bytes) -> None:
    """Text, bytes and JSON become the body of a message, which is the SDK's."""
    message = queue_message(body, id="7", dequeue_count=3)
    assert isinstance(message, func.QueueMessage)
    assert (message.get_body(), message.id, message.dequeue_count) == (stored, "7", 3)
    assert message.insertion_time is not None
    assert message.expiration_time is not None
    assert message.insertion_time < message.expiration_time
    assert service_bus_message(body, session_id="s").session_id == "s"
    assert event_hub_event(body, partition_key="p").get_body() == stored
    assert queue_message().id != queue_message().id


def test_timers() -> None:
    """A timer knows of earlier runs only what it is told."""
    assert (timer_request().past_due, timer_request().schedule_status) == (False, {})
    late = timer_request(past_due=True, last="2026-01-01T00:00:00", next="2026-01-02T00:00:00")
    assert late.past_due
    assert late.schedule_status["Next"] == "2026-01-02T00:00:00"


def test_blobs() -> None:
    """A blob has its content, name, length and metadata."""
    made = blob("é", name="c/a.txt", metadata={"m": "1"}, properties={"ContentType": "text/plain"})
    assert isinstance(made, func.InputStream)
    assert (made.read(), made.name, made.length) == ("é".encode(), "c/a.txt", 2)
    assert made.uri == "http://127.0.0.1:10000/devstoreaccount1/c/a.txt"
    assert (blob(b"x").name, blob(b"x").uri) == (None, None)


def test_events_and_documents() -> None:
    """Events have an id, a time and their data; documents behave as dictionaries."""
    event = event_grid_event({"a": 1}, event_time=datetime(2026, 1, 1, tzinfo=UTC))
    assert (event.get_json(), event.event_time, event_grid_event().get_json()) == (
        {"a": 1},
        datetime(2026, 1, 1, tzinfo=UTC),
        {},
    )
    assert [doc["id"] for doc in documents({"id": "1"}, {"id": "2"})] == ["1", "2"]


def test_contexts() -> None:
    """A context counts as the SDK's, knows its function and its retries, and takes attributes."""
    context = invocation_context("f", trace_parent="00-ab-cd-01", retry_count=1, max_retry_count=3)
    assert isinstance(context, func.Context)
    assert (context.function_name, context.trace_context.trace_parent) == ("f", "00-ab-cd-01")
    assert (context.retry_context.retry_count, context.retry_context.max_retry_count) == (1, 3)
    context.tracer = SimpleNamespace()  # type: ignore[attr-defined]
    assert invocation_context().invocation_id != invocation_context().invocation_id
