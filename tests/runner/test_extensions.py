"""Extensions in host processes: installed next to an app, and shown by the commands and endpoints."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
import jsonschema
import pytest

from tests.conftest import ROOT, MakeApp, Serve, launch

ON = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
PACKAGES = ".python_packages/lib/site-packages"
APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("hello")
def hello(req: func.HttpRequest) -> str:
    if "fail" in req.params:
        raise LookupError("the function's own")
    return "hello"
"""
FLAKY = """
import hosting, pathlib
pathlib.Path(__file__).with_name("imported").touch()

class Flaky:
    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args):
        if "err" in func_args["req"].params:
            raise ValueError("flaky")

    @hosting.hookimpl
    def post_invocation_app_level(self, func_ret):
        return f"{func_ret} flaky"
"""
RunHosting = Callable[..., CompletedProcess[str]]


def record_of(files: dict[str, str]) -> str:
    """Return the RECORD of these files."""
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
        lines.append(f"{path},sha256={digest},{len(content)}")
    return "\n".join([*lines, "flaky-1.0.dist-info/RECORD,,"]) + "\n"


def files(source: str = FLAKY, host_json: dict[str, Any] | None = None) -> dict[str, str]:
    """Return an app with the extension ``flaky`` in its own packages."""
    package = {
        "flaky.py": source,
        "flaky-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: flaky\nVersion: 1.0\n",
        "flaky-1.0.dist-info/entry_points.txt": "[hosting]\nflaky = flaky:Flaky\n",
    }
    package["flaky-1.0.dist-info/RECORD"] = record_of(package)
    return {
        "function_app.py": APP,
        "host.json": json.dumps({"version": "2.0", **(host_json or {})}),
        **{f"{PACKAGES}/{path}": content for path, content in package.items()},
    }


def entry_of(document: dict[str, Any], name: str = "flaky") -> dict[str, Any]:
    """Return an extension's entry in the diagnosis."""
    [entry] = [item for item in document["extensions"] if item["name"] == name]
    assert isinstance(entry, dict)
    return entry


def test_extensions_endpoint_returns_the_diagnosis_with_statistics(make_app: MakeApp, serve: Serve) -> None:
    """``GET /admin/host/extensions`` is the document of ``hosting diag``, with statistics since the start."""
    server = serve(make_app(files()), env=ON)
    for query in ("", "?err=1", "?fail=1"):
        server.get(f"/api/hello{query}")
    document = server.get("/admin/host/extensions").json()
    schema = json.loads((ROOT / "docs/reference/diagnosis.schema.json").read_text("utf-8"))
    jsonschema.validate(document, schema)
    figures = entry_of(document)["statistics"]
    assert (figures["pre_invocation_app_level"]["calls"], figures["pre_invocation_app_level"]["errors"]) == (3, 1)
    assert (figures["post_invocation_app_level"]["calls"], figures["post_invocation_app_level"]["errors"]) == (2, 0)
    assert entry_of(document)["error"]["function"] == "hello"


def test_extension_that_is_paused_does_not_run_until_it_is_resumed(make_app: MakeApp, serve: Serve) -> None:
    """``POST /admin/extensions/NAME/pause`` removes it from the next invocations, ``resume`` restores it."""
    server = serve(make_app(files()), env=ON)
    texts = [server.get("/api/hello").text]
    for step in ("pause", "resume"):
        assert httpx.post(f"{server.url}/admin/extensions/flaky/{step}").is_success
        texts.append(server.get("/api/hello").text)
    assert texts == ["hello flaky", "hello", "hello flaky"]


