"""Orchestrations of the real SDK under a host: chains, fan-out, timers, events, retries, children and the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df  # type: ignore[import-untyped]
import pytest
from durable_support.hosts import HostFolder

from hosting_durable import Instance, Status

Orchestrator = Callable[[Any], Any]
SECONDS = 20.0
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads")


def make_app(*orchestrators: Orchestrator) -> df.DFApp:
    """Return an app with these orchestrators, and activities and an entity for them."""
    app: Any = df.DFApp()
    for one in orchestrators:
        app.orchestration_trigger("context")(one)

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def double(x: int) -> int:
        return x * 2

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    async def hello(x: str) -> str:
        return f"Hello {x}!"

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def nothing(x: Any) -> None:
        return None

    calls: dict[str, int] = {}

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def flaky(x: list[Any]) -> int:
        name, failures = x
        calls[name] = calls.get(name, 0) + 1
        if calls[name] <= failures:
            raise ValueError(f"{name} {calls[name]}")
        return calls[name]

    app.entity_trigger("context", entity_name="Counter")(counter)
    return app


def counter(context: Any) -> None:
    value = context.get_state(lambda: 0)
    match context.operation_name:
        case "add":
            value += context.get_input()
            context.set_result(value)
        case "get":
            context.set_result(value)
        case "fail":
            raise RuntimeError("not here")
        case "end":
            context.destruct_on_exit()
            return
    context.set_state(value)


def chain(context: Any) -> Generator[Any, Any, Any]:
    first = yield context.call_activity("double", context.get_input())
    second = yield context.call_activity("hello", str(first))
    third = yield context.call_activity("nothing", None)
    return [first, second, third]


def fan_out(context: Any) -> Generator[Any, Any, Any]:
    results = yield context.task_all([context.call_activity("double", number) for number in range(20)])
    return sum(results)


def any_wins(context: Any) -> Generator[Any, Any, Any]:
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=9))
    first = context.call_activity("double", 4)
    winner = yield context.task_any([timer, first])
    timer.cancel()
    return winner.result if winner == first else "timer"


def timers(context: Any) -> Generator[Any, Any, Any]:
    before = context.current_utc_datetime
    yield context.create_timer(before + timedelta(milliseconds=30))
    yield context.create_timer(before - timedelta(days=1))
    return context.current_utc_datetime >= before + timedelta(milliseconds=30)


def failing_activity(context: Any) -> Generator[Any, Any, Any]:
    try:
        yield context.call_activity("flaky", ["failing", 9])
    except Exception as error:  # noqa: BLE001 - the SDK raises plain exceptions
        return str(error).splitlines()[0]
    return "no error"


def unhandled(context: Any) -> Generator[Any, Any, Any]:
    yield context.call_activity("flaky", ["unhandled", 9])


def own_error(context: Any) -> Generator[Any, Any, Any]:
    yield context.call_activity("double", 1)
    raise ValueError("own")


def retried(context: Any) -> Generator[Any, Any, Any]:
    options = df.RetryOptions(1, 3)
    result = yield context.call_activity_with_retry("flaky", options, ["retried", 2])
    after = yield context.call_activity("double", result)
    return [result, after]


def exhausted(context: Any) -> Generator[Any, Any, Any]:
    try:
        yield context.call_activity_with_retry("flaky", df.RetryOptions(1, 2), ["exhausted", 9])
    except Exception as error:  # noqa: BLE001 - the SDK raises plain exceptions
        after = yield context.call_activity("double", 2)
        return [str(error).splitlines()[0].strip(), after]


def many_retries(context: Any) -> Generator[Any, Any, Any]:
    options = df.RetryOptions(1, 4)
    tasks = [context.call_activity_with_retry("flaky", options, [f"many{one}", one % 4]) for one in range(8)]
    results = yield context.task_all(tasks)
    after = yield context.call_activity("double", 3)
    return [results, after]


def retry_beside_cancelled_timer(context: Any) -> Generator[Any, Any, Any]:
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    work = context.call_activity_with_retry("flaky", df.RetryOptions(1, 3), ["beside", 2])
    winner = yield context.task_any([timer, work])
    timer.cancel()
    after = yield context.call_activity("double", winner.result)
    return after


def parent(context: Any) -> Generator[Any, Any, Any]:
    one = yield context.call_sub_orchestrator("chain", 3)
    two = yield context.call_sub_orchestrator("fan_out", None, "child-2")
    try:
        yield context.call_sub_orchestrator("own_error")
    except Exception as error:  # noqa: BLE001 - the SDK raises plain exceptions
        return [one, two, str(error).splitlines()[0].strip()]


def parent_with_retry(context: Any) -> Generator[Any, Any, Any]:
    result = yield context.call_sub_orchestrator_with_retry("flaky_child", df.RetryOptions(1, 3), 2)
    return result


def flaky_child(context: Any) -> Generator[Any, Any, Any]:
    result = yield context.call_activity("flaky", ["child", context.get_input()])
    return result


def again(context: Any) -> Generator[Any, Any, Any]:
    number = context.get_input()
    yield context.call_activity("double", number)
    if number < 4:
        context.continue_as_new(number + 1)
        return None
    return f"done {number}"


def entities(context: Any) -> Generator[Any, Any, Any]:
    entity = df.EntityId("Counter", context.instance_id)
    context.signal_entity(entity, "add", 3)
    value = yield context.call_entity(entity, "add", 4)
    try:
        yield context.call_entity(entity, "fail")
    except Exception as error:  # noqa: BLE001 - the SDK raises plain exceptions
        return [value, str(error), (yield context.call_entity(entity, "get"))]


def status(context: Any) -> Generator[Any, Any, Any]:
    context.set_custom_status({"step": 1})
    yield context.call_activity("double", 1)
    return context.custom_status


def not_a_generator(context: Any) -> str:
    return f"at once {context.get_input()}"


def names(context: Any) -> Generator[Any, Any, Any]:
    yield context.call_activity("DOUBLE", 1)
    yield context.call_activity("missing", 1)


def ids(context: Any) -> Generator[Any, Any, Any]:
    first = context.new_guid()
    yield context.call_activity("double", 1)
    return [str(first), context.instance_id, context.version, context.parent_instance_id]


def empty_all(context: Any) -> Generator[Any, Any, Any]:
    result = yield context.task_all([])
    return result


def with_identity(context: Any) -> Generator[Any, Any, Any]:
    source = df.ManagedIdentityTokenSource("https://management.core.windows.net/")
    yield context.call_http("GET", "https://management.azure.com/x", token_source=source)


CASES: dict[Orchestrator, tuple[Any, Any]] = {
    chain: (5, [10, "Hello 10!", None]),
    fan_out: (None, 380),
    any_wins: (None, 8),
    timers: (None, True),
    failing_activity: (None, "Activity function 'flaky' failed:  ValueError: failing 1 "),
    retried: (None, [3, 6]),
    exhausted: (None, ["Activity function 'flaky' failed:  ValueError: exhausted 2", 4]),
    many_retries: (None, [[1, 2, 3, 4, 1, 2, 3, 4], 6]),
    retry_beside_cancelled_timer: (None, 6),
    parent: (None, [[6, "Hello 6!", None], 380, "Orchestrator function 'own_error' failed: own"]),
    parent_with_retry: (None, 3),
    again: (0, "done 4"),
    entities: (None, [7, "not here", 7]),
    not_a_generator: ("x", "at once x"),
    empty_all: (None, None),
}
HELPERS = (own_error, flaky_child, unhandled, status, names, ids)


def given(value: Any) -> str | None:
    """Return an input as the SDK's client sends it."""
    return None if value is None else json.dumps(json.dumps(value))


