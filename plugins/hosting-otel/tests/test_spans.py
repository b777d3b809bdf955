"""Spans of invocations, as a receiver of OTLP gets them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import hosting
from hosting.testing import blob, event_grid_event, event_hub_event, queue_message, service_bus_message
from hosting_otel import OpenTelemetryExtension

from .conftest import Receiver, make_host

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CALLER}-01"
OTHER = f"00-{TRACE}-00f067aa0ba902b7-01"
OTEL = {"otel": OpenTelemetryExtension}
APP = """
import logging
from typing import List

import azure.functions as func
from opentelemetry import trace

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def current():
    logging.getLogger("mine").warning("in the function", extra={"order": 7})
    return f"span {trace.get_current_span().get_span_context().span_id:016x}"  # without a word it may be a number


@app.route("sync/{id}")
def sync(req: func.HttpRequest) -> str:
    return current()


@app.route("async/{id}")
async def asynchronous(req: func.HttpRequest) -> str:
    return current()


@app.route("status/{code}", methods=["GET", "POST"])
def status(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("an answer", status_code=int(req.route_params["code"]))


@app.route("fail")
def fail(req: func.HttpRequest) -> str:
    raise LookupError("no such order")


@app.route("unusable")
async def unusable(req: func.HttpRequest) -> func.HttpResponse:
    return {"not": "a response"}


@app.queue_trigger("msg", "orders", "STORE")
def queue(msg: func.QueueMessage) -> None:
    if b"fail" in msg.get_body():
        raise ValueError("a bad order")


@app.queue_trigger("text", "texts", "STORE")
async def queue_text(text: str) -> None:
    current()


@app.service_bus_queue_trigger("msg", "BUS", "bus-orders")
def bus(msg: func.ServiceBusMessage) -> None: ...


@app.event_hub_message_trigger("events", "HUB", "hub", cardinality="many")
async def hub(events: List[func.EventHubEvent]) -> None: ...


@app.event_grid_trigger("event")
def grid(event: func.EventGridEvent) -> None: ...


@app.timer_trigger("timer", "0 */5 * * * *")
async def timer(timer: func.TimerRequest) -> None: ...


@app.blob_trigger("item", "pictures/{name}", "STORE")
def picture(item: func.InputStream) -> None: ...


@app.timer_trigger("timer", "0 0 3 * * *")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
def retried(timer: func.TimerRequest) -> None:
    raise OSError("not yet")
"""
FILES = {"function_app.py": APP}
FIXED = {"faas.coldstart": True}


@pytest.mark.parametrize("function", ["sync", "async"])
def test_request_is_one_server_span_with_the_callers_parent(receiver: Receiver, function: str) -> None:
    """The span is current in the function, on its thread too, and its log records have its ids."""
    headers = {"traceparent": PARENT, "tracestate": "vendor=1", "user-agent": "a test", "host": "example.com:8080"}
    with make_host(FILES, extensions=OTEL) as host:
        reply = host.get(f"/api/{function}/7?code=secret&x=1", headers=headers)
    (span,) = receiver.spans
    assert (span.name, span.kind, span.status) == (f"GET /api/{function}/{{id}}", "SERVER", "UNSET")
    assert (span.trace_id, span.parent_id, span.span_id) == (TRACE, CALLER, reply.text.removeprefix("span "))
    invocation = span.attributes.pop("faas.invocation_id")
    name = "sync" if function == "sync" else "asynchronous"
    assert span.attributes == {
        "client.address": "127.0.0.1",
        "faas.coldstart": True,
        "faas.name": name,
        "faas.trigger": "http",
        "http.request.method": "GET",
        "http.response.body.size": 21,
        "http.response.status_code": 200,
        "http.route": f"/api/{function}/{{id}}",
        "network.peer.address": "127.0.0.1",
        "server.address": "example.com",
        "server.port": 8080,
        "url.path": f"/api/{function}/7",
        "url.query": "code=REDACTED&x=1",
        "url.scheme": "http",
        "user_agent.original": "a test",
    }
    assert span.resource["service.name"] == host.root.name
    (log,) = receiver.logs
    assert (log.logger, log.trace_id, log.span_id) == ("mine", span.trace_id, span.span_id)
    assert log.attributes == {"faas.invocation_id": invocation, "order": 7}


STRUCTURED = """
import logging

import azure.functions as func
import structlog
from opentelemetry import trace

from hosting.logging import add_invocation

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
events = []
own = structlog.wrap_logger(None, processors=[add_invocation, lambda *event: events.append(event[2]) or ""])


@app.route("KEYWORD")
KEYWORD_DEF function(req: func.HttpRequest) -> str:
    structlog.get_logger("theirs").warning("an event", order=7)
    logging.getLogger("mine").warning("a record")
    own.msg("an event of one's own")
    return f"{events[-1]['trace_id']} {events[-1]['span_id']}"
"""


@pytest.mark.parametrize("caller", [PARENT, ""])
@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_every_log_line_of_a_function_names_its_span(receiver: Receiver, keyword: str, caller: str) -> None:
    """What the host writes, what is sent, and events of structlog: with its defaults and configured by the app."""
    app = STRUCTURED.replace("KEYWORD_DEF", keyword).replace("KEYWORD", "structured")
    with make_host({"function_app.py": app}, extensions=OTEL) as host:
        reply = host.get("/api/structured", headers={"traceparent": caller} if caller else {})
    (span,) = receiver.spans
    ids = (span.trace_id, span.span_id)
    assert reply.text == " ".join(ids)
    lines = [one for one in reply.logs if one.name in ("mine", "theirs")]
    assert [(one.__dict__["trace_id"], one.__dict__["span_id"]) for one in lines] == [ids, ids]
    assert {(log.trace_id, log.span_id) for log in receiver.logs} == {ids}
    sent = {log.logger: log for log in receiver.logs}
    assert (sent["mine"].body, sent["theirs"].attributes["order"]) == ("a record", 7)


REQUESTS: list[tuple[str, str, int, str, str, str, str]] = [
    # method, path, status, the span's name, its status, error.type, http.request.method
    ("GET", "/api/status/204", 204, "GET /api/status/{code}", "UNSET", "", "GET"),
    ("GET", "/api/status/302", 302, "GET /api/status/{code}", "UNSET", "", "GET"),
    ("POST", "/api/status/404", 404, "POST /api/status/{code}", "UNSET", "", "POST"),
    ("GET", "/api/status/503", 503, "GET /api/status/{code}", "ERROR", "503", "GET"),
    ("GET", "/api/fail", 500, "GET /api/fail", "ERROR", "LookupError", "GET"),
    ("GET", "/api/unusable", 500, "GET /api/unusable", "ERROR", "TypeError", "GET"),
]


@pytest.mark.parametrize(("method", "path", "code", "name", "status", "error", "attribute"), REQUESTS)
def test_status_of_a_request_follows_the_conventions(
    receiver: Receiver, method: str, path: str, code: int, name: str, status: str, error: str, attribute: str
) -> None:
    """Below 500 it is unset; an exception and an answer of 500 or above have error.type, on span and metrics alike."""
    with make_host(FILES, extensions=OTEL, raises=False) as host:
        assert host.request(method, path).status == code
    (span,) = receiver.spans
    assert (span.name, span.status, span.attributes.get("error.type", "")) == (name, status, error)
    assert span.attributes["http.response.status_code"] == code
    assert span.attributes["http.request.method"] == attribute
    ((found, count),) = receiver.points("http.server.request.duration")
    assert count == 1
    assert found == {
        "http.request.method": method,
        "http.response.status_code": code,
        "http.route": name.partition(" ")[2],
        "url.scheme": "http",
        **({"error.type": error} if error else {}),
    }
    assert [value for _, value in receiver.points("http.server.active_requests")] == [0]
    failed, succeeded = receiver.points("faas.errors"), receiver.points("faas.invocations")
    assert (len(failed), len(succeeded)) == ((1, 0) if error else (0, 1))


def test_exception_is_one_log_record_of_the_span(receiver: Receiver) -> None:
    """It is an event by its name, with type, message and stack trace; the host's own line is not sent beside it."""
    with make_host(FILES, extensions=OTEL, raises=False) as host:
        host.get("/api/fail")
    (span,), (log,) = receiver.spans, receiver.logs
    assert (log.event, log.severity, log.span_id) == ("faas.invocation.exception", "ERROR", span.span_id)
    assert log.attributes.pop("exception.stacktrace").endswith("LookupError: no such order\n")
    assert log.attributes == {
        "exception.message": "no such order",
        "exception.type": "LookupError",
        "faas.name": "fail",
        "faas.trigger": "http",
    }
    assert span.events == []
    assert span.description == "no such order"


def test_exception_is_an_event_of_the_span_where_no_log_records_are_sent(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traces alone show it, too."""
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    with make_host(FILES, extensions=OTEL, raises=False) as host:
        host.get("/api/fail")
    assert receiver.spans[0].events == ["exception"]
    assert receiver.logs == []


SENT = datetime(2026, 1, 2, tzinfo=UTC)
PUBSUB = {"faas.trigger": "pubsub", "messaging.operation.name": "process", "messaging.operation.type": "process"}
BODY = f'{{"traceparent": "{OTHER}", "order": 7}}'
TRIGGERS: dict[str, tuple[str, Any, str, str, str, list[str], dict[str, Any]]] = {
    # function, what triggers it, the span's name, its kind, its parent, its links, its attributes
    "a message": (
        "queue",
        queue_message("an order", id="m1", dequeue_count=2, insertion_time=SENT),
        "process orders",
        "CONSUMER",
        "",
        [],
        {
            **PUBSUB,
            "messaging.system": "azure_queue_storage",
            "messaging.destination.name": "orders",
            "messaging.message.id": "m1",
            "functions.message.dequeue_count": 2,
        },
    ),
    "a message with its sender": (
        "queue",
        queue_message(BODY, id="m1"),
        "process orders",
        "CONSUMER",
        "00f067aa0ba902b7",
        [],
        {
            **PUBSUB,
            "messaging.system": "azure_queue_storage",
            "messaging.destination.name": "orders",
            "messaging.message.id": "m1",
            "functions.message.dequeue_count": 1,
        },
    ),
    "a message of Service Bus": (
        "bus",
        service_bus_message("x", message_id="m2", application_properties={"Diagnostic-Id": OTHER}),
        "process bus-orders",
        "CONSUMER",
        "00f067aa0ba902b7",
        [],
        {
            **PUBSUB,
            "messaging.system": "servicebus",
            "messaging.destination.name": "bus-orders",
            "messaging.message.id": "m2",
            "messaging.servicebus.message.delivery_count": 1,
        },
    ),
    "a batch": (
        "hub",
        [event_hub_event("x"), event_hub_event(BODY)],
        "process hub",
        "CONSUMER",
        "",
        ["00f067aa0ba902b7"],
        {
            **PUBSUB,
            "messaging.system": "eventhubs",
            "messaging.destination.name": "hub",
            "messaging.batch.message_count": 2,
        },
    ),
    "an event": (
        "grid",
        event_grid_event({}, id="e1"),
        "process grid",
        "CONSUMER",
        "",
        [],
        {**PUBSUB, "messaging.system": "eventgrid", "messaging.message.id": "e1"},
    ),
    "a timer": ("timer", None, "timer", "SERVER", "", [], {"faas.trigger": "timer", "faas.cron": "0 */5 * * * *"}),
    "a blob": (
        "picture",
        blob(b"x", name="pictures/a/b.png"),
        "picture",
        "SERVER",
        "",
        [],
        {
            "faas.trigger": "datasource",
            "faas.document.collection": "pictures",
            "faas.document.operation": "edit",
            "faas.document.name": "a/b.png",
        },
    ),
}


@pytest.mark.parametrize("case", TRIGGERS)
def test_span_of_a_trigger_follows_the_conventions(receiver: Receiver, case: str) -> None:
    """Messages are CONSUMER spans with their sender as the parent, batches have links, the others are SERVER spans."""
    function, data, name, kind, parent, links, attributes = TRIGGERS[case]
    with make_host(FILES, extensions=OTEL) as host:
        host.invoke(function, data)
    (span,) = receiver.spans
    found = span.attributes
    assert (span.name, span.kind, span.parent_id, span.links) == (name, kind, parent, links)
    assert found.pop("faas.invocation_id")
    for time in ("faas.time", "faas.document.time"):
        if time in found:
            assert datetime.fromisoformat(found.pop(time)).utcoffset() == UTC.utcoffset(None)
    assert found == {**attributes, "faas.name": function, "faas.coldstart": True}
    ((measured, count),) = receiver.points("faas.invocations")
    assert (measured, count) == ({"faas.name": function, "faas.trigger": attributes["faas.trigger"]}, 1)
    for metric, expected in [("faas.coldstarts", 1), ("faas.invoke_duration", 1), ("functions.active_invocations", 0)]:
        assert [value for _, value in receiver.points(metric)] == [expected]
    ages = receiver.points("functions.message.age")
    assert len(ages) == (case in ("a message", "a message with its sender", "a batch", "an event"))


def test_setting_leaves_bodies_of_messages_alone(receiver: Receiver) -> None:
    """Whoever may write into a queue could otherwise say what the parent is."""
    with make_host(FILES, extensions=OTEL, queue_parent=False) as host:
        host.invoke("queue", queue_message(BODY))
    assert receiver.spans[0].parent_id == ""


def test_each_attempt_of_a_retry_policy_is_a_span(receiver: Receiver) -> None:
    """Each has the number of the attempt and its error."""
    with make_host(FILES, extensions=OTEL, raises=False) as host:
        host.invoke("retried")
    assert [span.attributes["functions.attempt"] for span in receiver.spans] == [1, 2, 3]
    assert {span.attributes["error.type"] for span in receiver.spans} == {"OSError"}
    assert [span.attributes["faas.coldstart"] for span in receiver.spans] == [True, False, False]
    assert receiver.points("faas.errors")[0][1] == 3


def test_traces_go_on_across_two_apps_and_a_queue(receiver: Receiver) -> None:
    """The first app writes its traceparent into the message, as CloudEvents do; the second one continues the trace."""
    first = """
import json
import azure.functions as func
from opentelemetry import propagate

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("order")
@app.queue_output("out", "orders", "STORE")
async def order(req: func.HttpRequest, out: func.Out[str]) -> str:
    carrier = {"order": 7}
    propagate.inject(carrier)
    out.set(json.dumps(carrier))
    return "ordered"
"""
    with (
        make_host({"function_app.py": first}, extensions=OTEL) as shop,
        make_host(FILES, extensions=OTEL) as store,
    ):
        message = shop.post("/api/order", headers={"traceparent": PARENT}).outputs["out"]
        store.invoke("queue", queue_message(message))
    request, process = receiver.span("POST /api/order"), receiver.span("process orders")
    assert (request.trace_id, request.parent_id) == (TRACE, CALLER)
    assert (process.trace_id, process.parent_id) == (TRACE, request.span_id)
    assert process.attributes["faas.coldstart"] is True


STREAMS = """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, StreamingResponse
from opentelemetry import trace

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("stream/{fails}")
async def stream(req: Request) -> StreamingResponse:
    async def parts():
        yield "one"
        if req.path_params["fails"] == "yes":
            raise ConnectionError("the source has gone")
        yield "two"
    return StreamingResponse(parts())
"""


@pytest.mark.parametrize(("fails", "size", "error"), [("no", 6, ""), ("yes", 3, "ConnectionError")])
def test_span_of_a_stream_ends_with_its_last_byte(receiver: Receiver, fails: str, size: int, error: str) -> None:
    """A stream that breaks after its status was sent is an error, and its exception is recorded once."""
    with make_host({"function_app.py": STREAMS}, extensions=OTEL, raises=False) as host:
        host.get(f"/api/stream/{fails}")
    (span,) = receiver.spans
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.response.body.size"] == size
    assert (span.status, span.attributes.get("error.type", "")) == ("ERROR" if error else "UNSET", error)
    assert [log.event for log in receiver.logs if log.event] == ["faas.invocation.exception"] * bool(error)


async def test_parallel_invocations_have_the_right_parents(receiver: Receiver) -> None:
    """1,000 requests at once, def and async def: each span has its own caller, and each function its own span."""
    async with make_host(FILES, extensions=OTEL, metrics=False, logs=False) as host:

        async def call(number: int) -> tuple[str, str]:
            function = "sync" if number % 2 else "async"
            parent = f"{number + 1:016x}"
            header = f"00-{number + 1:032x}-{parent}-01"
            reply = await host.get(f"/api/{function}/{number}", headers={"traceparent": header})
            return parent, reply.text.removeprefix("span ")

        answers = await asyncio.gather(*map(call, range(1000)))
    spans = [(span.parent_id, span.span_id) for span in receiver.spans]
    assert (len(spans), set(spans) ^ set(answers)) == (1000, set())


class Answering:
    """Answers in the place of the function."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, invocation: hosting.Invocation) -> None:
        """Answer."""
        raise hosting.ShortCircuit(invocation.respond(403, "no"))


def test_function_that_a_hook_keeps_from_running_has_a_span(receiver: Receiver) -> None:
    """The span is outside of all other extensions."""
    with make_host(FILES, extensions={"aaa": Answering, **OTEL}) as host:
        host.get("/api/sync/1")
    assert receiver.spans[0].attributes["http.response.status_code"] == 403


class Neighbour:
    """Another extension, with hooks around, before and after functions."""

    @hosting.hookimpl
    async def invocation(self) -> Any:
        """Do nothing around a function that opts in."""
        yield

    @hosting.hookimpl
    def invocation_app_level(self) -> Any:
        """Do nothing around every function."""
        yield

    @hosting.hookimpl
    def pre_invocation_app_level(self, invocation: hosting.Invocation) -> None:
        """Answer some requests, and fail in others."""
        request = invocation.request
        if request is not None and request.query.get("x") == "answer":
            raise hosting.ShortCircuit(invocation.respond(403, "no"))
        if request is not None and request.query.get("x") == "fail":
            raise LookupError("the hook")

    @hosting.hookimpl
    def post_invocation_app_level(self) -> None:
        """Do nothing after a function."""


AROUND: tuple[str, dict[str, Any]] = ("other invocation_app_level", {})
RESUMED = ("other invocation_app_level", {"hosting.hook.is_resumed": True})
PRE = "other pre_invocation_app_level"
POST: tuple[str, dict[str, Any]] = ("other post_invocation_app_level", {})
HOOKS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "": [AROUND, (PRE, {}), POST, RESUMED],
    "?x=fail": [AROUND, (PRE, {"error.type": "LookupError"}), POST, RESUMED],
    "?x=answer": [AROUND, (PRE, {"hosting.hook.answered": True}), RESUMED],
}


@pytest.mark.parametrize("query", HOOKS)
@pytest.mark.parametrize("function", ["sync", "async"])
def test_hooks_of_other_extensions_are_spans_on_demand(receiver: Receiver, function: str, query: str) -> None:
    """Each is INTERNAL below the span of the invocation, with what it raised."""
    with make_host(FILES, extensions={**OTEL, "other": Neighbour}, hooks="spans") as host:
        host.get(f"/api/{function}/1{query}")
    *hooks, own = receiver.spans
    assert own.name == f"GET /api/{function}/{{id}}"
    assert {(span.kind, span.parent_id, span.trace_id) for span in hooks} == {("INTERNAL", own.span_id, own.trace_id)}
    named = [{"hosting.extension": "other", "hosting.hook": name.split()[1], **own} for name, own in HOOKS[query]]
    assert [span.attributes for span in hooks] == named
    assert [(span.name, span.status) for span in hooks] == [
        (name, "ERROR" if "error.type" in attributes else "UNSET") for name, attributes in HOOKS[query]
    ]


def test_hooks_of_other_extensions_are_events_on_demand(receiver: Receiver) -> None:
    """For functions with other triggers, too."""
    with make_host(FILES, extensions={**OTEL, "other": Neighbour}, hooks="events") as host:
        host.invoke("queue", queue_message("{}"))
    (span,) = receiver.spans
    assert span.events == ["hosting.hook"] * 4


def test_hooks_are_not_shown_by_default(receiver: Receiver) -> None:
    """They would double what is sent."""
    with make_host(FILES, extensions={**OTEL, "other": Neighbour}) as host:
        host.get("/api/sync/1")
    assert [(span.name, span.events) for span in receiver.spans] == [("GET /api/sync/{id}", [])]


V1 = {
    "Order/function.json": json.dumps(
        {
            "scriptFile": "__init__.py",
            "bindings": [
                {
                    "type": "httpTrigger",
                    "direction": "in",
                    "name": "req",
                    "route": "order/{id}",
                    "authLevel": "anonymous",
                },
                {"type": "http", "direction": "out", "name": "$return"},
            ],
        }
    ),
    "Timer/function.json": json.dumps(
        {"bindings": [{"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 0 3 * * *"}]}
    ),
    "Timer/__init__.py": "import logging\nasync def main(timer):\n    logging.warning('late')\n",
}
V1_CODE = """
from opentelemetry import trace

KEYWORD main(req):
    return f"span {trace.get_current_span().get_span_context().span_id:016x}"
"""


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_functions_of_the_v1_model_have_the_same_spans(receiver: Receiver, keyword: str) -> None:
    """Route, parent and current span, and those of a timer with its log record."""
    files = {**V1, "Order/__init__.py": V1_CODE.replace("KEYWORD", keyword)}
    with make_host(files, extensions=OTEL) as host:
        reply = host.get("/api/order/7", headers={"traceparent": PARENT})
        host.invoke("Timer")
    order, timer = receiver.span("GET /api/order/{id}"), receiver.span("Timer")
    assert (order.kind, order.trace_id, order.parent_id) == ("SERVER", TRACE, CALLER)
    assert order.span_id == reply.text.removeprefix("span ")
    assert (order.attributes["faas.name"], order.attributes["http.route"]) == ("Order", "/api/order/{id}")
    assert (timer.attributes["faas.trigger"], timer.attributes["faas.cron"]) == ("timer", "0 0 3 * * *")
    assert [(log.body, log.span_id) for log in receiver.logs] == [("late", timer.span_id)]


def test_function_whose_input_cannot_be_read_has_a_span(receiver: Receiver) -> None:
    """The span begins when the invocation did."""
    with make_host(FILES, extensions=OTEL, raises=False) as host:
        host.invoke("queue_text", func.QueueMessage(body=b"\xff"))
    (span,) = receiver.spans
    assert (span.name, span.status) == ("process texts", "ERROR")
    assert span.attributes["error.type"] == "UnicodeDecodeError"


def test_span_of_another_instrumentation_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second span is made beside one that is recording, and nothing is configured beside the app's provider."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

    class Other:
        """Another instrumentation, outside of this one."""

        order = hosting.Order(before=("otel",))

        @hosting.hookimpl(tryfirst=True)
        def invocation_app_level(self) -> Any:
            """Make a span."""
            with trace.get_tracer("other").start_as_current_span("theirs"):
                yield

    with make_host(FILES, extensions={"other": Other, **OTEL}) as host:
        host.get("/api/sync/1")
        host.get("/api/async/1")
    assert [span.name for span in exporter.get_finished_spans()] == ["theirs", "theirs"]
    assert [(span.attributes or {})["faas.trigger"] for span in exporter.get_finished_spans()] == ["http", "http"]


def test_invocation_that_takes_too_long_is_an_error_and_a_timeout(receiver: Receiver) -> None:
    """Its span ends when the host gives it up."""
    slow = """
import asyncio
import azure.functions as func

app = func.FunctionApp()

@app.timer_trigger("timer", "0 0 3 * * *")
async def slow(timer: func.TimerRequest) -> None:
    await asyncio.Event().wait()
"""
    files = {"function_app.py": slow, "host.json": '{"version": "2.0", "functionTimeout": "00:00:01"}'}
    with make_host(files, extensions=OTEL, raises=False) as host:
        host.invoke("slow")
    (span,) = receiver.spans
    assert (span.status, span.attributes["error.type"].rpartition(".")[2]) == ("ERROR", "FunctionTimeoutError")
    assert [count for _, count in receiver.points("faas.timeouts")] == [1]


async def test_invocation_that_the_host_cancels_has_neither_failed_nor_succeeded(receiver: Receiver) -> None:
    """As when a client of an async function disconnects."""
    waiting = """
import asyncio
import azure.functions as func

app = func.FunctionApp()

@app.timer_trigger("timer", "0 0 3 * * *")
async def waiting(timer: func.TimerRequest) -> None:
    await asyncio.Event().wait()
"""
    started = asyncio.Event()

    class Starting:
        """Says that the function is about to run."""

        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            """Say it."""
            started.set()

    extensions = {"starting": Starting, **OTEL}
    async with make_host({"function_app.py": waiting}, extensions=extensions, raises=False) as host:
        task = asyncio.ensure_future(host.invoke("waiting"))
        await started.wait()
        task.cancel()
        await asyncio.wait([task])
    (span,) = receiver.spans
    assert (span.status, "error.type" in span.attributes) == ("UNSET", False)
    assert receiver.points("faas.errors") == receiver.points("faas.invocations") == []
