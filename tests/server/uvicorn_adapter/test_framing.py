"""Where requests begin and end: the same in one packet, in many, and byte by byte, with others after them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from hosting.server.types import Receive, Scope, Send
from tests.support.connections import answers, serve_each, serve_in_memory

pytestmark = pytest.mark.slow  # each request is split at each of its positions

NEXT = b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND")
UPGRADES = ("h2c", "websocket", "TLS/1.2", "HTTP/2.0", "unknown")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what the application sees of a request."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body, more = body + message["body"], message["more_body"]
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    text = json.dumps(seen).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(text)).encode())]}
    )
    await send({"type": "http.response.body", "body": text})


def splits(data: bytes) -> list[Sequence[bytes]]:
    """Return the ways to cut ``data`` into packets: none, at each position, and at all of them."""
    halves = [[data[:position], data[position:]] for position in range(1, len(data))]
    return [[data], *halves, [data[position : position + 1] for position in range(len(data))]]


Seen = list[tuple[int, Any]]


def seen(packets: Sequence[bytes]) -> Seen:
    """Return status and body of each response to ``packets``; what the application has seen is parsed."""
    return parsed(serve_in_memory(echo, packets))


def seen_however_split(data: bytes) -> Seen:
    """Return the responses to ``data``, which are the same in whichever packets it arrives."""
    ways = splits(data)
    responses = [parsed(written) for written in serve_each(echo, ways)]
    for packets, others in zip(ways, responses, strict=True):
        assert others == responses[0], packets
    return responses[0]


def parsed(written: bytes) -> Seen:
    found: Seen = []
    for head, body in answers(written):
        found.append((int(head.split()[1]), json.loads(body) if body.startswith(b"{") else body.decode()))
    return found


def request(verb: str, body: bytes, *headers: str, chunked: bool, version: str = "1.1") -> bytes:
    """Return a request with a body."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = "\r\n".join([f"{verb} /first?q=1 HTTP/{version}", "Host: a", *headers, framing, "", ""]).encode()
    if not chunked:
        return head + body
    middle = len(body) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:middle], body[middle:]) if part)
    return head + chunks + b"0\r\n\r\n"


def check_two(data: bytes, verb: str, body: bytes) -> None:
    """In whichever packets it arrives, ``data`` is a request with ``body`` and the next one, and nothing else."""
    responses = seen_however_split(data)
    assert [status for status, _ in responses] == [200, 200]
    (_, first), (_, second) = responses
    if verb != "HEAD":
        assert (first["method"], first["path"], first["body"]) == (verb, "/first", body.decode("latin-1"))
    assert (second["path"], second["body"], second["headers"]) == ("/next", "", [["host", "next"]])


@pytest.mark.parametrize(("verb", "chunked"), [*product(VERBS, (False, True))])
def test_body_is_delivered_whatever_the_verb(verb: str, chunked: bool) -> None:
    """A body of any verb arrives whole, and the request after it is the next one."""
    check_two(request(verb, SMUGGLED, chunked=chunked) + NEXT, verb, SMUGGLED)


@pytest.mark.parametrize(("upgrade", "chunked"), [*product(UPGRADES, (False, True))])
@pytest.mark.parametrize("connection", ["Upgrade", "keep-alive, Upgrade", "Upgrade, HTTP2-Settings", "keep-alive"])
def test_upgrade_is_ignored_and_the_body_delivered(upgrade: str, chunked: bool, connection: str) -> None:
    """A request for another protocol is answered as if it had not asked, and its body is not the next request."""
    headers = (f"Connection: {connection}", f"Upgrade: {upgrade}")
    check_two(request("POST", SMUGGLED, *headers, chunked=chunked) + NEXT, "POST", SMUGGLED)


@pytest.mark.parametrize("verb", VERBS)
def test_upgrade_of_any_verb_is_ignored(verb: str) -> None:
    """The verb makes no difference, also for a request without a body."""
    headers = ("Connection: Upgrade", "Upgrade: h2c")
    check_two(request(verb, SMUGGLED, *headers, chunked=False) + NEXT, verb, SMUGGLED)
    check_two(request(verb, b"", *headers, chunked=True) + NEXT, verb, b"")
    bare = f"{verb} /first HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".encode()
    check_two(bare + NEXT, verb, b"")


