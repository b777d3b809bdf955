"""Apps that change ``logging`` or the standard streams: the host's own lines stay as they are."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from hosting.testing.server import environment
from tests.conftest import MakeApp, Serve

CHANGES = {
    "handlers removed": "logging.getLogger().handlers.clear()",
    "basicConfig": "logging.basicConfig(level=logging.DEBUG, format='OWN %(message)s', force=True)",
    "dictConfig": """
        logging.config.dictConfig({
            "version": 1,
            "handlers": {"own": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
            "root": {"handlers": ["own"], "level": "INFO"},
        })
        """,
    "logging.disable": "logging.disable(logging.CRITICAL)",
    "level of the root logger": "logging.getLogger().setLevel(logging.CRITICAL)",
    "formatters": """
        for handler in logging.getLogger().handlers:
            handler.setFormatter(logging.Formatter("OWN %(message)s"))
        """,
    "filters that raise": """
        for target in (logging.getLogger(), *logging.getLogger().handlers):
            target.addFilter(lambda record: 1 / 0)
        """,
    "record factory that raises": "logging.setLogRecordFactory(lambda *args, **kwargs: 1 / 0)",
    "every logger": """
        for name in list(logging.root.manager.loggerDict):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate, logger.disabled = [], True, True
        """,
    "print to logging": """
        class PrintLogger:
            def write(self, text):
                if text.strip():
                    logging.info("PRINTED %s", text.strip())
        sys.stdout = PrintLogger()
        """,
    "standard output closed": "sys.stdout.close()",
    "standard streams missing": "sys.stdout = sys.stderr = None",
}
APP = """
import logging, logging.config, os, sys
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

{change}

@app.route("say")
def say(req: func.HttpRequest) -> str:
    try:
        logging.info("said")
        print("printed")
        sys.stderr.write("written to stderr\\n")
    except (AttributeError, ValueError, ZeroDivisionError):
        pass  # of the app's own making
    return "fine"

@app.route("fail")
def fail(req: func.HttpRequest) -> str:
    raise LookupError("no such thing")
"""


@pytest.mark.parametrize(
    ("form", "change"),
    [*(("json", name) for name in CHANGES), ("console", "dictConfig"), ("console", "standard output closed")],
)
def test_app_that_changes_logging_leaves_the_hosts_lines_as_they_are(
    make_app: MakeApp, serve: Serve, form: str, change: str
) -> None:
    """The lines about its functions are written once; with JSON, whatever the app prints or logs is JSON as well."""
    source = APP.format(change=textwrap.dedent(CHANGES[change]))
    app = make_app({"function_app.py": source, "host.json": '{"version": "2.0"}'})
    served = serve(app, "--log-format", form)
    assert served.get("/api/say").text == "fine"
    assert served.get("/api/fail").status_code == 500
    assert served.stop() == 0
    lines = served.logs().splitlines()
    if form == "json":
        lines = [json.loads(line)["message"] for line in lines]
    for text in ("Executing 'Functions.say'", "Executed 'Functions.say' (Succeeded", "Executing 'Functions.fail'"):
        assert sum(text in line for line in lines) == 1, text
    assert served.logs().count("Executed 'Functions.fail' (Failed") == 1
    assert served.logs().count("Listening on") == 1


def test_prints_and_log_lines_of_an_app_stay_in_order(make_app: MakeApp, serve: Serve) -> None:
    """What a function prints stands between its log lines, and all of it between the host's."""
    source = """
        import logging, sys
        import azure.functions as func
        app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

        @app.route("order")
        def order(req: func.HttpRequest) -> str:
            for number in range(3):
                logging.info("log %d", number)
                print("print", number)
                print("error", number, file=sys.stderr)
            return "fine"
        """
    served = serve(make_app({"function_app.py": textwrap.dedent(source), "host.json": '{"version": "2.0"}'}))
    for _ in range(20):
        served.get("/api/order")
    served.stop()
    lines = [line.partition("Z] ")[2] or line for line in served.logs().splitlines()]
    lines = lines[next(at for at, line in enumerate(lines) if line.startswith("Executing")) :]
    expected = [f"{kind} {number}" for number in range(3) for kind in ("log", "print", "error")]
    for at in range(0, len(lines), 11):
        first, *said, last = lines[at : at + 11]
        assert (first[:9], said, last[:8]) == ("Executing", expected, "Executed")


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ("logging.info('last words')", "ctypes.string_at(0)"),
        ("logging.info('last words')", "os._exit(3)"),
        ("print('last words')", "os.kill(os.getpid(), 9)"),
        ("pass", "os.abort()"),
    ],
)
def test_last_lines_before_a_crash_are_on_the_console(make_app: MakeApp, serve: Serve, said: str, end: str) -> None:
    """Neither the function's last line nor the host's line about its start waits in memory."""
    source = f"""
        import ctypes, logging, os
        import azure.functions as func
        app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

        @app.route("crash")
        def crash(req: func.HttpRequest) -> str:
            {said}
            {end}
        """
    served = serve(make_app({"function_app.py": textwrap.dedent(source), "host.json": '{"version": "2.0"}'}))
    with pytest.raises(Exception, match=r"disconnected|reset|closed"):
        served.get("/api/crash")
    served.wait()
    assert "Executing 'Functions.crash'" in served.logs()
    assert said == "pass" or "last words" in served.logs()


