"""A trigger that somebody else's package brings: installed as a wheel beside the host's, and served."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest

from tests.docs.pages import blocks
from tests.support.installation import Installation, build, fresh
from tests.support.processes import PATIENCE, ROOT, Running, environment, hosting_start

EXAMPLE = ROOT / "examples" / "file_watcher_trigger"
MODULE = EXAMPLE / "src" / "hosting_file_trigger" / "__init__.py"

SLOWLY = "    import time; print('begun', flush=True); time.sleep(60)\n    logging"

Start = Callable[[Path], AbstractContextManager[Running]]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A fresh environment with the wheels of the host and of the trigger."""
    directory = tmp_path_factory.mktemp("dist")
    build(directory, ROOT, EXAMPLE)
    installed = fresh(tmp_path_factory.mktemp("installation"))
    (host,), (trigger,) = directory.glob("hosting-*.whl"), directory.glob("hosting_file_trigger-*.whl")
    installed.install(f"{host}[host]", str(trigger))
    return installed


@pytest.fixture
def start(installation: Installation, tmp_path: Path) -> Start:
    """Serve an app with the installed command, each time with the state that the time before left."""
    command = (str(installation.scripts / "hosting"),)
    environ = environment(XDG_STATE_HOME=str(tmp_path / "state"))
    numbers = iter(range(100))

    def serve(app: Path) -> AbstractContextManager[Running]:
        output = tmp_path / f"host{next(numbers)}.log"
        return hosting_start(app, output, command=command, environ=environ, cwd=tmp_path)

    return serve


def an_app(tmp_path: Path, name: str = "app") -> Path:
    return Path(shutil.copytree(EXAMPLE / name, tmp_path / name))


def wait_for(host: Running, text: str, count: int = 1) -> None:
    """Wait until the host has printed ``text`` so many times."""
    deadline = time.monotonic() + PATIENCE
    while host.printed().count(text) < count:
        assert time.monotonic() < deadline, host.printed()
        time.sleep(0.02)


def put(file: Path, text: str) -> None:
    """Put a whole file into place at once."""
    part = file.parent.parent / "part"
    part.write_text(text)
    part.replace(file)


def test_files_run_the_function(start: Start, tmp_path: Path) -> None:
    """A file that was there before runs the function, and so does each that comes or changes, once for each version."""
    app = an_app(tmp_path)
    with start(app) as host:
        wait_for(host, "hello.txt has 2 lines")
        put(app / "inbox" / "more.txt", "one\n")
        wait_for(host, "more.txt has 1 lines")
        put(app / "inbox" / "more.txt", "one\ntwo\nthree\n")
        wait_for(host, "more.txt has 3 lines")
        printed = host.printed()
    assert "count_lines: fileTrigger" in printed
    assert "Executing 'Functions.count_lines' (Reason='New file detected: 'hello.txt'.', Id=" in printed
    assert printed.count(" has 2 lines") == printed.count(" has 1 lines") == printed.count(" has 3 lines") == 1


def test_a_restart_reads_what_is_new(start: Start, tmp_path: Path) -> None:
    """After a restart only those files run the function that came meanwhile."""
    app = an_app(tmp_path)
    with start(app) as host:
        wait_for(host, "Executed 'Functions.count_lines' (Succeeded")
    put(app / "inbox" / "more.txt", "one\n")
    with start(app) as host:
        wait_for(host, "more.txt has 1 lines")
        assert "hello.txt" not in host.printed()


def test_a_failure_is_tried_again_by_the_next_start(start: Start, tmp_path: Path) -> None:
    """A file that the function failed for is not forgotten."""
    app = an_app(tmp_path)
    put(app / "inbox" / "broken.txt", "")
    (app / "inbox" / "broken.txt").write_bytes(b"\xff")
    for _ in range(2):
        with start(app) as host:
            wait_for(host, "Executed 'Functions.count_lines' (Failed")
            assert "UnicodeDecodeError" in host.printed()


def test_nothing_is_lost_when_the_host_is_killed(start: Start, installation: Installation, tmp_path: Path) -> None:
    """A file that was being read when the host was killed is read again."""
    app = an_app(tmp_path)
    quick = (app / "function_app.py").read_text()
    (app / "function_app.py").write_text(quick.replace("    logging", SLOWLY))
    command = [str(installation.scripts / "hosting"), "start", str(app), "--port", "0"]
    environ = environment(XDG_STATE_HOME=str(tmp_path / "state"))
    with subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("begun" in line for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    (app / "function_app.py").write_text(quick)
    with start(app) as host:
        wait_for(host, "hello.txt has 2 lines")


def test_one_host_watches(start: Start, tmp_path: Path) -> None:
    """Of two hosts of an app one runs the function for a file; when it ends, the other one does."""
    app = an_app(tmp_path)
    with ExitStack() as stack:
        with start(app) as watching:
            wait_for(watching, "hello.txt has 2 lines")
            waiting = stack.enter_context(start(app))
            put(app / "inbox" / "more.txt", "one\n")
            wait_for(watching, "more.txt has 1 lines")
            assert " has " not in waiting.printed()
        put(app / "inbox" / "last.txt", "one\n")
        wait_for(waiting, "last.txt has 1 lines")
        assert "more.txt" not in waiting.printed()


def test_by_hand(start: Start, tmp_path: Path) -> None:
    """A person can run the function for a file."""
    app = an_app(tmp_path)
    with start(app) as host:
        wait_for(host, "hello.txt has 2 lines")
        answer = httpx.post(f"{host.url}/admin/functions/count_lines", json={"input": "hello.txt"})
        assert answer.status_code == 202
        wait_for(host, "hello.txt has 2 lines", 2)


def test_function_json(start: Start, tmp_path: Path) -> None:
    """An app with function.json uses it the same way, and may ask for the text of the file."""
    with start(an_app(tmp_path, "app_v1")) as host:
        wait_for(host, "2 lines came in")


def test_a_missing_path_is_told(start: Start, tmp_path: Path) -> None:
    """A function without a path is in error, with a sentence, and the host runs."""
    app = an_app(tmp_path)
    code = app / "function_app.py"
    code.write_text(code.read_text().replace(', path="inbox"', ""))
    with start(app) as host:
        wait_for(host, "Function 'count_lines': its fileTrigger has no path.")


def test_the_tutorial_builds_this_example() -> None:
    """What a reader of the tutorial writes is what is tested here."""
    page = {block.file: block.text for block in blocks(ROOT / "docs" / "tutorial" / "first-trigger.md")}
    package = "hosting-file-trigger"
    assert page[f"{package}/src/hosting_file_trigger/__init__.py"] == MODULE.read_text()
    assert page["app/function_app.py"] == (EXAMPLE / "app" / "function_app.py").read_text()
