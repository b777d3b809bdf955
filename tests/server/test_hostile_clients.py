"""Requests that no client should send: the host responds or closes the connection, and serves other clients."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.processes import PATIENCE, Running, hosting_start

APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("look/{*rest}")
async def Look(req: func.HttpRequest) -> str:
    read = [req.method, req.url, dict(req.headers), dict(req.params), dict(req.route_params), req.get_body()]
    try:
        read.append(req.get_json())
    except ValueError:
        pass
    return f"looked at {len(read)}"

@app.route("thread/{name?}")
def InThread(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b"seen", mimetype="application/octet-stream")

@app.route("large")
async def Large(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b"x" * 50_000_000)

@app.route("evil")
def Evil(req: func.HttpRequest):
    evil = "a\\r\\nX-Evil: 1\\r\\n\\r\\n<script>"
    kind = req.params["kind"]
    if kind == "mimetype":
        return func.HttpResponse("", mimetype=evil)
    if kind == "charset":
        response = func.HttpResponse("")
        response._HttpResponse__charset = evil
        return response
    if kind == "past the SDK":
        response = func.HttpResponse("")
        response.headers._list.append(("X-Fine", evil))
        return response
    if kind == "name":
        return func.HttpResponse("", headers={"X-Fine: 1\\r\\nX-Evil": "1"})
    if kind == "value":
        return func.HttpResponse("", headers={"X-Fine": evil})
    import json
    cookie = {"name": "a", "value": "b", "path": evil}
    described = {"headers": {"headers": {"X-Fine": evil}}, "cookie": {"cookies": [cookie]}}
    return json.dumps({"body": "", **described[kind]})
"""
GOOD = b"GET /api/look/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLOSED = (errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE)
"""Errors of a client whose connection the host closed before it had read everything."""
FINAL = re.compile(rb"^HTTP/1\.[01] ([2-5]\d\d) ", re.MULTILINE)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One host for all tests, which must end with code 0."""
    root: Path = tmp_path_factory.mktemp("hostile")
    (root / "host.json").write_text('{"version": "2.0"}')
    (root / "function_app.py").write_text(APP)
    with hosting_start(root, tmp_path_factory.mktemp("output") / "output.txt") as running:
        yield running


def connect(host: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(host.url).port or 0), timeout=PATIENCE)


def exchange(host: Running, data: bytes) -> bytes:
    """Send data, close the sending side, and return all that the host sends; a timeout is an error."""
    with connect(host) as client:
        answer = b""
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65536):
                answer += piece
        except OSError as error:
            if error.errno not in CLOSED:
                raise
    return answer


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in FINAL.findall(answer)]


def check(host: Running, data: bytes) -> None:
    """Assert that the response to ``data`` is not a server error, and that the next client is served."""
    assert not [status for status in statuses(exchange(host, data)) if status >= 500]
    assert statuses(exchange(host, GOOD)) == [200]


junk = st.binary(max_size=40)
tokens = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"PRI", b"get", b"G\x00T", b""]) | junk
targets = st.sampled_from(
    [
        b"/api/look/x",
        b"/api/thread",
        b"*",
        b"//",
        b"http://[::1/",
        b"/%",
        b"/%00",
        b"/api/look/%ff%fe",
        b"/../..",
        b"?",
        b"",
    ]
) | st.binary(max_size=60).map(lambda data: b"/api/look/" + data)
versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/", b"", b"ICY"])
names = st.sampled_from(
    [
        b"Content-Length",
        b"Transfer-Encoding",
        b"Connection",
        b"Expect",
        b"Upgrade",
        b"Host",
        b"X",
        b"Content-Type",
        b" X",
        b"",
    ]
) | st.binary(max_size=10)
values = st.sampled_from(
    [
        *(
            b"0",
            b"5",
            b"-1",
            b"1e3",
            b"99999999999999999999",
            b"chunked",
            b"gzip, chunked",
            b"close",
            b"keep-alive, upgrade",
        ),
        *(b"100-continue", b"websocket", b"h2c", b"\x00", b"\xff\xfe", b"a\rb", b"multipart/form-data; boundary="),
        b"a" * 9000,
    ]
) | st.binary(max_size=30)
bodies = st.sampled_from(
    [b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"5\r\nhel", b"{", b"-1\r\n\r\n"]
)
ends = st.sampled_from([b"\r\n", b"\n", b"\r", b""])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Generate a request with any number of mistakes."""
    end = draw(ends.filter(bool))
    head = [b" ".join((draw(tokens), draw(targets), draw(versions)))]
    head += [
        name + draw(st.sampled_from([b": ", b":", b""])) + draw(values) for name in draw(st.lists(names, max_size=5))
    ]
    return end.join(head) + end + draw(ends) + draw(bodies | junk)


