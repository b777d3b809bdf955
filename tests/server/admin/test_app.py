"""The endpoints below ``/admin``: which of them need the master key, and warming up."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest

from tests.conftest import MakeApp, Serve

RunHosting = Callable[..., "CompletedProcess[str]"]
FILES = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import logging
import azure.functions as func
app = func.FunctionApp()

@app.route("mine")
def Mine(req: func.HttpRequest) -> str:
    return "mine"

@app.warm_up_trigger("warmup")
def Warm(warmup) -> None:
    logging.info("warmed up with a %s", type(warmup).__name__)
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the state directory is named by XDG_STATE_HOME")
def test_endpoints_need_the_master_key(
    make_app: MakeApp, serve: Serve, run_hosting: RunHosting, tmp_path: Path
) -> None:
    """Everything below /admin but the ping needs the master key; the home page needs none."""
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


def test_warm_up_function_runs_once(make_app: MakeApp, serve: Serve) -> None:
    """It runs at the first request to /admin/warmup only; without such a function the answer is 200."""
    served = serve(make_app(FILES))
    assert [served.get("/admin/warmup").status_code for _ in range(3)] == [200] * 3
    served.wait_for(r"Executed 'Functions.Warm' \(Succeeded")
    assert served.logs().count("warmed up with a WarmUpContext") == 1
    plain = FILES["function_app.py"].partition("@app.warm_up_trigger")[0]
    assert serve(make_app({**FILES, "function_app.py": plain})).get("/admin/warmup").status_code == 200


def test_warm_up_function_that_fails_is_500(make_app: MakeApp, serve: Serve) -> None:
    """Each request for it is 500, and the function does not run again."""
    code = (
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.warm_up_trigger('w')\ndef W(w): raise ValueError\n"
    )
    served = serve(make_app({**FILES, "function_app.py": code}))
    assert [served.get("/admin/warmup").status_code for _ in range(2)] == [500] * 2
    assert served.wait_for(r"Executed 'Functions.W' \(Failed").count("Executing 'Functions.W'") == 1
