"""Requests of real clients over sockets: other protocols, bodies, trailers, and clients that are too slow."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from hosting.server.keys import Keys
from tests.support.connections import answers
from tests.support.processes import PATIENCE, Running, environment, eventually, hosting_start

APP = """
import json
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("echo")
def Echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = {"method": req.method, "url": req.url, "headers": dict(req.headers)}
    seen["body"] = req.get_body().decode("latin-1")
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")

@app.route("answer")
def Answer(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("answered", headers={"x-name": req.params["name"]})

@app.route("trace")
async def Trace(req: func.HttpRequest, context: func.Context) -> str:
    return f"[{context.trace_context.trace_parent}|{context.trace_context.trace_state}]"

@app.route("secret", auth_level=func.AuthLevel.FUNCTION, methods=["POST"])
def Secret(req: func.HttpRequest) -> str:
    return "secret"
"""
LIMITS = {"HOSTING_HEAD_TIMEOUT_SECONDS": "0.5", "HOSTING_BODY_GRACE_SECONDS": "0.5", "HOSTING_KEEP_ALIVE_SECONDS": "1"}
NEXT = b"GET /api/echo?next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
PARENT = f"00-{'a' * 32}-{'b' * 16}-01"
UPGRADE = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("requests")
    (root / "host.json").write_text('{"version": "2.0"}')
    (root / "function_app.py").write_text(APP)
    return root


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the keys of the host."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def host(root: Path, state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A host that needs keys."""
    output = tmp_path_factory.mktemp("output") / "output.txt"
    environ = environment(XDG_STATE_HOME=str(state))
    with hosting_start(root, output, flags=["--enable-auth"], environ=environ) as running:
        yield running


@pytest.fixture(scope="module")
def strict(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A host with short time limits."""
    output = tmp_path_factory.mktemp("output") / "output.txt"
    with hosting_start(root, output, environ=environment(**LIMITS)) as running:
        yield running


def connected(host: Running) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", urlsplit(host.url).port or 0), timeout=PATIENCE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_all(client: socket.socket) -> bytes:
    """Return what the host sends until it closes the connection."""
    answer = b""
    while piece := client.recv(65536):
        answer += piece
    return answer


def exchange(host: Running, packets: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Send packets; return status and body of each response."""
    with connected(host) as client:
        for packet in packets:
            client.sendall(packet)
        return [(int(head.split()[1]), body) for head, body in answers(read_all(client))]


def post(body: bytes, headers: str = "", *, chunked: bool = False, path: str = "echo", trailer: bytes = b"") -> bytes:
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = f"POST /api/{path} HTTP/1.1\r\nHost: a\r\n{headers}{framing}\r\n\r\n".encode()
    return head + (b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailer) if chunked else body)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1, 40, 10_000])
