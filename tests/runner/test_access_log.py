"""The facts about HTTP requests in the log: what was answered, and what refused a request that reached no function."""

from __future__ import annotations

import json
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from hosting.server.middleware.access import Access, access_text
from hosting.server.types import AsgiApp
from hosting.server.unavailable import UnavailableApp
from tests.conftest import PATIENCE, MakeApp, Serve, Served

APP = {
    "host.json": json.dumps(
        {"version": "2.0", "extensions": {"http": {"maxOutstandingRequests": 1, "maxConcurrentRequests": 1}}}
    ),
    "local.settings.json": json.dumps(
        {"Values": {"AzureWebJobs.off.Disabled": "true", "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000"}}
    ),
    "function_app.py": """
import threading
import azure.functions as func
import logging
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
go_on = threading.Event()

@app.route("hello", auth_level="anonymous")
def hello(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("mine", extra={"status_code": "mine", "refused": "mine"})
    return func.HttpResponse("hello", status_code=202)

@app.route("fail", auth_level="anonymous")
def fail(req: func.HttpRequest) -> str:
    raise LookupError("no such thing")

@app.route("none", auth_level="anonymous")
def none(req: func.HttpRequest) -> str:
    return None

@app.route("slow", auth_level="anonymous")
def slow(req: func.HttpRequest) -> str:
    logging.info("slow runs")
    go_on.wait(60)
    return "slow"

@app.route("secret")
def secret(req: func.HttpRequest) -> str:
    return "secret"

@app.route("off", auth_level="anonymous", methods=["GET"])
def off(req: func.HttpRequest) -> str:
    return "off"
""",
}


def send_raw(served: Served, data: bytes, *, ends: bool = False) -> bytes:
    """Send bytes on a connection of their own, and return what is answered until the host closes it."""
    address = urlsplit(served.url)
    with socket.create_connection((str(address.hostname), address.port or 0), PATIENCE) as connection:
        connection.sendall(data)
        if ends:
            return b""
        return b"".join(iter(lambda: connection.recv(65536), b""))


