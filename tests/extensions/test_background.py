"""Background tasks and health checks of extensions: supervised, within their time, and reported."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hosting
from hosting.app_handle import SharedApp
from hosting.app_work import BackgroundTask
from hosting.bindings.storage import Lease
from hosting.errors import ExtensionError
from hosting.extensions import _tasks
from hosting.extensions._model import Extension
from hosting.extensions._tasks import AcquireLease, TaskSupervisor, stop_tasks
from hosting.host.function_host import FunctionHost
from hosting.server.app import HostApp
from hosting.server.keys import MASTER, Keys
from hosting.testing import make_host
from hosting.testing.sources import write_app
from tests.support.hooks import HELLO, hooks


async def nothing() -> None: ...


ALL = frozenset({"leases", "tasks", "health"})
INVALID: dict[str, tuple[Callable[[Any], Any], str]] = {
    "task without a function": (
        lambda app: app.add_task("x", name="t"),
        r"add_task\(name='t'\) of extension 'mine': make",
    ),
    "task with parameters": (lambda app: app.add_task(lambda x: x, name="t"), "make is called without arguments"),
    "task without a name": (lambda app: app.add_task(nothing, name=" "), "name must be text that is not empty"),
    "two tasks of one name": (
        lambda app: (app.add_task(nothing, name="t"), app.add_task(nothing, name="T")),
        "the extension has a task of this name",
    ),
    "check without a function": (
        lambda app: app.add_health("h", None),
        r"add_health\('h'\) of extension 'mine': check",
    ),
    "check with parameters": (lambda app: app.add_health("h", lambda x: x), "check is called without arguments"),
    "check without time": (lambda app: app.add_health("h", nothing, timeout=0), "timeout must be a number of seconds"),
    "check with text as time": (lambda app: app.add_health("h", nothing, timeout="2"), "found '2'"),
    "two checks of one name": (
        lambda app: (app.add_health("h", nothing), app.add_health("H", nothing)),
        "extension 'mine' has a health check of this name",
    ),
    "check with a name of the host": (
        lambda app: app.add_health("azure.functions.web_host.lifecycle", nothing),
        "the host has a health check of this name",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_task_or_check_with_wrong_arguments_is_an_error_that_names_the_extension(case: str) -> None:
    """The message says which call, which extension and what was found."""
    act, message = INVALID[case]
    with pytest.raises(ExtensionError, match=message):
        act(SharedApp(capabilities=ALL).handle("mine"))


def test_single_task_where_there_are_no_leases_is_an_error_with_a_remedy() -> None:
    """As in Azure's worker."""
    with pytest.raises(ExtensionError, match=r"single=True needs a lease.*\n.*'leases' in app.capabilities"):
        SharedApp(capabilities=frozenset({"tasks"})).handle("mine").add_task(nothing, name="t", single=True)


def test_task_or_check_that_comes_too_late_is_an_error() -> None:
    """Both are added before the host serves."""
    shared = SharedApp(capabilities=ALL)
    shared.note_start()
    app = shared.handle("mine")
    with pytest.raises(ExtensionError, match="only in 'prepare' and 'startup'"):
        app.add_task(nothing, name="t")
    with pytest.raises(ExtensionError, match="only in 'prepare' and 'startup'"):
        app.add_health("h", nothing)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - it may be anything
            await asyncio.sleep(0.001)


async def grant(_name: str) -> Lease | None:
    raise AssertionError("it needs no lease")


def supervisor(make: Callable[[], Any], acquire: AcquireLease = grant, **options: bool) -> TaskSupervisor:
    """Return the supervisor of a task, started, that hardly waits."""
    task = BackgroundTask("t", make, **{"restart": True, "single": False, **options}, extension="mine")
    one = TaskSupervisor(task, Extension("mine"), acquire, first_delay=0.001, poll=0.001)
    one.start()
    return one


async def cancel_oneself() -> None:
    raise asyncio.CancelledError