def test_extension_with_repeated_errors_is_quarantined_until_it_is_resumed(make_app: MakeApp, serve: Serve) -> None:
    """The app runs without it, the log says so once, and ``resume`` restores it."""
    server = serve(make_app(files(host_json={"extensionHost": {"quarantine": {"consecutiveErrors": 2}}})), env=ON)
    texts = [server.get("/api/hello?err=1").text for _ in range(4)]
    assert texts == ["hello flaky", "hello", "hello", "hello"] or texts == ["hello flaky"] * 2 + ["hello"] * 2
    assert server.wait_for("is quarantined").count("is quarantined") == 1
    assert entry_of(server.get("/admin/host/extensions").json())["status"] == "quarantined"
    assert httpx.post(f"{server.url}/admin/extensions/flaky/resume").is_success
    assert server.get("/api/hello").text == "hello flaky"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("class Flaky(:\n", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("class Flaky: pass", "no hook implementation"),
        (FLAKY.replace("pre_invocation_app_level", "pre_invocaton_app_level"), "Did you mean"),
        (FLAKY.replace("func_args", "arguments"), "arguments"),
    ],
)
def test_broken_extension_stops_the_app_only_with_strict(
    source: str, message: str, make_app: MakeApp, serve: Serve, run_hosting: RunHosting, tmp_path: Path
) -> None:
    """The app serves; ``diag`` has the error and the remedy; with ``--strict`` the start fails with exit code 1."""
    app = make_app(files(source))
    assert serve(app, env=ON).get("/api/hello").text == "hello"
    result = run_hosting("diag", app, "--json", env=ON)
    document = json.loads(result.stdout)
    [problem] = [one for one in document["problems"] if "flaky" in one["message"]]
    assert message in problem["message"] + problem["remedy"]
    assert (result.returncode, entry_of(document)["status"]) == (0, "failed")
    strict = launch(app, "--strict", output=tmp_path / "strict.txt", env=ON)
    assert strict.wait() == 1
    assert "flaky" in strict.logs()
    assert str(ROOT / "hosting") not in strict.logs()


def test_required_extensions_that_do_not_load_stop_the_start(make_app: MakeApp, tmp_path: Path) -> None:
    """All of them are named at once, in a message without a traceback, with exit code 1."""
    section = {"extensionHost": {"required": ["auth", "flaky"], "disabled": ["flaky"]}}
    env = {**ON, "HOSTING_REQUIRE": "audit"}
    server = launch(make_app(files(host_json=section)), output=tmp_path / "out.txt", env=env)
    assert server.wait() == 1
    assert all(f"'{name}'" in server.logs() for name in ("auth", "flaky", "audit"))
    assert "Traceback" not in server.logs()


@pytest.mark.parametrize("env", [{}, {"PYTHON_ENABLE_WORKER_EXTENSIONS": "0"}, {**ON, "HOSTING_ALLOW": "other"}])
def test_extension_that_is_off_or_not_allowed_is_not_imported(
    env: dict[str, str], make_app: MakeApp, serve: Serve
) -> None:
    """Without the flag, or without being allowed, no line of an extension runs."""
    app = make_app(files())
    server = serve(app, env=env)
    assert server.get("/api/hello").text == "hello"
    assert not (app / PACKAGES / "imported").exists()


def test_diag_with_extensions_off_lists_those_that_would_run(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """The list is read from metadata alone, and the remedy says how to enable extensions."""
    app = make_app(files())
    document = json.loads(run_hosting("diag", app, "--json").stdout)
    assert (entry_of(document)["version"], document["enabled"]) == ("1.0", False)
    assert any("PYTHON_ENABLE_WORKER_EXTENSIONS=1" in problem["remedy"] for problem in document["problems"])
    assert not (app / PACKAGES / "imported").exists()


def test_verify_reports_files_changed_after_the_installation(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """Intact files: exit code 0. Changed files: their names, a remedy, and exit code 1."""
    app = make_app(files())
    env = {**ON, "HOSTING_ALLOW": "flaky"}
    result = run_hosting("diag", app, "--verify", "--json", env=env)
    states = {one["distribution"]: one["status"] for one in json.loads(result.stdout)["verification"]}
    assert (result.returncode, states["flaky"]) == (0, "intact")
    (app / PACKAGES / "flaky.py").write_text(FLAKY + "\n# changed\n")
    result = run_hosting("diag", app, "--verify", env=env)
    assert result.returncode == 1
    assert "changed flaky.py" in result.stdout
    assert "pip install --force-reinstall flaky==1.0" in result.stdout


STARTING = """
import hosting

class Flaky:
    @hosting.hookimpl
    async def startup(self):
        raise ValueError("no connection")
"""


def test_failing_startup_hook_stops_the_start_only_with_strict(make_app: MakeApp, serve: Serve, tmp_path: Path) -> None:
    """The app serves without it, and the log says so; with ``--strict`` the start fails with the reason."""
    app = make_app(files(STARTING))
    server = serve(app, env=ON)
    assert server.get("/api/hello").text == "hello"
    server.wait_for("hook startup failed: ValueError: no connection")
    strict = launch(app, "--strict", output=tmp_path / "strict.txt", env=ON)
    assert strict.wait() == 1
    assert "no connection" in strict.logs()
    assert "Application startup failed" not in strict.logs()
    assert str(ROOT / "hosting") not in strict.logs()