def test_body_of_an_upgrade_request_is_no_request(host: Running, chunked: bool, size: int) -> None:
    """A request for HTTP/2 has its body and one response, however it is sent, and the next request has another."""
    data = post(NEXT, UPGRADE, chunked=chunked) + NEXT
    packets = [data[position : position + size] for position in range(0, len(data), size)]
    (first, body), (second, last) = exchange(host, packets)
    assert (first, json.loads(body)["body"]) == (200, NEXT.decode())
    assert (second, json.loads(last)["url"]) == (200, "http://a/api/echo?next")


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("flags", [["--http2"], ["--http2", "-H", "Transfer-Encoding: chunked"], ["--http1.0"]])
def test_curl_posts_a_body_with_any_version(host: Running, flags: Sequence[str]) -> None:
    """``curl --http2 -d`` asks for h2c first: the body arrives."""
    command = ["curl", "-sS", "-d", "hello", *flags, f"{host.url}/api/echo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert json.loads(done.stdout)["body"] == "hello"


def test_key_in_a_trailer_opens_nothing(host: Running, state: Path) -> None:
    """A field of the trailer section is not a header, in one packet or in two."""
    [stored] = state.glob("**/keys/*.json")
    master = Keys(bytes.fromhex(json.loads(stored.read_text())["secret"])).master
    header = f"x-functions-key: {master}\r\n"
    assert exchange(host, [post(b"x", header, path="secret") + NEXT])[0] == (200, b"secret")
    data = post(b"x", chunked=True, path="secret", trailer=header.encode())
    end = data.index(b"0\r\n")
    for packets in ([data + NEXT], [data[:end], data[end:] + NEXT], [data[: end + 3], data[end + 3 :] + NEXT]):
        assert [status for status, _ in exchange(host, packets)] == [401, 200]


def test_host_of_a_request_is_checked(host: Running) -> None:
    """A request without Host is 400, and an absolute target says which host a function sees."""
    assert [status for status, _ in exchange(host, [b"GET /api/echo HTTP/1.1\r\n\r\n"])] == [400]
    [(status, body)] = exchange(host, [NEXT.replace(b"/api", b"http://other.example/api")])
    assert (status, json.loads(body)["url"]) == (200, "http://other.example/api/echo?next")


def test_request_header_is_decoded_from_utf_8_or_latin_1(host: Running) -> None:
    """A function sees the text that was meant, without the blanks around it."""
    fields = b"X-A: \t L\xc3\xb6v \t\r\nX-B: L\xf6v\r\nX-E:  \r\n"
    [(_, body)] = exchange(host, [NEXT.replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n")])
    headers = json.loads(body)["headers"]
    assert [headers[name] for name in ("x-a", "x-b", "x-e")] == ["Löv", "Löv", ""]


@pytest.mark.parametrize("name", ["Löv", "€", "\u0661"])
def test_response_header_that_is_not_ascii_is_refused_and_logged(host: Running, name: str) -> None:
    """The invocation fails, and the log names the header."""
    assert host.get("/api/answer?name=Love").headers["x-name"] == "Love"
    answer = host.get(f"/api/answer?name={quote(name)}")
    assert (answer.status_code, "x-name" in answer.headers) == (500, False)
    eventually(lambda: f"response header 'x-name' has a value that is not ASCII: {name!r}" in host.printed())


@pytest.mark.parametrize(
    ("parent", "seen"), [(PARENT, f"[{PARENT}|k=v]"), (PARENT.upper(), "[|]"), (PARENT[3:], "[|]"), ("", "[|]")]
)
def test_malformed_traceparent_counts_as_absent(host: Running, parent: str, seen: str) -> None:
    """Only a well-formed trace context reaches a function."""
    headers = {"traceparent": parent, "tracestate": "k=v"}
    assert httpx.get(f"{host.url}/api/trace", headers=headers, timeout=PATIENCE).text == seen


WSGI = """
import azure.functions as func
from flask import Flask, request
web = Flask(__name__)

@web.route("/api/length", methods=["POST", "PUT", "PATCH", "DELETE"])
def length():
    return f"{request.content_length} {request.get_data().decode()} {request.headers.get('Transfer-Encoding')}"

app = func.WsgiFunctionApp(app=web.wsgi_app, http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def test_chunked_body_reaches_wsgi_apps(tmp_path: Path) -> None:
    """WSGI reads a body of a known length: it has the length of the chunks, whatever the verb."""
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    (tmp_path / "function_app.py").write_text(WSGI)
    with hosting_start(tmp_path, tmp_path / "output.txt") as running:
        for verb in ("POST", "PUT", "PATCH", "DELETE"):
            answer = httpx.request(verb, f"{running.url}/api/length", content=iter([b"he", b"llo"]), timeout=PATIENCE)
            assert answer.text == "5 hello None"
        assert httpx.post(f"{running.url}/api/length", content=b"hello", timeout=PATIENCE).text == "5 hello None"


@pytest.mark.parametrize(
    ("beginning", "status"),
    [
        (b"GET /api/echo HTTP/1.1\r\nHos", [408]),
        (NEXT.replace(b"Connection: close\r\n", b"") + b"GET", [200, 408]),
        (b"POST /api/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf", [408]),
        (b"POST /api/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", [408]),
        (NEXT.replace(b"Connection: close\r\n", b""), [200]),
        (b"", []),
    ],
)
def test_slow_and_idle_clients_are_cut_off(strict: Running, beginning: bytes, status: list[int]) -> None:
    """A head or a body that does not come is 408; a connection without a request is closed."""
    assert [status for status, _ in exchange(strict, [beginning])] == status


def test_setting_that_is_no_number_is_one_line(root: Path, tmp_path: Path) -> None:
    """The host does not start with a time limit that is no number, and says which setting it is."""
    done = subprocess.run(
        [sys.executable, "-m", "hosting", "start", str(root), "--port", "0"],
        env=environment(HOSTING_KEEP_ALIVE_SECONDS="soon"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "HOSTING_KEEP_ALIVE_SECONDS: expected a number of seconds above 0, found 'soon'." in done.stderr
    assert "Traceback" not in done.stderr
