"""``--reload``: an edit is served without a refused request; a broken one is reported until it is fixed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from hosting.runner.reload import is_watched
from tests.conftest import PATIENCE, MakeApp, Serve, Served

CODE = """
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("answer")
def answer(req: func.HttpRequest) -> str:
    return "%s"
"""
APP = {"host.json": '{"version": "2.0"}', "function_app.py": CODE % "one"}


def until(server: Served, is_expected: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Send requests until a response is as expected, and return it; no request may be refused."""
    end = time.monotonic() + PATIENCE
    while True:
        response = server.get("/api/answer")
        if is_expected(response):
            return response
        assert time.monotonic() < end, f"{response} {response.text!r}\n{server.logs()}"
        time.sleep(0.05)


def test_edit_is_served_without_a_refused_request(make_app: MakeApp, serve: Serve) -> None:
    """After an edit the new code responds; every request meanwhile has a response of the old or the new code."""
    app = make_app(APP)
    server = serve(app, "--reload")
    assert server.get("/api/answer").text == "one"
    texts: list[str] = []
    ended = threading.Event()

    def send_requests() -> None:
        while not ended.is_set():
            texts.append(server.get("/api/answer").text)

    thread = threading.Thread(target=send_requests)
    thread.start()
    try:
        while "one" not in texts:
            time.sleep(0.01)
        (app / "function_app.py").write_text(CODE % "two")
        until(server, lambda response: response.text == "two")
        while "two" not in texts:
            time.sleep(0.01)
    finally:
        ended.set()
        thread.join()
    assert set(texts) == {"one", "two"}
    assert "Restarting: function_app.py changed." in server.logs()
    assert "change detected" not in server.logs()
    assert server.stop() == 0


def test_broken_edit_is_503_until_the_next_good_one(make_app: MakeApp, serve: Serve) -> None:
    """An edit that breaks the app is reported on the terminal and by 503; the next good one is served."""
    app = make_app(APP)
    server = serve(app, "--reload")
    (app / "function_app.py").write_text("import nothing_like_this\n")
    broken = until(server, lambda response: response.status_code == 503)
    assert broken.text.startswith("The function app does not load.")
    assert "nothing_like_this" not in broken.text
    server.wait_for(r"function_app\.py:1: .*nothing_like_this")
    (app / "function_app.py").write_text(CODE % "fixed")
    assert until(server, lambda response: response.status_code == 200).text == "fixed"
    assert "Traceback" not in server.logs()
    assert server.stop() == 0


@pytest.mark.parametrize("broken", [{"host.json": "{"}, {"function_app.py": "raise SystemExit(5)"}])
def test_app_that_is_broken_after_the_start_is_503_until_it_is_fixed(
    make_app: MakeApp, serve: Serve, broken: dict[str, str]
) -> None:
    """The host keeps running while the app does not load."""
    app = make_app(APP)
    server = serve(app, "--reload")
    for name, content in broken.items():
        (app / name).write_text(content)
    until(server, lambda response: response.status_code == 503)
    for name in broken:
        (app / name).write_text(APP[name])
    assert until(server, lambda response: response.status_code == 200).text == "one"


def slow_request(server: Served) -> bytes:
    """Return the status line of a request that is sent some time after its connection."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        time.sleep(0.1)
        client.sendall(b"GET /api/answer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return client.recv(4096).partition(b"\r\n")[0]


def test_connection_during_the_recovery_of_an_app_is_answered(make_app: MakeApp, serve: Serve) -> None:
    """A client that connected while the app was broken has a response when the fixed app takes over."""
    app = make_app(APP)
    server = serve(app, "--reload")
    (app / "function_app.py").write_text("import nothing_like_this\n")
    until(server, lambda response: response.status_code == 503)
    (app / "function_app.py").write_text(CODE % "fixed")
    statuses = [slow_request(server)]
    while b"200" not in statuses[-1]:
        statuses.append(slow_request(server))
    assert all(status.split()[1] in (b"503", b"200") for status in statuses)
    assert server.stop() == 0


def test_failing_startup_hook_is_503_until_it_is_fixed(make_app: MakeApp, serve: Serve) -> None:
    """A failing ``startup`` hook is reported and answered with 503 until it is fixed, like any broken edit."""
    packages = ".python_packages/lib/site-packages"
    late = """
import hosting, os

class Late:
    @hosting.hookimpl
    def startup(self):
        if os.environ["LATE"] == "1":
            raise ValueError("too late")
"""
    extension = {
        f"{packages}/late.py": late,
        f"{packages}/late-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: late\nVersion: 1.0\n",
        f"{packages}/late-1.0.dist-info/entry_points.txt": "[hosting]\nlate = late:Late\n",
    }
    settings = '{"Values": {"LATE": "%s"}}'
    app = make_app({**APP, **extension, "local.settings.json": settings % 0})
    server = serve(app, "--reload", "--strict", env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    (app / "local.settings.json").write_text(settings % 1)
    broken = until(server, lambda response: response.status_code == 503)
    assert broken.text.startswith("The function app does not load.")
    server.wait_for("Extension 'late' .*too late")
    (app / "local.settings.json").write_text(settings % 0)
    assert until(server, lambda response: response.status_code == 200).text == "one"
    assert server.stop() == 0


def test_app_that_ends_its_process_on_import_is_503_with_the_exit_code(make_app: MakeApp, serve: Serve) -> None:
    """Code that ends its process on import is reported with the exit code until it changes."""
    app = make_app(APP)
    server = serve(app, "--reload")
    (app / "function_app.py").write_text("import os\nos._exit(7)\n")
    broken = until(server, lambda response: response.status_code == 503)
    assert broken.text == "The function app ended its process with code 7 while it was loaded.\n"
    (app / "function_app.py").write_text(CODE % "fixed")
    assert until(server, lambda response: response.status_code == 200).text == "fixed"


def test_changed_local_settings_are_read_again(make_app: MakeApp, serve: Serve) -> None:
    """A change of local.settings.json reaches the code, which reads it from the environment."""
    code = CODE.replace('return "%s"', 'import os; return os.environ["GREETING"]')
    app = make_app({**APP, "function_app.py": code, "local.settings.json": '{"Values": {"GREETING": "hi"}}'})
    server = serve(app, "--reload")
    assert server.get("/api/answer").text == "hi"
    (app / "local.settings.json").write_text('{"Values": {"GREETING": "hello"}}')
    until(server, lambda response: response.text == "hello")


def test_change_of_another_file_does_not_restart(make_app: MakeApp, serve: Serve) -> None:
    """Files that the app writes next to its code do not restart it."""
    app = make_app(APP)
    server = serve(app, "--reload")
    (app / "data.json").write_text("{}")
    (app / ".venv").mkdir()
    (app / ".venv" / "module.py").write_text("")
    (app / "shared.py").write_text("")
    server.wait_for(r"Restarting: shared\.py changed\.")
    assert server.logs().count("Restarting") == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("function_app.py", True),
        ("shared/code.py", True),
        ("host.json", True),
        ("local.settings.json", True),
        ("HttpTrigger/function.json", True),
        ("requirements.txt", True),
        ("requirements-dev.txt", True),
        ("data.json", False),
        ("notes.txt", False),
        ("code.pyc", False),
    ],
)
def test_watched_files_are_code_settings_bindings_and_requirements(path: str, expected: bool) -> None:
    """Code, settings, bindings and requirements are watched, and nothing else."""
    assert is_watched(Path(path)) is expected
