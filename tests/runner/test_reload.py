"""``--reload``: an edit is served without a refused request; a broken one is reported until it is fixed."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx
import pytest

from hosting.runner.reload import Watcher, is_watched
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
        ("tests.py", True),
        ("testing/code.py", True),
        ("contest.py", True),
        ("venv.py", True),
        ("test_app.py", False),
        ("shared/conftest.py", False),
        (".#function_app.py", False),
        ("#function_app.py", False),
        ("flycheck_function_app.py", False),
        (".function_app.py", False),
        ("function_app.py.swp", False),
        ("function_app.py~", False),
        ("function_app.py___jb_tmp___", False),
        (".pytest_cache/v/cache.py", False),
        ("shared/__pycache__/code.py", False),
        (".venv/lib/code.py", False),
        ("venv/lib/code.py", False),
        ("node_modules/gyp/setup.py", False),
        (".git/hooks/x.py", False),
        (".python_packages/lib/site-packages/x.py", False),
        (".ruff_cache/x.py", False),
        (".vscode/host.json", False),
    ],
)
def test_watched_files_are_code_settings_bindings_and_requirements(path: str, expected: bool) -> None:
    """Code, settings, bindings and requirements are watched, and nothing else."""
    assert is_watched(Path(path)) is expected


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], list[str]]]]:
    """A watched folder below folders with ignored names, and a function that returns the next reported files."""
    root = tmp_path / "tests" / ".venv" / "shop"
    root.mkdir(parents=True)
    reported: SimpleQueue[list[str]] = SimpleQueue()
    watcher = Watcher(root, reported.put)
    try:
        yield root, lambda: reported.get(timeout=PATIENCE)
    finally:
        watcher.close()


def _touch_until_reported(file: Path, following: Callable[[], list[str]], reported: list[str]) -> None:
    """Write a file until the watcher, which takes some time to begin, reports it."""
    ended = threading.Event()

    def touch() -> None:
        while not ended.wait(0.05):
            file.write_text(f"# {time.monotonic()}")

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        assert {*reported} <= {*following()}
    finally:
        ended.set()
        thread.join()


def test_only_files_of_the_app_are_reported_wherever_its_folder_is(
    watched: tuple[Path, Callable[[], list[str]]],
) -> None:
    """The names of folders above the app do not count; tests do not, but a v1 function may be called test."""
    root, following = watched
    for folder in ("tests", "test"):
        (root / folder).mkdir()
    (root / "test" / "function.json").write_text("{}")
    _touch_until_reported(root / "host.json", following, ["host.json"])
    for name in ("tests/code.py", "tests/host.json", "test_app.py", "notes.md", "test/__init__.py"):
        (root / name).write_text("")
    (root / "zz.py").write_text("")
    found = set()
    while "zz.py" not in found:
        found |= {*following()}
    assert found - {"host.json"} <= {str(Path("test", "__init__.py")), str(Path("test", "function.json")), "zz.py"}
    assert str(Path("test", "__init__.py")) in found


def test_folder_that_is_removed_and_made_again_is_watched_again(
    watched: tuple[Path, Callable[[], list[str]]],
) -> None:
    """A checkout of another branch, or a build, may replace the whole folder."""
    root, following = watched
    _touch_until_reported(root / "function_app.py", following, ["function_app.py"])
    shutil.rmtree(root)
    root.mkdir()
    found = following()
    while found != ["shop/"]:
        assert found == ["function_app.py"]
        found = following()
    _touch_until_reported(root / "shared.py", following, ["shared.py"])


def test_error_while_watching_is_logged_once_and_watching_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder without read permission is left out; an error of the whole watching is no reason for a reload."""
    calls: list[dict[str, Any]] = []
    reported: SimpleQueue[list[str]] = SimpleQueue()

    def watch(root: Path, **options: Any) -> Iterator[set[tuple[int, str]]]:
        calls.append(options)
        if len(calls) < 3:
            raise PermissionError(13, "Permission denied")
        yield {(1, str(root / "code.py"))}
        options["stop_event"].wait()

    monkeypatch.setattr("watchfiles.watch", watch)
    monkeypatch.setattr("hosting.runner.reload._RETRY_SECONDS", 0.01)
    watcher = Watcher(tmp_path, reported.put)
    try:
        found = reported.get(timeout=PATIENCE)
    finally:
        watcher.close()
    assert found == ["code.py"]
    assert all(options["ignore_permission_denied"] for options in calls)
    assert caplog.text.count("--reload cannot watch") == 1
