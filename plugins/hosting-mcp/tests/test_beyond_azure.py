"""What Azure's extension does not have, and legacy options: each is off unless host.json turns it on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp_support import INITIALIZE, MCP, MakePeer, Peer, events, started

from hosting_mcp import legacy, streams

SESSION = "aaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbb"

APP = """
import hosting_mcp

@app.mcp_tool()
def works(n: int) -> str:
    for step in range(n):
        hosting_mcp.report_progress(step + 1, n, "step")
    hosting_mcp.log_message("info", {"done": n}, logger="me")
    return "done"

@app.mcp_tool()
async def waits() -> str:
    await asyncio.Event().wait()

@app.mcp_tool()
def third() -> str:
    return ""

opened = asyncio.Event()

@app.mcp_tool()
async def gate() -> str:
    await opened.wait()
    return "through"

@app.mcp_tool()
async def open_gate() -> str:
    opened.set()
    return ""

@app.generic_trigger("c", type="mcpPromptTrigger", promptName="p",
    promptArguments='[{"name": "city"}]', completions='{"city": ["Paris", "Porto", "Rome"]}')
def prompt(c):
    return "p"

@app.generic_trigger("c", type="mcpResourceTrigger", uri="r://{a}", resourceName="r", completions='{"a": ["one"]}')
def resource(c):
    return "r"
