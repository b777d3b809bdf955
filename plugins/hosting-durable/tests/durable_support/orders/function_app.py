"""An app whose orchestrations do all kinds of steps."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from durable_support.runs import double, fail_at_first

app: Any = df.DFApp()


@app.orchestration_trigger("context")
def order(context: Any) -> Generator[Any, Any, Any]:
    """Fan out, wait for a timer and an event, call an entity and a sub-orchestration, and retry."""
    number = context.get_input()
    parts = yield context.task_all([context.call_activity("part", [context.instance_id, one]) for one in range(4)])
    yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=number % 7 * 20))
    paid = yield context.wait_for_external_event("Paid")
    total = yield context.call_entity(df.EntityId("Ledger", f"k{number % 5}"), "add", 1)
    retried = yield context.call_activity_with_retry("unsteady", df.RetryOptions(5, 3), [context.instance_id, 9])
    packed = yield context.call_sub_orchestrator("pack", number)
    return {"parts": sum(parts), "paid": paid, "has_total": total > 0, "retried": retried, "packed": packed}


@app.orchestration_trigger("context")
def pack(context: Any) -> Generator[Any, Any, Any]:
    """Do two steps, then the same in another execution."""
    number = context.get_input()
    if isinstance(number, list):
        return number[0]
    one = yield context.call_activity("part", [context.instance_id, 10])
    context.continue_as_new([number + one])
    return None


@app.activity_trigger("x")
def part(x: list) -> int:
    """Return the double of a number."""
    return double(x)


@app.activity_trigger("x")
def unsteady(x: list) -> int:
    """Fail at the first run of an instance."""
    return fail_at_first(x)


@app.entity_trigger("context", entity_name="Ledger")
def ledger(context: Any) -> None:
    """Add to a sum."""
    total = context.get_state(lambda: 0) + context.get_input()
    context.set_state(total)
    context.set_result(total)
