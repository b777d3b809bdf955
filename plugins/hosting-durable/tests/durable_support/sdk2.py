"""Functions of azure-functions-durable 2.x: registered with the real SDK, or with what stands in for it."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import azure.functions as func
from durabletask import task
from durabletask.entities import EntityInstanceId

IS_REAL = not version("azure-functions-durable").startswith("1.")
"""Whether the SDK itself is installed: that needs Python 3.13."""

_tries: dict[str, int] = {}


def make_app() -> Any:
    """Return an app whose functions use what the SDK 2.x offers."""
    if IS_REAL:
        import azure.durable_functions as df  # type: ignore[import-untyped]

        app: Any = df.DFApp()
        _add_clients(app)
    else:
        from durable_support.stand_in import StandInApp

        app = StandInApp()
    for activity in (double, fail, fail_once, flaky, same):
        app.activity_trigger(input_name="value")(activity)
    for orchestrator in ORCHESTRATORS:
        app.orchestration_trigger(context_name="context")(orchestrator)
    app.entity_trigger(context_name="context", entity_name="Counter")(counter)
    return app


def _add_clients(app: Any) -> None:
    """Add what only the SDK itself has: clients as inputs, and the names of 1.x."""
    for starter in (starts, starts_sync):
        app.durable_client_input(client_name="client")(app.activity_trigger(input_name="value")(starter))
    for orchestrator in (calls_http, old_style):
        app.orchestration_trigger(context_name="context")(orchestrator)


def double(value: int) -> int:
    return value * 2


async def flaky(value: str) -> int:
    _tries[value] = _tries.get(value, 0) + 1
    if _tries[value] < 3:
        raise ValueError(f"try {_tries[value]}")
    return _tries[value]


def fail(value: str) -> None:
    raise KeyError(value)


def fail_once(value: str) -> str:
    _tries[value] = _tries.get(value, 0) + 1
    if _tries[value] == 1:
        raise ValueError(value)
    return value


def same(value: str) -> str:
    return value


def chain(context: Any, value: int) -> Any:
    context.set_custom_status({"step": 0})
    first = yield context.call_activity("double", input=value)
    context.set_custom_status({"step": 1})
    return (yield context.call_activity("double", input=first))


def fan_out(context: Any, count: int) -> Any:
    return sum((yield task.when_all([context.call_activity("double", input=one) for one in range(count)])))


def retries(context: Any, name: str) -> Any:
    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=1), max_number_of_attempts=3)
    return (yield context.call_activity("flaky", input=name, retry_policy=policy))


def catches(context: Any, text: str) -> Any:
    try:
        yield context.call_activity("fail", input=text)
    except task.TaskFailedError as error:
        return [error.details.error_type, error.details.message]


def catches_unknown(context: Any, _input: Any) -> Any:
    try:
        yield context.call_activity("no_such_activity")
    except task.TaskFailedError as error:
        return error.details.message.split("'")[1]


def fails_once(context: Any, text: str) -> Any:
    return (yield context.call_activity("fail_once", input=text))


def echo(context: Any, text: str) -> Any:
    return (yield context.call_activity("same", input=text))


def fails(context: Any, text: str) -> Any:
    yield context.call_activity("double", input=1)
    raise RuntimeError(text)


def tagged(context: Any, rounds: int) -> Any:
    yield context.call_activity("same", input="x", tags={"size": "small"})
    if rounds:
        context.continue_as_new(rounds - 1)


def approval(context: Any, _input: Any) -> Any:
    timer = context.create_timer(timedelta(hours=1))
    event = context.wait_for_external_event("Approved")
    winner = yield task.when_any([timer, event])
    return [winner == event, event.get_result()]


def two_events(context: Any, _input: Any) -> Any:
    yield context.create_timer(timedelta(milliseconds=50))
    first = yield context.wait_for_external_event("same")
    return [first, (yield context.wait_for_external_event("SAME"))]


def parent(context: Any, value: Any) -> Any:
    done = yield context.call_sub_orchestrator("chain", input=value, instance_id="the-child")
    try:
        yield context.call_sub_orchestrator("fails", input="below")
    except task.TaskFailedError as error:
        return [done, error.details.message]


def rounds(context: Any, count: int) -> Any:
    got = yield context.wait_for_external_event("go")
    if count > 1:
        context.continue_as_new(count - 1, save_events=True)
        return None
    return got


def sender(context: Any, target: str) -> Any:
    context.send_event(target, "Approved", data={"by": context.instance_id})
    yield context.create_timer(timedelta(milliseconds=1))


def waits(context: Any, _input: Any) -> Any:
    return (yield context.call_sub_orchestrator("approval", instance_id="below"))


def counter(context: Any, value: Any = None) -> Any:
    state = context.get_state(int, 0)
    match context.operation:
        case "add":
            context.set_state(state + value)
        case "boom":
            context.set_state(99)
            raise ValueError("nope")
        case "tell":
            context.signal_entity(EntityInstanceId("Counter", "told"), "add", input=value)
            context.schedule_new_orchestration("chain", input=value, instance_id="started-by-entity")
    return context.get_state(int, 0)


def counts(context: Any, _input: Any) -> Any:
    one = EntityInstanceId("Counter", "one")
    context.signal_entity(one, "add", input=1)
    added = yield context.call_entity(one, "add", input=2)
    try:
        yield context.call_entity(one, "boom")
    except Exception as error:  # noqa: BLE001 - its class is another one in each version of the SDK
        text = str(error)
    return [added, "nope" in text, (yield context.call_entity(one, "get"))]


def keeps_lock(context: Any, _input: Any) -> Any:
    with (yield context.lock_entities([EntityInstanceId("Counter", "kept")])):
        yield context.wait_for_external_event("never")


def transfers(context: Any, amount: int) -> Any:
    a, b = EntityInstanceId("Counter", "a"), EntityInstanceId("Counter", "b")
    with (yield context.lock_entities([b, a])):
        had = yield context.call_entity(a, "get")
        yield context.create_timer(timedelta(milliseconds=1))
        yield context.call_entity(b, "add", input=amount)
        has = yield context.call_entity(a, "add", input=-amount)
    return had - has


def old_style(context: Any) -> Any:
    first = yield context.call_activity("starts", context.get_input())
    second = yield context.call_activity("starts_sync", context.get_input())
    return [first, second]


async def starts(value: int, client: Any) -> Any:
    identity = await client.schedule_new_orchestration("chain", input=value)
    request = func.HttpRequest("POST", "https://outside.example/api/start", body=b"")
    links = json.loads(client.create_check_status_response(request, identity).get_body())
    state = await client.wait_for_orchestration_completion(identity, timeout=60)
    return [state.get_output(), links["statusQueryGetUri"].replace(identity, "ID")]


def starts_sync(value: int, client: Any) -> Any:
    identity = client.schedule_new_orchestration("chain", input=value)
    return client.wait_for_orchestration_completion(identity, timeout=60).get_output()


def calls_http(context: Any) -> Any:
    response = yield context.call_http("GET", context.get_input())
    return [response.status_code, response.content]


ORCHESTRATORS = (
    approval,
    catches,
    catches_unknown,
    chain,
    counts,
    echo,
    fails,
    fails_once,
    fan_out,
    keeps_lock,
    parent,
    retries,
    rounds,
    sender,
    tagged,
    transfers,
    two_events,
    waits,
)
"""The orchestrators of the app."""
