"""The extension inside Azure's worker: its own code calls the functions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from opentelemetry import trace

import hosting
from hosting.authoring import pending
from hosting_otel import OpenTelemetryExtension

from .conftest import ReceivedSpan, Receiver

handle_event = pytest.importorskip("azure_functions_runtime.handle_event")
functions = pytest.importorskip("azure_functions_runtime.functions")
otel = pytest.importorskip("azure_functions_runtime.otel")


TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Message(SimpleNamespace):
    """A stand-in for any protobuf message."""

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - protobuf's name
        """Return the alternative that is set."""
        return next(iter(self.__dict__), None) if group == "data" else "data"


class StatusResult(Message):
    """A stand-in with the values of its enumeration."""

    Failure, Success, Cancelled = 0, 1, 2


NAMES = ("InvocationResponse", "ParameterBinding", "RpcException", "RpcHttp", "TypedData")
PROTOS = SimpleNamespace(
    StatusResult=StatusResult,
    BindingInfo=SimpleNamespace(inout=2, out=1, undefined=None),
    **{name: type(name, (Message,), {}) for name in NAMES},
)


def current() -> str:
    """Return the id of the current span."""
    return f"span {trace.get_current_span().get_span_context().span_id:016x}"


def make_app() -> Any:
    """Return an app with one function of each kind."""
    app: Any = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    def sync(req: func.HttpRequest) -> str:
        return current()

    async def asynchronous(req: func.HttpRequest) -> str:
        return current()

    def fail(req: func.HttpRequest) -> str:
        raise LookupError("no such order")

    def queue(msg: func.QueueMessage) -> None:
        assert trace.get_current_span().is_recording()

    app.route("sync/{id}")(sync)
    app.route("async/{id}")(asynchronous)
    app.route("fail")(fail)
    app.queue_trigger("msg", "orders", "STORE")(queue)
    return app


class Worker:
    """Azure's worker library in this process, with an app that ``hosting.extend`` has extended."""

    def __init__(self, app: Any) -> None:
        handle_event.load_binding_registry()
        added = [handle_event._functions.add_indexed_function(function, PROTOS) for function in app.get_functions()]
        self._ids = {info.name: info.function_id for info in added}

    async def invoke(self, name: str, data: Any, parent: str = "") -> Any:
        """Invoke a function as Azure's host does; return what it returned, or None if it failed."""
        parameter = "msg" if name == "queue" else "req"
        request = SimpleNamespace(
            invocation_id=f"{name}-{parent}",
            function_id=self._ids[name],
            input_data=[Message(name=parameter, data=data)],
            trigger_metadata={},
            trace_context=SimpleNamespace(trace_parent=parent, trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
        message = SimpleNamespace(request=SimpleNamespace(invocation_request=request), properties={})
        response = await handle_event.invocation_request(message)
        if response.result.status != StatusResult.Success:
            return None
        value = response.return_value
        return None if value is None else value.http.body.bytes.decode() if hasattr(value, "http") else value.string


def http(path: str) -> Message:
    """Return the request as Azure's host sends it."""
    headers = {"host": "shop.azurewebsites.net", "user-agent": "a test"}
    url = f"https://shop.azurewebsites.net{path}"
    return Message(http=Message(method="GET", url=url, headers=headers, params={}, query={}, body=Message(bytes=b"")))


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Worker]:
    """Set this process up as Azure's worker does, with what the test adds to host.json as a parameter."""
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0", **getattr(request, "param", {})}))
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path))
    monkeypatch.setenv("WEBSITE_SITE_NAME", "shop")
    monkeypatch.setenv("WEBSITE_OWNER_NAME", "sub-1+plan-westeuropewebspace-Linux")
    monkeypatch.setenv("WEBSITE_RESOURCE_GROUP", "group-1")
    monkeypatch.setattr(handle_event, "_functions", functions.Registry())
    monkeypatch.setattr(handle_event, "protos", PROTOS)
    monkeypatch.setattr(handle_event.HttpV2Registry, "_http_v2_enabled_checked", True)
    monkeypatch.setattr(handle_event.HttpV2Registry, "_http_v2_enabled", False)
    monkeypatch.setattr(otel.otel_manager, "_otel_libs_available", True)
    otel.update_opentelemetry_status()
    extension = hosting.extension(OpenTelemetryExtension(), name="otel")
    app: Any = None
    yield Worker(hosting.extend(make_app()))
    extension.shutdown(app)  # Azure ends its worker without a hook
    pending.shared = None
    pending.take()


async def received(receiver: Receiver, count: int) -> list[ReceivedSpan]:
    """Wait until some spans have arrived, which nothing but the end of their invocations has sent."""
    await asyncio.to_thread(receiver.wait_for, lambda: len(receiver.spans) >= count)
    return receiver.spans


MODE = {"telemetryMode": "openTelemetry"}


@pytest.mark.parametrize(("worker", "kind"), [({}, "SERVER"), (MODE, "INTERNAL")], indirect=["worker"])
async def test_invocations_in_azures_worker_have_their_own_callers(
    receiver: Receiver, worker: Worker, kind: str
) -> None:
    """In threads of the worker, too, which lose the caller; the span is INTERNAL where Azure's host makes another."""
    parents = {f"{number:016x}": "sync" if number % 2 else "asynchronous" for number in range(1, 41)}
    calls = [
        worker.invoke(name, http("/api/x/7?code=k"), f"00-{TRACE}-{parent}-01") for parent, name in parents.items()
    ]
    answers = await asyncio.gather(*calls)
    spans = await received(receiver, len(parents))
    assert {(span.parent_id, span.span_id) for span in spans} == {
        (parent, answer.removeprefix("span ")) for parent, answer in zip(parents, answers, strict=True)
    }
    assert {(span.kind, span.trace_id, span.resource["service.name"]) for span in spans} == {(kind, TRACE, "shop")}
    found = next(span for span in spans if span.name == "GET /api/sync/{id}").attributes
    site = "/subscriptions/sub-1/resourceGroups/group-1/providers/Microsoft.Web/sites/shop"
    assert found.pop("faas.invocation_id").startswith("sync-")
    assert found.pop("faas.coldstart") in (True, False)
    assert found == {
        "cloud.resource_id": f"{site}/functions/sync",
        "faas.name": "shop/sync",
        "faas.trigger": "http",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/api/sync/{id}",
        "server.address": "shop.azurewebsites.net",
        "url.path": "/api/x/7",
        "url.query": "code=REDACTED",
        "url.scheme": "https",
        "user_agent.original": "a test",
    }
    assert sum(span.attributes.get("faas.coldstart") is True for span in spans) <= 1


async def test_failures_and_messages_in_azures_worker_have_spans(receiver: Receiver, worker: Worker) -> None:
    """The worker answers 500 for a function that raises; the caller's context does not stay in the worker's threads."""
    await worker.invoke("fail", http("/api/fail"), PARENT)
    await worker.invoke("queue", Message(string='{"order": 7}'))
    failed, message = sorted(await received(receiver, 2), key=lambda span: span.name)
    assert (failed.status, failed.attributes["error.type"]) == ("ERROR", "LookupError")
    assert failed.attributes["http.response.status_code"] == 500
    assert (message.name, message.kind, message.parent_id) == ("process orders", "CONSUMER", "")
    await asyncio.to_thread(receiver.wait_for, lambda: any(log.event for log in receiver.logs))
    assert [log.event for log in receiver.logs if log.event] == ["faas.invocation.exception"]
