"""``hosting start --until-idle``: the host ends once nothing is left to do, and not before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import pytest

from hosting.host.invocation import RunningInvocations
from hosting.host.triggers import DrainStatus
from hosting.runner import until_idle
from hosting.runner.until_idle import QUESTION, QUIET_POLLS, UntilIdle
from hosting.server.processes import Answer, Processes
from tests.conftest import MakeApp, Serve

RunHosting = Callable[..., "CompletedProcess[str]"]

APP = {
    "function_app.py": """
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
@app.route("hello")
def hello(req: func.HttpRequest) -> str:
    return "hello"
"""
}


IDLE = (0, 0, 0)
LIMIT = 20


class Listening:
    """What listens to triggers; each poll takes the next of what it has to say, and the last one again and again.

    Args:
        polls: for each poll the running invocations, the waiting retries, and what waits, or an error.
        health: what is wrong with what it listens to.
        looks: after how many polls it looks at its source again, each time.
    """

    def __init__(self, polls: Sequence[tuple[int, int, Any]], health: Mapping[str, str], looks: int = 0) -> None:
        self._polls = list(polls)
        self._looks, self._looked_at = looks, time.monotonic()
        self._health = health
        self.asked = 0
        self.before: dict[int, Callable[[], object]] = {}
        """What happens right after a poll."""
        self.is_over = asyncio.Event()
        """Set after ``LIMIT`` polls, and when the host is stopped."""

    @property
    def drain_status(self) -> DrainStatus:
        self.asked += 1
        if self.asked == LIMIT:
            self.is_over.set()
        if self._looks and self.asked % self._looks == 0:
            self._looked_at = time.monotonic()
        self._now = self._polls.pop(0) if len(self._polls) > 1 else self._polls[0]
        return DrainStatus("Disabled", *self._now[:2])

    def health(self) -> Mapping[str, str]:
        return self._health

    def unread(self, seconds: float) -> Sequence[str]:
        is_old = self._looks and time.monotonic() - seconds > self._looked_at
        return ["the blobs of function 'f'"] if is_old else []

    async def backlog(self) -> Mapping[str, int]:
        self.before.get(self.asked, lambda: None)()
        waits = self._now[2]
        if isinstance(waits, Exception):
            raise waits
        return {"queue 'a'": 0, "queue 'b'": waits}


async def watch(
    monkeypatch: pytest.MonkeyPatch,
    polls: Sequence[tuple[int, int, Any]],
    health: Mapping[str, str] | None = None,
    make: Callable[[Callable[[], None]], Processes] = lambda stop: Processes(stop=stop),
    looks: int = 0,
    runs_at: int = 0,
) -> tuple[bool, int]:
    """Return whether the host was stopped within ``LIMIT`` polls, and how often it was asked."""
    monkeypatch.setattr(until_idle, "POLL_SECONDS", 0)
    listening = Listening(polls, health or {}, looks)
    host: Any = SimpleNamespace(listening=listening, running=RunningInvocations())
    if runs_at:
        listening.before[runs_at] = lambda: host.running.new_id()
    watcher = UntilIdle(host, make(listening.is_over.set))
    watcher.start()
    await listening.is_over.wait()
    assert watcher._task is not None
    watcher._task.cancel()
    return listening.asked < LIMIT, listening.asked


@pytest.mark.parametrize(
    ("polls", "expected"),
    [
        ([IDLE], QUIET_POLLS),
        ([(0, 0, 3), (0, 0, 1), IDLE], QUIET_POLLS + 2),
        ([(1, 0, 0), IDLE], QUIET_POLLS + 1),
        ([(0, 1, 0), IDLE], QUIET_POLLS + 1),
        ([IDLE, IDLE, (0, 0, 1), IDLE], QUIET_POLLS + 3),
        ([(0, 0, OSError("gone")), IDLE], QUIET_POLLS + 1),
    ],
    ids=["nothing", "events", "invocation", "retry", "late event", "outage that ends"],
)
async def test_host_ends_when_nothing_is_left_several_times_in_a_row(
    polls: Sequence[tuple[int, int, Any]], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left makes it count anew."""
    assert await watch(monkeypatch, polls) == (True, expected)


@pytest.mark.parametrize(
    ("poll", "health", "reason"),
    [
        ((0, 0, 1), {}, ""),
        ((1, 0, 0), {}, ""),
        ((0, 0, OSError("AccountKey=c2VjcmV0c2VjcmV0c2VjcmV0")), {}, "OSError: AccountKey=***"),
        (IDLE, {"queue 'a'": "the account does not answer"}, "queue 'a': the account does not answer"),
    ],
    ids=["events", "invocation", "service that cannot be asked", "listener that does not work"],
)
async def test_host_that_is_busy_or_does_not_know_goes_on(
    poll: tuple[int, int, Any],
    health: Mapping[str, str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It says once why it does not know."""
    assert await watch(monkeypatch, [poll], health) == (False, LIMIT)
    said = [record.getMessage() for record in caplog.records]
    assert said == ([f"The host does not know whether it is idle, and goes on: {reason}."] if reason else [])


@pytest.mark.parametrize(
    ("looks", "runs_at", "expected"),
    [(0, 2, QUIET_POLLS + 3), (5, 0, 5 + QUIET_POLLS - 1), (5, 6, 10 + QUIET_POLLS - 1)],
    ids=["between polls", "source that is looked at late", "source that is not looked at since a function ran"],
)
async def test_host_goes_on_until_it_has_looked_everywhere_since_the_last_function(
    looks: int, runs_at: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that begins and ends between two polls counts; it may have written a blob that no list has yet."""
    assert await watch(monkeypatch, [IDLE], looks=looks, runs_at=runs_at) == (True, expected)


async def test_process_that_does_not_answer_may_have_something_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process asks for all."""

    class Two(Processes):
        async def ask(self, name: str, /, **options: Any) -> list[Answer]:
            assert name == QUESTION
            return [*await super().ask(name, **options), Answer(2, 7, error="it has ended")]

    assert await watch(monkeypatch, [IDLE], make=lambda stop: Two(stop=stop)) == (False, LIMIT)


@pytest.mark.parametrize("workers", [1, 2])
def test_host_without_work_ends_by_itself_with_code_0(workers: int, make_app: MakeApp, serve: Serve) -> None:
    """With several processes all of them end."""
    server = serve(make_app(APP), "--until-idle", "--workers", str(workers))
    assert server.get("/api/hello").text == "hello"
    assert server.process.wait(60) == 0
    assert "Nothing is left to do: the host stops." in server.logs()


def test_until_idle_with_reload_is_a_usage_error(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """They contradict each other."""
    done = run_hosting("start", make_app(APP), "--until-idle", "--reload")
    assert done.returncode == 2
    assert "--until-idle cannot be combined with --reload" in done.stderr
