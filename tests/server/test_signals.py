"""Signals: the app's own handlers, its threads and executors, and the children that it starts."""

from __future__ import annotations

import json
import os
import signal
import socket
import textwrap
from urllib.parse import urlsplit

import pytest

from tests.conftest import MakeApp, Serve

HEAD = """
import logging, multiprocessing, os, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("ok")
def ok(req: func.HttpRequest) -> str:
    return "ok"

def sleep_forever():
    while True:
        time.sleep(1)

def square(number):
    return number * number
"""
TERMINATE = """
@app.route("terminate")
def terminate(req: func.HttpRequest) -> str:
    child = multiprocessing.get_context("fork").Process(target=sleep_forever)
    child.start()
    child.terminate()
    child.join()
    return str(child.exitcode)
"""
"""A function that starts a child, terminates it at once, and returns its exit code."""
FOREVER = "--grace", "600"
"""A grace that no test waits for: a host that ends does not need it."""


def app_files(source: str) -> dict[str, str]:
    return {"function_app.py": HEAD + TERMINATE + textwrap.dedent(source), "host.json": '{"version": "2.0"}'}


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGINT", 130)])
@pytest.mark.parametrize("ending", ["pass", "sys.exit(5)", "raise ValueError('of the handler')"])
def test_signal_handler_of_the_app_is_called_before_the_host_drains(
    make_app: MakeApp, serve: Serve, name: str, code: int, ending: str
) -> None:
    """The host stops as usual, whatever the handler does."""
    source = f"""
        def bye(number, frame):
            print("bye", number, flush=True)
            {ending}
        signal.signal(signal.{name}, bye)
        """
    served = serve(make_app(app_files(source)), *FOREVER)
    number = signal.Signals[name]
    assert served.stop(number) == code
    assert served.logs().count(f"bye {number.value}") == 1
    assert ("of the handler" in served.logs()) == ending.startswith("raise")


def test_forked_child_has_pythons_own_signal_handlers(make_app: MakeApp, serve: Serve) -> None:
    """SIGTERM ends it, and its ids are its own; the host goes on."""
    source = """
        def handlers(pipe):
            pipe.send([signal.getsignal(number) for number in (signal.SIGTERM,)])

        @app.route("handlers")
        async def show(req: func.HttpRequest) -> str:
            ours, theirs = multiprocessing.Pipe()
            child = multiprocessing.get_context("fork").Process(target=handlers, args=(theirs,))
            child.start()
            child.join()
            return str(ours.recv() == [signal.SIG_DFL])
        """
    served = serve(make_app(app_files(source)), *FOREVER)
    for _ in range(3):
        assert served.get("/api/terminate").text == "-15"
    assert served.get("/api/handlers").text == "True"
    assert served.stop() == 0


def test_forked_child_has_the_signal_handlers_of_the_app(make_app: MakeApp, serve: Serve) -> None:
    """As in any Python process, it inherits what the app has installed."""
    source = """
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(7))
        """
    served = serve(make_app(app_files(source)), *FOREVER)
    assert served.get("/api/terminate").text == "7"


@pytest.mark.parametrize("form", ["console", "json"])
def test_what_a_forked_child_logs_and_prints_is_in_the_hosts_log(make_app: MakeApp, serve: Serve, form: str) -> None:
    """Each line once, also where the parent's log is busy in another thread."""
    source = """
        def log_and_print():
            logging.info("busy")
            print("busy")

        def say(number):
            logging.warning("child %d logs", number)
            print("child", number, "prints")

        @app.route("children")
        def children(req: func.HttpRequest) -> str:
            stop = threading.Event()
            busy = threading.Thread(target=lambda: [log_and_print() for _ in iter(stop.is_set, True)])
            busy.start()
            fork = multiprocessing.get_context("fork")
            started = [fork.Process(target=say, args=(number,)) for number in range(10)]
            for child in started:
                child.start()
            for child in started:
                child.join()
            stop.set()
            busy.join()
            return str([child.exitcode for child in started])
        """
    served = serve(make_app(app_files(source)), "--log-format", form, *FOREVER)
    assert json.loads(served.get("/api/children").text) == [0] * 10
    assert served.stop() == 0
    for number in range(10):
        assert served.logs().count(f"child {number} logs") == 1
        assert served.logs().count(f"child {number} prints") == 1


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_pools_of_processes_work_in_sync_and_async_functions(make_app: MakeApp, serve: Serve, start: str) -> None:
    """As in plain Python, and the host ends although a pool is still open."""
    source = f"""
        context = multiprocessing.get_context("{start}")
        pools = []

        @app.route("sync")
        def sync(req: func.HttpRequest) -> str:
            with context.Pool(2) as pool:
                return str(pool.map(square, [1, 2, 3]))

        @app.route("async")
        async def coroutine(req: func.HttpRequest) -> str:
            with context.Pool(2) as pool:
                return str(pool.map(square, [1, 2, 3]))

        @app.route("executor")
        def executor(req: func.HttpRequest) -> str:
            pools.append(ProcessPoolExecutor(2, mp_context=context))
            return str(list(pools[0].map(square, [1, 2, 3])))
        """
    served = serve(make_app(app_files(source)), *FOREVER)
    for path in ("sync", "async", "executor"):
        assert json.loads(served.get(f"/api/{path}").text) == [1, 4, 9]
    assert served.stop() == 0


