"""``--reload``: an edit is served without a request being refused, and a broken one is told and waited out."""

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


def until(served: Served, fits: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Ask until the answer fits; every request is to be answered."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = served.get("/api/answer")
        if fits(answer):
            return answer
        assert time.monotonic() < end, f"{answer} {answer.text!r}\n{served.logs()}"
        time.sleep(0.05)


def test_an_edit_is_served(make_app: MakeApp, serve: Serve) -> None:
    """After an edit the new code answers; every request on the way gets an answer, from the old code or the new."""
    app = make_app(APP)
    served = serve(app, "--reload")
    assert served.get("/api/answer").text == "one"
    answers: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(served.get("/api/answer").text)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        while "one" not in answers:
            time.sleep(0.01)
        (app / "function_app.py").write_text(CODE % "two")
        until(served, lambda answer: answer.text == "two")
        while "two" not in answers:
            time.sleep(0.01)
    finally:
        done.set()
        thread.join()
    assert set(answers) == {"one", "two"}
    assert "Restarting: function_app.py changed." in served.logs()
    assert "change detected" not in served.logs()
    assert served.stop() == 0


def test_a_broken_edit_is_waited_out(make_app: MakeApp, serve: Serve) -> None:
    """An edit that breaks the app is told on the terminal and by 503; the next good one is served."""
    app = make_app(APP)
    served = serve(app, "--reload")
    (app / "function_app.py").write_text("import nothing_like_this\n")
    broken = until(served, lambda answer: answer.status_code == 503)
    assert broken.text.startswith("The function app does not load.")
    assert "nothing_like_this" not in broken.text
    served.wait_for(r"function_app\.py:1: .*nothing_like_this")
    (app / "function_app.py").write_text(CODE % "mended")
    assert until(served, lambda answer: answer.status_code == 200).text == "mended"
    assert "Traceback" not in served.logs()
    assert served.stop() == 0


@pytest.mark.parametrize("broken", [{"host.json": "{"}, {"function_app.py": "raise SystemExit(5)"}])
def test_an_app_that_is_broken_from_the_start(make_app: MakeApp, serve: Serve, broken: dict[str, str]) -> None:
    """The host stays up too where the app does not load to begin with."""
    app = make_app(APP)
    served = serve(app, "--reload")
    for name, content in broken.items():
        (app / name).write_text(content)
    until(served, lambda answer: answer.status_code == 503)
    for name in broken:
        (app / name).write_text(APP[name])
    assert until(served, lambda answer: answer.status_code == 200).text == "one"


def slow_request(served: Served) -> bytes:
    """The status line that a client gets who asks only some time after it has connected."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        time.sleep(0.1)
        client.sendall(b"GET /api/answer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return client.recv(4096).partition(b"\r\n")[0]


def test_a_mended_edit_sends_nobody_away(make_app: MakeApp, serve: Serve) -> None:
    """Who has connected to the stand-in and asks while the mended app takes over is answered too."""
    app = make_app(APP)
    served = serve(app, "--reload")
    (app / "function_app.py").write_text("import nothing_like_this\n")
    until(served, lambda answer: answer.status_code == 503)
    (app / "function_app.py").write_text(CODE % "mended")
    statuses = [slow_request(served)]
    while b"200" not in statuses[-1]:
        statuses.append(slow_request(served))
    assert all(status.split()[1] in (b"503", b"200") for status in statuses)
    assert served.stop() == 0


def test_an_app_that_loads_but_does_not_start(make_app: MakeApp, serve: Serve) -> None:
    """A failing ``startup`` hook is told as it is, answered for by 503, and waited out like any broken edit."""
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
    served = serve(app, "--reload", "--strict", env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    (app / "local.settings.json").write_text(settings % 1)
    broken = until(served, lambda answer: answer.status_code == 503)
    assert broken.text.startswith("The function app does not load.")
    served.wait_for("Extension 'late' .*too late")
    (app / "local.settings.json").write_text(settings % 0)
    assert until(served, lambda answer: answer.status_code == 200).text == "one"
    assert served.stop() == 0


def test_a_process_that_ends_while_it_loads(make_app: MakeApp, serve: Serve) -> None:
    """Code that ends its process while it is imported is told with the exit code, and answered for until it changes."""
    app = make_app(APP)
    served = serve(app, "--reload")
    (app / "function_app.py").write_text("import os\nos._exit(7)\n")
    broken = until(served, lambda answer: answer.status_code == 503)
    assert broken.text == "The function app ended its process with code 7 while it was loaded.\n"
    (app / "function_app.py").write_text(CODE % "mended")
    assert until(served, lambda answer: answer.status_code == 200).text == "mended"


def test_settings_are_read_again(make_app: MakeApp, serve: Serve) -> None:
    """A change of local.settings.json reaches the code, which reads it from the environment."""
    code = CODE.replace('return "%s"', 'import os; return os.environ["GREETING"]')
    app = make_app({**APP, "function_app.py": code, "local.settings.json": '{"Values": {"GREETING": "hi"}}'})
    served = serve(app, "--reload")
    assert served.get("/api/answer").text == "hi"
    (app / "local.settings.json").write_text('{"Values": {"GREETING": "hello"}}')
    until(served, lambda answer: answer.text == "hello")


def test_other_files_do_not_matter(make_app: MakeApp, serve: Serve) -> None:
    """What the app writes beside its code restarts nothing."""
    app = make_app(APP)
    served = serve(app, "--reload")
    (app / "data.json").write_text("{}")
    (app / ".venv").mkdir()
    (app / ".venv" / "module.py").write_text("")
    (app / "shared.py").write_text("")
    served.wait_for(r"Restarting: shared\.py changed\.")
    assert served.logs().count("Restarting") == 1


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
def test_what_is_watched(path: str, expected: bool) -> None:
    """Code, settings, bindings and requirements are watched, and nothing else."""
    assert is_watched(Path(path)) is expected
