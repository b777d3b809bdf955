"""``--debug``: a debugger attaches to the process that runs the functions, and stops in them."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest

from hosting._install import install_command
from tests.conftest import PATIENCE, MakeApp, Serve, launch
from tests.support.debugger import Debugger
from tests.support.ports import reserved_port

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


@pytest.fixture
def port() -> Iterator[int]:
    """A port for the debugger."""
    with reserved_port() as port:
        yield port


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_breakpoint_in_a_function_stops_it(make_app: MakeApp, serve: Serve, port: int, kind: str) -> None:
    """A breakpoint in a function stops it in its thread or on the loop; variables can be read, and it continues."""
    app = make_app(APP)
    server = serve(app, "--debug", str(port))
    server.wait_for(rf"A debugger can attach to 127\.0\.0\.1:{port}\.")
    responses: list[httpx.Response] = []
    with Debugger(port) as debugger:
        debugger.attach(app / "function_app.py", LINES[kind])
        thread = threading.Thread(target=lambda: responses.append(server.get(f"/api/{kind}/Ada")))
        thread.start()
        assert debugger.evaluate_at_stop("name") == "'Ada'"
        thread.join(PATIENCE)
    assert responses[0].text == "hello Ada"
    assert server.stop() == 0


def test_wait_for_debugger_delays_the_import_of_the_app(make_app: MakeApp, port: int, tmp_path: Path) -> None:
    """With ``--wait-for-debugger`` the app is imported once a debugger has attached, and can be stopped there."""
    app = make_app({**APP, "function_app.py": "here = 1\n" + CODE})
    server = launch(app, "--debug", str(port), "--wait-for-debugger", output=tmp_path / "output.txt")
    try:
        server.wait_for("Waiting for a debugger")
        with Debugger(port) as debugger:
            debugger.attach(app / "function_app.py", 3)
            assert debugger.evaluate_at_stop("here") == "1"
            server.wait_for("Listening on")
        assert server.stop() == 0
    finally:
        server.process.kill()
        server.wait()


def test_host_that_waits_for_a_debugger_ends_at_sigterm(make_app: MakeApp, port: int, tmp_path: Path) -> None:
    """SIGTERM ends a host that waits for a debugger."""
    server = launch(make_app(APP), "--debug", str(port), "--wait-for-debugger", output=tmp_path / "output.txt")
    server.wait_for("Waiting for a debugger")
    assert server.stop() == 0


def test_debugger_attaches_again_after_a_reload(make_app: MakeApp, serve: Serve, port: int) -> None:
    """With ``--reload`` the debugger can attach again to the process of the new code."""
    app = make_app(APP)
    server = serve(app, "--reload", "--debug", str(port))
    (app / "function_app.py").write_text("\n" + CODE)
    server.wait_for(r"(?s)Restarting.*Listening on")
    with Debugger(port) as debugger:
        debugger.attach(app / "function_app.py", LINES["sync"] + 1)


def test_debug_port_in_use_is_an_error_with_a_remedy(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """A debug port in use is reported in one sentence."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        result = run_hosting("start", make_app(APP), "--port", "0", "--debug", port)
    assert result.returncode == 1
    assert f"Debug port {port} is unavailable" in result.stderr
    assert "--debug PORT" in result.stderr


def test_debug_without_debugpy_names_the_installation(
    make_app: MakeApp, run_hosting: RunHosting, tmp_path: Path
) -> None:
    """Without debugpy the message says what to install."""
    (tmp_path / "debugpy.py").write_text("raise ModuleNotFoundError(\"No module named 'debugpy'\", name='debugpy')\n")
    path = f"{tmp_path}:{Path(__file__).parents[2]}"
    result = run_hosting("start", make_app(APP), "--port", "0", "--debug", env={"PYTHONPATH": path})
    assert (result.returncode, install_command("hosting", "debug") in result.stderr) == (1, True)


def test_folder_after_debug_is_not_its_port(run_hosting: RunHosting, tmp_path: Path) -> None:
    """``--debug`` without a port does not consume the folder that follows it."""
    result = run_hosting("start", "--debug", tmp_path / "nothing")
    assert re.search(r"folder \S+/nothing", result.stderr)
    assert run_hosting("start", "--debug", "70000", tmp_path).returncode == 2
