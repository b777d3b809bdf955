"""``host.orchestrate`` of ``hosting.testing``: orchestrations of an app, in the time that their code takes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from hosting.testing import Host, make_host
from hosting_durable import InstanceExists
from hosting_durable.testing import OrchestrationFailed, OrchestrationStuck

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads")
APP = {
    "function_app.py": """
import json
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level="ANONYMOUS")
calls = []


@app.route("start/{name}")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    instance_id = await client.start_new(req.route_params["name"], None, "Ada")
    return await client.wait_for_completion_or_create_check_status_response(req, instance_id, 10_000, 20)


@app.orchestration_trigger("context")
def chain(context):
    first = yield context.call_activity("hello", context.get_input())
    second = yield context.call_activity("hello", first)
    return [first, second]


@app.orchestration_trigger("context")
def reminder(context):
    context.set_custom_status("waiting")
    due = context.current_utc_datetime + timedelta(days=3)
    timer, answer = context.create_timer(due), context.wait_for_external_event("Approve")
    winner = yield context.task_any([timer, answer])
    if winner == timer:
        return "late"
    timer.cancel()
    return answer.result


@app.orchestration_trigger("context")
def retried(context):
    options = df.RetryOptions(3_600_000, 4)
    return (yield context.call_activity_with_retry("flaky", options, context.get_input()))


@app.orchestration_trigger("context")
def counting(context):
    counter = df.EntityId("counter", "k")
    context.signal_entity(counter, "add", 2)
    return (yield context.call_entity(counter, "get"))


@app.orchestration_trigger("context")
def waits(context):
    return (yield context.wait_for_external_event("Never"))


@app.activity_trigger("name")
def hello(name: str) -> str:
    return f"Hello {name}!"


@app.activity_trigger("times")
def flaky(times: int) -> int:
    calls.append(1)
    if len(calls) < times:
        raise ValueError("not yet")
    return len(calls)


@app.entity_trigger("context")
def counter(context):
    value = context.get_state(lambda: 0)
    if context.operation_name == "add":
        value += context.get_input()
    context.set_state(value)
    context.set_result(value)
"""
}


@pytest.fixture
def host(installed: None) -> Iterator[Host]:
    """A host of the app."""
    before = set(sys.modules)
    with make_host(APP) as host:
        yield host
    for name in set(sys.modules) - before:
        if name == "function_app":
            del sys.modules[name]


def test_orchestration_runs_to_its_end_with_its_activities(host: Host) -> None:
    """The result has its output, its state, its history and its time."""
    found = host.orchestrate("chain", "Ada")
    assert found.output == ["Hello Ada!", "Hello Hello Ada!!"]
    assert found.status == "Completed"
    assert [one["EventType"] for one in found.history] == [
        "ExecutionStarted",
        "TaskCompleted",
        "TaskCompleted",
        "ExecutionCompleted",
    ]
    assert found.history[1]["Result"] == "Hello Ada!"
    assert found.elapsed < timedelta(minutes=1)


def test_timer_of_three_days_fires_at_once(host: Host) -> None:
    """The clock of the orchestration jumps, that of the machine does not."""
    began = time.monotonic()
    found = host.orchestrate("reminder")
    assert (found.output, found.custom_status) == ("late", "waiting")
    assert timedelta(days=3) <= found.elapsed < timedelta(days=3, minutes=1)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("events", "output", "days"),
    [
        ({"Approve": {"by": "Ada"}}, {"by": "Ada"}, 0),
        ([(timedelta(days=2), "Approve", True)], True, 2),
        ([(timedelta(days=4), "Approve", True)], "late", 3),
        ([(timedelta(days=1), "Other", 1), (timedelta(days=2), "approve", json.dumps([1]))], "[1]", 2),
    ],
    ids=["at the start", "before the timer", "after the timer", "the second one, in another case"],
)
def test_events_come_when_the_test_says(host: Host, events: Any, output: object, days: int) -> None:
    """What comes first by the virtual clock wins."""
    found = host.orchestrate("reminder", events=events)
    assert found.output == output
    assert found.elapsed // timedelta(days=1) == days


def test_retries_wait_by_the_virtual_clock(host: Host) -> None:
    """Three failures are two hours and more of waiting; what fails to the end raises."""
    found = host.orchestrate("retried", 4)
    assert (found.output, found.elapsed // timedelta(hours=1)) == (4, 3)
    with pytest.raises(OrchestrationFailed, match="Orchestrator function 'retried' failed"):
        host.orchestrate("retried", 100)
    failed = host.orchestrate("retried", 100, raises=False)
    assert failed.status == "Failed"
    assert "not yet" in failed.output


def test_entities_are_called(host: Host) -> None:
    """They run in the same store."""
    assert host.orchestrate("counting").output == 2


def test_orchestration_that_waits_for_ever_is_an_error(host: Host) -> None:
    """The message says what to pass; the next orchestration runs."""
    with pytest.raises(OrchestrationStuck, match=r"'waits' .* waits for an event that the test does not raise"):
        host.orchestrate("waits")
    with pytest.raises(OrchestrationFailed, match="The function 'none' doesn't exist"):
        host.orchestrate("none")
    assert host.orchestrate("chain", "Ada", instance_id="mine").instance_id == "mine"
    with pytest.raises(InstanceExists):
        _twice(host)


def _twice(host: Host) -> None:
    with pytest.raises(OrchestrationStuck):
        host.orchestrate("waits", instance_id="x")
    host.orchestrate("waits", instance_id="x")


def test_starter_uses_the_real_client(host: Host) -> None:
    """A request to a starter reaches the store through the SDK, and orchestrations run without ``orchestrate``."""
    reply = host.get("/api/start/chain")
    assert (reply.status, reply.json()) == (200, ["Hello Ada!", "Hello Hello Ada!!"])
    listed = host.get("/runtime/webhooks/durabletask/instances/")
    assert [one["runtimeStatus"] for one in listed.json()] == ["Completed"]


async def test_async_test_awaits_it(installed: None) -> None:
    """Several at once share the virtual clock."""
    async with make_host(APP) as host:
        found = await host.orchestrate("reminder", events={"Approve": 1})
        assert found.output == 1
