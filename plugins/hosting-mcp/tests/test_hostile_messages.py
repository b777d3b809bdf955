"""Messages that are malformed, wrong or hostile: each has the right error, and nothing else happens."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest
from mcp_support import HEADERS, INITIALIZE, MCP, Peer, events, peers

APP = """
runs = []

@app.mcp_tool()
def tool(x: str, y: int = 0) -> str:
    runs.append(x)
    return "ran"

@app.mcp_resource_trigger(arg_name="c", uri="a://{b}", resource_name="r")
def resource(c) -> str:
    runs.append(c)
    raise RuntimeError("secret")

@app.mcp_resource_trigger(arg_name="c", uri="b://one", resource_name="s")
def other(c) -> str:
    return "one"

@app.mcp_prompt_trigger(arg_name="c", prompt_name="prompt", prompt_arguments=[func.PromptArgument("p", "", True)])
def prompt(c: func.PromptInvocationContext) -> str:
    raise RuntimeError("secret")
"""


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One client for all messages, in the order of the table: none of them changes anything for the others."""
    with peers(tmp_path_factory.mktemp("hostile")) as make:
        yield make(APP)


def request(method: Any, params: Any = None, **rest: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, **({} if params is None else {"params": params}), **rest}


def call(**params: Any) -> dict[str, Any]:
    return request("tools/call", params)


DEEP = b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"

