"""The command line: help, versions, wrong usage, diag."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import hosting
from tests.conftest import MakeApp, clean_environment

RunHosting = Callable[..., "CompletedProcess[str]"]
APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import os, sys
import azure.functions as func
print("noise")
os.write(1, b"more noise\\n")
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("Hello")
def Hello(req: func.HttpRequest) -> str:
    return "x"

@app.generic_trigger("thing", type="thingTrigger")
def Strange(thing) -> None: ...
""",
}


def test_help(run_hosting: RunHosting) -> None:
    """Help names the commands."""
    done = run_hosting("--help")
    assert done.returncode == 0
    assert "start" in done.stdout
    assert "diag" in done.stdout


def test_version(run_hosting: RunHosting) -> None:
    """The first line is the package's version."""
    assert run_hosting("--version").stdout.startswith(f"hosting {hosting.__version__}\n")


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["start", "--port", "x"], ["start", "--log-format", "xml"], ["diag", "--x"]]
)
def test_wrong_usage(run_hosting: RunHosting, arguments: list[str]) -> None:
    """Wrong usage ends with code 2 and says what is wrong."""
    done = run_hosting(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error" in done.stderr


def test_diag_json(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """``diag --json`` prints one document, whatever the app itself prints; problems of the app are in it."""
    done = run_hosting("diag", make_app(APP), "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert "noise" in done.stderr
    assert [function["name"] for function in document["functions"]] == ["Hello", "Strange"]
    problem = next(one for one in document["problems"] if one["severity"] == "error")
    assert set(problem) == {"severity", "message", "remedy"}
    assert "thingTrigger" in problem["message"]


def test_diag_for_people(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """Without ``--json`` there are tables, and the problems with what to do."""
    done = run_hosting("diag", make_app(APP), env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    assert done.returncode == 0
    for text in ("Extensions", "Functions", "Hello", "httpTrigger", "v2", "thingTrigger", "Install a package"):
        assert text in done.stdout


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_diag_of_a_broken_app(make_app: MakeApp, run_hosting: RunHosting, arguments: list[str]) -> None:
    """An app that does not load still gives a document, and code 1."""
    app = make_app({"function_app.py": "import nothing_like_this\n"})
    done = run_hosting("diag", app, *arguments)
    assert done.returncode == 1
    assert "nothing_like_this" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    if arguments:
        assert json.loads(done.stdout)["schema_version"] == 1


@pytest.mark.parametrize("command", ["start", "diag"])
def test_the_current_folder_is_the_app(run_hosting: RunHosting, command: str) -> None:
    """A command without anything after it looks for an app where it is."""
    done = run_hosting(command)
    assert done.returncode == 1
    assert "there is no function app in" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["start", "diag"])
def test_no_folder(run_hosting: RunHosting, command: str) -> None:
    """A folder that is not there is told in one message, code 1."""
    done = run_hosting(command, "/a/folder/that/is/not/there")
    assert done.returncode == 1
    assert "/a/folder/that/is/not/there" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_broken_app(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """``start`` says why an app does not load; with ``--verbose`` the author's traceback comes first."""
    app = make_app({"function_app.py": "import nothing_like_this\n", "host.json": '{"version": "2.0"}'})
    plain = run_hosting("start", app, "--port", "0")
    assert plain.returncode == 1
    assert "function_app.py" in plain.stderr
    assert "Traceback" not in plain.stderr
    verbose = run_hosting("start", app, "--port", "0", "--verbose")
    assert verbose.returncode == 1
    assert "Traceback" in verbose.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there a folder that a process is in cannot be deleted")
@pytest.mark.parametrize("command", ["start", "diag", "keys", "check", "new function hello"])
def test_a_deleted_folder(tmp_path: Path, command: str) -> None:
    """A command in a folder that is gone says so in one message, code 1."""
    gone = tmp_path / "gone"
    gone.mkdir()
    line = ["sh", "-c", 'rmdir "$PWD" && exec "$0" -m hosting "$@"', sys.executable, *command.split()]
    done = subprocess.run(line, cwd=gone, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Error: The current folder has been deleted. Go to another one: cd ~\n"