def output(instance: Instance) -> Any:
    """Return the result of a completed orchestration."""
    assert instance.status is Status.COMPLETED, instance.output
    return None if instance.output is None else json.loads(instance.output)


async def test_orchestrations_end_with_the_right_result(each_store: HostFolder) -> None:
    """All kinds of steps, run at once in one host, give what the code says."""
    async with each_store.open(make_app(*CASES, *HELPERS), {"hubName": "Cases"}) as host:
        started = {
            case: await host.hub.start_orchestration(case.__name__, given(value)) for case, (value, _) in CASES.items()
        }
        found = {
            case.__name__: output(await host.hub.wait_for_completion(instance, SECONDS))
            for case, instance in started.items()
        }
    assert found == {case.__name__: expected for case, (_, expected) in CASES.items()}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own_error", "Orchestrator function 'own_error' failed: own"),
        ("unhandled", "Orchestrator function 'unhandled' failed: Activity function 'flaky' failed:  ValueError: "),
        ("names", "is not an activity function. Additional info: The following are the known activity functions"),
        ("with_identity", "token_source needs a managed identity, which hosting-durable does not use: get"),
        ("missing", "The function 'missing' doesn't exist, is disabled, or is not an orchestrator function."),
    ],
)
async def test_failures_say_what_failed(folder: HostFolder, name: str, text: str) -> None:
    """The output of a failed orchestration has the error in Azure's words."""
    async with folder.open(make_app(own_error, unhandled, names, with_identity)) as host:
        instance = await host.hub.start_orchestration(name)
        found = await host.hub.wait_for_completion(instance, SECONDS)
    assert found.status is Status.FAILED
    assert text in (found.output or "")


@pytest.mark.parametrize("has_stopped", [True, False])
async def test_host_that_an_operator_resumes_runs_what_was_started_meanwhile(
    folder: HostFolder, has_stopped: bool
) -> None:
    """Also where it is resumed before it has noticed that it was drained."""
    async with folder.open(make_app(chain)) as host:
        await host.stop()
        instance = await host.hub.start_orchestration("chain", json.dumps("1"))
        if has_stopped:
            await asyncio.wait(host.engine._loops[:1])
            assert (await host.hub.get_instance(instance)).status is Status.PENDING
        await host.resume()
        finished = await host.hub.wait_for_completion(instance, SECONDS)
        assert json.loads(finished.output or "") == [2, "Hello 2!", None]
        await host.stop()
        await host.resume()
        assert (
            await host.hub.wait_for_completion(await host.hub.start_orchestration("chain", json.dumps("1")), SECONDS)
        ).output
