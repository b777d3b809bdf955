"""Spans of hosting-otel follow an orchestration: over activities, sub-orchestrations and entities, and over hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import azure.durable_functions as df  # type: ignore[import-untyped]
import azure.functions as func
import pytest
from durable_support.hosts import HostFolder, provider_of

from hosting.bindings.http.request import HttpCall
from hosting_durable import Status

hosting_otel = pytest.importorskip("hosting_otel.extension")
trace = pytest.importorskip("opentelemetry.trace")
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads")
SECONDS = 60


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What keeps the spans of the test; there is no public way to unset a provider."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.util._once import Once

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


def make_app() -> Any:
    """Return an app whose orchestration waits between its first turn and what it calls."""
    app: Any = df.DFApp(http_auth_level="ANONYMOUS")

    @app.route("start")  # type: ignore[untyped-decorator]
    @app.durable_client_input(client_name="client")  # type: ignore[untyped-decorator]
    async def start(req: func.HttpRequest, client: Any) -> func.HttpResponse:
        return func.HttpResponse(await client.start_new("whole", "one"))

    @app.orchestration_trigger("context")  # type: ignore[untyped-decorator]
    def whole(context: Any) -> Any:
        first = yield context.call_activity("add", 1)
        yield context.wait_for_external_event("Go")
        second = yield context.call_sub_orchestrator("part", first)
        yield context.call_entity(df.EntityId("counter", "k"), "add", second)
        return second

    @app.orchestration_trigger("context")  # type: ignore[untyped-decorator]
    def part(context: Any) -> Any:
        return (yield context.call_activity("add_async", context.get_input()))

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def add(x: int) -> int:
        return x + 1

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    async def add_async(x: int) -> int:
        return x + 1

    @app.entity_trigger("context")  # type: ignore[untyped-decorator]
    def counter(context: Any) -> None:
        context.set_state(context.get_input())
        context.set_result(None)

    return app


async def test_spans_follow_an_orchestration_over_two_hosts(folder: HostFolder, spans: Any) -> None:
    """Its span is the starter's child; what it calls on either host, and its later turns, are children of its span."""
    caller = f"00-{'a' * 32}-{'b' * 16}-01"
    request = HttpCall("GET", "http://localhost/api/start", {"traceparent": caller}, "", {}, b"")
    extensions = {"otel": hosting_otel.OpenTelemetryExtension}
    async with folder.open_host(make_app(), extensions=extensions) as host:
        result = await host.invocations["start"](request, caller, "")
        instance, hub = result.reply.body.decode(), provider_of(host).hub
        while not any(one["EventType"] == 5 for one in (await hub.get_instance(instance, with_history=True)).history):
            await hub.database.wait(hub.database.writes, 1)
    async with folder.open_host(make_app(), extensions=extensions) as host:
        hub = provider_of(host).hub
        await hub.raise_event(instance, "Go")
        found = await hub.wait_for_completion(instance, SECONDS)
    assert found.status is Status.COMPLETED, found.output
    finished = spans.get_finished_spans()
    assert {f"{one.context.trace_id:032x}" for one in finished} == {"a" * 32}
    by_id = {one.context.span_id: one.attributes["faas.name"] for one in finished}
    pairs = {(one.attributes["faas.name"], by_id.get(one.parent.span_id)) for one in finished}
    assert pairs == {
        ("start", None),  # its parent is the caller's
        ("whole", "start"),
        ("whole", "whole"),
        ("add", "whole"),
        ("part", "whole"),
        ("part", "part"),
        ("add_async", "part"),
        ("counter", "whole"),
    }
    roots = [one for one in finished if one.attributes["faas.name"] == "whole" and by_id[one.parent.span_id] == "start"]
    assert len(roots) == 1
    turns = [one for one in finished if one.attributes["faas.name"] in ("whole", "add", "counter") and one not in roots]
    assert {one.parent.span_id for one in turns} == {roots[0].context.span_id}
