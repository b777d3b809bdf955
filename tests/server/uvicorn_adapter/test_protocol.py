"""Responses as they are on the wire: complete, in order, and framed as HTTP requires."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.processes import PATIENCE, Running, hosting_start

APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("echo", methods=["GET", "POST"])
async def Echo(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body() or req.params.get("name", ""))

@app.route("thread")
def InThread(req: func.HttpRequest) -> str:
    return "from a thread"

@app.route("large")
async def Large(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b"x" * int(req.params["size"]))

@app.route("dated")
async def Dated(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("old", headers={"Date": "Tue, 15 Nov 1994 08:12:31 GMT"})
    if req.params:
        response.headers.add("Date", "twice")
    return response

@app.route("nothing")
async def Nothing(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("answers")
    (root / "host.json").write_text('{"version": "2.0"}')
    (root / "function_app.py").write_text(APP)
    with hosting_start(root, tmp_path_factory.mktemp("output") / "output.txt") as running:
        yield running


def exchange(host: Running, *requests: str) -> bytes:
    """Send requests at once, the last of which closes the connection, and return everything that the host sends."""
    with socket.create_connection(("127.0.0.1", urlsplit(host.url).port or 0), timeout=PATIENCE) as client:
        client.sendall("".join(requests).encode())
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1", body: str = "") -> str:
    lines = [f"{method} /api/{path} HTTP/{version}", "Host: localhost", *headers]
    return "\r\n".join([*lines, "", body])


CLOSE = "Connection: close"


def test_response_has_status_line_date_headers_and_body_in_this_order(host: Running) -> None:
    """Status line, date, the response's headers, its length, then the body."""
    answer = exchange(host, get("echo?name=Ada", CLOSE))
    assert re.fullmatch(
        rb"HTTP/1\.1 200 OK\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n"
        rb"content-type: text/plain; charset=utf-8\r\ncontent-length: 3\r\nconnection: close\r\n\r\nAda",
        answer,
    )


@pytest.mark.parametrize(("path", "dates"), [("dated", 1), ("dated?again=1", 2)])
def test_date_of_a_function_replaces_the_servers(host: Running, path: str, dates: int) -> None:
    """A function's own date is the only one, and the next response has the server's again."""
    answer = exchange(host, get(path), get("echo", CLOSE))
    first, _, last = answer.partition(b"old")
    assert first.lower().count(b"date: ") == dates
    assert b"date: Tue, 15 Nov 1994 08:12:31 GMT" in first
    assert last.count(b"date: ") == 1
    assert b"1994" not in last


def test_pipelined_requests_are_answered_in_order(host: Running) -> None:
    """Requests that are sent without waiting are answered in their order, whichever is ready first."""
    paths = ["thread", "echo?name=1", "nothing", "thread", "echo?name=2"]
    answer = exchange(host, *map(get, paths), get("large?size=3", CLOSE))
    bodies = [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [b"from a thread", b"1", b"", b"from a thread", b"2", b"xxx"]


def test_http_1_0_connection_is_closed(host: Running) -> None:
    """An HTTP/1.0 connection is closed after the response, which says so."""
    assert b"\r\nconnection: close\r\n" in exchange(host, get("echo", version="1.0"))


@pytest.mark.parametrize(("path", "length"), [("echo?name=Ada", b"3"), ("nothing", None)])
def test_head_and_204_have_no_body(host: Running, path: str, length: bytes | None) -> None:
    """HEAD has the length of the body that it leaves out; 204 has neither."""
    head, _, body = exchange(host, get(path, CLOSE, method="HEAD" if length else "GET")).partition(b"\r\n\r\n")
    declared_length = re.search(rb"content-length: (\d+)", head)
    assert (declared_length[1] if declared_length else None, body) == (length, b"")


@pytest.mark.parametrize("size", [65_000, 65_536, 10_000_000])
def test_large_responses_arrive_complete(host: Running, size: int) -> None:
    """Nothing is lost of a large body, nor of the response after it."""
    answer = exchange(host, get(f"large?size={size}"), get("echo?name=last", CLOSE))
    assert answer.count(b"x" * size) == 1
    assert answer.endswith(b"\r\n\r\nlast")


def test_expectation_is_answered_before_the_body(host: Running) -> None:
    """A client that asks before sending a body gets 100 Continue, then the response."""
    request = get("echo", "Expect: 100-continue", "Content-Length: 5", CLOSE, method="POST", body="hello")
    answer = exchange(host, request)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("echo?name=" + "a" * 8200), b"414 Request-URI Too Long"),
        (get("echo", "X: " + "a" * 40_000), b"431 Request Header Fields Too Large"),
        (get("echo", *["X: 1"] * 101), b"431 Request Header Fields Too Large"),
        (get("echo?name=" + "a" * 8000, "X: " + "a" * 30_000, *["Y: 1"] * 90, CLOSE), b"200 OK"),
    ],
)
def test_head_over_azures_limits_is_refused(host: Running, request_: str, status: bytes) -> None:
    """A path or headers beyond the limits of Azure's server are 414 or 431, and the connection is closed."""
    assert exchange(host, request_).startswith(b"HTTP/1.1 " + status + b"\r\n")


def test_body_does_not_count_as_part_of_the_next_head(host: Running) -> None:
    """What arrives before a head on its connection does not count as part of it."""
    post = get("echo", "Content-Length: 400000", method="POST", body="x" * 400_000)
    assert exchange(host, post, post, get("echo?name=Ada", CLOSE)).count(b"HTTP/1.1 200 OK") == 3


def test_endless_head_is_cut_off(host: Running) -> None:
    """A header that goes on and on ends its connection, instead of being kept."""
    with socket.create_connection(("127.0.0.1", urlsplit(host.url).port or 0), timeout=PATIENCE) as client:
        client.sendall(b"GET /api/echo HTTP/1.1\r\nX: ")
        with pytest.raises(ConnectionError):
            client.sendall(b"a" * 100_000_000)
