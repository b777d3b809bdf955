"""The app of ``orders`` for the SDK 2.x, or for what stands in for it."""

from collections.abc import Generator
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from durable_support.runs import double, fail_at_first
from durabletask import task
from durabletask.entities import EntityInstanceId

if version("azure-functions-durable").startswith("1."):
    from durable_support.stand_in import StandInApp

    app: Any = StandInApp()
else:
    import azure.durable_functions as df

    app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def order(context: Any, number: int) -> Generator[Any, Any, Any]:
    """Fan out, wait for a timer and an event, lock and call an entity, call a sub-orchestration, and retry."""
    identity = context.instance_id
    parts = yield task.when_all([context.call_activity("part", input=[identity, one]) for one in range(4)])
    yield context.create_timer(timedelta(milliseconds=number % 7 * 20))
    paid = yield context.wait_for_external_event("Paid")
    entity = EntityInstanceId("Ledger", f"k{number % 5}")
    with (yield context.lock_entities([entity])):
        before = yield context.call_entity(entity, "add", input=0)
        total = yield context.call_entity(entity, "add", input=1)
    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=5), max_number_of_attempts=3)
    retried = yield context.call_activity("unsteady", input=[identity, 9], retry_policy=policy)
    packed = yield context.call_sub_orchestrator("pack", input=number)
    return {"parts": sum(parts), "paid": paid, "has_total": total == before + 1, "retried": retried, "packed": packed}


@app.orchestration_trigger(context_name="context")
def pack(context: Any, number: Any) -> Generator[Any, Any, Any]:
    """Do two steps, then the same in another execution."""
    if isinstance(number, list):
        return number[0]
    one = yield context.call_activity("part", input=[context.instance_id, 10])
    context.continue_as_new([number + one])
    return None


@app.activity_trigger(input_name="x")
def part(x: list) -> int:
    """Return the double of a number."""
    return double(x)


@app.activity_trigger(input_name="x")
def unsteady(x: list) -> int:
    """Fail at the first run of an instance."""
    return fail_at_first(x)


@app.entity_trigger(context_name="context", entity_name="Ledger")
def ledger(context: Any, amount: int) -> int:
    """Add to a sum, and return it."""
    total = context.get_state(int, 0) + amount
    context.set_state(total)
    return total
