"""Keys of functions: which levels need one, and where a request has it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import MakeApp, Serve

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

@app.route("other", auth_level="FUNCTION")
def Other(req: func.HttpRequest) -> str:
    return "other"

@app.route("top", auth_level="ADMIN")
def Top(req: func.HttpRequest) -> str:
    return "top"

@app.route("off")
def Off(req: func.HttpRequest) -> str:
    return "off"
"""
FILES = {
    "host.json": '{"version": "2.0", "extensions": {"http": {"customHeaders": {"X-App": "mine"}}}}',
    "function_app.py": CODE,
    "local.settings.json": '{"Values": {"AzureWebJobs.Off.Disabled": "true"}}',
}


def test_function_needs_a_key_of_its_level(
    make_app: MakeApp, serve: Serve, run_hosting: RunHosting, tmp_path: Path
) -> None:
    """Each level accepts its keys, in a header or in the query; without one the answer is 401 without a body."""
    app, env = make_app(FILES), {"XDG_STATE_HOME": str(tmp_path / "state")}
    keys = json.loads(run_hosting("keys", app, "--json", env=env).stdout)
    assert set(keys["functions"]) == {"Mine", "Other", "Off"}
    served = serve(app, "--enable-auth", env=env)
    assert f"'hosting keys {app}'" in served.wait_for("Callers need a key")
    master, default, mine = keys["master"], keys["default"], keys["functions"]["Mine"]
    opens = {
        "open": {"", mine, default, master},
        "mine": {mine, default, master},
        "other": {default, master},
        "top": {master},
    }
    for path, accepted in opens.items():
        for key in ("", "wrong", mine, default, master):
            by_header = served.get(f"/api/{path}", headers={"x-functions-key": key} if key else {})
            by_query = served.get(f"/api/{path}", params={"Code": key} if key else {})
            expected = (200, path) if key in accepted or path == "open" else (401, "")
            assert (by_header.status_code, by_header.text) == (by_query.status_code, by_query.text) == expected
            assert by_header.headers["x-app"] == "mine"
    assert served.get(f"/api/mine?code={mine}", headers={"x-functions-key": "wrong"}).status_code == 401
    assert [served.get("/api/off", params={"code": key}).status_code for key in ("", master)] == [404, 404]


def test_loopback_needs_no_key(make_app: MakeApp, serve: Serve) -> None:
    """On a loopback address callers need no key; disabled functions are 404 all the same."""
    served = serve(make_app(FILES))
    codes = [served.get(path).status_code for path in ("/api/mine", "/api/top", "/admin/functions", "/api/off")]
    assert codes == [200, 200, 200, 404]


def test_no_auth_flag_wins_over_the_address(make_app: MakeApp, serve: Serve, tmp_path: Path) -> None:
    """Bound to every address the app asks for keys; ``--no-auth`` opens it."""
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    assert serve(make_app(FILES), "--host", "0.0.0.0", env=env).get("/api/mine").status_code == 401
    assert serve(make_app(FILES), "--host", "0.0.0.0", "--no-auth", env=env).get("/api/mine").status_code == 200


def test_unknown_level_is_an_error_of_the_function(make_app: MakeApp, serve: Serve) -> None:
    """A level that does not exist puts its function in error, instead of opening it; the answer says why."""
    files = {
        **FILES,
        "F/function.json": '{"bindings": [{"type": "httpTrigger", "name": "req", "authLevel": "nobody"},'
        '{"type": "http", "direction": "out", "name": "$return"}]}',
        "F/__init__.py": "def main(req): return 'x'\n",
    }
    del files["function_app.py"]
    served = serve(make_app(files))
    assert served.get("/api/F").status_code == 503
    assert "'nobody' is not an authorization level" in served.get("/admin/functions/F/status").json()["errors"][0]
