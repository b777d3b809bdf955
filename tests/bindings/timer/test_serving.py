"""Timers in a real ``hosting start``, with schedules of a second."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from tests.conftest import PATIENCE, MakeApp, Serve, Served, clean_environment

HOST_JSON = '{"version": "2.0", "singleton": {"listenerLockRecoveryPollingInterval": "00:00:01"}}'
HEAD = """
import asyncio, logging, os, time
from pathlib import Path
import azure.functions as func
app = func.FunctionApp()
"""
EACH_SECOND = '@app.timer_trigger("timer", "* * * * * *")\n'
DAILY = '@app.timer_trigger("timer", "0 0 0 * * *")\n'


class Start(Protocol):
    """Serve the app with this code, these options and these settings."""

    def __call__(self, code: str, /, *args: str, **settings: str) -> Served: ...


@pytest.fixture
def app(make_app: MakeApp) -> Path:
    """Write an app without functions."""
    return make_app({"host.json": HOST_JSON})


@pytest.fixture
def start(serve: Serve, app: Path, tmp_path: Path) -> Start:
    """Return a function that serves the app with its own state folder."""

    def start_app(code: str, /, *args: str, **settings: str) -> Served:
        (app / "function_app.py").write_text(HEAD + code)
        return serve(app, *args, env={"XDG_STATE_HOME": str(tmp_path / "state"), **settings})

    return start_app


def status_file(tmp_path: Path, name: str) -> Path:
    """Return the file with the status of a timer."""
    (path,) = (tmp_path / "state").rglob(f"Host.Functions.{name}/status")
    return path


def wait_until_closed(server: Served) -> None:
    """Wait until the host's port is closed."""
    end = time.monotonic() + PATIENCE
    with contextlib.suppress(httpx.TransportError):
        while time.monotonic() < end:
            httpx.get(server.url, timeout=PATIENCE)
            time.sleep(0.02)
        raise AssertionError(server.logs())


def test_timers_run_every_second(start: Start) -> None:
    """Sync and async functions run, with Azure's reason and the SDK's object."""
    server = start(
        f"{EACH_SECOND}def Tick(timer: func.TimerRequest) -> None:\n"
        '    logging.info("tick %s %s", timer.past_due, timer.schedule_status)\n'
        f"{EACH_SECOND}async def Tock(timer: func.TimerRequest, context: func.Context) -> None:\n"
        '    logging.info("tock in %s", context.function_name)\n'
    )
    server.wait_for(r"(?s)(tick False \{\}.*){2}")
    logs = server.wait_for("(?s)(tock in Tock.*){2}")
    assert "The next 5 occurrences of the 'Tick' schedule (Cron: '* * * * * *') will be:" in logs
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}[+-]\d\d:\d\d"
    assert re.search(rf"Executing 'Functions\.Tick' \(Reason='Timer fired at {moment}', Id=", logs)
    assert server.stop() == 0


def test_function_with_an_invalid_schedule_is_not_listed(start: Start) -> None:
    """The other functions run."""
    server = start(
        f"{EACH_SECOND}def Tick(timer: func.TimerRequest) -> None:\n    logging.info('tick')\n"
        '@app.timer_trigger("timer", "@daily")\ndef Bad(timer: func.TimerRequest) -> None: ...\n'
    )
    logs = server.wait_for("tick")
    assert "Function 'Bad': The schedule expression '@daily' was not recognized as a valid cron expression" in logs
    assert "Bad: timerTrigger" not in logs
    assert "'@daily'" in server.get("/admin/functions/Bad/status").json()["errors"][0]
    assert server.stop() == 0


def test_website_time_zone_is_used_for_schedules(start: Start) -> None:
    """It is also used in the log and in the data of functions; an unknown zone is an error."""
    code = f"{DAILY}def Nightly(timer: func.TimerRequest) -> None: ...\n"
    server = start(code, WEBSITE_TIME_ZONE="Asia/Kolkata")
    assert "00:00:00+05:30 (" in server.wait_for(r"will be:\n.*\n.*")
    assert server.stop() == 0
    server = start(code, WEBSITE_TIME_ZONE="India Standard Time")
    assert "WEBSITE_TIME_ZONE is 'India Standard Time', which is not a time zone." in server.wait_for(
        "not a time zone.*"
    )
    assert server.stop() == 0