"""


async def test_lists_have_pages(make_peer: MakePeer) -> None:
    """The cursor leads to the next part; a made-up one is an error."""
    peer = make_peer(APP, {"beyondAzure": {"pageSize": 3}})
    first = await peer.result("tools/list")
    rest = await peer.result("tools/list", {"cursor": first["nextCursor"]})
    assert ([len(page["tools"]) for page in (first, rest)], "nextCursor" in rest) == ([3, 2], False)
    for cursor in ("x", 5, "LTE=", "OTk=", ""):
        assert (await peer.request("tools/list", {"cursor": cursor}))["error"]["code"] == -32602
    assert len((await make_peer(APP).result("tools/list", {"cursor": "x"}))["tools"]) == 5


async def test_progress_and_messages_come_before_the_result(make_peer: MakePeer) -> None:
    """A client that names a token gets the progress, each client the messages; without the option none does."""
    peer = make_peer(APP, {"beyondAzure": {"notifications": True}})
    params: dict[str, Any] = {"name": "works", "arguments": {"n": 2}, "_meta": {"progressToken": "t"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    got = events((await peer.post(message)).text)
    assert [one.get("method") for one in got] == [*["notifications/progress"] * 2, "notifications/message", None]
    assert got[0]["params"] == {"progressToken": "t", "progress": 1, "total": 2, "message": "step"}
    assert got[2]["params"] == {"level": "info", "logger": "me", "data": {"done": 2}}
    assert got[3]["result"]["content"][0]["text"] == "done"
    del params["_meta"]
    assert [one.get("method") for one in events((await peer.post(message)).text)] == ["notifications/message", None]
    assert [one.get("method") for one in events((await make_peer(APP).post(message)).text)] == [None]


async def test_arguments_are_completed(make_peer: MakePeer) -> None:
    """Values that begin with what is typed, ignoring case."""
    peer = make_peer(APP, {"beyondAzure": {"completion": True}})
    prompt, resource = {"type": "ref/prompt", "name": "p"}, {"type": "ref/resource", "uri": "r://{a}"}
    for reference, argument, values in (
        (prompt, {"name": "city", "value": "p"}, ["Paris", "Porto"]),
        (prompt, {"name": "other", "value": ""}, []),
        (resource, {"name": "a", "value": ""}, ["one"]),
    ):
        result = await peer.result("completion/complete", {"ref": reference, "argument": argument})
        assert result == {"completion": {"values": values, "total": len(values), "hasMore": False}}
    for wrong in ({}, {"ref": prompt, "argument": {}}, {"ref": {"type": "x"}, "argument": {"name": "a", "value": ""}}):
        assert (await peer.request("completion/complete", wrong))["error"]["code"] == -32602


async def until(condition: Callable[[], Any]) -> None:
    """Let other tasks run until a condition holds."""
    while not condition():  # noqa: ASYNC110 - conditions of many kinds
        await asyncio.sleep(0)


async def stream(
    peer: Peer, session: str, path: str = MCP, body: bytes = b"", may_read: asyncio.Event | None = None
) -> tuple[asyncio.Task[None], list[bytes]]:
    """Open a stream, with POST if there is a body, and return its task with the pieces that come.

    A client that may not read yet takes two pieces only.
    """
    pieces: list[bytes] = []

    async def send(message: Any) -> None:
        pieces.append(message.get("body", b"%d" % message.get("status", 0)))
        if may_read is not None and len(pieces) > 2:
            await may_read.wait()

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    headers = [(b"accept", b"application/json, text/event-stream"), (b"mcp-session-id", session.encode())]
    headers += [(b"host", b"localhost:7071"), (b"content-type", b"application/json")]
    headers += [(b"content-length", b"%d" % len(body))] if body else []
    route, _, query = path.partition("?")
    method = "POST" if body else "GET"
    scope = {"type": "http", "method": method, "path": route, "raw_path": route.encode(), "scheme": "http"}
    scope |= {"query_string": query.encode(), "headers": headers}
    task = asyncio.ensure_future(peer.app(scope, receive, send))
    await until(lambda: len(pieces) >= (1 if body else 2) or task.done())
    return task, pieces


async def test_stream_reports_that_lists_may_have_changed(make_peer: MakePeer) -> None:
    """A session of an earlier process is told so at once; the stream ends when the host stops."""
    peer = make_peer(APP, {"beyondAzure": {"streams": True}})
    async with started(peer.app.host):
        opened = await peer.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE})
        assert events(opened.text)[0]["result"]["capabilities"]["tools"] == {"listChanged": True}
        own, others = opened.headers["mcp-session-id"], "aaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbb"
        streams = [await stream(peer, session) for session in (own, others)]
    await asyncio.gather(*(task for task, _ in streams))
    (_, quiet), (_, told) = streams
    assert quiet == [b"200", b": stream\n\n", b""]
    methods = [one["method"] for one in events(b"".join(told).decode())]
    assert methods == [f"notifications/{kind}/list_changed" for kind in ("tools", "resources", "prompts")]
    task, pieces = await stream(peer, "made up")
    await task
    assert pieces[0] == b"400"


@pytest.mark.parametrize(
    ("kind", "quiet"),
    [
        ("stream", [": quiet", ": quiet"]),
        ("call", [": quiet", ": quiet"]),
        ("legacy", [*[": quiet"] * 4, 'data: {"jsonrpc":"2.0","id":"ping-1","method":"ping"}']),
    ],
)
async def test_quiet_stream_shows_that_its_client_is_gone(
    make_peer: MakePeer, monkeypatch: pytest.MonkeyPatch, kind: str, quiet: list[str]
) -> None:
    """Only a write does: comments come while there is nothing to say, and a legacy session gets pings, as in Azure."""
    monkeypatch.setattr(streams, "QUIET_SECONDS", 0.001)
    peer = make_peer(APP, {"beyondAzure": {"streams": True, "notifications": True}})
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "waits"}}
    body = json.dumps(call).encode() if kind == "call" else b""
    async with started(peer.app.host):
        task, pieces = await stream(peer, SESSION, f"{MCP}/sse" if kind == "legacy" else MCP, body)
        lines: list[str] = []
        while len(lines) < len(quiet):
            await asyncio.sleep(0.001)
            lines = [line for line in b"".join(pieces[1:]).decode().split("\n") if line in quiet]
        assert lines[: len(quiet)] == quiet
        task.cancel()  # the client has gone
        await task
        await until(lambda: not peer.app.running())


async def test_stopping_host_answers_running_requests_and_takes_no_streams(make_peer: MakePeer) -> None:
    """A legacy stream ends after the answers; a drained host refuses new ones until it is resumed."""
    peer = make_peer(APP, {"beyondAzure": {"streams": True}})
    listening = peer.app.host.listening
    async with started(peer.app.host):
        task, pieces = await stream(peer, "", f"{MCP}/sse")
        path = f"{MCP}/{pieces[1].decode().removeprefix('event: endpoint' + chr(10) + 'data: ').strip()}"
        message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "gate"}}
        assert (await peer.post(message, path)).status_code == 202
        await until(peer.app.running)
        await listening.drain()
        for other in (f"{MCP}/sse", MCP):
            _, refused = await stream(peer, SESSION, other)
            assert refused[0] == b"503"
        assert await peer.result("ping") == {}
        assert not task.done()
        await peer.call("open_gate")
        await task
        assert [one["id"] for one in events(b"".join(pieces[2:]).decode())] == [7]
        await listening.resume()
        task, pieces = await stream(peer, SESSION)
        assert pieces[0] == b"200"
    await task


async def test_client_that_reads_nothing_fills_no_memory(make_peer: MakePeer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that wait for the reader count as running requests; progress that nobody reads is dropped."""
    monkeypatch.setattr(legacy, "MAX_REQUESTS", 3)
    monkeypatch.setattr(streams, "MAX_UNREAD", 5)
    peer = make_peer(APP, {"beyondAzure": {"notifications": True}})
    may_read = asyncio.Event()
    async with started(peer.app.host):
        task, pieces = await stream(peer, "", f"{MCP}/sse", may_read=may_read)
        path = f"{MCP}/{pieces[1].decode().removeprefix('event: endpoint' + chr(10) + 'data: ').strip()}"
        ping = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
        assert (await peer.post(ping, path)).status_code == 202
        await until(lambda: len(pieces) > 2)  # it is being written
        statuses = [(await peer.post(ping, path)).status_code for _ in range(5)]
        assert statuses == [202, 202, 202, 429, 429]
        may_read.set()
        params = {"name": "works", "arguments": {"n": 50}, "_meta": {"progressToken": "t"}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
        answered, got = await stream(peer, SESSION, MCP, body, may_read := asyncio.Event())
        await until(lambda: len(got) > 2)  # the function runs, and its client does not read
        await until(lambda: not peer.app.running())
        may_read.set()
        await answered
        methods = [one.get("method") for one in events(b"".join(got).decode())]
        assert (methods[-1], len(methods) <= 8) == (None, True)
    await task


async def test_request_without_a_token_is_sent_to_the_metadata(make_peer: MakePeer) -> None:
    """The metadata name the issuers; a token is left to a guard."""
    protected = {"authorizationServers": ["https://login.example"], "scopes": ["read"]}
    peer = make_peer(APP, {"beyondAzure": {"protectedResource": protected}})
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    refused = await peer.post(ping)
    address = f"http://localhost:7071{MCP}/.well-known/oauth-protected-resource"
    assert (refused.status_code, refused.content) == (401, b"")
    assert refused.headers["www-authenticate"] == f'Bearer resource_metadata="{address}"'
    async with peer.client() as client:
        assert (await client.get(address)).json() == {
            "resource": f"http://localhost:7071{MCP}",
            "authorization_servers": ["https://login.example"],
            "scopes_supported": ["read"],
            "bearer_methods_supported": ["header"],
        }
    assert (await peer.post(ping, authorization="Bearer x")).status_code == 200


async def test_cancelled_request_has_no_answer_and_belongs_to_its_session(make_peer: MakePeer) -> None:
    """Another session, or a client without one, cannot cancel it."""
    peer = make_peer(APP)
    mine, other = "aaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbb", "cccccccccccccccc|bbbbbbbbbbbbbbbb"
    message = {"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": {"name": "waits"}}
    waiting = asyncio.ensure_future(peer.post(message, mcp_session_id=mine))
    await until(peer.app.running)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "x"}}
    await peer.post(cancel)
    await peer.post(cancel, mcp_session_id=other)
    assert peer.app.running() == ["waits"]
    await peer.post(cancel, mcp_session_id=mine)
    reply = await waiting
    assert (reply.status_code, reply.content) == (200, b"")


