"""``--workers``: several processes on one port, each started again when it ends, all of them drained by a signal."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from subprocess import CompletedProcess

import httpx
import pytest

from tests.conftest import PATIENCE, MakeApp, Serve, Served

RunHosting = Callable[..., "CompletedProcess[str]"]
APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import asyncio, logging, os, time
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
print("imported by", os.getpid())

@app.route("pid")
def pid(req: func.HttpRequest) -> str:
    return str(os.getpid())

@app.route("block")
async def block(req: func.HttpRequest) -> str:
    time.sleep(0.5)  # the other processes take what comes meanwhile
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


def pids(served: Served, wanted: int) -> set[str]:
    """Ask until ``wanted`` processes have answered."""
    found: set[str] = set()
    end = time.monotonic() + PATIENCE
    while len(found) < wanted:
        assert time.monotonic() < end, f"only {found} answered:\n{served.logs()}"
        threads = [threading.Thread(target=lambda: found.add(served.get("/api/block").text)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found


def test_processes_share_the_port(make_app: MakeApp, serve: Serve) -> None:
    """All processes answer on one port; the functions are listed once, and the supervisor imports none of the app."""
    served = serve(make_app(APP), "--workers", "3")
    found = pids(served, 3)
    assert len(found) == 3
    assert str(served.process.pid) not in found
    assert sorted(re.findall(r"imported by (\d+)", served.logs())) == sorted(found)
    assert served.logs().count("Listening on") == served.logs().count("pid:") == 1
    assert served.stop() == 0


def test_json_lines_with_several_processes_have_the_number_of_the_process(make_app: MakeApp, serve: Serve) -> None:
    """With ``--workers`` each JSON line says which process wrote it; the banner is in the first one's lines."""
    served = serve(make_app(APP), "--workers", "2", "--log-format", "json")
    pids(served, 2)
    assert served.stop() == 0
    lines = [json.loads(line) for line in served.logs().splitlines() if line.startswith("{")]
    of_invocations = {line["process"] for line in lines if "invocation_id" in line}
    assert of_invocations == {1, 2}
    assert {line["process"] for line in lines if line["message"].startswith("Listening on")} == {1}


def test_count_of_the_setting(make_app: MakeApp, serve: Serve) -> None:
    """``FUNCTIONS_WORKER_PROCESS_COUNT`` says how many, from the environment or from local.settings.json."""
    served = serve(make_app(APP), env={"FUNCTIONS_WORKER_PROCESS_COUNT": "2"})
    assert len(pids(served, 2)) == 2
    settings = '{"Values": {"FUNCTIONS_WORKER_PROCESS_COUNT": "2"}}'
    served = serve(make_app({**APP, "local.settings.json": settings}))
    assert len(pids(served, 2)) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_drain(make_app: MakeApp, serve: Serve, number: signal.Signals, code: int) -> None:
    """A signal to the supervisor lets running requests finish in every process, and the exit code says which it was."""
    served = serve(make_app(APP), "--workers", "2")
    workers = pids(served, 2)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(served.get("/api/slow").text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    served.wait_for("(?s)(slow begins.*){4}")
    assert served.stop(number) == code
    for thread in threads:
        thread.join()
    assert answers == ["slept"] * 4
    assert not [pid for pid in workers if _is_alive(int(pid))]


def test_terminal_interrupt(make_app: MakeApp, serve: Serve) -> None:
    """Ctrl-C in a terminal reaches every process at once; they still drain once."""
    served = serve(make_app(APP), "--workers", "2")
    workers = pids(served, 2)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(served.get("/api/slow").text))
    thread.start()
    served.wait_for("slow begins")
    for pid in workers:
        os.kill(int(pid), signal.SIGINT)
    assert served.stop(signal.SIGINT) == 130
    thread.join()
    assert answers == ["slept"]


def test_a_dead_process_is_replaced(make_app: MakeApp, serve: Serve) -> None:
    """A process that ends is told with its exit code, and another one takes its place; the port stays open."""
    served = serve(make_app(APP), "--workers", "2")
    before = pids(served, 2)
    with pytest.raises(httpx.RemoteProtocolError):
        served.get("/api/die")
    assert served.get("/api/pid").text in before
    served.wait_for(r"Process \d \(pid \d+\) ended with code 3; another one starts\.")
    assert len(pids(served, 2) | before) == 3
    assert served.logs().count("Listening on") == 1
    assert served.stop() == 0


def test_processes_end_with_the_supervisor(make_app: MakeApp, serve: Serve) -> None:
    """When the supervisor is killed, the processes drain and end; none is left on the port."""
    served = serve(make_app(APP), "--workers", "2")
    workers = pids(served, 2)
    served.stop(signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while any(_is_alive(int(pid)) for pid in workers):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_app_that_does_not_load(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """The mistake is told once, however many processes were asked for, and the exit code is 1."""
    done = run_hosting("start", make_app({**APP, "function_app.py": "import nothing_like_this"}), "--workers", "3")
    assert done.returncode == 1
    assert done.stderr.count("cannot be imported") == 1


@pytest.mark.parametrize("value", ["many", "11", "1.5"])
def test_wrong_settings(make_app: MakeApp, run_hosting: RunHosting, value: str) -> None:
    """A count that Azure's host would refuse ends the start with a sentence."""
    done = run_hosting("start", make_app(APP), env={"FUNCTIONS_WORKER_PROCESS_COUNT": value})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("FUNCTIONS_WORKER_PROCESS_COUNT: ")
    assert value in done.stderr


@pytest.mark.parametrize("value", ["0", "-1", "1"])
def test_one_process(make_app: MakeApp, serve: Serve, value: str) -> None:
    """A count of one or less is one process, which serves by itself."""
    served = serve(make_app(APP), env={"FUNCTIONS_WORKER_PROCESS_COUNT": value})
    assert served.get("/api/pid").text == str(served.process.pid)


def test_not_with_reload(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """Several processes that are asked for by name cannot be reloaded or debugged."""
    done = run_hosting("start", make_app(APP), "--workers", "2", "--reload")
    assert (done.returncode, "--workers 2 cannot be combined" in done.stderr) == (1, True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"