def test_timer_runs_manually(start: Start) -> None:
    """The run is not late, has the stored status, and ignores the posted text."""
    server = start(
        f"{DAILY}def Nightly(timer: func.TimerRequest) -> None:\n"
        '    logging.info("nightly %s %s", timer.past_due, sorted(timer.schedule_status))\n'
    )
    server.wait_for("will be:")
    answer = httpx.post(f"{server.url}/admin/functions/nightly", json={"input": "x"}, timeout=PATIENCE)
    assert answer.status_code == 202
    server.wait_for(r"nightly False \['Last', 'LastUpdated', 'Next'\]")
    assert server.stop() == 0


def test_missed_time_runs_the_timer_at_the_next_start(start: Start, tmp_path: Path) -> None:
    """The run has past_due."""
    code = f"{DAILY}def Nightly(timer: func.TimerRequest) -> None:\n    logging.info('past due: %s', timer.past_due)\n"
    server = start(code, WEBSITE_TIME_ZONE="UTC")
    server.wait_for("will be:")
    assert server.stop() == 0
    assert "past due" not in server.logs()
    path = status_file(tmp_path, "Nightly")
    stored = {
        "Last": "2024-05-01T00:00:00+00:00",
        "Next": "2024-05-02T00:00:00+00:00",
        "LastUpdated": "2024-05-01T00:00:00+00:00",
    }
    path.write_text(json.dumps(stored))
    server = start(code, WEBSITE_TIME_ZONE="UTC")
    logs = server.wait_for("past due: True")
    details = "UnscheduledInvocationReason: IsPastDue, OriginalSchedule: 2024-05-02T00:00:00.0000000+00:00"
    assert f"Trigger Details: {details}" in logs
    assert server.stop() == 0
    assert json.loads(path.read_text())["Last"] > "2024-05-03"


def test_function_that_cancels_its_task_does_not_stop_the_timer(start: Start) -> None:
    """That invocation fails."""
    server = start(
        f"{EACH_SECOND}async def Cancels(timer: func.TimerRequest) -> None:\n"
        "    asyncio.current_task().cancel()\n    await asyncio.sleep(0)\n"
    )
    server.wait_for(r"(?s)(Executed 'Functions\.Cancels' \(Failed.*){2}")
    assert server.stop() == 0


def test_function_that_blocks_the_event_loop_leaves_time_for_requests(start: Start) -> None:
    """The function is due again before it ends; the host can stop too."""
    server = start(
        f"{EACH_SECOND}async def Blocks(timer: func.TimerRequest) -> None:\n    time.sleep(1.1)\n"
        '@app.route("fine", auth_level="ANONYMOUS")\n'
        'def Fine(req: func.HttpRequest) -> str:\n    return "fine"\n'
    )
    server.wait_for(r"(?s)(Executed 'Functions\.Blocks'.*){2}")
    assert server.get("/api/fine").text == "fine"
    assert server.stop() == 0


def test_run_is_finished_and_stored_after_sigterm(start: Start, tmp_path: Path) -> None:
    """No other run begins."""
    release = tmp_path / "release"
    server = start(
        '@app.timer_trigger("timer", "0 0 0 * * *", run_on_startup=True)\n'
        "def Slow(timer: func.TimerRequest) -> None:\n"
        '    logging.info("begun")\n'
        '    while not Path(os.environ["RELEASE"]).exists():\n        time.sleep(0.01)\n'
        '    logging.info("finished")\n'
        f"{EACH_SECOND}async def Tick(timer: func.TimerRequest) -> None: ...\n",
        RELEASE=str(release),
    )
    server.wait_for("begun")
    server.send(signal.SIGTERM)
    wait_until_closed(server)
    release.touch()
    assert server.wait() == 0
    _, _, after = server.logs().partition("finished")
    assert after
    assert not json.loads(status_file(tmp_path, "Slow").read_text())["Last"].startswith("0001")
    assert "Executing" not in after


@pytest.mark.parametrize(("kind", "sleep"), [("async def", "await asyncio.sleep"), ("def", "time.sleep")])
def test_run_beyond_the_grace_period_is_not_stored(start: Start, tmp_path: Path, kind: str, sleep: str) -> None:
    """The next start makes up for it."""
    code = (
        '@app.timer_trigger("timer", "0 0 0 * * *", run_on_startup=True)\n'
        f"{kind} Slow(timer: func.TimerRequest) -> None:\n"
        f'    logging.info("begun")\n    {sleep}(600)\n'
    )
    server = start(code, "--grace", "0.2")
    server.wait_for("begun")
    assert server.stop() == 0
    assert json.loads(status_file(tmp_path, "Slow").read_text())["Last"].startswith("0001")