@contextmanager
def started(root: Path, shell: str = "", **streams: Any) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start a host with unusual standard streams; yield its process and its URL.

    Args:
        root: the app's folder.
        shell: what a shell adds to the command.
        streams: arguments of ``subprocess.Popen``.
    """
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    command = shlex.join([sys.executable, "-m", "hosting", "start", str(root), "--port", str(port)])
    process = subprocess.Popen(["sh", "-c", f"exec {command} {shell}"], env=environment(), **streams)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def wait_for_response(url: str, process: subprocess.Popen[bytes]) -> str:
    """Ask until the host answers."""
    while process.poll() is None:
        with suppress(httpx.ConnectError):
            return httpx.get(url, timeout=60).text
        time.sleep(0.05)
    raise AssertionError(f"the host ended with {process.returncode}")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_host_that_is_started_without_standard_streams_serves(make_app: MakeApp, closed: str) -> None:
    """A daemon may close them; what is printed is lost, and nothing fails."""
    root = make_app({"function_app.py": APP.format(change=""), "host.json": '{"version": "2.0"}'})
    with started(root, closed) as (process, url):
        assert wait_for_response(f"{url}/api/say", process) == "fine"
        process.terminate()
        assert process.wait(60) == 0


def test_number_of_lines_that_a_pipe_did_not_take_is_on_standard_error(make_app: MakeApp, tmp_path: Path) -> None:
    """The host ends although nothing reads its log."""
    source = """
        import logging
        import azure.functions as func
        app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

        @app.route("talk")
        async def talk(req: func.HttpRequest) -> str:
            for _ in range(10_000):
                logging.info("a line that is not read")
            return "fine"
        """
    root = make_app({"function_app.py": textwrap.dedent(source), "host.json": '{"version": "2.0"}'})
    path = tmp_path / "errors"
    with path.open("wb") as errors, started(root, stdout=subprocess.PIPE, stderr=errors) as (process, url):
        assert wait_for_response(f"{url}/api/talk", process) == "fine"
        process.terminate()
        assert process.wait(60) == 0
    assert re.search(r"WARNING \d+ log lines were dropped, because they could not be written\.\n$", path.read_text())


@pytest.mark.parametrize(
    ("source", "flags", "text"),
    [
        ("raise ValueError('at import')", (), "function_app.py cannot be imported: ValueError: at import"),
        ("raise ValueError('at import')", ("--verbose",), "function_app.py cannot be imported: ValueError: at import"),
        ("", (), "Could not find top level function app instances"),
        ("", ("--cert", __file__), "cannot be used"),
    ],
)
def test_app_that_does_not_start_is_reported_in_json_where_the_log_is_json(
    make_app: MakeApp, source: str, flags: tuple[str, ...], text: str
) -> None:
    """What reads the log finds JSON lines only."""
    root = make_app({"function_app.py": f"print('printed')\n{source}\n", "host.json": '{"version": "2.0"}'})
    command = [sys.executable, "-m", "hosting", "start", str(root), "--port", "0", "--log-format", "json", *flags]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60, check=False)
    assert done.returncode == 1
    *_, last = [json.loads(line) for line in f"{done.stdout}{done.stderr}".splitlines()]
    assert (last["level"], last["category"]) == ("error", "Host.Start")
    assert text in last["message"]
    assert ("exception" in last) == ("--verbose" in flags)


def test_line_that_an_app_has_begun_to_print_is_written_when_the_host_ends(make_app: MakeApp, serve: Serve) -> None:
    """Also where lines are JSON."""
    source = "import sys\nprint('begun', end='', flush=True)\nsys.stderr.write('error')\n"
    files = {"function_app.py": source + APP.format(change=""), "host.json": '{"version": "2.0"}'}
    served = serve(make_app(files), "--log-format", "json")
    assert served.stop() == 0
    assert {"begun", "error"} <= {json.loads(line)["message"] for line in served.logs().splitlines()}
