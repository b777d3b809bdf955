"""``breakpoint()`` in the terminal of ``hosting start``."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from bdb import BdbQuit
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import httpx
import pytest

if sys.platform != "win32":
    import termios

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

@app.route("pdb")
def pdb_(req: func.HttpRequest) -> str:
    import pdb
    value = 1
    pdb.set_trace()
    return f"value {value}"
"""
AT_IMPORT = "import pdb\nvalue = 1\npdb.set_trace()\n" + CODE


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


class Interrupted(io.StringIO):
    """A terminal at which the user presses Ctrl-C."""

    def readline(self, *_args: object) -> NoReturn:
        raise KeyboardInterrupt


@pytest.mark.parametrize("commands", [Interrupted(), io.StringIO("quit\n"), io.StringIO("")])
def test_ctrl_c_and_quit_end_an_import(commands: io.StringIO) -> None:
    """No server handles Ctrl-C yet, so that it raises; Pdb itself would show its prompt again."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    def debug() -> None:
        HostDebugger(interrupt, stdin=commands, stdout=io.StringIO()).set_trace()
        raise AssertionError("not reached")

    outcome: list[object] = []

    def run() -> None:
        try:
            debug()
        except BaseException as error:
            outcome.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert outcome == [KeyboardInterrupt]


@pytest.mark.parametrize("imported", ["before", "after", "replaced"])
def test_set_trace_of_pdb_opens_the_hosts_debugger(imported: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether pdb was imported before or is imported later; what another tool has put in its place stays."""
    opened: list[object] = []
    monkeypatch.setattr(HostDebugger, "set_trace", lambda self, frame: opened.append(frame.f_code.co_name))
    monkeypatch.setattr(HostDebugger, "message", lambda self, text: opened.append(text))
    monkeypatch.setattr(sys, "breakpointhook", sys.__breakpointhook__)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, "pdb")
    finders = list(sys.meta_path)
    if imported == "after":
        install_breakpoint_hook()
        install_breakpoint_hook()
        assert len(sys.meta_path) == len(finders) + 1
    pdb = importlib.import_module("pdb")
    if imported == "replaced":
        monkeypatch.setattr(pdb, "set_trace", lambda **options: opened.append("another"))
    if imported != "after":
        install_breakpoint_hook()
    assert sys.meta_path == finders
    pdb.set_trace(header="see")
    own = "test_set_trace_of_pdb_opens_the_hosts_debugger"
    assert opened == (["another"] if imported == "replaced" else ["see", own])


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
    [("async", "continue", ()), ("sync", "continue", ()), ("async", "quit", ("--reload",)), ("pdb", "quit", ())],
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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
@pytest.mark.parametrize(
    ("code", "function", "keys"),
    [(CODE, "async", b"\x03"), (AT_IMPORT, "", b"\x03")],
    ids=["Ctrl-C in an async function", "Ctrl-C at import"],
)
def test_terminal_is_as_before_after_the_prompt_of_a_debugger(
    code: str, function: str, keys: bytes, make_app: MakeApp
) -> None:
    """The debugger's prompt changes it; a host that ends meanwhile exits with 130 and changes it back."""
    app = make_app({"host.json": '{"version": "2.0"}', "function_app.py": code})
    host, terminal = os.openpty()
    before = termios.tcgetattr(terminal)
    with reserved_port() as port, socket.socket() as caller:
        command = [sys.executable, "-c", IN_TERMINAL, os.ttyname(terminal), str(app), "--port", str(port)]
        with subprocess.Popen(command, start_new_session=True, env=clean_environment({"TERM": "dumb"})) as process:
            try:
                if function:
                    _read_until(host, b"Listening on")
                    caller.connect(("127.0.0.1", port))
                    caller.sendall(f"GET /api/{function} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                _read_until(host, b"(Pdb) ")
                _wait_until(lambda: termios.tcgetattr(terminal) != before)
                _press_until_it_ends(host, keys, process)
                assert process.returncode == 130
            finally:
                process.kill()
    after = termios.tcgetattr(terminal)
    os.close(host)
    os.close(terminal)
    assert after == before


def _press_until_it_ends(host: int, keys: bytes, process: subprocess.Popen[bytes]) -> None:
    """Press keys, again if they came before the prompt waited for them: then Python does not notice them."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        os.write(host, keys)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


IN_TERMINAL = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background processes, and their children, ignore it
terminal = os.open(sys.argv.pop(1), os.O_RDWR)  # a session's first terminal is the one that Ctrl-C comes from
for descriptor in range(3):
    os.dup2(terminal, descriptor)
os.execv(sys.executable, [sys.executable, "-m", "hosting", "start", *sys.argv[1:]])
"""


def _read_until(terminal: int, mark: bytes) -> None:
    output, end = b"", time.monotonic() + PATIENCE
    while mark not in output:
        assert select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0], output.decode()
        output += os.read(terminal, 4096)


def _wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def _wait_for(condition: Callable[[], bool], output: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, output.read_text()
        time.sleep(0.02)
