"""``hosting keys``: output and exit codes. The tests of the keys themselves are in ``tests/server``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import MakeApp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there XDG_STATE_HOME names the state directory")

RunHosting = Callable[..., "CompletedProcess[str]"]
CODE = """
import azure.functions as func

print("noise")
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
    lines = [line.split() for line in run_hosting("keys", app, env=env).stdout.splitlines()]
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
