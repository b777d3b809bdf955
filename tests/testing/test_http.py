"""HTTP requests to a host in the test's process."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import azure.functions as func
import pytest

from hosting.testing import Host, HostFactory, http_request, make_host


def app() -> func.FunctionApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("echo/{place?}")
    def echo(req: func.HttpRequest) -> func.HttpResponse:
        received = {
            "method": req.method,
            "url": req.url,
            "params": dict(req.params),
            "headers": dict(req.headers),
            "route": dict(req.route_params),
            "body": req.get_body().decode("latin-1"),
        }
        return func.HttpResponse(json.dumps(received), mimetype="application/json", headers={"X-Place": "here"})

    @app.route("cookies")
    def cookies(req: func.HttpRequest) -> func.HttpResponse:
        response = func.HttpResponse("é", status_code=201, charset="latin-1")
        response.headers.add("Set-Cookie", "a=1")
        response.headers.add("Set-Cookie", "b=2")
        return response

    return app


@pytest.fixture
def host(hosting_host: HostFactory) -> Host:
    return hosting_host(app())


def test_request_reaches_the_function_with_all_its_parts(host: Host) -> None:
    """Method, path, query, headers and body arrive as from a client."""
    received = host.patch("/api/echo/a%20b?x=1", params={"y": ["2", "ü"]}, headers={"X-Up": "V"}, body="text").json()
    assert received == {
        "method": "PATCH",
        "url": "http://localhost:7071/api/echo/a%20b?x=1&y=2&y=%C3%BC",
        "params": {"x": "1", "y": "2,ü"},
        "headers": {"host": "localhost:7071", "x-up": "V", "content-length": "4"},
        "route": {"place": "a b"},
        "body": "text",
    }


@pytest.mark.parametrize(
    "path", ["api/echo", "/api/echo", "http://localhost:7071/api/echo", "https://elsewhere/api/echo"]
)
def test_path_without_slash_or_whole_url_is_accepted(host: Host, path: str) -> None:
    """A path may lack its slash, or be a whole URL."""
    assert host.get(path).json()["url"] == "http://localhost:7071/api/echo"


def test_json_body_sets_the_content_type_unless_the_test_does(host: Host) -> None:
    """A body in addition to JSON is an error."""
    assert host.post("/api/echo", json={"a": 1}).json()["headers"]["content-type"] == "application/json"
    received = host.put("/api/echo", json=[1], headers={"Content-Type": "application/x+json"}).json()
    assert (received["body"], received["headers"]["content-type"]) == ("[1]", "application/x+json")
    with pytest.raises(TypeError, match="body or json, not both"):
        host.post("/api/echo", json=1, body="x")


@pytest.mark.parametrize(
    ("method", "path", "options", "expected"),
    [
        ("POST", "/api/echo", {"body": None}, "body is text or bytes, not NoneType; json= takes any other value"),
        ("POST", "/api/echo", {"body": {}}, "body is text or bytes, not dict"),
        ("POST", "/api/echo", {"body": memoryview(b"")}, "body is text or bytes, not memoryview"),
        ("GET", "/api/echo", {"headers": {"a": 1}}, "names and values of headers are text, not 'a': 1"),
        ("GET", "/api/echo", {"headers": {b"a": "b"}}, "names and values of headers are text"),
        ("GET", None, {}, "the path of a request is text, not None"),
        (None, "/api/echo", {}, "the method of a request is text, not None"),
    ],
)
def test_value_of_the_wrong_type_is_named(
    host: Host, method: Any, path: Any, options: dict[str, Any], expected: str
) -> None:
    """The error says what was expected, and no function runs."""
    with pytest.raises(TypeError, match=re.escape(expected)):
        host.request(method, path, **options)


def test_function_that_is_named_by_something_else_than_text_is_an_error(host: Host) -> None:
    """A test may pass the function itself."""
    with pytest.raises(TypeError, match="the name of a function is text"):
        host.invoke(len)  # type: ignore[arg-type]


def test_unknown_option_of_a_request_is_an_error(host: Host) -> None:
    """A misspelled option, or one of another client, is an error, and nothing is sent."""
    with pytest.raises(TypeError, match="unknown option of a request: data; expected params, headers, body, json"):
        host.post("/api/echo", data="x")  # type: ignore[call-arg]
    assert not host.messages


def test_reply_has_status_headers_and_text(host: Host) -> None:
    """The reply is the SDK's response, with repeated headers, and text in its own charset."""
    reply = host.delete("/api/cookies")
    assert isinstance(reply, func.HttpResponse)
    assert (reply.status, reply.status_code, reply.text, reply.body) == (201, 201, "é", b"\xe9")
    assert reply.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert reply.get_body() == reply.body
    assert isinstance(reply.invocation.result, func.HttpResponse)
    assert repr(reply) == "<Reply 201 to DELETE /api/cookies: b'\\xe9'>"


def test_host_answers_its_own_paths_and_unknown_ones(host: Host) -> None:
    """These paths are answered without a function."""
    assert host.get("/").status == 200
    assert host.get("/admin/host/status").json()["state"] == "Running"
    missing = host.get("/api/nothing")
    assert missing.status == 404
    with pytest.raises(LookupError, match="no function ran for GET /api/nothing"):
        _ = missing.invocation


def test_http_function_can_be_invoked_by_name_with_a_request(host: Host) -> None:
    """A request object is passed to a function without its route."""
    request = http_request("POST", "/api/echo", params={"x": "1"}, route_params={"place": "p"}, json={"a": 1})
    received = json.loads(host.invoke("Echo", request).result.get_body())
    assert (received["method"], received["url"]) == ("POST", "http://localhost:7071/api/echo?x=1")
    assert (received["params"], received["route"], received["body"]) == ({"x": "1"}, {"place": "p"}, '{"a": 1}')


def test_http_function_invoked_with_another_type_is_refused(host: Host) -> None:
    """Without data the request is an empty one; the error for anything else says how to pass one."""
    assert json.loads(host.invoke("echo").result.get_body())["method"] == "GET"
    with pytest.raises(TypeError, match=r"'echo' has an HTTP trigger: pass http_request"):
        host.invoke("echo", {"a": 1})


def test_asgi_app_starts_answers_and_shuts_down() -> None:
    """A web app behind AsgiFunctionApp has its lifespan."""
    fastapi = pytest.importorskip("fastapi")
    seen = []

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        seen.append("up")
        yield
        seen.append("down")

    web = fastapi.FastAPI(lifespan=lifespan)

    @web.get("/items/{number}")  # type: ignore[untyped-decorator]
    async def item(number: int) -> dict[str, int]:
        return {"number": number}

    served = func.AsgiFunctionApp(web, http_auth_level=func.AuthLevel.ANONYMOUS)
    with make_host(served, host_json={"extensions": {"http": {"routePrefix": ""}}}) as host:
        assert host.get("/items/3").json() == {"number": 3}
        assert host.get("/items/x").status == 422
    assert seen == ["up", "down"]