@settings(max_examples=150)
@given(data=st.lists(requests(), min_size=1, max_size=3).map(b"".join) | st.binary(max_size=200))
@example(data=b"")
@example(data=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
@example(data=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
@example(data=b"GET /api/look/x HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n")
@example(data=b"GET /api/look/" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
@example(data=GOOD * 100)
def test_malformed_requests_never_get_a_5xx(host: Running, data: bytes) -> None:
    """Bytes that are hardly HTTP never crash or hang the host."""
    check(host, data)


@settings(max_examples=100)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]),
    function=st.sampled_from(["look", "thread", "nothing", "../look", "LOOK", "admin"]),
    rest=st.text(max_size=20),
    query=st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=4),
    headers=st.dictionaries(
        st.from_regex("[A-Za-z-]{1,12}", fullmatch=True), st.text("\t !~\xa0\xff", max_size=10), max_size=4
    ),
    body=st.binary(max_size=300),
)
def test_unusual_requests_are_answered_without_a_server_error(
    host: Running,
    method: str,
    function: str,
    rest: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
) -> None:
    """Any method, any text in path, query and headers, and any body are answered."""
    path = f"/api/{function}/{quote(rest.encode('utf-8', 'surrogatepass'))}"
    text = "&".join(f"{quote(key, errors='replace')}={quote(value, errors='replace')}" for key, value in query)
    framing = {"content-length", "transfer-encoding", "connection", "expect", "upgrade", "host"}
    lines = [f"{name}: {value}" for name, value in headers.items() if name.lower() not in framing]
    head = [f"{method} {path}?{text} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *lines, "", ""]
    answered = statuses(exchange(host, "\r\n".join(head).encode("latin-1") + body))
    assert len(answered) == 1
    assert answered[0] < 500


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Content-Length: +5\r\n",
    ],
)
def test_ambiguous_length_is_refused(host: Running, headers: bytes) -> None:
    """A request with two possible ends is 400, and what follows it is not read."""
    data = b"POST /api/look/x HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n0\r\n\r\n" + GOOD
    assert statuses(exchange(host, data)) == [400]


def test_slow_clients_delay_no_others(host: Running) -> None:
    """Clients that send half a request, drip, or do not read their answers keep no other client waiting."""
    with ExitStack() as stack:
        beginnings = [GOOD[:-2], b"G", b"POST /api/look/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf"]
        beginnings += [b"POST /api/thread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"]
        slow = [(stack.enter_context(connect(host)), data) for data in beginnings * 30]
        deaf = [stack.enter_context(connect(host)) for _ in range(3)]
        for client, data in slow:
            client.sendall(data)
        for client in deaf:
            client.sendall(b"GET /api/large HTTP/1.1\r\nHost: a\r\n\r\n")
        for path in ("/api/look/x", "/api/thread"):
            assert [host.get(path).status_code for _ in range(20)] == [200] * 20
        slow[0][0].sendall(b"\r\n")
        assert statuses(slow[0][0].recv(65536)) == [200]
    assert host.get("/api/look/x").status_code == 200


@pytest.mark.parametrize("kind", ["mimetype", "charset", "past the SDK", "name", "value", "headers", "cookie"])
def test_line_break_in_a_response_header_fails_the_invocation(host: Running, kind: str) -> None:
    """Nothing of the injected header is sent."""
    answer = exchange(host, b"GET /api/evil?kind=%s HTTP/1.1\r\nHost: a\r\n\r\n" % quote(kind).encode())
    assert statuses(answer) == [500]
    assert b"vil" not in answer
    assert b"script" not in answer


def test_burst_of_connections_is_served(host: Running) -> None:
    """Each of 300 clients that connect at once is answered."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(host)) for _ in range(300)]
        for client in clients:
            client.sendall(GOOD)
        assert all(statuses(client.recv(65536)) == [200] for client in clients)


def test_log_has_no_error_of_the_host(host: Running) -> None:
    """After all of that, the log has only the errors of the function that causes them."""
    assert httpx.get(host.url + "/api/look/x", timeout=PATIENCE).status_code == 200
    errors = [line for line in host.printed().splitlines() if "ERROR" in line]
    assert [line for line in errors if "Functions.Evil" not in line] == []
    assert "Exception in ASGI application" not in host.printed()
