"""Retry policies: how often, with which pauses, and what a function learns of the previous attempt."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings import Result
from hosting.bindings.http.request import HttpCall
from hosting.core import Retry
from hosting.host.function_host import FunctionHost
from hosting.host.retry import pauses
from tests.conftest import MakeApp

HEAD = """
import json
import azure.functions as func
app = func.FunctionApp()
seen = []

def note(context):
    retry = context.retry_context
    error = retry.exception
    assert error is retry.rpc_exception
    seen.append([context.invocation_id, retry.retry_count, retry.max_retry_count, error.message, error.stack_trace])
"""
FIXED = '@app.retry(strategy="fixed_delay", max_retry_count="%s", delay_interval="00:00:%s")\n'


def load_host(make_app: MakeApp, code: str, host_json: str = '{"version": "2.0"}') -> FunctionHost:
    host = FunctionHost(make_app({"function_app.py": HEAD + code, "host.json": host_json}), environ={})
    host.load()
    return host


async def run(host: FunctionHost) -> tuple[Result, list[Any]]:
    """Invoke the function, and return its result and the notes of its attempts."""
    return await host.invoke("f", None), host.functions[0].call.__globals__["seen"]


FAILS_TWICE = """
@app.generic_trigger("arg", type="thingTrigger")
def f(arg, context: func.Context):
    note(context)
    if len(seen) < 3:
        raise ValueError(f"number {len(seen)}")
    return "done"
"""


async def test_each_attempt_knows_its_number_and_the_error_before(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """Each attempt is a new invocation; the result of the last one counts."""
    host = load_host(make_app, FIXED % (4, "00") + FAILS_TWICE.lstrip())
    with caplog.at_level(logging.INFO):
        result, seen = await run(host)
    assert result.exception is None
    assert len({attempt[0] for attempt in seen}) == 3
    assert [attempt[1:4] for attempt in seen] == [
        [0, 4, ""],
        [1, 4, "ValueError: number 1"],
        [2, 4, "ValueError: number 2"],
    ]
    assert "in f" in seen[1][4]
    messages = [record.getMessage() for record in caplog.records]
    assert (
        "Waiting for `00:00:00` before retrying function execution. Next attempt: '2'. Max retry count: '4'."
        in messages
    )


async def test_last_failure_stands_when_the_policy_is_used_up(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """After the last attempt the failure stands, and the log says so."""
    with caplog.at_level(logging.INFO):
        result, seen = await run(load_host(make_app, FIXED % (1, "00") + FAILS_TWICE.lstrip()))
    assert str(result.exception) == "number 2"
    assert len(seen) == 2
    assert caplog.records[-1].getMessage() == "Function execution failed after '1' retries."


async def test_function_without_a_policy_runs_once(make_app: MakeApp) -> None:
    """Its retry context has zeros."""
    result, seen = await run(load_host(make_app, FAILS_TWICE))
    assert str(result.exception) == "number 1"
    assert [attempt[1:4] for attempt in seen] == [[0, 0, ""]]


async def test_policy_of_host_json_applies_to_functions_without_one(make_app: MakeApp) -> None:
    """host.json's policy applies to functions without one of their own."""
    policy = '{"version": "2.0", "retry": {"strategy": "fixedDelay", "maxRetryCount": 5, "delayInterval": "00:00:00"}}'
    assert (await run(load_host(make_app, FAILS_TWICE, policy)))[0].exception is None


@pytest.mark.parametrize(("count", "expected"), [(-1, [None, None, 200]), (1, [None, 500])])
async def test_policy_applies_to_http_triggers(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, count: int, expected: list[int | None]
) -> None:
    """A policy acts on every trigger: the caller waits for the last attempt, whose log line has the status code."""
    code = FIXED % (count, "00") + '@app.route("f")\n' + FAILS_TWICE.partition("\n")[2].partition("\n")[2]
    host = load_host(make_app, code.replace("arg", "req"))

    with caplog.at_level(logging.INFO):
        result = await host.invoke("f", HttpCall("GET", "http://x/api/f", {}, "", {}, b""))
    ends = [record for record in caplog.records if record.getMessage().startswith("Executed")]
    assert [record.__dict__.get("status_code") for record in ends] == expected
    if expected[-1] == 200:
        assert result.reply.body == b"done"


async def test_drain_ends_a_pause_between_attempts(make_app: MakeApp) -> None:
    """A host that stops does not wait for a pause: the last failure is the result."""
    host = load_host(make_app, FIXED % (-1, "59") + FAILS_TWICE.lstrip())

    await host.start()
    invocation = asyncio.ensure_future(host.invoke("f", None))
    while not host.functions[0].call.__globals__["seen"] or host.running.invocations:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.01)
    assert await host.drain(30)
    result = await invocation
    await host.stop()
    assert str(result.exception) == "number 1"


@given(count=st.integers(-1, 20), delay=st.floats(0, 100))
def test_fixed_policy_pauses_equally_long(count: int, delay: float) -> None:
    """It pauses as often as it says, or without end."""
    durations = list(itertools.islice(pauses(Retry("fixedDelay", count, delay=delay), lambda low, high: low), 50))
    assert durations == [delay] * (50 if count < 0 else count)


@given(minimum=st.floats(0.1, 10), factor=st.floats(1, 1000), chance=st.floats(0.8, 1.2))
def test_exponential_backoff_grows_from_minimum_to_maximum(minimum: float, factor: float, chance: float) -> None:
    """Pauses begin with the minimum, grow, and end at the maximum."""
    policy = Retry("exponentialBackoff", 100, minimum=minimum, maximum=minimum * factor)
    durations = list(pauses(policy, lambda low, high: chance))
    assert durations[0] == minimum
    assert durations == sorted(durations)
    assert durations[-1] == policy.maximum
    assert factor < 3 or durations[1] == pytest.approx(minimum * (1 + chance))
