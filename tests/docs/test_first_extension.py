"""The first extension of the README and the tutorial puts its header where the tutorial says."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import hosting
from hosting.testing import make_host
from tests.docs.pages import ROOT, blocks

TUTORIAL, README = ROOT / "docs" / "tutorial" / "first-extension.md", ROOT / "README.md"
MODULE = "hosting-request-id/hosting_request_id.py"
ENABLED = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}

CLASSIC = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("object")
def an_object(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("created", status_code=201)

@app.route("error")
async def an_error(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("broken", status_code=500)

@app.route("text")
def text(req: func.HttpRequest) -> str:
    return "é"

@app.route("refused")
def refused(req: func.HttpRequest) -> str:
    return "not reached"

@app.route("raises")
def raises(req: func.HttpRequest) -> str:
    raise RuntimeError("no")
"""
STREAMS = """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, StreamingResponse
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("stream")
async def stream(req: Request) -> StreamingResponse:
    async def parts():
        yield b"in "
        yield b"parts"
    return StreamingResponse(parts())

@app.route("json")
async def as_json(req: Request) -> str:
    return "text"

@app.route("refused")
async def refused(req: Request) -> str:
    return "not reached"
"""
V1 = {
    "Both/__init__.py": """
import azure.functions as func

def main(req: func.HttpRequest, res: func.Out[func.HttpResponse]) -> str:
    res.set(func.HttpResponse("accepted", status_code=202))
    return "message"
""",
    "Both/function.json": """{"bindings": [
        {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
        {"type": "http", "direction": "out", "name": "res"},
        {"type": "queue", "direction": "out", "name": "$return", "queueName": "q", "connection": "C"}]}""",
}


class Login:
    """A guard that refuses one function."""

    guard = True

    @hosting.hookimpl
    def pre_invocation_app_level(self, invocation: hosting.Invocation) -> None:
        """Refuse it."""
        if invocation.function.name == "refused":
            raise hosting.ShortCircuit(invocation.respond(401, "who are you?"))


def first_extension() -> Any:
    """Return the module of the tutorial."""
    code = next(block.text for block in blocks(TUTORIAL) if block.file == MODULE)
    module = ModuleType("hosting_request_id")
    exec(compile(code, MODULE, "exec", dont_inherit=True), vars(module))
    return module


@pytest.mark.parametrize(
    ("app", "rows"),
    [
        (
            {"function_app.py": CLASSIC},
            {
                "object": (201, "created", True),
                "error": (500, "broken", True),
                "text": (200, "é", True),
                "refused": (401, "who are you?", True),
                "raises": (500, "", False),
                "unknown": (404, "", False),
            },
        ),
        (
            {"function_app.py": STREAMS},
            {
                "stream": (200, "in parts", True),
                "refused": (401, "who are you?", True),
                "json": (200, '"text"', False),
            },
        ),
        (V1, {"Both": (202, "accepted", False)}),
    ],
    ids=["classic", "streams", "v1"],
)
def test_first_extension_puts_its_header_where_the_tutorial_says(
    app: dict[str, str], rows: dict[str, tuple[int, str, bool]]
) -> None:
    """Results, refusals of guards and streams have it; what no hook can change is as it was."""
    extensions = {"request-id": first_extension(), "login": Login}
    with make_host(app, extensions=extensions, settings=ENABLED, raises=False) as host:
        for path, expected in rows.items():
            reply = host.get(f"/api/{path}")
            assert (reply.status, reply.text, "x-invocation-id" in reply.headers) == expected, path
        assert [one["error"] for one in host.diagnosis()["extensions"]] == [None, None]


def test_readme_has_the_extension_of_the_tutorial() -> None:
    """Both pages show the same files."""
    shown = [
        {block.file: block.text for block in blocks(page) if (block.file or "").startswith("hosting-request-id")}
        for page in (README, TUTORIAL)
    ]
    assert shown[0] == shown[1] != {}
