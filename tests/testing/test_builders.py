"""Builders: objects of the SDK, from only the values that a test needs."""

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
def test_http_request_has_its_values_and_behaves_as_the_sdks(body: bytes, params: dict[str, str]) -> None:
    """A request behaves as one that came over the network."""
    request = http_request("post", "/api/f", params=params, headers={"X-A": "1"}, route_params={"id": "2"}, body=body)
    assert (request.method, request.get_body(), dict(request.params)) == ("POST", body, params)
    assert (request.headers["x-a"], dict(request.route_params)) == ("1", {"id": "2"})
    assert request.url.startswith("http://localhost:7071/api/f")


def test_http_request_with_json_writes_and_reads_it() -> None:
    """A body that is not JSON is refused with the message of Azure's worker."""
    assert http_request(json=[1]).get_json() == [1]
    assert http_request(url="https://elsewhere/x", json={}).url == "https://elsewhere/x"
    with pytest.raises(ValueError, match="HTTP request does not contain valid JSON data"):
        http_request(body="{").get_json()


@pytest.mark.parametrize(("body", "expected"), [("é", "é".encode()), (b"\xff", b"\xff"), ({"a": 1}, b'{"a": 1}')])
def test_message_bodies_are_text_bytes_or_json(body: object, expected: bytes) -> None:
    """Text, bytes and JSON become the body of a message, which is the SDK's."""
    message = queue_message(body, id="7", dequeue_count=3)
    assert isinstance(message, func.QueueMessage)
    assert (message.get_body(), message.id, message.dequeue_count) == (expected, "7", 3)
    assert message.insertion_time is not None
    assert message.expiration_time is not None
    assert message.insertion_time < message.expiration_time
    assert service_bus_message(body, session_id="s").session_id == "s"
    assert event_hub_event(body, partition_key="p").get_body() == expected
    assert queue_message().id != queue_message().id


def test_timer_request_has_only_the_earlier_runs_that_are_set() -> None:
    """Earlier runs are those that the test passes."""
    assert (timer_request().past_due, timer_request().schedule_status) == (False, {})
    late = timer_request(past_due=True, last="2026-01-01T00:00:00", next="2026-01-02T00:00:00")
    assert late.past_due
    assert late.schedule_status["Next"] == "2026-01-02T00:00:00"


def test_blob_has_content_name_length_and_metadata() -> None:
    """A blob has its content, name, length and metadata."""
    stream = blob("é", name="c/a.txt", metadata={"m": "1"}, properties={"ContentType": "text/plain"})
    assert isinstance(stream, func.InputStream)
    assert (stream.read(), stream.name, stream.length) == ("é".encode(), "c/a.txt", 2)
    assert stream.uri == "http://127.0.0.1:10000/devstoreaccount1/c/a.txt"
    assert (blob(b"x").name, blob(b"x").uri) == (None, None)


def test_events_and_documents_have_their_data() -> None:
    """Events have an id, a time and their data; documents behave as dictionaries."""
    event = event_grid_event({"a": 1}, event_time=datetime(2026, 1, 1, tzinfo=UTC))
    assert (event.get_json(), event.event_time, event_grid_event().get_json()) == (
        {"a": 1},
        datetime(2026, 1, 1, tzinfo=UTC),
        {},
    )
    assert [doc["id"] for doc in documents({"id": "1"}, {"id": "2"})] == ["1", "2"]


def test_invocation_context_is_the_sdks_with_function_and_retries() -> None:
    """It is an instance of the SDK's class, and takes further attributes."""
    context = invocation_context("f", trace_parent="00-ab-cd-01", retry_count=1, max_retry_count=3)
    assert isinstance(context, func.Context)
    assert (context.function_name, context.trace_context.trace_parent) == ("f", "00-ab-cd-01")
    assert (context.retry_context.retry_count, context.retry_context.max_retry_count) == (1, 3)
    context.tracer = SimpleNamespace()  # type: ignore[attr-defined]
    assert invocation_context().invocation_id != invocation_context().invocation_id
