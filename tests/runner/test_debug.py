"""``--debug``: a debugger attaches to the process that runs the functions, and stops in them."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest

from hosting._install import install_command
from tests.conftest import PATIENCE, MakeApp, Serve, launch
from tests.support.debugger import Debugger

RunHosting = Callable[..., "CompletedProcess[str]"]
CODE = """
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("sync/{name}")
def sync(req: func.HttpRequest) -> str:
    name = req.route_params["name"]
    return "hello " + name

@app.route("async/{name}")
async def async_(req: func.HttpRequest) -> str:
    name = req.route_params["name"]
    return "hello " + name
"""
APP = {"host.json": '{"version": "2.0"}', "function_app.py": CODE}
LINES = {"sync": 8, "async": 13}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_breakpoints(make_app: MakeApp, serve: Serve, kind: str) -> None:
    """A breakpoint in a function stops it, wherever it runs; variables are there to be seen, and it goes on."""
    app, port = make_app(APP), free_port()
    served = serve(app, "--debug", str(port))
    served.wait_for(rf"A debugger can attach to 127\.0\.0\.1:{port}\.")
    answers: list[httpx.Response] = []
    with Debugger(port) as debugger:
        debugger.attach(app / "function_app.py", LINES[kind])
        thread = threading.Thread(target=lambda: answers.append(served.get(f"/api/{kind}/Ada")))
        thread.start()
        assert debugger.evaluate_at_stop("name") == "'Ada'"
        thread.join(PATIENCE)
    assert answers[0].text == "hello Ada"
    assert served.stop() == 0


def test_waiting(make_app: MakeApp, tmp_path: Path) -> None:
    """With ``--wait-for-debugger`` the app is imported only once a debugger is there, and can be stopped in."""
    app, port = make_app({**APP, "function_app.py": "here = 1\n" + CODE}), free_port()
    served = launch(app, "--debug", str(port), "--wait-for-debugger", output=tmp_path / "output.txt")
    try:
        served.wait_for("Waiting for a debugger")
        with Debugger(port) as debugger:
            debugger.attach(app / "function_app.py", 3)
            assert debugger.evaluate_at_stop("here") == "1"
            served.wait_for("Listening on")
        assert served.stop() == 0
    finally:
        served.process.kill()
        served.wait()


def test_stopped_while_waiting(make_app: MakeApp, tmp_path: Path) -> None:
    """SIGTERM ends a host that waits for a debugger."""
    served = launch(make_app(APP), "--debug", str(free_port()), "--wait-for-debugger", output=tmp_path / "output.txt")
    served.wait_for("Waiting for a debugger")
    assert served.stop() == 0


def test_after_a_reload(make_app: MakeApp, serve: Serve) -> None:
    """With ``--reload`` the debugger can attach again to the process of the new code."""
    app, port = make_app(APP), free_port()
    served = serve(app, "--reload", "--debug", str(port))
    (app / "function_app.py").write_text("\n" + CODE)
    served.wait_for(r"(?s)Restarting.*Listening on")
    with Debugger(port) as debugger:
        debugger.attach(app / "function_app.py", LINES["sync"] + 1)


def test_port_in_use(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """A debug port that is taken is told in a sentence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_hosting("start", make_app(APP), "--port", "0", "--debug", port)
    assert done.returncode == 1
    assert f"Debug port {port} is unavailable" in done.stderr
    assert "--debug PORT" in done.stderr


def test_without_debugpy(make_app: MakeApp, run_hosting: RunHosting, tmp_path: Path) -> None:
    """Where debugpy is not installed the message says what to install."""
    (tmp_path / "debugpy.py").write_text("raise ModuleNotFoundError(\"No module named 'debugpy'\", name='debugpy')\n")
    path = f"{tmp_path}:{Path(__file__).parents[2]}"
    done = run_hosting("start", make_app(APP), "--port", "0", "--debug", env={"PYTHONPATH": path})
    assert (done.returncode, install_command("hosting", "debug") in done.stderr) == (1, True)


def test_a_folder_after_the_flag(run_hosting: RunHosting, tmp_path: Path) -> None:
    """``--debug`` without a port leaves the folder that follows it alone."""
    done = run_hosting("start", "--debug", tmp_path / "nothing")
    assert re.search(r"folder \S+/nothing", done.stderr)
    assert run_hosting("start", "--debug", "70000", tmp_path).returncode == 2