def test_headers_of_an_ignored_upgrade_are_seen_once() -> None:
    """The application sees the headers that were sent, whatever the server made of them."""
    headers = ("Connection: Upgrade", "Upgrade: h2c", "X-T:  v \t ", "X-E:")
    [(_, first)] = seen_however_split(request("POST", b"abc", *headers, chunked=False))
    assert sorted(map(tuple, first["headers"])) == [
        ("connection", "Upgrade"),
        ("content-length", "3"),
        ("host", "a"),
        ("upgrade", "h2c"),
        ("x-e", ""),
        ("x-t", "v"),
    ]


def test_many_upgrades_in_one_packet_are_all_answered() -> None:
    """Pipelined requests that ask for another protocol are answered one after the other."""
    one = request("POST", b"abc", "Connection: Upgrade", "Upgrade: h2c", chunked=True)
    assert [status for status, _ in seen([one * 2000])] == [200] * 2000


@pytest.mark.parametrize("chunked", [False, True])
def test_http_1_0_upgrade_has_its_body_and_nothing_follows(chunked: bool) -> None:
    """HTTP/1.0 keeps no connection: one response, with the body, and what follows is ignored."""
    headers = ("Connection: Upgrade", "Upgrade: h2c")
    responses = seen_however_split(request("POST", b"abc", *headers, chunked=chunked, version="1.0") + NEXT)
    assert [(status, first["body"]) for status, first in responses] == [(200, "abc")]


@pytest.mark.parametrize(
    "framing",
    [
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: +3",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    ],
)
@pytest.mark.parametrize("upgrade", ["", "Connection: Upgrade\r\nUpgrade: h2c\r\n"])
def test_ambiguous_end_is_refused(framing: str, upgrade: str) -> None:
    """A request with two possible ends is 400, and what follows is not read, with an upgrade as without."""
    data = f"POST / HTTP/1.1\r\nHost: a\r\n{upgrade}{framing}\r\n\r\n".encode() + b"0\r\n\r\n" + NEXT
    assert [status for status, _ in seen_however_split(data)] == [400]


TRAILERS = (
    b"X-Functions-Key: secret\r\n",
    b"X-Empty:\r\n",
    b"Host: other\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n",
    b"A: 1\r\nB: \t 2\r\nContent-Type: text/html\r\n",
)


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("upgrade", [(), ("Connection: Upgrade", "Upgrade: h2c")])
def test_trailers_never_become_headers(trailer: bytes, upgrade: Sequence[str]) -> None:
    """Neither this request nor the next one has a field of the trailer section, whatever packet it arrives in."""
    head = request("POST", b"abc", *upgrade, chunked=True)[: -len(b"\r\n")]
    expected = sorted(["host", "transfer-encoding", *(line.partition(":")[0].lower() for line in upgrade)])
    (_, first), (_, second) = seen_however_split(head + trailer + b"\r\n" + NEXT)
    assert first["body"] == "abc"
    assert sorted(name for name, _ in first["headers"]) == expected
    assert second["headers"] == [["host", "next"]]


@pytest.mark.parametrize(
    "trailer",
    [
        b"X: y\r\n" * 101,
        b"X: " + b"y" * 33_000 + b"\r\n",
        b"X: " + b"y" * 400_000,
        b"y" * 400_000,
        b"".join(b"X%d: %b\r\n" % (number, b"y" * 1000) for number in range(90)),
    ],
)
def test_trailers_over_the_limits_of_a_head_are_refused(trailer: bytes) -> None:
    """Trailer fields count against the limits of a head, complete or not."""
    data = request("POST", b"abc", chunked=True)[: -len(b"\r\n")] + trailer + b"\r\n"
    for size in (65536, 1000):
        packets = [data[position : position + size] for position in range(0, len(data), size)]
        assert [status for status, _ in seen(packets)] == [431]


@pytest.mark.parametrize(
    "trailer", [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Connection: close", b"Proxy-Connection: close"]
)
def test_framing_in_a_trailer_is_refused(trailer: bytes) -> None:
    """A trailer field can say nothing about where the request ends, or that the connection does."""
    data = request("POST", b"abc", chunked=True)[: -len(b"\r\n")] + trailer + b"\r\n\r\n"
    assert [status for status, _ in seen_however_split(data + NEXT)] == [400]


def test_endless_trailers_and_chunk_extensions_are_not_kept() -> None:
    """A trailer section or a chunk extension that does not end is refused once it is larger than a head may be."""
    head = request("POST", b"abc", chunked=True)[: -len(b"\r\n")]
    for endless in (head + b"X: ", head[: -len(b"0\r\n")] + b"5;x="):
        packets = [endless, *[b"y" * 1000] * 42]
        assert [status for status, _ in seen(packets)] == [431]


@pytest.mark.parametrize(
    "before", [b"", NEXT, request("POST", b"x" * 5000, chunked=False), request("POST", b"x", chunked=True)]
)
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"u" * 8200 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /" + b"u" * 8100 + b" HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 30_000 + b"\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 33_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + (b"X: " + b"x" * 995 + b"\r\n") * 33 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 99 + b"\r\n", 200),
    ],
)
def test_limits_of_a_head_do_not_depend_on_packets(before: bytes, head: bytes, status: int) -> None:
    """A head counts from where it begins, whatever arrives in the same packet before it or after it."""
    data = before + head + (NEXT if status == 200 else b"")
    expected = [200] * bool(before) + ([200, 200] if status == 200 else [status])
    cuts = [len(data), 65536, 9000, 1000, len(before) + 100]
    ways = [[data[at : at + size] for at in range(0, len(data), size)] for size in cuts]
    ways += [[data[:at], data[at:]] for at in range(1, len(data), 997)]
    for packets, written in zip(ways, serve_each(echo, ways), strict=True):
        assert [seen_status for seen_status, _ in parsed(written)] == expected, [len(packet) for packet in packets]


