"""Event Grid triggers: handshakes and deliveries, with the responses of Azure's extension."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import azure.functions as func
import pytest

from hosting.bindings import Result, Services
from hosting.bindings.eventgrid.provider import EventGridProvider, EventGridTrigger
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from hosting.host.function_host import FunctionHost
from tests.conftest import MakeApp

EVENT = {
    "id": "1",
    "topic": "/subscriptions/x",
    "subject": "blobs/a.txt",
    "eventType": "Made",
    "eventTime": "2026-08-01T12:00:00.5Z",
    "data": {"url": "https://é", "deep": {"er": 3}, "list": [1]},
    "dataVersion": "1.0",
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "9",
    "source": "/here",
    "type": "made",
    "data": {"x": 1},
    "traceparent": "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01",
    "tracestate": "k=v",
}
TRACE = {"traceparent": "00-cccccccccccccccccccccccccccccccc-dddddddddddddddd-01"}
NOTIFICATION = {"aeg-event-type": "Notification"}


class Invocations:
    """Records the invocations of a function; fails for events with the given IDs."""

    def __init__(self, *fails: str) -> None:
        self.seen: list[tuple[Any, str, str, str]] = []
        self._fails = fails

    async def __call__(
        self, data: Any, trace_parent: str = "", trace_state: str = "", *, reason: str = "", details: str = ""
    ) -> Result:
        self.seen.append((data, trace_parent, trace_state, reason))
        failed = isinstance(data, dict) and data["id"] in self._fails
        return Result(exception=ValueError("a secret") if failed else None)


def trigger(annotation: Any = func.EventGridEvent, **properties: Any) -> tuple[EventGridProvider, EventGridTrigger]:
    provider = EventGridProvider(Services({}, {}))
    binding = Binding("event", "eventGridTrigger", "in", properties)
    annotations = {} if annotation is None else {"event": annotation}
    function = Function("Listens", "/app", "/app/f.py", "v2", print, False, (binding,), annotations)
    return provider, provider.trigger(function, binding)


async def answer(
    provider: EventGridProvider,
    body: Any,
    headers: Mapping[str, str] = NOTIFICATION,
    *,
    method: str = "POST",
    query: str = "functionName=Listens",
) -> HttpReply:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = HttpCall(method, "http://localhost/runtime/webhooks/EventGrid", dict(headers), query, {"rest": ""}, text)
    return await provider.answer(call)


async def deliver(
    body: Any, *failures: str, headers: Mapping[str, str] = NOTIFICATION, **properties: Any
) -> tuple[HttpReply, Invocations]:
    """Deliver ``body`` to a function, and return the response and the invocations."""
    provider, listener = trigger(None, **properties)
    calls = Invocations(*failures)
    listener.attach(calls)
    return await answer(provider, body, headers), calls


def test_event_is_decoded_to_the_sdks_object() -> None:
    """This works for both event schemas."""
    _, listener = trigger()
    event = listener.decode(EVENT)
    assert isinstance(event, func.EventGridEvent)
    assert (event.id, event.topic, event.subject, event.event_type) == ("1", EVENT["topic"], "blobs/a.txt", "Made")
    assert (event.get_json(), event.data_version) == (EVENT["data"], "1.0")
    assert str(event.event_time).startswith("2026-08-01 12:00:00.5")
    cloud = trigger(None)[1].decode(CLOUD_EVENT)
    assert (cloud.id, cloud.source, cloud.type, cloud.get_json()) == ("9", "/here", "made", {"x": 1})
    assert cloud.extension_attrs["traceparent"] == "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"


def test_text_parameter_gets_the_json_of_the_event() -> None:
    """The annotation is str or bytes."""
    text = json.dumps(EVENT, indent=2, ensure_ascii=False)
    assert trigger(str)[1].decode(EVENT) == text
    assert trigger(bytes)[1].decode(EVENT) == text.encode()
    assert json.loads(trigger(str, cardinality="many")[1].decode([EVENT])) == [EVENT]


def test_cardinality_many_gets_a_list_of_events() -> None:
    """The events are objects of the SDK."""
    events = trigger(None, cardinality="Many")[1].decode([EVENT, CLOUD_EVENT])
    assert [one.id for one in events] == ["1", "9"]


def test_unknown_cardinality_is_a_load_error() -> None:
    """Only this function is in error."""
    with pytest.raises(FunctionLoadError, match="'Listens': cardinality 'some' of binding 'event' does not exist"):
        trigger(cardinality="some")


def test_binding_data_has_the_properties_of_an_event() -> None:
    """Other bindings of the function can use them; a batch has none."""
    assert trigger()[1].binding_data(EVENT)["data"]["deep"] == {"er": 3}
    assert trigger()[1].binding_data(EVENT)["subject"] == "blobs/a.txt"
    assert trigger(cardinality="many")[1].binding_data([EVENT]) == {}


@pytest.mark.parametrize(("body", "count"), [([EVENT, CLOUD_EVENT], 2), (EVENT, 1), ([], 0)])
async def test_delivery_runs_the_function_once_for_each_event(body: Any, count: int) -> None:
    """The response is accepted, without a body."""
    reply, calls = await deliver(body)
    assert (reply.status, reply.body, len(calls.seen)) == (202, b"", count)
    assert [data for data, *_ in calls.seen] == (body if isinstance(body, list) else [body])
    assert all(reason.startswith("EventGrid trigger fired at 2") for *_, reason in calls.seen)


@pytest.mark.parametrize("body", [[EVENT, EVENT], EVENT])
async def test_delivery_runs_a_function_with_cardinality_many_once(body: Any) -> None:
    """It gets all events of the delivery."""
    reply, calls = await deliver(body, cardinality="many")
    assert reply.status == 202
    assert [data for data, *_ in calls.seen] == [body if isinstance(body, list) else [body]]


async def test_delivery_with_a_failed_invocation_is_rejected() -> None:
    """Every event is tried, and the response does not have the exception."""
    reply, calls = await deliver([CLOUD_EVENT, EVENT, CLOUD_EVENT], "1")
    assert (reply.status, reply.body) == (500, b"Exception while executing function: Functions.Listens")
    assert len(calls.seen) == 3


async def test_events_of_a_delivery_run_concurrently() -> None:
    """No event waits for another one."""
    provider, listener = trigger(None)
    together = asyncio.Barrier(3)

    async def run(data: Any, *trace: str, **about: str) -> Result:
        await together.wait()
        return Result()

    listener.attach(run)
    assert (await answer(provider, [EVENT] * 3)).status == 202


async def test_trace_context_is_that_of_the_event_or_else_of_the_request() -> None:
    """The event's own context comes first."""
    _, calls = await deliver([CLOUD_EVENT, EVENT, {**EVENT, "traceparent": 5}], headers={**NOTIFICATION, **TRACE})
    assert [seen[1:3] for seen in calls.seen] == [
        ("00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01", "k=v"),
        ("00-cccccccccccccccccccccccccccccccc-dddddddddddddddd-01", ""),
        ("00-cccccccccccccccccccccccccccccccc-dddddddddddddddd-01", ""),
    ]
    _, calls = await deliver([CLOUD_EVENT], headers={**NOTIFICATION, **TRACE}, cardinality="many")
    assert [seen[1:3] for seen in calls.seen] == [("00-cccccccccccccccccccccccccccccccc-dddddddddddddddd-01", "")]