@pytest.mark.parametrize(("absolute", "begin"), [(False, "message?"), (True, f"http://localhost:7071{MCP}/message?")])
async def test_legacy_stream_names_its_address_with_the_key(make_peer: MakePeer, absolute: bool, begin: str) -> None:
    """The key of the request is in it, and answers go down the stream."""
    peer = make_peer(APP, {"messageOptions": {"useAbsoluteUriForEndpoint": absolute}})
    async with started(peer.app.host):
        task, pieces = await stream(peer, "", f"{MCP}/sse?code=abc%2B")
        address = pieces[1].decode().removeprefix("event: endpoint\ndata: ").strip()
        assert address.startswith(f"{begin}azmcpcs=")
        assert address.endswith("&code=abc%2B")
        path = address if absolute else f"{MCP}/{address}"
        reply = await peer.post({"jsonrpc": "2.0", "id": 7, "method": "ping"}, path)
        assert (reply.status_code, reply.text) == (202, "Accepted")
        await until(lambda: len(pieces) >= 3)
    await task
    assert events(pieces[2].decode()) == [{"jsonrpc": "2.0", "id": 7, "result": {}}]


async def test_session_ids_are_sealed_where_there_is_a_key(make_peer: MakePeer) -> None:
    """An id that another app has made, or that is changed, is refused; Core Tools' setting keeps ids plain."""
    environ = {"WEBSITE_AUTH_ENCRYPTION_KEY": "00" * 32}
    peer = make_peer(APP, environ=environ)
    first = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {**INITIALIZE, "protocolVersion": "9"}}
    opened = await peer.post(first)
    assert events(opened.text)[0]["result"]["protocolVersion"] == "2025-06-18"
    session = opened.headers["mcp-session-id"]
    assert "|" not in session
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert (await peer.post(ping, mcp_session_id=session)).status_code == 200
    for wrong in (
        ("b" if session[0] == "a" else "a") + session[1:],
        session[:-5],
        "aaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbb",
        "%",
    ):
        assert (await peer.post(ping, mcp_session_id=wrong)).status_code == 400
    for settings, options in (
        ({**environ, "FUNCTIONS_CORETOOLS_ENVIRONMENT": "1"}, {}),
        (environ, {"encryptClientState": False}),
    ):
        opened = await make_peer(APP, options, environ=settings).post(first)
        assert "|" in opened.headers["mcp-session-id"]
