"""``functionTimeout`` in one process: which invocation is cancelled, and what is left of it."""

from __future__ import annotations

import asyncio
import json

from hosting.bindings import Result
from hosting.host.function_host import FunctionHost
from hosting.host.invocation import FunctionTimeoutError
from tests.conftest import MakeApp

CODE = """
import asyncio
import azure.functions as func
app = func.FunctionApp()
seen = []

@app.generic_trigger("thing", type="thingTrigger")
async def Slow(thing, context: func.Context):
    seen.append(context.retry_context.exception.message)
    if len(seen) == 1:
        await asyncio.sleep(600)

@app.generic_trigger("thing", type="thingTrigger")
async def Stubborn(thing):
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        pass

@app.generic_trigger("thing", type="thingTrigger")
async def Bitter(thing):
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        raise ValueError("of its own")

@app.generic_trigger("thing", type="thingTrigger")
async def Short(thing):
    await asyncio.sleep(0.05)
"""


def run(make_app: MakeApp, name: str, times: int = 1, **host_json: object) -> tuple[list[Result], FunctionHost, int]:
    """Run a function with a time of one second; gives the results, and what is left of cancellations."""
    files = {"function_app.py": CODE, "host.json": json.dumps({"version": "2.0", **host_json})}
    host = FunctionHost(make_app(files), environ={})
    host.load()

    async def invoked() -> tuple[list[Result], int]:
        await host.start()
        results = [await host.invoke(name, None) for _ in range(times)]
        await asyncio.sleep(0.1)  # two looks of the watch
        task = asyncio.current_task()
        assert task is not None
        await host.stop()
        return results, task.cancelling()

    results, cancelling = asyncio.run(invoked())
    return results, host, cancelling


def test_each_attempt_has_its_own_time(make_app: MakeApp) -> None:
    """An attempt that takes too long is one failure, and the next attempt runs."""
    policy = {"strategy": "fixedDelay", "maxRetryCount": 1, "delayInterval": "00:00:00"}
    (result,), host, cancelling = run(make_app, "Slow", functionTimeout="00:00:01", retry=policy)
    assert (result.exception, cancelling) == (None, 0)
    first, second = next(one for one in host.functions if one.name == "Slow").call.__globals__["seen"]
    assert first == ""
    assert second.startswith("FunctionTimeoutError: Timeout value of 00:00:01 was exceeded by function: Functions.Slow")


def test_who_passes_over_it(make_app: MakeApp) -> None:
    """A function that catches its cancellation ends as it says, and its task is whole again."""
    (result,), _, cancelling = run(make_app, "Stubborn", functionTimeout="00:00:01")
    assert (result.exception, cancelling) == (None, 0)
    (result,), _, cancelling = run(make_app, "Bitter", functionTimeout="00:00:01")
    assert (str(result.exception), cancelling) == ("of its own", 0)


def test_time_is_each_invocation_s_own(make_app: MakeApp) -> None:
    """Invocations one after the other do not add up."""
    results, _, cancelling = run(make_app, "Short", times=24, functionTimeout="00:00:01")
    assert ([result.exception for result in results], cancelling) == ([None] * 24, 0)


def test_error_names_the_function(make_app: MakeApp) -> None:
    """The failure is an exception of its own kind."""
    (result,), *_ = run(make_app, "Slow", functionTimeout="00:00:01")
    assert isinstance(result.exception, FunctionTimeoutError)