def test_retry_policy_runs_the_function_again_in_the_same_tick(start: Start) -> None:
    """The function gets the data of the previous attempt."""
    server = start(
        '@app.timer_trigger("timer", "0 0 0 * * *", run_on_startup=True)\n'
        '@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")\n'
        "def Flaky(timer: func.TimerRequest, context: func.Context) -> None:\n"
        "    retry = context.retry_context\n"
        '    logging.info("try %s of %s after %r", retry.retry_count, retry.max_retry_count, retry.exception.message)\n'
        '    if retry.retry_count < 2:\n        raise ValueError("not yet")\n'
    )
    logs = server.wait_for("(?s)try 2 of 2.*Succeeded")
    assert re.findall(r"try (\d) of 2 after '(.*)'", logs) == [
        ("0", ""),
        ("1", "ValueError: not yet"),
        ("2", "ValueError: not yet"),
    ]
    assert "Waiting for `00:00:01` before retrying function execution." in logs
    assert server.stop() == 0


def test_host_stops_at_once_between_two_attempts(start: Start, tmp_path: Path) -> None:
    """The next start makes up for the rest."""
    server = start(
        '@app.timer_trigger("timer", "0 0 0 * * *", run_on_startup=True)\n'
        '@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:10:00")\n'
        "def Flaky(timer: func.TimerRequest) -> None:\n    raise ValueError('not yet')\n"
    )
    server.wait_for("Waiting for `00:10:00`")
    assert server.stop() == 0
    assert json.loads(status_file(tmp_path, "Flaky").read_text())["Last"].startswith("0001")


WRITES_ITS_PROCESS = f"""{EACH_SECOND}def Tick(timer: func.TimerRequest) -> None:
    with Path(os.environ["RUNS"]).open("a") as runs:
        print(os.getpid(), file=runs)
"""


def runs(path: Path) -> list[int]:
    """Return the ID of the process of each run."""
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_runs(path: Path, count: int, server: Served, but: int = 0) -> None:
    """Wait until processes other than ``but`` have ``count`` runs."""
    end = time.monotonic() + PATIENCE
    while len([process for process in runs(path) if process != but]) < count:
        assert server.process.poll() is None, server.logs()
        assert time.monotonic() < end, server.logs()
        time.sleep(0.05)


def test_one_of_two_hosts_runs_the_timer(start: Start, tmp_path: Path) -> None:
    """After its kill -9 the other one does."""
    run_log = tmp_path / "runs"
    first = start(WRITES_ITS_PROCESS, RUNS=str(run_log))
    wait_for_runs(run_log, 1, first)
    second = start(WRITES_ITS_PROCESS, RUNS=str(run_log))
    second.wait_for("Another process runs 'Tick' on schedule; every 00:00:01 this one checks whether it has ended.")
    wait_for_runs(run_log, 3, first)
    assert {*runs(run_log)} == {first.process.pid}
    first.process.kill()
    first.wait()
    wait_for_runs(run_log, 2, second, but=first.process.pid)
    assert [process for process, _ in groupby(runs(run_log))] == [first.process.pid, second.process.pid]
    assert second.stop() == 0


def test_one_of_several_workers_runs_the_timer(start: Start, tmp_path: Path) -> None:
    """After its end another one does."""
    run_log = tmp_path / "runs"
    server = start(WRITES_ITS_PROCESS, "--workers", "2", RUNS=str(run_log))
    wait_for_runs(run_log, 3, server)
    (worker,) = {*runs(run_log)}
    os.kill(worker, signal.SIGKILL)
    wait_for_runs(run_log, 2, server, but=worker)
    assert len([*groupby(runs(run_log))]) == 2
    assert server.stop() == 0


def test_disabled_timer_runs_manually_only(start: Start) -> None:
    """Its schedule is ignored."""
    server = start(
        f"{EACH_SECOND}def Off(timer: func.TimerRequest) -> None:\n    logging.info('off')\n"
        f"{EACH_SECOND}def On(timer: func.TimerRequest) -> None:\n    logging.info('on')\n",
        **{"AzureWebJobs.Off.Disabled": "true"},
    )
    logs = server.wait_for("(?s)(Functions.On.*Succeeded.*){2}")
    assert "Functions.Off" not in logs
    httpx.post(f"{server.url}/admin/functions/Off", json={}, timeout=PATIENCE)
    server.wait_for("'Functions.Off' .*Succeeded")
    assert server.stop() == 0


def test_host_without_timers_imports_no_timer_code() -> None:
    """It does not import the libraries that timers need either."""
    needed = ("croniter", "filelock", "hosting.bindings.timer")
    code = f"import sys, hosting.host.function_host; print({{*{needed}}} & {{*sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"