def test_host_with_idle_executors_and_daemons_ends_at_once(make_app: MakeApp, serve: Serve) -> None:
    """As Python ends: executors that have nothing to do are shut down, and daemons are terminated."""
    source = """
        threads = ThreadPoolExecutor(2)

        @app.route("start")
        def start(req: func.HttpRequest) -> str:
            daemon = multiprocessing.Process(target=sleep_forever, daemon=True)
            daemon.start()
            return f"{threads.submit(square, 3).result()} {daemon.pid}"
        """
    served = serve(make_app(app_files(source)), *FOREVER)
    squared, pid = served.get("/api/start").text.split()
    assert squared == "9"
    assert served.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


@pytest.mark.parametrize("goes_on", ["threading.Thread", "multiprocessing.Process"])
def test_host_ends_after_its_grace_whatever_threads_and_children_do(
    make_app: MakeApp, serve: Serve, goes_on: str
) -> None:
    """A thread or a child that never ends does not keep the process, and the child ends with it."""
    source = f"""
        @app.route("start")
        def start(req: func.HttpRequest) -> str:
            one = {goes_on}(target=sleep_forever)
            one.start()
            return str(getattr(one, "pid", ""))
        """
    served = serve(make_app(app_files(source)), "--grace", "1")
    pid = served.get("/api/start").text
    assert served.stop() == 0
    if goes_on == "multiprocessing.Process":
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


NEVER_ENDS = {
    "a function": "sleep_forever()",
    "a thread": "threading.Thread(target=sleep_forever).start()",
    "an executor": "executor.submit(sleep_forever)",
    "a child": "multiprocessing.Process(target=sleep_forever).start()",
}


@pytest.mark.parametrize("what", NEVER_ENDS)
def test_exit_callbacks_of_the_app_run_when_something_outlives_the_grace(
    make_app: MakeApp, serve: Serve, what: str
) -> None:
    """Each runs once, and one that never ends does not keep the process."""
    source = f"""
        import atexit
        executor = ThreadPoolExecutor(1)
        atexit.register(lambda: print("the first one ran", flush=True))
        atexit.register(lambda: 1 / 0)
        atexit.register(lambda: print("the last one ran"))

        @app.route("start")
        def start(req: func.HttpRequest) -> str:
            print("started")
            {NEVER_ENDS[what]}
            return ""
        """
    served = serve(make_app(app_files(source)), "--grace", "1")
    address = urlsplit(served.url)
    with socket.create_connection((str(address.hostname), address.port or 0)) as connection:
        connection.sendall(b"GET /api/start HTTP/1.1\r\nHost: localhost\r\n\r\n")
        served.wait_for("started")
        assert served.stop() == 0
    assert [served.logs().count(f"the {which} one ran") for which in ("first", "last")] == [1, 1]


@pytest.mark.parametrize("goes_on", ["pass", "threading.Thread(target=sleep_forever).start()"])
def test_exit_callback_that_never_ends_does_not_keep_the_process(make_app: MakeApp, serve: Serve, goes_on: str) -> None:
    """A second after the grace the process ends in any case."""
    source = f"""
        import atexit
        atexit.register(sleep_forever)

        @app.route("start")
        def start(req: func.HttpRequest) -> str:
            {goes_on}
            return ""
        """
    served = serve(make_app(app_files(source)), "--grace", "1")
    assert served.get("/api/start").status_code == 200
    assert served.stop() == 0
