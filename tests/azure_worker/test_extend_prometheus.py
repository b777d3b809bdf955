"""hosting-prometheus in Azure's worker: the route, and the figures that the worker can know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from hosting_prometheus import PrometheusExtension

import hosting
from hosting.authoring import pending
from hosting.testing import queue_message
from tests.support.azure_worker import azure_worker, call_as_worker

extension = PrometheusExtension
"""What the worker of these tests has installed, under the name ``marking``."""


@pytest.fixture(autouse=True)
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set a process up as Azure's worker does, with the extension installed."""
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0"}))
    with azure_worker(tmp_path, monkeypatch, __name__, "extension") as folder:
        yield folder


def request(url: str) -> func.HttpRequest:
    return func.HttpRequest("GET", url, body=b"")


def greet(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse("hello", status_code=201)


async def fail(req: func.HttpRequest, context: func.Context) -> str:
    raise ValueError("no")


def work(msg: func.QueueMessage, context: func.Context) -> None: ...


def test_route_of_the_metrics_has_the_figures_of_def_async_and_queue_functions() -> None:
    """It needs a function key, and its route is below the prefix, where Azure serves it."""
    app = hosting.extend(func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS))
    app.route("greet")(greet)
    app.route("fail")(fail)
    app.queue_trigger("msg", "in", "Storage")(work)
    built = {one.get_function_name(): one for one in app.get_functions()}
    functions = {name: one.get_user_function() for name, one in built.items()}
    assert call_as_worker(functions["greet"], "greet", req=request("/api/greet")).get_body() == b"hello"
    with pytest.raises(ValueError, match="no"):
        call_as_worker(functions["fail"], "fail", req=request("/api/fail"))
    call_as_worker(functions["work"], "work", msg=queue_message("x", dequeue_count=3))
    trigger: Any = built["prometheus_metrics"].get_trigger()
    assert (trigger.route, str(trigger.auth_level.value)) == ("metrics", "function")
    arguments = {trigger.name: request("/api/metrics")}
    response = call_as_worker(functions["prometheus_metrics"], "prometheus_metrics", **arguments)
    lines = response.get_body().decode().splitlines()
    for line in (
        'hosting_invocations_total{function="greet",outcome="succeeded",trigger="httpTrigger"} 1.0',
        'hosting_invocations_total{function="fail",outcome="failed",trigger="httpTrigger"} 1.0',
        'hosting_responses_total{function="greet",status="201"} 1.0',
        'hosting_invocations_in_flight{function="fail",trigger="httpTrigger"} 0.0',
        'hosting_messages_redelivered_total{function="work"} 1.0',
        'hosting_message_age_seconds_count{function="work"} 1.0',
        "hosting_functions 3.0",
    ):
        assert line in lines
    assert any(line.startswith("hosting_info{") and 'runner="azure"' in line for line in lines)


def test_function_of_the_v1_model_runs_and_the_diagnosis_says_that_there_is_no_route() -> None:
    """Nothing can be added to the folders of a v1 app there; the function is not affected."""
    function = hosting.extend(greet)
    assert call_as_worker(function, "greet", req=request("/api/greet")).get_body() == b"hello"
    assert pending.shared is not None
    messages = [one["message"] for one in pending.shared.host.diagnosis()["problems"]]
    assert any("marking" in message for message in messages), messages