HOSTS = {
    b"": 400,
    b"Host: a\r\nHost: a\r\n": 400,
    b"Host: a\r\nX: y\r\nHost: b\r\n": 400,
    b"Host: a b\r\n": 400,
    b"Host: a/b\r\n": 400,
    b"Host: a@b\r\n": 400,
    b"Host: a, b\r\n": 400,
    b"Host: :80\r\n": 400,
    b"Host: a:\r\n": 400,
    b"Host: a:b\r\n": 400,
    b"Host: a:80:80\r\n": 400,
    b"Host: [::1\r\n": 400,
    b"Host: [zz::1]\r\n": 400,
    b"Host: [::1]x\r\n": 400,
    b"Host: http://a\r\n": 400,
    b"Host: h\xc3\xb6st\r\n": 400,
    b"Host: <a>\r\n": 400,
    b"Host: a%20b\r\n": 400,
    b"Host:\r\n": 200,
    b"Host: a\r\n": 200,
    b"Host: \t a \t\r\n": 200,
    b"Host: A-b_c.example:8080\r\n": 200,
    b"Host: 127.0.0.1:7071\r\n": 200,
    b"Host: [::1]\r\n": 200,
    b"Host: [fe80::1:2.3.4.5]:7071\r\n": 200,
}


@pytest.mark.parametrize(("host", "status"), [*HOSTS.items()])
def test_host_is_there_once_and_well_formed(host: bytes, status: int) -> None:
    """A missing, repeated or malformed Host is 400 on a new connection and on one that had a good one."""
    for verb, target in ((b"GET", b"/first"), (b"POST", b"/first"), (b"GET", b"http://other/first")):
        asked = verb + b" " + target + b" HTTP/1.1\r\n" + host + b"\r\n"
        assert [status for status, _ in seen([asked])] == [status]
        assert [status for status, _ in seen([NEXT, asked])] == [200, status]
    # HTTP/1.0 has no need of one.
    without = b"GET /first HTTP/1.0\r\n" + host + b"\r\n"
    assert [status for status, _ in seen([without])] == [status if host else 200]


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        (b"http://b.example/p?q=1", b"b.example", "/p", "q=1"),
        (b"http://b.example:81/p/q", b"b.example:81", "/p/q", ""),
        (b"HTTPS://u:p@b.example/p", b"b.example", "/p", ""),
        (b"http://[::1]:81?q=/1", b"[::1]:81", "/", "q=/1"),
        (b"http://b.example", b"b.example", "/", ""),
        (b"/p?q=http://c/d", b"a", "/p", "q=http://c/d"),
        (b"/p#f", b"a", "/p", ""),
        (b"//c/d", b"a", "//c/d", ""),
    ],
)
def test_authority_of_an_absolute_target_replaces_the_host(target: bytes, host: bytes, path: str, query: str) -> None:
    """For an absolute target Host is ignored; the target is split into path and query."""
    data = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n" + NEXT
    (_, first), (_, second) = seen_however_split(data)
    assert (first["path"], first["query"]) == (path, query)
    assert first["headers"] == [["host", host.decode()], ["x", "y"]]
    assert second["headers"] == [["host", "next"]]