def facts(line: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a line says about a request."""
    return tuple(line.get(name) for name in ("method", "path", "status_code", "refused"))


def json_lines(served: Served) -> list[dict[str, Any]]:
    """Return the lines of a host that has ended."""
    return [json.loads(line) for line in served.logs().splitlines()]


@pytest.mark.slow
def test_json_lines_say_what_was_answered_and_what_refused_a_request(make_app: MakeApp, serve: Serve) -> None:
    """The line about an invocation has it, and a request that reaches no function has a line of its own."""
    served = serve(make_app(APP), "--log-format", "json", "--enable-auth")
    for path in ("/api/hello?code=abc", "/api/fail", "/api/none", "/api/nothing?code=abc", "/api/secret", "/api/off"):
        served.get(path)
    served.get("/")
    served.get("/admin/functions")
    served.request("POST", "/api/off")
    served.request("POST", "/api/hello", body=b"x" * 1001)
    send_raw(served, b"POST /api/hello HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx", ends=True)
    served.wait_for("has not sent")
    assert served.stop() == 0
    lines = json_lines(served)
    ended = {line["function"]: facts(line) for line in lines if line["message"].startswith("Executed")}
    assert ended == {
        "hello": ("GET", "/api/hello", 202, None),
        "fail": ("GET", "/api/fail", 500, None),
        "none": ("GET", "/api/none", 500, None),
    }
    requests = [line for line in lines if line["category"] == "Host.Requests"]
    assert [facts(line) for line in requests] == [
        ("GET", "/api/nothing", 404, "no function has this route"),
        ("GET", "/api/secret", 401, "no key that the function accepts"),
        ("GET", "/api/off", 404, "the function is disabled"),
        ("GET", "/", 200, None),
        ("GET", "/admin/functions", 401, "no master key"),
        ("POST", "/api/off", 404, "no function has this route"),
        ("POST", "/api/hello", 413, "the body is too large"),
        ("POST", "/api/hello", None, "the client has not sent the whole body"),
    ]
    assert re.fullmatch(r"GET /api/nothing 404 \d+ ms \(no function has this route\)", requests[0]["message"])
    assert all("duration_ms" in line and line["level"] == "info" for line in requests)
    (mine,) = (line for line in lines if line["message"] == "mine")
    assert (mine["status_code_"], mine["refused_"]) == ("mine", "mine")


@pytest.mark.slow
def test_json_lines_have_requests_that_a_limit_or_the_guard_refuses(make_app: MakeApp, serve: Serve) -> None:
    """429 and 403 are lines, too."""
    served = serve(make_app(APP), "--log-format", "json", "--grace", "0")
    send_raw(served, b"GET /api/slow HTTP/1.1\r\nHost: a\r\n\r\n", ends=True)
    served.wait_for("slow runs")
    served.get("/api/hello")
    served.request("POST", "/admin/functions/hello", headers={"origin": "http://evil.example"}, json={"input": ""})
    served.get("/admin/nothing")
    served.get("/runtime/webhooks/nothing")
    served.stop()
    refused = [facts(line) for line in json_lines(served) if line["category"] == "Host.Requests"]
    assert refused == [
        ("GET", "/api/hello", 429, "too many requests are waiting"),
        ("POST", "/admin/functions/hello", 403, "the request may come from a foreign page"),
        ("GET", "/admin/nothing", 404, "the host has no such endpoint"),
        ("GET", "/runtime/webhooks/nothing", 404, "no webhook has this path"),
    ]


MALFORMED = [
    (b"GET /api/hello?code=abc HTTP/1.1\r\n\r\n", "GET /api/hello 400 (The Host header is missing.)"),
    (b"\x16\x03\x01\x02\x00\r\n\r\n", "- - 400 (Invalid HTTP request received.)"),
    (
        b"GET /api/hello HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40000 + b"\r\n\r\n",
        "GET /api/hello 431 (The headers are larger than 32768 bytes, or more than 100.)",
    ),
    (
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET /{'x' * 199}... 414 (The URL is longer than 8192 bytes.)",
    ),
    (
        b"POST /api/hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno\r\n",
        "POST /api/hello 400 (Invalid HTTP request received.)",
    ),
    (b"GET /api/hello HTTP/1.1\r\nHost: a\r\n", "GET /api/hello 408 (The head was not complete in 0.2 seconds.)"),
    (
        b"POST /api/hello HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx",
        "POST /api/hello 408 (The body arrived at less than 240 bytes per second.)",
    ),
]
TIMEOUTS = {"HOSTING_HEAD_TIMEOUT_SECONDS": "0.2", "HOSTING_BODY_GRACE_SECONDS": "0.2"}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["short", "json", "azure"])
def test_requests_that_the_server_refuses_for_their_form_have_one_line(
    make_app: MakeApp, serve: Serve, form: str
) -> None:
    """It says which request, as far as that is known, with which status, and why."""
    options = ("--log-format", "json") if form == "json" else ("--log-style", form)
    served = serve(make_app(APP), *options, env=TIMEOUTS)
    for request, text in MALFORMED:
        assert send_raw(served, request).startswith(f"HTTP/1.1 {re.findall(r'[45][0-9]{2}', text)[0]} ".encode())
    assert served.stop() == 0
    log = served.logs()
    if form == "json":
        lines = [line for line in json_lines(served) if line["category"] == "Host.Requests"]
        assert [line["message"] for line in lines] == [text for _, text in MALFORMED]
        assert {line["level"] for line in lines} == {"warning"}
        assert facts(lines[0]) == ("GET", "/api/hello", 400, "The Host header is missing.")
        assert facts(lines[1]) == (None, None, 400, "Invalid HTTP request received.")
    elif form == "short":
        shown = [line.partition("Z] ")[2] for line in log.splitlines() if re.search(r" 4\d\d ", line)]
        assert shown == [text for _, text in MALFORMED]
    else:
        assert log.count("WARNING A request was refused with status") == len(MALFORMED)


@pytest.mark.slow
def test_short_line_about_a_body_that_is_too_large_says_so_with_a_limit_on_requests(
    make_app: MakeApp, serve: Serve
) -> None:
    """The limits read the body before the function does."""
    served = serve(make_app(APP), "--log-style", "short")
    served.request("POST", "/api/hello", body=b"x" * 1001)
    assert served.stop() == 0
    assert re.search(r"POST /api/hello 413 \d+ ms \(the body is too large\)\n", served.logs())


async def test_requests_to_an_app_that_does_not_load_are_reported() -> None:
    """With ``--reload`` the host answers 503 until the next edit."""
    accesses: list[Access] = []
    await asgi_call(UnavailableApp("There is no app.", accesses.append), "/api/hello")
    assert [access_text(access._replace(duration_ms=1)) for access in accesses] == [
        "GET /api/hello 503 1 ms (the app does not run)"
    ]


async def asgi_call(app: AsgiApp, path: str) -> None:
    """Send a GET request to an ASGI application in this process."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        await client.get(path)
