"""Keys: who needs one, where it goes, and the command that shows them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest

from hosting.runner.front import asks_for_keys
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


def test_levels(make_app: MakeApp, serve: Serve, run_hosting: RunHosting, tmp_path: Path) -> None:
    """Each level is opened by its keys, in a header or in the query; who has none gets 401 without a body."""
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


def test_admin_endpoints(make_app: MakeApp, serve: Serve, run_hosting: RunHosting, tmp_path: Path) -> None:
    """Everything below /admin needs the master key, but for a ping; the home page needs none."""
    app, env = make_app(FILES), {"XDG_STATE_HOME": str(tmp_path / "state")}
    served = serve(app, "--enable-auth", env=env)
    keys = json.loads(run_hosting("keys", app, "--json", env=env).stdout)
    for path in (
        "host/status",
        "host/extensions",
        "functions",
        "functions/Mine",
        "functions/Mine/status",
        "warmup",
        "no",
    ):
        codes = [
            served.get(f"/admin/{path}", params={"code": key}).status_code
            for key in ("", keys["default"], keys["master"])
        ]
        assert codes == [401, 401, 404 if path == "no" else 200]
    run = httpx.post(f"{served.url}/admin/functions/Mine", json={})
    pause = httpx.post(f"{served.url}/admin/extensions/timer/pause")
    assert (run.status_code, pause.status_code) == (401, 401)
    assert (served.get("/admin/host/ping").status_code, served.get("/").status_code) == (200, 200)


def test_open_on_this_machine(make_app: MakeApp, serve: Serve) -> None:
    """On a loopback address nobody needs a key; disabled functions are 404 all the same."""
    served = serve(make_app(FILES))
    codes = [served.get(path).status_code for path in ("/api/mine", "/api/top", "/admin/functions", "/api/off")]
    assert codes == [200, 200, 200, 404]


@pytest.mark.parametrize(
    ("wanted", "address", "asks"),
    [
        (None, "127.0.0.1", False),
        (None, "127.8.8.8", False),
        (None, "::1", False),
        (None, "localhost", False),
        (None, "0.0.0.0", True),
        (None, "::", True),
        (None, "10.0.0.1", True),
        (None, "example.org", True),
        (False, "0.0.0.0", False),
        (True, "127.0.0.1", True),
    ],
)
def test_who_asks(wanted: bool | None, address: str, asks: bool) -> None:
    """Keys are asked for where other machines can call, unless a flag says otherwise."""
    assert asks_for_keys(wanted, address) is asks


def test_flags(make_app: MakeApp, serve: Serve, tmp_path: Path) -> None:
    """Bound to every address the app asks for keys; ``--no-auth`` opens it."""
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    assert serve(make_app(FILES), "--host", "0.0.0.0", env=env).get("/api/mine").status_code == 401
    assert serve(make_app(FILES), "--host", "0.0.0.0", "--no-auth", env=env).get("/api/mine").status_code == 200


def test_command(make_app: MakeApp, run_hosting: RunHosting, tmp_path: Path) -> None:
    """``hosting keys`` prints a line for each key, whatever the app prints, and tells an app that does not load."""
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    app = make_app({**FILES, "function_app.py": "print('noise')\n" + CODE})
    lines = [line.split() for line in run_hosting("keys", app, env=env).stdout.splitlines()]
    assert [name for name, _ in lines] == ["master", "default", "Mine", "Off", "Other"]
    assert dict(lines)["master"] == json.loads(run_hosting("keys", app, "--json", env=env).stdout)["master"]
    broken = run_hosting("keys", make_app({"function_app.py": "import nothing_like_this"}), env=env)
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "nothing_like_this" in broken.stderr


def test_unknown_level(make_app: MakeApp, serve: Serve) -> None:
    """A level that does not exist puts its function in error, rather than open it."""
    files = {
        **FILES,
        "F/function.json": '{"bindings": [{"type": "httpTrigger", "name": "req", "authLevel": "nobody"},'
        '{"type": "http", "direction": "out", "name": "$return"}]}',
        "F/__init__.py": "def main(req): return 'x'\n",
    }
    del files["function_app.py"]
    served = serve(make_app(files))
    assert served.get("/api/F").status_code == 404
    assert "'nobody' is not an authorization level" in served.get("/admin/functions/F/status").json()["errors"][0]
