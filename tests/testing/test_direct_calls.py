"""Unit tests as Azure's guide shows them: a function is called directly, whatever hosting adds to its app."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.testing import http_request, invocation_context, make_host

V1 = """
import azure.functions as func
import hosting

{decorators}
def main(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"Hello {{req.params.get('name')}}")
"""
V2 = """
import azure.functions as func
import hosting

app = {extend}(func.FunctionApp(http_auth_level="ANONYMOUS"))

@app.route("hello")
@hosting.use("profile", top=3)
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"Hello {{req.params.get('name')}}")

@hosting.without("timer")
@app.timer_trigger("timer", schedule="0 * * * * *")
async def tick(timer: func.TimerRequest, context: func.Context) -> str:
    return f"{{context.function_name}} {{timer.past_due}}"
"""


@pytest.fixture(params=["0", "1"], ids=["extensions off", "extensions on"])
def flag(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Set the flag as it may be in the environment of a developer or of CI."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", request.param)
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path))
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    yield request.param
    hosting.authoring.pending.take()
    hosting.authoring.pending.shared = None


def import_module(folder: Path, name: str, code: str) -> ModuleType:
    """Import a module as a test does."""
    (folder / f"{name}.py").write_text(code)
    sys.path.insert(0, str(folder))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(folder))
        del sys.modules[name]


@pytest.mark.parametrize("decorators", ["", "@hosting.extend", "@hosting.use('profile')\n@hosting.without('timer')"])
def test_v1_function_called_directly_answers(flag: str, tmp_path: Path, decorators: str) -> None:
    """main() of a v1 function is called with a request."""
    module = import_module(tmp_path, f"v1_{flag}_{len(decorators)}", V1.format(decorators=decorators))
    request = func.HttpRequest(method="GET", body=b"", url="/api/hello", params={"name": "Ada"})
    assert module.main(request).get_body() == b"Hello Ada"
    assert module.main(req=request).status_code == 200


@pytest.mark.parametrize("extend", ["", "hosting.extend"])
def test_v2_function_called_directly_answers(flag: str, tmp_path: Path, extend: str) -> None:
    """The user's function of a v2 app is built and called, with objects of the SDK or of the builders."""
    module = import_module(tmp_path, f"v2_{flag}_{len(extend)}", V2.format(extend=extend))
    request = func.HttpRequest(method="GET", body=b"", url="/api/hello", params={"name": "Ada"})
    call = module.hello.build().get_user_function()
    assert call(request).get_body() == b"Hello Ada"
    assert call(http_request(params={"name": "Eve"})).get_body() == b"Hello Eve"
    assert module.hello(request).get_body() == b"Hello Ada"
    timer: Any = type("Timer", (), {"past_due": True})()
    ran = module.tick.build().get_user_function()(timer, invocation_context("tick"))
    assert asyncio.run(ran) == "tick True"


@pytest.mark.parametrize("extend", ["", "hosting.extend"])
def test_app_called_directly_and_run_by_a_host_answers_alike(flag: str, tmp_path: Path, extend: str) -> None:
    """A host may run the app between direct calls of its functions."""
    module = import_module(tmp_path, f"both_{flag}_{len(extend)}", V2.format(extend=extend))
    request = http_request(params={"name": "Ada"})
    call = module.hello.build().get_user_function()
    for _ in range(2):
        assert call(request).get_body() == b"Hello Ada"
        with make_host(module.app, extensions=["timer"]) as host:
            reply = host.get("/api/hello?name=Eve")
            assert reply.text == "Hello Eve"
            assert sum("hello took" in message for message in reply.messages) == 1