async def exit_process() -> None:
    raise SystemExit(3)


async def look_up() -> None:
    raise LookupError("no such queue")


FAILING: dict[str, tuple[Callable[[], Any], str]] = {
    "exception": (look_up, "LookupError: no such queue"),
    "exit": (exit_process, "SystemExit: 3"),
    "its own cancellation": (cancel_oneself, "CancelledError"),
    "def": (lambda: 3, "ExtensionError: it is not async: it returned an object of type int"),
}


@pytest.mark.parametrize("case", FAILING)
async def test_task_that_fails_is_started_again_and_reported(case: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each error is logged with the extension; the host goes on."""
    make, error = FAILING[case]
    one = supervisor(make)
    await until(lambda: one.restarts >= 2)
    await stop_tasks([one], 30)
    assert (one.status, one.error, one.extension.error is not None) == ("stopped", error, True)
    assert f"Extension 'mine' (defined by the app): task t failed: {error}" in caplog.text


async def test_task_that_fails_after_a_long_run_is_started_again_after_the_first_delay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else its delay would double with each failure, however rare they are: here to over an hour."""
    monkeypatch.setattr(_tasks, "monotonic", itertools.count(0, _tasks.LONGEST_DELAY_SECONDS + 1).__next__)
    one = supervisor(look_up)
    await until(lambda: one.restarts >= 22)
    await stop_tasks([one], 30)
    assert one.status == "stopped"


async def test_task_that_ends_is_finished_and_one_without_restart_fails_once() -> None:
    """Neither is started again."""
    ended, failed = supervisor(nothing), supervisor(look_up, restart=False)
    await until(lambda: ended.status == "finished" and failed.status == "failed")
    assert (ended.restarts, failed.restarts) == (0, 0)
    await stop_tasks([ended, failed], 30)


async def test_task_that_ignores_its_cancellation_is_named_and_left(caplog: pytest.LogCaptureFixture) -> None:
    """The host stops without it."""
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    one = supervisor(stubborn)
    await until(lambda: one.status == "running")
    await asyncio.sleep(0)
    await stop_tasks([one], 0.01)
    assert "Task 't' of extension 'mine' has not ended within 0.01 s" in caplog.text
    release.set()
    await until(lambda: one.status == "stopped")


class Lock(Lease):
    """A lock that one holder has."""

    def __init__(self, free: list[bool]) -> None:
        super().__init__()
        self._free = free

    async def release(self) -> None:
        self._free.append(True)


async def test_single_task_runs_in_one_process_and_moves_when_the_lock_is_lost() -> None:
    """The second one waits; storage that cannot be reached is reported and tried again."""
    free, taken, errors = [True], list[Lock](), [OSError("no storage")]
    running: set[str] = set()

    async def acquire(name: str) -> Lease | None:
        assert name == "mine.t"
        if errors:
            raise errors.pop()
        if not free:
            return None
        free.pop()
        taken.append(Lock(free))
        return taken[-1]

    def runs_as(name: str) -> Callable[[], Any]:
        async def run() -> None:
            running.add(name)
            try:
                await asyncio.sleep(3600)
            finally:
                running.discard(name)

        return run

    first = supervisor(runs_as("first"), acquire, single=True)
    await until(lambda: first.error == "OSError: no storage" or running == {"first"})
    await until(lambda: running == {"first"})
    second = supervisor(runs_as("second"), acquire, single=True)
    await until(lambda: second.status == "waiting")
    assert running == {"first"}
    await stop_tasks([first], 30)
    await until(lambda: running == {"second"})
    taken[-1].lost.set()
    await until(lambda: len(taken) == 3 and running == {"second"})
    await stop_tasks([second], 30)
    assert (running, free) == (set(), [True])


def test_tasks_of_an_app_run_from_startup_to_shutdown_and_are_listed() -> None:
    """They end before the shutdown hooks, and are in the diagnosis with their state."""
    trace: list[str] = []
    started = threading.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.sleep(3600)
        finally:
            trace.append("ended")

    def prepare(app: hosting.AppHandle) -> None:
        app.add_task(work, name="work")
        app.add_task(work, name="alone", single=True)

    async def startup(app: hosting.AppHandle) -> None:
        trace.append("startup")
        app.add_task(nothing, name="short", restart=False)

    extension = hooks(prepare=prepare, startup=startup, shutdown=lambda: trace.append("shutdown"))
    with make_host(HELLO, extensions={"mine": extension}) as host:
        assert started.wait(30)
        host.get("/api/hello")
        listed = {one["name"]: (one["added_by"], one["single"], one["status"]) for one in host.diagnosis()["tasks"]}
        assert listed["work"] == ("mine", False, "running")
        assert listed["alone"][:2] == ("mine", True)
    assert trace == ["startup", "ended", "ended", "shutdown"]


class Health:
    """An extension with health checks that a test changes."""

    def __init__(self) -> None:
        self.reason: Any = None
        self.released = threading.Event()
        self.blocked = 0

    def current(self) -> Any:
        if isinstance(self.reason, BaseException):
            raise self.reason
        return self.reason

    def block(self) -> None:
        self.blocked += 1
        self.released.wait()

    async def hang(self) -> None:
        await asyncio.sleep(3600)

    async def current_later(self) -> Any:
        return self.current()

    @hosting.hookimpl
    def prepare(self, app: hosting.AppHandle) -> None:
        app.add_health("ready", self.current_later)
        app.add_health("live", self.current, ready=False, live=True)
        app.add_health("detail", lambda: "slow disk", ready=False)


RESULTS: dict[str, tuple[Any, str]] = {
    "reason": ("no connection, AccountKey=hush", "no connection, AccountKey=***"),
    "exception": (LookupError("no such table"), "LookupError: no such table"),
    "exit": (SystemExit(2), "SystemExit: 2"),
    "empty reason": ("", "unhealthy"),
    "False": (False, "it returned an object of type bool, expected None or a reason as text"),
}


@pytest.mark.parametrize("case", RESULTS)
def test_health_check_that_is_not_none_makes_its_endpoint_answer_503(case: str) -> None:
    """The reason is in the expanded form, without secrets, and in the log once for each change."""
    health = Health()
    value, reason = RESULTS[case]
    with make_host(HELLO, extensions={"mine": health}) as host:
        for base in ("runtime", "admin"):
            assert [host.get(f"/{base}/health/{part}").status for part in ("live", "ready")] == [200, 200]
        assert host.get("/runtime/health").status == 503
        health.reason = value
        for part in ("live", "ready", "ready"):
            reply = host.get(f"/Runtime/health/{part}/")
            assert (reply.status, reply.json()) == (503, {"status": "Unhealthy"})
        document = host.get("/runtime/health/ready?expand=true").json()
        assert document["entries"]["ready"]["description"] == reason
        assert document["entries"]["ready"]["tags"] == ["az.functions.readiness"]
        assert document["entries"]["azure.functions.script_host.lifecycle"]["status"] == "Healthy"
        assert document["entries"].keys() == {"ready", "azure.functions.script_host.lifecycle"}
        listed = {one["name"]: (one["status"], one["reason"]) for one in host.diagnosis()["health"]}
        assert listed == {
            "ready": ("unhealthy", reason),
            "live": ("unhealthy", reason),
            "detail": ("unhealthy", "slow disk"),
        }
        health.reason = None
        assert host.get("/runtime/health/ready").status == 200
    lines = [record.getMessage() for record in host.logs if "Health check 'ready'" in record.getMessage()]
    assert lines == [
        f"Health check 'ready' of extension 'mine': {reason}",
        "Health check 'ready' of extension 'mine': healthy again",
    ]


def test_health_check_that_hangs_is_unhealthy_in_time_and_runs_once() -> None:
    """A thread cannot be ended, so that the next request waits for the same one."""
    health = Health()

    def prepare(app: hosting.AppHandle) -> None:
        app.add_health("blocked", health.block, timeout=0.01)
        app.add_health("hanging", health.hang, timeout=0.01)

    with make_host(HELLO, extensions={"mine": hooks(prepare=prepare)}) as host:
        for _ in range(3):
            entries = host.get("/runtime/health?expand=true").json()["entries"]
            reasons = {name: one.get("description") for name, one in entries.items() if "." not in name}
            assert reasons == dict.fromkeys(("blocked", "hanging"), "it has not answered within 0.01 s")
        assert health.blocked == 1
        health.released.set()


QUERIES = {
    "GET /runtime/health": 200,
    "HEAD /runtime/health/live": 200,
    "POST /runtime/health": 404,
    "GET /runtime/health/other": 404,
    "GET /runtime/health?wait=5": 200,
    "GET /runtime/health?wait=-1": 400,
    "GET /runtime/health?wait=soon": 400,
    "GET /admin/health/ready?Expand=True": 200,
}


def test_health_endpoints_without_checks_answer_for_the_host() -> None:
    """Its process and its app are the only checks then, whether extensions are on or off."""
    with make_host(HELLO) as host:
        for query, status in QUERIES.items():
            method, path = query.split()
            assert host.request(method, path).status == status, query
        error = host.get("/runtime/health?wait=soon").json()["error"]
        assert error["code"] == "BadArgument"


async def test_readiness_ends_with_the_drain_and_liveness_does_not() -> None:
    """A host that drains is not to be replaced, and gets no more requests."""
    async with make_host(HELLO) as host:
        await host._session.host.drain(0)
        assert [(await host.get(f"/runtime/health/{part}")).status for part in ("live", "ready")] == [200, 503]


def test_expanded_health_needs_the_master_key_where_callers_need_keys() -> None:
    """The short form is open: probes bring no key."""
    with make_host(HELLO) as host:
        keys = Keys(b"secret")
        host._session._app = HostApp(host._session.host, keys=keys)
        assert host.get("/runtime/health").status == 200
        assert host.get("/runtime/health?expand=true").status == 401
        master = {"x-functions-key": keys.named(MASTER)}
        assert host.get("/runtime/health?expand=true", headers=master).status == 200


def test_log_of_a_health_check_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """It is written by the logger of the extension."""
    with make_host(HELLO, extensions={"mine": Health()}) as host:
        host.get("/runtime/health")
    (record,) = [one for one in host.logs if "Health check" in one.getMessage()]
    assert (record.levelno, record.name) == (logging.WARNING, "hosting.extensions.mine")


async def test_lock_of_a_single_task_is_in_the_storage_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two hosts of one app on a machine, one runs the task; it releases the lock when it stops."""
    monkeypatch.setattr("hosting.bindings.services.state_folder", lambda: tmp_path / "state")
    (tmp_path / "app").mkdir()
    write_app(HELLO, tmp_path / "app")
    running: list[str] = []

    def host_of(name: str) -> FunctionHost:
        async def work() -> None:
            running.append(name)
            await asyncio.sleep(3600)

        extension = hooks(prepare=lambda app: app.add_task(work, name="alone", single=True))
        settings = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
        host = FunctionHost(tmp_path / "app", environ=settings, extensions={"mine": extension})
        host.load()
        return host

    def status(host: FunctionHost) -> str:
        (entry,) = host.extensions.background.document()["tasks"]
        return str(entry["status"])

    first, second = host_of("first"), host_of("second")
    await first.start()
    await until(lambda: running == ["first"])
    await second.start()
    await until(lambda: status(second) == "waiting")
    await second.stop()  # it would take the lock as well
    await first.stop()
    lease = await second._lock_task("mine.alone")
    assert lease is not None
    await lease.release()
    assert (status(first), status(second), running) == ("stopped", "stopped", ["first"])