@pytest.mark.parametrize(
    "body",
    [
        [{"id": "2", "data": {"validationCode": "the-code", "validationUrl": "https://x"}}],
        {"specversion": "1.0", "data": json.dumps({"validationCode": "the-code"})},
        {"data": {"validationCode": "the-code"}},
    ],
)
@pytest.mark.parametrize("header", ["SubscriptionValidation", "SUBSCRIPTIONVALIDATION"])
async def test_handshake_returns_the_validation_code(body: Any, header: str, caplog: pytest.LogCaptureFixture) -> None:
    """Event Grid verifies the endpoint with it; no function runs."""
    with caplog.at_level(logging.INFO):
        reply, calls = await deliver(body, headers={"aeg-event-type": header})
    assert (reply.status, json.loads(reply.body), calls.seen) == (200, {"validationResponse": "the-code"}, [])
    assert reply.headers == [(b"content-type", b"application/json; charset=utf-8")]
    assert "perform handshake with eventGrid for function: Listens" in caplog.text


@pytest.mark.parametrize(
    ("asks", "allowed"),
    [
        ("eventgrid.azure.net", b"eventgrid.azure.net"),
        ("eventgrid.azure.us", b"eventgrid.azure.us"),
        ("evil.example", b"eventgrid.azure.net"),
        (None, b"eventgrid.azure.net"),
    ],
)
async def test_cloud_events_handshake_allows_event_grid_only(asks: str | None, allowed: bytes) -> None:
    """Other origins are not allowed to deliver."""
    provider, listener = trigger()
    listener.attach(Invocations())
    reply = await answer(provider, b"", {} if asks is None else {"webhook-request-origin": asks}, method="OPTIONS")
    assert (reply.status, reply.headers) == (200, [(b"webhook-allowed-origin", allowed)])


async def test_unsubscribe_is_accepted() -> None:
    """The end of a subscription changes nothing."""
    reply, calls = await deliver(b"", headers={"aeg-event-type": "Unsubscribe"})
    assert (reply.status, calls.seen) == (202, [])


@pytest.mark.parametrize("headers", [{}, {"aeg-event-type": ""}, {"aeg-event-type": "Something"}])
async def test_request_of_an_unknown_kind_is_rejected(headers: Mapping[str, str]) -> None:
    """The response has what was expected."""
    reply, calls = await deliver(EVENT, headers=headers)
    assert (reply.status, calls.seen) == (400, [])
    assert b"aeg-event-type" in reply.body


