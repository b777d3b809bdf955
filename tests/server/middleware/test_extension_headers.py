"""Headers that extensions add to every response."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import hosting
from hosting.errors import ExtensionError
from hosting.server.app import HostApp
from hosting.server.keys import Keys
from hosting.testing import Host, make_host
from tests.support.connections import connect
from tests.support.hooks import hooks

APP = {
    "host.json": """
{
  "version": "2.0",
  "extensions": {"http": {"customHeaders": {"X-Fixed": "of host.json"}}}
}
""",
    "function_app.py": """
import azure.functions as func
import hosting
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route("text")
def text(req: func.HttpRequest) -> str:
    return "fine"
@app.route("own")
def own(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("made", status_code=201, headers={"X-Served-By": "the function"})
@app.route("broken")
async def broken(req: func.HttpRequest) -> str:
    raise ValueError("no")
@app.route("denied")
@hosting.use("closed")
def denied(req: func.HttpRequest) -> str:
    return "not reached"
@app.route("locked", auth_level=func.AuthLevel.FUNCTION)
def locked(req: func.HttpRequest) -> str:
    return "not reached"
""",
}
STREAMS = {
    "function_app.py": """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, StreamingResponse
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route("stream")
async def stream(req: Request) -> StreamingResponse:
    async def parts():
        yield b"one"
        yield b"two"
    return StreamingResponse(parts())
"""
}


class Closed:
    """A guard that fails for the functions that use it."""

    guard = True

    @hosting.hookimpl
    def pre_invocation(self) -> None:
        raise ValueError("closed")


def adding(name: str, value: Any) -> Any:
    """Return an extension that adds one header."""
    return hooks(prepare=lambda app: app.add_header(name, value))


def describe(head: hosting.ResponseHead) -> str:
    return f"{head.method} {head.path} {head.status} {head.function or '-'} {head.request_headers.get('x-id', '-')}"


def with_keys(host: Host) -> None:
    """Let callers need keys."""
    host._session._app = HostApp(host._session.host, keys=Keys(b"secret"))


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/text?q=1", "GET /api/text 200 text 7"),
        ("HEAD", "/api/text", "HEAD /api/text 200 text 7"),
        ("GET", "/api/own", "GET /api/own 201 own 7"),
        ("GET", "/api/broken", "GET /api/broken 500 broken 7"),
        ("GET", "/api/denied", "GET /api/denied 500 denied 7"),
        ("GET", "/api/locked", "GET /api/locked 401 - 7"),
        ("GET", "/api/nothing%20here", "GET /api/nothing%20here 404 - 7"),
        ("GET", "/", "GET / 200 - 7"),
        ("GET", "/admin/host/status", "GET /admin/host/status 401 - 7"),
        ("GET", "/runtime/health", "GET /runtime/health 200 - 7"),
    ],
)
def test_header_is_on_every_response_of_the_host(method: str, path: str, expected: str) -> None:
    """Its function knows the response and the request."""
    extensions = {"closed": Closed(), "mine": adding("X-Described", describe)}
    with make_host(APP, extensions=extensions, raises=False) as host:
        with_keys(host)
        response = host.request(method, path, headers={"X-Id": "7"})
        assert response.headers["x-described"] == expected
        assert response.headers["x-fixed"] == "of host.json"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"nonsense\r\n\r\n", "400 ' ' {}"),
        (b"GET /api/text?q=1 HTTP/1.1\r\nX-Id: 7\r\n\r\n", "400 'GET /api/text' {}"),
        (b"GET /api/text HTTP/1.1\r\nHost: a b\r\n\r\n", "400 'GET /api/text' {}"),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", "400 'GET /' {}"),
        (b"GET /" + b"a" * 99_999 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "414 'GET /aaaaaaaa' {}"),
        (b"GET /api/text HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 99_999 + b"\r\n\r\n", "431 'GET /api/text' {}"),
        (b"GET /api/te", "408 'GET /api/te' {}"),
        (b"GET /api/text HTTP/1.1\r\nHost: a\r\n", "408 'GET /api/text' {}"),
    ],
    ids=["not HTTP", "no Host", "Host", "version", "URL", "head", "slow target", "slow head"],
)
async def test_header_is_on_the_response_to_what_is_no_valid_request(sent: bytes, expected: str) -> None:
    """Its function knows of the request what could be read; own headers of such a response stay."""

    def describe_refusal(head: hosting.ResponseHead) -> str:
        return f"{head.status} '{head.method} {head.path[:9]}' {dict(head.request_headers)}{head.function}"

    extensions = {
        "mine": adding("X-Described", describe_refusal),
        "type": adding("Content-Type", "image/png"),
        "failing": adding("X-Fails", fails),
        "closed": Closed(),
    }
    with make_host(APP, extensions=extensions) as host:
        app = host._session._app
        connection, transport, _ = connect(app, on_refusal=app.on_refusal)
        connection.data_received(sent)
        for elapsed in (0.0, 999.0, 999.0):
            connection.check_time(elapsed)
        await asyncio.sleep(0)
        head = transport.written.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        assert f"x-described: {expected}" in [line.replace("X-Described", "x-described") for line in head]
        assert [line for line in head if line.lower().startswith("content-type")] == [
            "content-type: text/plain; charset=utf-8"
        ]
        assert transport.closed


def test_header_is_on_a_stream() -> None:
    """The body is sent as before."""
    with make_host(STREAMS, extensions={"mine": adding("X-Served-By", "mine")}) as host:
        response = host.get("/api/stream")
        assert (response.text, response.headers["x-served-by"]) == ("onetwo", "mine")


@pytest.mark.parametrize(
    ("path", "name", "value", "expected"),
    [
        ("/api/text", "X-Served-By", "mine", "mine"),
        ("/api/text", "X-Served-By", lambda head: "mine" if head.status == 404 else None, None),
        ("/api/own", "x-served-by", "mine", "the function"),
        ("/api/text", "X-Fixed", "mine", "mine"),
    ],
    ids=["text", "function that returns None", "header of the function", "header of host.json"],
)
def test_header_is_added_unless_the_response_has_it(path: str, name: str, value: Any, expected: str | None) -> None:
    """Names ignore case; an extension comes before host.json."""
    with make_host(APP, extensions={"closed": Closed(), "mine": adding(name, value)}) as host:
        assert host.get(path).headers.get(name) == expected


def fails(head: hosting.ResponseHead) -> str:
    raise SystemExit("out")


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("X-Mine", fails, "SystemExit: out"),
        ("X-Mine", lambda head: 5, "TypeError: the value of header 'X-Mine' must be text or None, found int"),
        ("X-Mine", lambda head: b"bytes", "TypeError: the value of header 'X-Mine' must be text or None, found bytes"),
        ("X-Mine", "two\r\nlines: x", "ValueError: "),
        ("X-Mine", "snow \N{SNOWMAN}", "ValueError: "),
        ("not a name", "value", "ValueError: response header 'not a name' has an invalid name"),
    ],
    ids=["raises", "number", "bytes", "two lines", "not ASCII", "name"],
)
def test_header_that_fails_is_recorded_once_and_costs_no_response(name: str, value: Any, error: str) -> None:
    """The other headers, and the response, are as before."""
    extensions = {"closed": Closed(), "mine": adding(name, value), "other": adding("X-Other", "there")}
    with make_host(APP, extensions=extensions) as host:
        for path in ("/api/text", "/api/nothing", "/api/text"):
            response = host.get(path)
            assert (response.status, response.headers["x-other"]) == (404 if "nothing" in path else 200, "there")
            assert name.lower() not in response.headers
        (mine,) = [one for one in host.diagnosis()["extensions"] if one["name"] == "mine"]
        assert error in f"{mine['error']['type']}: {mine['error']['message']}"
        assert len([one for one in host.logs if "response header failed" in one.getMessage()]) == 1


def test_paused_extension_adds_no_header() -> None:
    """It is paused as a whole."""
    with make_host(APP, extensions={"closed": Closed(), "mine": adding("X-Mine", "there")}) as host:
        host._session.host.extensions.pause("mine")
        assert "x-mine" not in host.get("/api/text").headers
        host._session.host.extensions.resume("mine")
        assert host.get("/api/text").headers["x-mine"] == "there"


async def later(head: hosting.ResponseHead) -> str:
    return "later"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (5, "value", "add_header(5) of extension 'mine': the name must be text that is not empty, found 5"),
        (" ", "value", "the name must be text that is not empty"),
        ("X-Mine", None, "the value must be a function, found NoneType"),
        ("X-Mine", later, "the value must be text or a 'def', found an 'async def'"),
        ("X-Mine", lambda: "x", "the value is called with a hosting.ResponseHead, which it does not accept"),
        ("x-OTHER", "value", "add_header('x-OTHER') of extension 'mine': extension 'another' adds this header"),
    ],
)
def test_wrong_argument_fails_the_extension_with_a_sentence(name: Any, value: Any, message: str) -> None:
    """What another extension has added stays."""
    extensions = {"another": adding("X-Other", "there"), "closed": Closed(), "mine": adding(name, value)}
    with make_host(APP, extensions=extensions) as host:
        (mine,) = [one for one in host.diagnosis()["extensions"] if one["name"] == "mine"]
        assert mine["status"] == "failed"
        assert message in mine["reason"]
        assert host.get("/api/text").headers["x-other"] == "there"


def test_header_cannot_be_added_after_prepare() -> None:
    """The error says where to call it."""
    raised = []

    def startup(app: hosting.AppHandle) -> None:
        with pytest.raises(ExtensionError, match="only in 'prepare'") as caught:
            app.add_header("X-Mine", "late")
        raised.append(caught.value.remedy)

    with make_host(APP, extensions={"closed": Closed(), "mine": hooks(startup=startup)}):
        assert raised == ["Call it in the hook 'prepare(app)'."]
