"""``functionTimeout``: which invocation is cancelled, and with which result."""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hosting.bindings import Result
from hosting.errors import SettingsError
from hosting.host.function_host import FunctionHost
from hosting.host.invocation import FunctionTimeoutError
from hosting.host.timeouts import DEFAULT_SECONDS, read_timeout
from tests.conftest import ROOT, MakeApp, Serve
from tests.support.sites import Site, hook
from tests.support.waiting import waiting_app

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
    await asyncio.sleep(0.15)
"""


async def run(
    make_app: MakeApp, name: str, times: int = 1, **host_json: object
) -> tuple[list[Result], FunctionHost, int]:
    """Run a function, and return its results, its host and the number of cancellations of this task that remain."""
    files = {"function_app.py": CODE, "host.json": json.dumps({"version": "2.0", **host_json})}
    host = FunctionHost(make_app(files), environ={})
    host.load()

    await host.start()
    results = [await host.invoke(name, None) for _ in range(times)]
    await asyncio.sleep(0.1)  # two checks of the watchdog
    task = asyncio.current_task()
    assert task is not None
    await host.stop()
    return results, host, task.cancelling()


async def test_each_attempt_has_a_time_limit_of_its_own(make_app: MakeApp) -> None:
    """An attempt that takes too long is one failure, and the next attempt runs."""
    policy = {"strategy": "fixedDelay", "maxRetryCount": 1, "delayInterval": "00:00:00"}
    (result,), host, cancelling = await run(make_app, "Slow", functionTimeout="00:00:01", retry=policy)
    assert (result.exception, cancelling) == (None, 0)
    first, second = next(one for one in host.functions if one.name == "Slow").call.__globals__["seen"]
    assert first == ""
    assert second.startswith("FunctionTimeoutError: Timeout value of 00:00:01 was exceeded by function: Functions.Slow")


async def test_function_that_catches_its_cancellation_ends_as_it_says(make_app: MakeApp) -> None:
    """Its task is not cancelled any more."""
    (result,), _, cancelling = await run(make_app, "Stubborn", functionTimeout="00:00:01")
    assert (result.exception, cancelling) == (None, 0)
    (result,), _, cancelling = await run(make_app, "Bitter", functionTimeout="00:00:01")
    assert (str(result.exception), cancelling) == ("of its own", 0)


async def test_times_of_invocations_do_not_add_up(make_app: MakeApp) -> None:
    """Invocations one after the other do not add up."""
    results, _, cancelling = await run(make_app, "Short", times=15, functionTimeout="00:00:02")
    assert ([result.exception for result in results], cancelling) == ([None] * 15, 0)


async def test_failure_is_an_exception_of_its_own_kind(make_app: MakeApp) -> None:
    """The failure is a FunctionTimeoutError."""
    (result,), *_ = await run(make_app, "Slow", functionTimeout="00:00:01")
    assert isinstance(result.exception, FunctionTimeoutError)


HOOKS = hook(
    "invocation_error_app_level", "logger.info('error hook: %s', type(exception).__name__)", "logger, exception"
)


def test_invocation_over_the_limit_is_500(make_app: MakeApp, serve: Serve, tmp_path: Path) -> None:
    """An async function is cancelled and error hooks run; a sync one goes on, but its caller is answered."""
    Site(tmp_path / "site").extension("watch", HOOKS)
    env = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'site'}"}
    served = serve(make_app(waiting_app(functionTimeout="00:00:01")), env=env)
    with ThreadPoolExecutor(3) as pool:
        responses = [pool.submit(served.get, f"/api/{name}") for name in ("wait", "block", "stubborn")]
        assert [response.result().status_code for response in responses] == [500, 500, 200]
    for name in ("wait", "block"):
        served.wait_for(rf"Timeout value of 00:00:01 exceeded by function 'Functions\.{name}' \(Id: '")
        served.wait_for(rf"FunctionTimeoutError: Timeout value of 00:00:01 was exceeded by function: Functions\.{name}")
    logs = served.wait_for("error hook: CancelledError")
    assert logs.count("Its thread cannot be stopped") == 1
    assert "block goes on" not in logs
    assert served.get("/api/release").text == "released"
    served.wait_for("block goes on")
    assert [served.get(f"/api/{name}").text for name in ("wait", "block", "quick")] == ["waited", "blocked", "quick"]


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, DEFAULT_SECONDS), ("-1", None), ("00:00:01", 1.0), ("1.00:00:00", 86_400.0)]
)
def test_limit_is_a_time_span_or_none(text: str | None, seconds: float | None) -> None:
    """The limit is half an hour without a setting, none for -1, else a time span."""
    assert read_timeout({} if text is None else {"functionTimeout": text}) == seconds


@pytest.mark.parametrize("text", ["00:00:00", "00:00:00.5", "soon", ""])
def test_limit_that_is_not_a_time_span_of_a_second_is_refused(text: str) -> None:
    """The error says what is expected."""
    with pytest.raises(SettingsError, match="functionTimeout: expected a time span of at least 00:00:01"):
        read_timeout({"functionTimeout": text})