@pytest.mark.parametrize("kind", ["Notification", "SubscriptionValidation"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"null", b'"text"', b"3", b"[null]", b"[[]]", b"[" * 100_000, b"\xef\xbb\xbf{"]
)
async def test_delivery_without_an_event_is_rejected(body: bytes, kind: str) -> None:
    """The response has what was expected, and no function runs."""
    reply, calls = await deliver(body, headers={"aeg-event-type": kind})
    assert (reply.status, calls.seen) == (400, [])
    assert reply.body.startswith(b"expected ")


@pytest.mark.parametrize("body", [[], {}, [{"data": None}], [{"data": {"validationCode": 5}}], [{"data": "{"}]])
async def test_handshake_without_a_code_is_rejected(body: Any) -> None:
    """There is nothing to return."""
    reply, _ = await deliver(body, headers={"aeg-event-type": "SubscriptionValidation"})
    assert reply.status == 400


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("functionName=listens", 202, b""),
        ("FUNCTIONNAME=Listens&code=x", 202, b""),
        ("functionName=Other", 404, b"cannot find function: 'Other'"),
        ("functionName=a%20b%C3%A9", 404, "cannot find function: 'a bé'".encode()),
        ("functionName=", 404, b"cannot find function: ''"),
        ("", 404, b"cannot find function: ''"),
    ],
)
async def test_query_names_the_function(query: str, status: int, message: bytes) -> None:
    """The response for an unknown function has its name."""
    provider, listener = trigger()
    listener.attach(Invocations())
    reply = await answer(provider, EVENT, query=query)
    assert (reply.status, reply.body) == (status, message)


async def test_function_that_is_not_attached_is_not_found() -> None:
    """A disabled function, for example, is not attached."""
    provider, _ = trigger()
    assert (await answer(provider, EVENT)).status == 404


async def test_manual_run_takes_the_text_as_a_delivery() -> None:
    """It has one event, or any number for a function with cardinality many."""
    one, many = trigger()[1], trigger(cardinality="many")[1]
    for text in (json.dumps(EVENT), json.dumps([EVENT])):
        assert await one.by_hand(text) == EVENT
        assert await many.by_hand(text) == [EVENT]
    assert await many.by_hand("[]") == []


@pytest.mark.parametrize("text", [None, "", "an event", "[]", json.dumps([EVENT, EVENT]), "5"])
async def test_manual_run_without_an_event_is_an_error(text: str | None) -> None:
    """The message has the name of the function."""
    with pytest.raises(ValueError, match=r"Function 'Listens' (needs an event as its input|takes one event at a time)"):
        await trigger()[1].by_hand(text)


APP = """
import azure.functions as func
app = func.FunctionApp()
seen = []

@app.event_grid_trigger("event")
async def Typed(event: func.EventGridEvent, context: func.Context) -> None:
    seen.append((event.subject, context.trace_context.trace_parent))
    if event.subject == "bad":
        raise ValueError("no")

@app.event_grid_trigger("event")
def Cloud(event: func.CloudEvent):
    seen.append(event.source)

@app.generic_trigger("events", "eventGridTrigger", cardinality="many")
def Many(events):
    seen.append([one.id for one in events])

@app.event_grid_trigger("event")
def Off(event: func.EventGridEvent):
    seen.append("off")
"""


async def test_app_gets_its_events(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """Functions get them one by one or together; a disabled function only runs manually."""
    root = make_app({"function_app.py": APP, "host.json": '{"version": "2.0"}'})
    host = FunctionHost(root, environ={"AzureWebJobs.Off.Disabled": "1"})
    host.load()
    seen: Sequence[Any] = host.functions[0].call.__globals__["seen"]

    async def send(name: str, *events: Mapping[str, Any]) -> int:
        call = HttpCall("POST", "", dict(NOTIFICATION), f"functionName={name}", {}, json.dumps(events).encode())
        return (await host.webhooks["eventgrid"](call)).status

    with caplog.at_level(logging.INFO):
        await host.start()
        statuses = [
            await send("Typed", {**EVENT, **TRACE}, {**EVENT, "subject": "good"}),
            await send("Typed", {**EVENT, "subject": "bad"}),
            await send("Cloud", CLOUD_EVENT),
            await send("Many", EVENT, EVENT),
            await send("Off", EVENT),
        ]
        await host.manual_runs.start("Off", json.dumps(EVENT))
        while "off" not in seen:  # noqa: ASYNC110 - the function runs in a thread
            await asyncio.sleep(0.01)
        await host.drain(30)
        await host.stop()
    assert statuses == [202, 500, 202, 202, 404]
    expected = [
        ("blobs/a.txt", "00-cccccccccccccccccccccccccccccccc-dddddddddddddddd-01"),
        ("good", ""),
        ("bad", ""),
        "/here",
        ["1", "1"],
        "off",
    ]
    assert list(seen) == expected
    assert "Executing 'Functions.Typed' (Reason='EventGrid trigger fired at 2" in caplog.text
