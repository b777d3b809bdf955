"""``breakpoint()`` in the terminal of ``hosting start``."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
import time
from bdb import BdbQuit
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from hosting.runner.breakpoints import HostDebugger
from hosting.runner.debugger import install_breakpoint_hook
from tests.conftest import PATIENCE, MakeApp, clean_environment
from tests.support.ports import reserved_port

CODE = """
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("sync")
def sync(req: func.HttpRequest) -> str:
    value = 1
    breakpoint()
    return f"value {value}"

@app.route("async")
async def async_(req: func.HttpRequest) -> str:
    value = 1
    breakpoint()
    return f"value {value}"
"""


def _debugged(commands: str, ended: list[str]) -> list[object]:
    """Debug a function with commands, in a thread of its own, whose tracing it may change; return what it did."""
    outcome: list[object] = []

    def run() -> None:
        debugger = HostDebugger(lambda: ended.append("end"), stdin=io.StringIO(commands), stdout=io.StringIO())
        try:
            debugger.set_trace()
            outcome.append("went on")
        except BdbQuit as error:
            outcome.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome


@pytest.mark.parametrize(
    ("commands", "outcome", "ended"),
    [
        ("continue\n", "went on", []),
        ("quit\n", BdbQuit, ["end"]),
        ("q\n", BdbQuit, ["end"]),
        ("exit\n", BdbQuit, ["end"]),
        ("", BdbQuit, ["end"]),
    ],
)
def test_quitting_the_debugger_ends_the_host(commands: str, outcome: object, ended: list[str]) -> None:
    """However it is quit: a command, or the end of the input."""
    calls: list[str] = []
    assert _debugged(commands, calls) == [outcome]
    assert calls == ended


@pytest.mark.parametrize("variable", ["", "pdb.set_trace", None, "app_debugger.start", "0"])
def test_other_debugger_is_used_if_the_app_or_the_environment_names_it(
    variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONBREAKPOINT is read at each call, since local.settings.json may set it; a hook of the app stays."""
    started: list[str] = []
    other = ModuleType("app_debugger")
    other.start = lambda: started.append("app_debugger.start")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app_debugger", other)
    monkeypatch.setattr(HostDebugger, "set_trace", lambda self, frame: started.append(frame.f_code.co_name))
    monkeypatch.setattr(sys, "breakpointhook", sys.__breakpointhook__)
    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    install_breakpoint_hook()
    if variable is not None:
        monkeypatch.setenv("PYTHONBREAKPOINT", variable)
    breakpoint()  # noqa: T100 - what is tested
    own = "test_other_debugger_is_used_if_the_app_or_the_environment_names_it"
    assert started == {"0": [], "app_debugger.start": ["app_debugger.start"]}.get(str(variable), [own])
    monkeypatch.setattr(sys, "breakpointhook", started.clear)
    install_breakpoint_hook()
    assert sys.breakpointhook == started.clear


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "commands", "options"),
    [("async", "continue", ()), ("sync", "continue", ()), ("async", "quit", ("--reload",)), ("sync", "quit", ())],
)
def test_host_ends_after_a_breakpoint(
    function: str, commands: str, options: tuple[str, ...], make_app: MakeApp, tmp_path: Path
) -> None:
    """With Ctrl-C after the debugger has continued, and by itself after the user has quit it."""
    app, output = make_app({"host.json": '{"version": "2.0"}', "function_app.py": CODE}), tmp_path / "output"
    with reserved_port() as port, output.open("wb") as stream:
        command = [sys.executable, "-u", "-m", "hosting", "start", str(app), "--port", str(port), *options]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=stream, stderr=stream, env=clean_environment({"COLUMNS": "80"})
        ) as process:
            _wait_for(lambda: b"Listening on" in output.read_bytes(), output)
            assert process.stdin is not None
            process.stdin.write(f"p value + 41\n{commands}\n".encode())
            process.stdin.flush()
            try:
                response = httpx.get(f"http://127.0.0.1:{port}/api/{function}", timeout=PATIENCE)
            except httpx.TransportError:
                assert commands == "quit"
            else:
                assert response.text == ("value 1" if commands == "continue" else "")
            if commands == "continue":
                process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
    assert b"42" in output.read_bytes()


def _wait_for(condition: Callable[[], bool], output: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, output.read_text()
        time.sleep(0.02)
