"""``--workers``: several processes on one port, each replaced when it ends, all of them drained by a signal."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import Mock

import httpx
import pytest

from hosting.runner.options import StartOptions
from hosting.runner.supervisor import HINT_SECONDS, Signalled, Supervisor, Worker
from tests.conftest import PATIENCE, MakeApp, Serve, Served

RunHosting = Callable[..., "CompletedProcess[str]"]
APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import asyncio, logging, os, time
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
print("imported by", os.getpid())
print("number", os.environ.get("HOSTING_WORKER_NUMBER"), "folder", os.environ.get("HOSTING_WORKERS_FOLDER"))

@app.route("pid")
def pid(req: func.HttpRequest) -> str:
    return str(os.getpid())

@app.route("block")
async def block(req: func.HttpRequest) -> str:
    time.sleep(0.5)  # the other processes respond to requests meanwhile
    return str(os.getpid())

@app.route("slow")
async def slow(req: func.HttpRequest) -> str:
    logging.warning("slow begins")
    await asyncio.sleep(1)
    return "slept"

@app.route("die")
def die(req: func.HttpRequest) -> str:
    os._exit(3)
""",
}


def worker_pids(server: Served, count: int) -> set[str]:
    """Send requests until ``count`` processes have responded, and return their ids."""
    pids: set[str] = set()
    end = time.monotonic() + PATIENCE
    while len(pids) < count:
        assert time.monotonic() < end, f"only {pids} answered:\n{server.logs()}"
        threads = [threading.Thread(target=lambda: pids.add(server.get("/api/block").text)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return pids


def test_workers_share_one_port(make_app: MakeApp, serve: Serve) -> None:
    """All processes respond on one port; the functions are listed once, and the supervisor does not import the app."""
    server = serve(make_app(APP), "--workers", "3")
    pids = worker_pids(server, 3)
    assert len(pids) == 3
    assert str(server.process.pid) not in pids
    assert sorted(re.findall(r"imported by (\d+)", server.logs())) == sorted(pids)
    assert server.logs().count("Listening on") == server.logs().count("pid:") == 1
    assert server.stop() == 0


def test_json_lines_of_workers_have_the_number_of_the_process(make_app: MakeApp, serve: Serve) -> None:
    """With ``--workers`` each JSON line has the number of its process; the banner is of the first one."""
    server = serve(make_app(APP), "--workers", "2", "--log-format", "json")
    worker_pids(server, 2)
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.logs().splitlines() if line.startswith("{")]
    processes = {line["process"] for line in lines if "invocation_id" in line}
    assert processes == {1, 2}
    assert {line["process"] for line in lines if line["message"].startswith("Listening on")} == {1}


def test_worker_process_count_of_the_settings_is_used(make_app: MakeApp, serve: Serve) -> None:
    """``FUNCTIONS_WORKER_PROCESS_COUNT`` is read from the environment or from local.settings.json."""
    server = serve(make_app(APP), env={"FUNCTIONS_WORKER_PROCESS_COUNT": "2"})
    assert len(worker_pids(server, 2)) == 2
    settings = '{"Values": {"FUNCTIONS_WORKER_PROCESS_COUNT": "2"}}'
    server = serve(make_app({**APP, "local.settings.json": settings}))
    assert len(worker_pids(server, 2)) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_lets_the_requests_of_every_worker_finish(
    make_app: MakeApp, serve: Serve, number: signal.Signals, code: int
) -> None:
    """A signal to the supervisor lets running requests finish in every process; the exit code names the signal."""
    server = serve(make_app(APP), "--workers", "2")
    workers = worker_pids(server, 2)
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(server.get("/api/slow").text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    server.wait_for("(?s)(slow begins.*){4}")
    assert server.stop(number) == code
    for thread in threads:
        thread.join()
    assert texts == ["slept"] * 4
    assert not [pid for pid in workers if _is_alive(int(pid))]


def test_interrupt_of_all_workers_drains_once(make_app: MakeApp, serve: Serve) -> None:
    """Ctrl-C in a terminal reaches every process at once; they drain once."""
    server = serve(make_app(APP), "--workers", "2")
    workers = worker_pids(server, 2)
    texts: list[str] = []
    thread = threading.Thread(target=lambda: texts.append(server.get("/api/slow").text))
    thread.start()
    server.wait_for("slow begins")
    for pid in workers:
        os.kill(int(pid), signal.SIGINT)
    assert server.stop(signal.SIGINT) == 130
    thread.join()
    assert texts == ["slept"]


def test_worker_that_ends_is_replaced(make_app: MakeApp, serve: Serve) -> None:
    """A process that ends is reported with its exit code, and another one replaces it; the port stays open.

    The other one has its number, and the folder that all of them share until the host stops.
    """
    server = serve(make_app(APP), "--workers", "2")
    before = worker_pids(server, 2)
    with pytest.raises(httpx.RemoteProtocolError):
        server.get("/api/die")
    assert server.get("/api/pid").text in before
    server.wait_for(r"Process \d \(pid \d+\) ended with code 3; another one starts\.")
    assert len(worker_pids(server, 2) | before) == 3
    assert server.logs().count("Listening on") == 1
    numbers, folders = zip(*re.findall(r"number (\d+) folder (\S+)", server.logs()), strict=True)
    assert (len(numbers), set(numbers), len(set(folders))) == (3, {"1", "2"}, 1)
    assert Path(folders[0]).is_dir()
    assert server.stop() == 0
    assert not Path(folders[0]).exists()


def test_workers_are_one_host_for_the_admin_endpoints(make_app: MakeApp, serve: Serve) -> None:
    """A pause holds for every process and for those that replace one; one that hangs is named, and hides no other."""
    server = serve(make_app(APP), "--workers", "2", env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    first, _ = sorted(_running(server), key=lambda entry: int(entry["pid"]))
    assert httpx.post(f"{server.url}/admin/extensions/timer/pause").json() == {"name": "timer", "action": "pause"}
    os.kill(first["pid"], signal.SIGSTOP)
    ready, live = (server.get(f"/admin/health/{probe}") for probe in ("ready", "live"))
    assert (ready.status_code, ready.json()["status"], live.status_code) == (200, "Degraded", 503)
    pause = httpx.post(f"{server.url}/admin/extensions/timer/pause")
    assert (pause.status_code, pause.json()["processes"][0]["pid"]) == (202, first["pid"])
    status = server.get("/admin/host/status").json()
    late = "it has not answered within 2 s"
    assert (status["state"], status["errors"]) == (
        "Error",
        [f"Process {first['process']} (pid {first['pid']}): {late}."],
    )
    os.kill(first["pid"], signal.SIGKILL)
    server.wait_for("ended with signal SIGKILL; another one starts")
    assert first["pid"] not in [entry["pid"] for entry in _running(server)]
    diagnosis = server.get("/admin/host/extensions").json()
    assert [one["reason"] for one in diagnosis["extensions"] if one["name"] == "timer"] == [
        "paused by POST /admin/extensions/timer/pause"
    ]
    assert [entry["process"] for entry in diagnosis["processes"]] == [1, 2]


def _running(server: Served) -> list[dict[str, Any]]:
    """Return what the status says about the processes, once both of them run."""
    end = time.monotonic() + PATIENCE
    while True:
        processes: list[dict[str, Any]] = server.get("/admin/host/status").json()["processes"]
        if [entry.get("state") for entry in processes] == ["Running"] * 2:
            return processes
        assert time.monotonic() < end, processes
        time.sleep(0.05)


def test_workers_of_a_killed_supervisor_end(make_app: MakeApp, serve: Serve) -> None:
    """When the supervisor is killed, the processes drain and end; none remains on the port."""
    server = serve(make_app(APP), "--workers", "2")
    workers = worker_pids(server, 2)
    server.stop(signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while any(_is_alive(int(pid)) for pid in workers):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_workers_of_an_app_that_does_not_load_report_it_once(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """The error is reported once for all processes, and the exit code is 1."""
    result = run_hosting("start", make_app({**APP, "function_app.py": "import nothing_like_this"}), "--workers", "3")
    assert result.returncode == 1
    assert result.stderr.count("cannot be imported") == 1


@pytest.mark.parametrize("value", ["many", "11", "1.5"])
def test_invalid_worker_process_count_stops_the_start(make_app: MakeApp, run_hosting: RunHosting, value: str) -> None:
    """A count that Azure's host refuses ends the start with a sentence."""
    result = run_hosting("start", make_app(APP), env={"FUNCTIONS_WORKER_PROCESS_COUNT": value})
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: FUNCTIONS_WORKER_PROCESS_COUNT: ")
    assert value in result.stderr


@pytest.mark.parametrize("value", ["0", "-1", "1"])
def test_worker_process_count_of_one_or_less_is_one_process(make_app: MakeApp, serve: Serve, value: str) -> None:
    """A count of one or less is one process, which serves by itself, also when a process of several has started it."""
    of_another = {"HOSTING_WORKER_NUMBER": "2", "HOSTING_WORKERS_FOLDER": "/tmp"}
    server = serve(make_app(APP), env={"FUNCTIONS_WORKER_PROCESS_COUNT": value, **of_another})
    assert server.get("/api/pid").text == str(server.process.pid)
    assert "number None folder None" in server.logs()


def test_workers_with_reload_are_refused(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """Several processes cannot be reloaded or debugged."""
    result = run_hosting("start", make_app(APP), "--workers", "2", "--reload")
    assert (result.returncode, "--workers 2 cannot be combined" in result.stderr) == (2, True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("signals", "hints", "killed"),
    [
        ([signal.SIGINT], 1, 0),
        ([signal.SIGTERM], 0, 0),
        ([signal.SIGINT, signal.SIGINT], 1, 2),
        ([signal.SIGTERM, signal.SIGTERM], 0, 0),
    ],
)
@pytest.mark.parametrize("reload", [False, True], ids=["workers", "reload"])
def test_interrupt_says_that_a_second_one_ends_what_still_runs(
    signals: list[signal.Signals], hints: int, killed: int, reload: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and not after SIGTERM, which programs send; the processes themselves say what runs."""
    caplog.set_level(logging.INFO)
    supervisor = Supervisor(StartOptions(Path(), reload=reload), Mock(), 2)
    processes = [Mock(), Mock()]
    supervisor._workers = [Worker(number, process) for number, process in enumerate(processes)]
    for number in signals:
        supervisor._handle(Signalled(number))
        supervisor._act_on_time(time.monotonic() + HINT_SECONDS)
    assert caplog.text.count("The host is still stopping. Press Ctrl-C again to end it now.") == hints
    assert sum(process.kill.call_count for process in processes) == killed
    assert all(process.terminate.call_count == 1 for process in processes)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps the current folder of a process")
@pytest.mark.parametrize("exists", [False, True], ids=["gone", "made again"])
def test_process_can_start_after_the_current_folder_was_removed(
    exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command often runs in the app's folder, which --reload lets a user replace."""
    root = tmp_path / "shop"
    root.mkdir()
    monkeypatch.chdir(root)
    root.rmdir()
    if exists:
        root.mkdir()
    context = Mock()
    context.Pipe.return_value = Mock(), Mock()
    monkeypatch.setattr("hosting.runner.supervisor.multiprocessing.get_context", lambda method: context)
    monkeypatch.setattr("hosting.runner.supervisor.threading.Thread", Mock())
    Supervisor(StartOptions(root, reload=True), Mock(), 1)._start(0)
    assert Path.cwd() == (root if exists else Path(root.anchor))
    assert context.Process.return_value.start.call_count == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_host_serves_for_the_drain_delay_after_sigterm(make_app: MakeApp, serve: Serve, workers: int) -> None:
    """It is not ready, and closes connections after an answer; a second SIGTERM changes nothing, Ctrl-C ends it."""
    server = serve(make_app(APP), "--workers", str(workers), "--drain-delay", "600")
    for _ in range(2):
        server.send(signal.SIGTERM)
    while server.get("/admin/health/ready").status_code != 503:
        assert server.process.poll() is None
    response = server.get("/api/pid")
    assert (response.status_code, response.headers["connection"]) == (200, "close")
    assert server.get("/admin/host/status").json()["state"] == "Stopping"
    assert server.stop(signal.SIGINT) == (0 if workers == 1 else 130)  # a supervisor ends its processes at once
