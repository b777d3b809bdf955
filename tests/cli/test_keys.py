"""``hosting keys``: output and exit codes. The tests of the keys themselves are in ``tests/server``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import MakeApp, Serve
from tests.support.processes import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there XDG_STATE_HOME names the state directory")

RunHosting = Callable[..., "CompletedProcess[str]"]
CODE = """
import azure.functions as func

import logging, os, sys
print("noise")
sys.stderr.write("more noise")
logging.warning("a log line")
os.system("echo noise of a child; echo more >&2")
app = func.FunctionApp()

@app.route("open", auth_level="ANONYMOUS")
def Open(req: func.HttpRequest) -> str:
    return ""

@app.route("mine")
def Mine(req: func.HttpRequest) -> str:
    return ""

@app.route("all", auth_level="ADMIN")
def All(req: func.HttpRequest) -> str:
    return ""

@app.event_grid_trigger("event")
def Told(event: func.EventGridEvent) -> None: ...
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A state directory of its own, where no keys exist yet."""
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def test_keys_are_printed_as_lines_or_as_json(make_app: MakeApp, run_hosting: RunHosting, env: dict[str, str]) -> None:
    """Both have the same keys: of the app, of functions that need one, and of webhooks; nothing else is printed."""
    app = make_app({"function_app.py": CODE})
    done = run_hosting("keys", app, env=env)
    assert done.stderr == ""
    lines = [line.split() for line in done.stdout.splitlines()]
    document = json.loads(run_hosting("keys", app, "--json", env=env).stdout)
    assert [name for name, _ in lines] == ["master", "default", "Mine", "eventgrid_extension"]
    named = {name: document[name] for name in ("master", "default")}
    assert dict(lines) == {**named, **document["functions"], **document["system"]}
    assert Path(document["file"]).is_file()


def test_keys_of_an_app_that_does_not_load_exit_with_1(
    make_app: MakeApp, run_hosting: RunHosting, env: dict[str, str]
) -> None:
    """The error of the app is printed on standard error."""
    done = run_hosting("keys", make_app({"function_app.py": "import nothing_like_this"}), env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing_like_this" in done.stderr


def test_one_key_is_rotated_by_its_name(make_app: MakeApp, run_hosting: RunHosting, env: dict[str, str]) -> None:
    """Only the new key is printed, as a line or in a document; the other keys stay."""
    app = make_app({"function_app.py": CODE})
    before = json.loads(run_hosting("keys", app, "--json", env=env).stdout)
    for name in ("mine", "EventGrid_extension", "default", "master"):
        done = run_hosting("keys", app, "--rotate", name, env=env)
        [(shown, key)] = [line.split() for line in done.stdout.splitlines()]
        assert (done.stderr, shown.lower()) == ("", name.lower())
        after = json.loads(run_hosting("keys", app, "--json", env=env).stdout)
        for document in (before, after):
            document.update(document.pop("functions", {}))
            document.update(document.pop("system", {}))
        assert {shown: key} == {name: key for name, key in after.items() if before[name] != key}
        before = after
    rotated = json.loads(run_hosting("keys", app, "--rotate", "Mine", "--overlap", "0.5", "--json", env=env).stdout)
    assert rotated.keys() == {"file", "name", "key", "previous_accepted_until"}
    assert (rotated["file"], rotated["name"]) == (before["file"], "Mine")
    assert datetime.fromisoformat(rotated["previous_accepted_until"]).utcoffset() == timedelta(0)


def test_rotating_an_unknown_key_exits_with_1(make_app: MakeApp, run_hosting: RunHosting, env: dict[str, str]) -> None:
    """The error suggests a similar name, and lists those that there are."""
    done = run_hosting("keys", make_app({"function_app.py": CODE}), "--rotate", "mien", env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no key named 'mien'. Did you mean 'Mine'?" in done.stderr
    assert "Its keys are Mine, eventgrid_extension, master, default." in done.stderr
    assert run_hosting("keys", ".", "--overlap", "-1", env=env).returncode == 2


def test_running_host_accepts_a_rotated_key_without_a_restart(
    make_app: MakeApp, run_hosting: RunHosting, serve: Serve, env: dict[str, str]
) -> None:
    """The new key opens the function soon, the previous one during the overlap only."""
    app = make_app({"host.json": '{"version": "2.0"}', "function_app.py": CODE})
    served = serve(app, "--enable-auth", env=env)

    def rotate(*flags: str) -> str:
        return run_hosting("keys", app, "--rotate", "Mine", *flags, env=env).stdout.split()[1]

    def status(key: str) -> int:
        return served.get("/api/mine", headers={"x-functions-key": key}).status_code

    keys = [json.loads(run_hosting("keys", app, "--json", env=env).stdout)["functions"]["Mine"], rotate()]
    eventually(lambda: status(keys[1]) == 200)
    assert status(keys[0]) == 200
    keys.append(rotate("--overlap", "0"))
    eventually(lambda: status(keys[2]) == 200)
    assert [status(key) for key in keys] == [401, 401, 200]