NOT_A_MESSAGE: list[tuple[str, Any]] = [
    ("empty body", b""),
    ("not JSON", b"{"),
    ("not UTF-8", b'{"jsonrpc": "2.0", "id": 1, "method": "\xff"}'),
    ("null bytes", b"\0" * 100),
    ("null", b"null"),
    ("number", b"1"),
    ("text", b'"ping"'),
    ("two documents", b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}{}'),
    ("NaN", b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": NaN}}'),
    ("infinity", b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": -Infinity}}'),
    ("nested too deeply", DEEP),
    ("huge integer", b'{"jsonrpc": "2.0", "id": ' + b"9" * 10_000 + b', "method": "ping"}'),
    ("integer that is infinite", b'{"jsonrpc": "2.0", "id": 1e999, "method": "ping"}'),
    ("byte order mark", b'\xef\xbb\xbf{"jsonrpc": "2.0", "id": 1, "method": "ping"}'),
    ("UTF-16", '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'.encode("utf-16")),
    ("batch", [request("ping"), request("ping")]),
    ("batch of a notification", [{"jsonrpc": "2.0", "method": "notifications/initialized"}]),
    ("empty batch", []),
    ("empty object", {}),
    ("no version", {"id": 1, "method": "ping"}),
    ("version 1.0", request("ping", jsonrpc="1.0")),
    ("version as number", request("ping", jsonrpc=2.0)),
    ("method as number", request(5)),
    ("method null", request(None)),
    ("method list", request(["ping"])),
    ("id list", request("ping", id=[1])),
    ("id object", request("ping", id={})),
    ("id true", request("ping", id=True)),
    ("id fraction", request("ping", id=1.5)),
    ("params list", request("ping", [1])),
    ("params text", request("ping", "a")),
    ("params number", request("ping", 5)),
    ("neither method nor result", {"jsonrpc": "2.0", "id": 1}),
    ("result and error", {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}),
    ("result without id", {"jsonrpc": "2.0", "result": {}}),
]


@pytest.mark.parametrize("content", [content for _, content in NOT_A_MESSAGE], ids=[name for name, _ in NOT_A_MESSAGE])
async def test_body_that_is_no_message_is_a_bad_request(peer: Peer, content: Any) -> None:
    """The answer is 400 with an error of JSON-RPC that belongs to no request."""
    reply = await peer.post(content)
    expected = {"code": -32000, "message": "Bad Request: The POST body did not contain a valid JSON-RPC message."}
    assert (reply.status_code, reply.json()) == (400, {"jsonrpc": "2.0", "id": None, "error": expected})


ERRORS: list[tuple[dict[str, Any], int, str]] = [
    (request("nothing"), -32601, "Method 'nothing' is not available."),
    (request(""), -32601, "Method '' is not available."),
    (request("TOOLS/LIST"), -32601, "Method 'TOOLS/LIST' is not available."),
    (request("x" * 10_000), -32601, f"Method '{'x' * 100}' is not available."),
    (request("__init__"), -32601, "Method '__init__' is not available."),
    (request("server/discover"), -32601, "Method 'server/discover' is not available."),
    (request("completion/complete", {}), -32601, "Method 'completion/complete' is not available."),
    (request("resources/subscribe", {"uri": "b://one"}), -32601, "Method 'resources/subscribe' is not available."),
    (request("notifications/cancelled"), -32601, "Method 'notifications/cancelled' is not available."),
    (request("initialize"), -32602, "params.protocolVersion is not a text"),
    (request("initialize", {**INITIALIZE, "protocolVersion": 1}), -32602, "params.protocolVersion is not a text"),
    (request("initialize", {**INITIALIZE, "clientInfo": "x"}), -32602, "params.clientInfo is not an object"),
    (request("logging/setLevel"), -32602, "params.level is not one of debug, info, notice, warning, error, critical, "),
    (request("logging/setLevel", {"level": ["info"]}), -32602, "params.level is not one of"),
    (request("tools/call"), -32602, "params.name is not a text"),
    (call(name=None), -32602, "params.name is not a text"),
    (call(name=["tool"]), -32602, "params.name is not a text"),
    (call(name=""), -32602, "Unknown tool: ''"),
    (call(name="prompt"), -32602, "Unknown tool: 'prompt'"),
    (call(name="../tool"), -32602, "Unknown tool: '../tool'"),
    (call(name="tool"), -32602, "One or more required tool properties are missing values. Please provide: x"),
    (call(name="tool", arguments={"x": None}), -32602, "One or more required tool properties are missing values."),
    (call(name="tool", arguments=[]), -32602, "params.arguments is not an object"),
    (call(name="tool", arguments="x"), -32602, "params.arguments is not an object"),
    (request("resources/read"), -32602, "params.uri is not a text"),
    (request("resources/read", {"uri": 1}), -32602, "params.uri is not a text"),
    (request("resources/read", {"uri": ""}), -32602, "Unknown resource: ''"),
    (request("resources/read", {"uri": "a://"}), -32602, "Unknown resource: 'a://'"),
    (request("resources/read", {"uri": "a://b/c"}), -32602, "Unknown resource: 'a://b/c'"),
    (request("resources/read", {"uri": "file:///etc/passwd"}), -32602, "Unknown resource: 'file:///etc/passwd'"),
    (request("resources/read", {"uri": "a://b"}), -32603, "An error occurred."),
    (request("prompts/get", {"name": "tool"}), -32602, "Unknown prompt: 'tool'"),
    (request("prompts/get", {"name": "prompt"}), -32602, "Missing required arguments for prompt 'prompt': p"),
    (request("prompts/get", {"name": "prompt", "arguments": 1}), -32602, "params.arguments is not an object"),
    (request("prompts/get", {"name": "prompt", "arguments": {"p": "x"}}), -32603, "An error occurred."),
]


@pytest.mark.parametrize(("message", "code", "text"), ERRORS)
async def test_request_that_cannot_be_served_has_its_error(
    peer: Peer, message: dict[str, Any], code: int, text: str
) -> None:
    """The error has the id of its request, whatever that is, and no detail of an exception."""
    for request_id in (1, -(2**63), "", "x" * 1_000):
        reply = await peer.post({**message, "id": request_id})
        (response,) = events(reply.text)
        assert (reply.status_code, [*response], response["id"]) == (200, ["jsonrpc", "id", "error"], request_id)
        assert response["error"]["code"] == code
        assert response["error"]["message"].startswith(text)


HTTP: list[tuple[str, str, dict[str, str], int, str]] = [
    ("GET", "", {}, 405, ""),
    ("DELETE", "", {}, 405, ""),
    ("PUT", "", {}, 405, ""),
    ("PATCH", "", {}, 404, ""),
    ("POST", "/sse", {}, 405, ""),
    ("GET", "/message", {}, 405, ""),
    ("POST", "/message", {}, 400, "The session does not exist"),
    ("POST", "/message?azmcpcs=aaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbb", {}, 400, "The session does not exist"),
    ("POST", "", {"accept": ""}, 406, "Not Acceptable"),
    ("POST", "", {"accept": "application/json"}, 406, "Not Acceptable"),
    ("POST", "", {"accept": "text/event-stream"}, 406, "Not Acceptable"),
    ("POST", "", {"accept": "text/html, image/*"}, 406, "Not Acceptable"),
    ("POST", "", {"content-type": "text/plain"}, 415, "Unsupported Media Type"),
    ("POST", "", {"content-type": ""}, 415, "Unsupported Media Type"),
    ("POST", "", {"content-type": "application/json-patch+json"}, 415, "Unsupported Media Type"),
    ("POST", "", {"content-type": "application/x-www-form-urlencoded"}, 415, "Unsupported Media Type"),
    ("POST", "", {"mcp-session-id": "made up"}, 400, "Mcp-Session-Id header is not a session id"),
    ("POST", "", {"mcp-session-id": "x" * 5_000}, 400, "Mcp-Session-Id header is not a session id"),
    ("POST", "", {"mcp-session-id": "aaaaaaaaaaaaaaaa|BBBBBBBBBBBBBBBB"}, 400, "Mcp-Session-Id header is not"),
    ("POST", "", {"mcp-protocol-version": "newest"}, 400, "MCP-Protocol-Version header is not a version"),
    ("POST", "", {"mcp-protocol-version": "2025-06-18; x"}, 400, "MCP-Protocol-Version header is not a version"),
    ("POST", "", {"mcp-protocol-version": "2025-06-18, 2024-11-05"}, 400, "MCP-Protocol-Version header is not a"),
    ("GET", "", {"last-event-id": "5", "accept": "text/event-stream"}, 405, ""),
    ("POST", "", {"last-event-id": "5"}, 200, '"result":{}'),
    ("POST", "", {"accept": "application/*, text/*"}, 200, '"result":{}'),
    ("POST", "", {"accept": "*/*", "content-type": "application/json; charset=utf-8"}, 200, '"result":{}'),
    ("POST", "/", {"mcp-protocol-version": "2099-01-01"}, 200, '"result":{}'),
    ("POST", "", {"mcp-session-id": "aaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbb"}, 200, '"result":{}'),
]


@pytest.mark.parametrize(("method", "path", "headers", "status", "text"), HTTP)
async def test_request_with_odd_headers(
    peer: Peer, method: str, path: str, headers: dict[str, str], status: int, text: str
) -> None:
    """Methods, types, session ids and versions are checked before the message."""
    sent = {name: value for name, value in {**HEADERS, **headers}.items() if value}
    async with peer.client() as client:
        client.headers.pop("accept")
        reply = await client.request(method, MCP + path, content=json.dumps(request("ping")), headers=sent)
    assert reply.status_code == status
    assert text in reply.text


@pytest.mark.parametrize(
    "content",
    [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": [1]}},
        {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "tool", "arguments": {"x": "no"}}},
        {"jsonrpc": "2.0", "id": None, "method": "tools/call", "params": {"name": "tool", "arguments": {"x": "no"}}},
        {"jsonrpc": "2.0", "id": 9, "result": {}},
        {"jsonrpc": "2.0", "id": 9, "error": {"code": 1, "message": ""}},
    ],
)
async def test_notification_and_response_are_accepted_without_an_answer(peer: Peer, content: Any) -> None:
    """The reply is 202 without a body, and a notification runs no function."""
    reply = await peer.post(content)
    assert (reply.status_code, reply.content, reply.headers.get("content-type")) == (202, b"", None)


async def test_replayed_ids_have_their_own_answers(peer: Peer) -> None:
    """Requests with the same id at the same time, in one session or without any, are each answered."""
    for session in ("aaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbb", ""):
        messages = [{**request("resources/read", {"uri": f"b://{uri}"}), "id": 5} for uri in ("one", "two") * 5]
        replies = await asyncio.gather(*(peer.post(one, mcp_session_id=session) for one in messages))
        answers = [events(reply.text)[0] for reply in replies]
        assert [answer["id"] for answer in answers] == [5] * 10
        assert ["result" in answer for answer in answers] == [True, False] * 5


async def test_hostile_messages_ran_no_tool(peer: Peer) -> None:
    """After all of them the server answers, and the tool has run only for valid calls, replayed ids included."""
    for _ in range(2):
        reply = await peer.post(
            call(name="Tool", arguments={"x": "a" * 1_000_000, "y": {"deep": [[[]]]}, "z": "\ud800"})
        )
        assert events(reply.text)[0]["result"] == {"content": [{"type": "text", "text": "ran"}]}
    function = next(one for one in peer.app.host.functions if one.name == "tool")
    runs = inspect.unwrap(function.call).__globals__["runs"]
    assert [run for run in runs if not run.startswith("{")] == ["a" * 1_000_000] * 2
