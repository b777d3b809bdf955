"""``hosting keys``: the keys of an app, as lines or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import MakeApp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the state directory is named by XDG_STATE_HOME")

RunHosting = Callable[..., "CompletedProcess[str]"]
CODE = """
import azure.functions as func
app = func.FunctionApp()

@app.route("open", auth_level="anonymous")
def Open(req: func.HttpRequest) -> str:
    return "open"

@app.route("mine")
def Mine(req: func.HttpRequest) -> str:
    return "mine"

@app.route("top", auth_level="ADMIN")
def Top(req: func.HttpRequest) -> str:
    return "top"
"""
FILES = {"host.json": '{"version": "2.0"}', "function_app.py": CODE}


def test_keys_are_printed_as_lines_or_json(make_app: MakeApp, run_hosting: RunHosting, tmp_path: Path) -> None:
    """``hosting keys`` prints a line for each key, whatever the app prints; an app that does not load is an error."""
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    app = make_app({**FILES, "function_app.py": "print('noise')\n" + CODE})
    lines = [line.split() for line in run_hosting("keys", app, env=env).stdout.splitlines()]
    assert [name for name, _ in lines] == ["master", "default", "Mine"]
    assert dict(lines)["master"] == json.loads(run_hosting("keys", app, "--json", env=env).stdout)["master"]
    broken = run_hosting("keys", make_app({"function_app.py": "import nothing_like_this"}), env=env)
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "nothing_like_this" in broken.stderr
