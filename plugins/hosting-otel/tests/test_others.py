"""Beside another instrumentation that is active: one span for each invocation, theirs or ours."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from .conftest import Receiver, make_host
from .test_spans import CALLER, OTEL, PARENT, TRACE

# What follows wraps functions as two packages do that are too large to be installed for tests. ddtrace 4.16 and
# dynatrace-opentelemetry-azure-functions 1.349 were tried with the same outcome.
WRAPPERS = {
    "ddtrace.contrib.internal.azure_functions.shared": """
import functools

def trace(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    @functools.wraps(function)
    async def async_wrapper(*args, **kwargs):
        return await function(*args, **kwargs)

    return async_wrapper if function.__name__ == "asynchronous" else wrapper
""",
    "dynatrace.opentelemetry.azure.functions._wrapper": """
import wrapt

@wrapt.decorator
def trace(wrapped, instance, args, kwargs):
    return wrapped(*args, **kwargs)
""",
}
APP = """
import sys

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
trace = sys.modules["MODULE"].trace


@app.route("sync")
@trace
def sync(req: func.HttpRequest) -> str:
    return "sync"


@app.route("async")
@trace
async def asynchronous(req: func.HttpRequest) -> str:
    return "async"


@app.route("plain")
def plain(req: func.HttpRequest) -> str:
    return "plain"
"""

PLAIN = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("sync")
def sync(req: func.HttpRequest) -> str:
    return "sync"
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, ["GET /api/plain"]), ({"beside_others": True}, ["GET /api/sync", "GET /api/async", "GET /api/plain"])],
)
@pytest.mark.parametrize("name", WRAPPERS)
def test_function_that_datadog_or_dynatrace_wraps_has_no_second_span(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, name: str, settings: dict[str, Any], expected: list[str]
) -> None:
    """Unless a setting asks for it. Its metrics are recorded, and functions that are not wrapped have their spans."""
    if "dynatrace" in name:
        pytest.importorskip("wrapt")
    module: Any = ModuleType(name)
    exec(WRAPPERS[name], module.__dict__)
    monkeypatch.setitem(sys.modules, name, module)
    with make_host({"function_app.py": APP.replace("MODULE", name)}, extensions=OTEL, **settings) as host:
        answers = [host.get(f"/api/{path}").text for path in ("sync", "async", "plain")]
    assert answers == ["sync", "async", "plain"]
    assert [span.name for span in receiver.spans] == expected
    names = {point["faas.name"] for point, _ in receiver.points("faas.invocations")}
    assert names == {"sync", "asynchronous", "plain"}


def oneagent(state: int) -> Any:
    """Return a stand-in for the SDK, which no agent can be installed for here."""
    module: Any = ModuleType("oneagent")
    module.common = SimpleNamespace(AgentState=SimpleNamespace(ACTIVE=0))
    module.get_sdk = lambda: SimpleNamespace(agent_state=state)
    return module


@pytest.mark.parametrize(
    ("module", "count"),
    [(oneagent(0), 0), (oneagent(3), 1), (ModuleType("oneagent"), 1)],
    ids=["an agent", "no agent", "another module of this name"],
)
def test_no_second_span_beside_an_active_oneagent(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, module: ModuleType, count: int
) -> None:
    """The SDK says whether it has an agent, which then traces the app."""
    monkeypatch.setitem(sys.modules, "oneagent", module)
    with make_host({"function_app.py": PLAIN}, extensions=OTEL) as host:
        host.get("/api/sync")
    assert len(receiver.spans) == count


FASTAPI = """
import azure.functions as func
from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

api = FastAPI()


@api.get("/order/{id}")
async def order(id: int) -> int:
    return id


FastAPIInstrumentor.instrument_app(api, exclude_spans=["receive", "send"])
app = func.AsgiFunctionApp(api, http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def test_span_of_fastapis_instrumentation_is_internal_below_ours(receiver: Receiver) -> None:
    """One SERVER span with the caller's parent."""
    pytest.importorskip("opentelemetry.instrumentation.fastapi")
    files = {"function_app.py": FASTAPI, "host.json": '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}'}
    with make_host(files, extensions=OTEL) as host:
        assert host.get("/order/7", headers={"traceparent": PARENT}).text == "7"
    inner, outer = receiver.spans
    assert (outer.kind, outer.trace_id, outer.parent_id) == ("SERVER", TRACE, CALLER)
    assert (inner.kind, inner.name, inner.parent_id) == ("INTERNAL", "GET /order/{id}", outer.span_id)