@pytest.mark.parametrize(
    "line",
    [
        b"CONNECT a:443 HTTP/1.1",
        b"CONNECT /first HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET a:443 HTTP/1.1",
        b"GET /h\xc3\xb6 HTTP/1.1",
        b"GET http:// HTTP/1.1",
        b"GET / HTTP/2.0",
        b"GET / HTTP/0.9",
        b"PRI * HTTP/2.0",
        b"GET /",
        b"FOO / HTTP/1.1",
    ],
)
def test_other_targets_and_versions_are_refused(line: bytes) -> None:
    """What is neither a path nor a URL, and any version but 1.0 and 1.1, is 400; nothing after it is read."""
    assert [status for status, _ in seen_however_split(line + b"\r\nHost: a\r\n\r\n" + NEXT)] == [400]


@pytest.mark.parametrize(
    "field", [b"X: a\r\n b\r\n", b"X: a\x00b\r\n", b"X: a\x7fb\r\n", b"X : a\r\n", b": a\r\n", b"X: a\nY: b\r\n"]
)
def test_malformed_fields_are_refused(field: bytes) -> None:
    """A folded line, a control character, a blank before the colon and a bare line feed are 400."""
    assert [status for status, _ in seen_however_split(b"GET / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n" + NEXT)] == [
        400
    ]


def test_surrounding_blanks_and_tabs_are_not_part_of_a_value() -> None:
    """Blanks and tabs around a value go, those inside stay, and names are in lower case."""
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX-T:  v \t w\t \r\nX-E: \t \r\nx-n:1\r\n\r\n"
    [(_, first)] = seen_however_split(data)
    assert first["headers"] == [["host", "a"], ["x-t", "v \t w"], ["x-e", ""], ["x-n", "1"]]


def test_request_that_cannot_be_served_is_refused_after_the_responses_before_it() -> None:
    """Responses come in the order of the requests, the refusal last, and no other after it."""
    for bad in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", request("POST", b"abc", chunked=True)[:-9] + b"z\r\n"):
        assert [status for status, _ in seen_however_split(NEXT + NEXT + bad + NEXT)] == [200, 200, 400]


def test_body_that_nobody_reads_is_not_the_next_request() -> None:
    """A response that comes before the body has been read leaves the rest of the body out of the next request."""

    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": scope["path"][1:2].encode()})

    for chunked in (False, True):
        data = request("POST", SMUGGLED * 3, chunked=chunked) + NEXT
        for written in serve_each(early, splits(data)):
            assert [body for _, body in answers(written)] == [b"f", b"n"]


def test_unasked_body_after_an_expectation_ends_the_connection() -> None:
    """A client that waited for 100 Continue and got a response instead may send the body or not: nothing is read."""

    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    head = request("POST", SMUGGLED, "Expect: 100-continue", chunked=False)[: -len(SMUGGLED)]
    [(first, _)] = answers(serve_in_memory(early, [head, SMUGGLED + NEXT]))
    assert b"connection: close" in first


@pytest.mark.parametrize(
    ("version", "written"), [("1.1", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"), ("1.0", b"HTTP/1.1 200")]
)
def test_interim_response_is_for_clients_that_know_it(version: str, written: bytes) -> None:
    """HTTP/1.1 gets 100 Continue when the application reads; the expectation of HTTP/1.0 is ignored."""
    data = request("POST", b"abc", "Expect: 100-Continue", chunked=False, version=version)
    assert serve_in_memory(echo, [data[:-3], data[-3:]]).startswith(written)
    [(status, first)] = parsed(serve_in_memory(echo, [data]))
    assert (status, first["body"]) == (200, "abc")


def test_stream_of_unknown_length_ends_as_the_version_says() -> None:
    """HTTP/1.1 gets chunks; HTTP/1.0 gets the bytes as they are and the end of the connection."""

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    new = serve_in_memory(stream, [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
    assert new.endswith(b"\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    old = serve_in_memory(stream, [b"GET / HTTP/1.0\r\n\r\n"])
    assert old.endswith(b"\r\nconnection: close\r\n\r\nonetwo")
    assert b"transfer-encoding" not in old
    head = serve_in_memory(stream, [b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" * 2])
    assert head.endswith(b"GMT\r\n\r\n")
    assert head.count(b"HTTP/1.1 200 OK") == 2
