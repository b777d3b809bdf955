"""Tools: what clients see of them, what functions get, and what becomes of what they return."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp_support import INITIALIZE, KEYS, MCP, MakePeer, NoteProvider, events, started

import hosting

TOOLS = '''
from typing import List, Optional

@app.mcp_tool(metadata=json.dumps({"ui": {"resourceUri": "ui://x"}}))
@app.mcp_tool_property(arg_name="who", description="The name.")
def greet(who: str, times: int, ratio: float = 1.0, tags: List[str] = None, on: Optional[bool] = None) -> str:
    """
    Greet somebody.
    """
    return f"{who} {times!r} {ratio!r} {tags!r} {on!r} in a thread: {threading.current_thread() is not main}"

main = threading.main_thread()

@app.mcp_tool()
async def on_the_loop() -> str:
    return str(threading.current_thread() is main)

@app.mcp_tool()
def with_context(context: func.MCPToolContext, x: str) -> str:
    return f"{context['sessionid']} {context['transport']['name']} {context['name']} {x}"

@app.mcp_tool()
def awaits():
    return asyncio.sleep(0)

@app.mcp_tool_trigger(arg_name="call", tool_name="Raw", description="Raw.", tool_properties=json.dumps([
    {"propertyName": "one", "propertyType": "string", "isRequired": True, "enumValues": ["a", "b"]},
    {"PROPERTYNAME": "many", "propertyType": "float", "isArray": True, "description": "Many."},
    {"propertyName": " ", "propertyType": "string"},
]))
def raw(call: str) -> str:
    return call

@app.generic_trigger("call", type="mcpToolTrigger", toolName="generic", useWorkerInputSchema=True,
    inputSchema='{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}',
    outputSchema='{"type": "object"}')
def generic(call) -> str:
    return str(type(call).__name__)
'''

V1 = {
    "Old/function.json": json.dumps(
        {"bindings": [{"type": "mcpToolTrigger", "direction": "in", "name": "call", "toolName": "old"}]}
    ),
    "Old/__init__.py": "def main(call: str):\n    return 'from v1: ' + call[:14]\n",
}


async def test_list_has_the_schemas_of_all_declarations(make_peer: MakePeer) -> None:
    """Types, arrays, enums, defaults and descriptions are those that Azure's extension makes of the declarations."""
    listed = (await make_peer(TOOLS).result("tools/list"))["tools"]
    tools = {tool["name"]: tool for tool in listed}
    assert tools["greet"] == {
        "name": "greet",
        "description": "Greet somebody.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "who": {"type": "string", "description": "The name."},
                "times": {"type": "integer", "description": ""},
                "ratio": {"type": "number", "description": ""},
                "tags": {"type": "array", "items": {"type": "string"}, "description": ""},
                "on": {"type": "boolean", "description": ""},
            },
            "required": ["who", "times"],
        },
        "_meta": {"ui": {"resourceUri": "ui://x"}},
    }
    assert tools["Raw"]["inputSchema"] == {
        "type": "object",
        "properties": {
            "one": {"type": "string", "enum": ["a", "b"], "description": ""},
            "many": {"type": "array", "items": {"type": "number"}, "description": "Many."},
        },
        "required": ["one"],
    }
    assert tools["generic"] == {
        "name": "generic",
        "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        "outputSchema": {"type": "object"},
    }
    assert [*tools["with_context"]["inputSchema"]["properties"]] == ["x"]


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("greet", {"who": "Ann", "times": 2}, "Ann 2 1.0 None None in a thread: True"),
        ("GREET", {"who": "Ann", "times": 2.5, "tags": ["x"], "on": False, "other": 1}, "Ann 2.5 1.0 ['x'] False in a"),
        ("on_the_loop", {}, "True"),
        ("with_context", {"x": "y"}, "0000000000000000 http-streamable with_context y"),
        ("generic", {"n": 1}, "str"),
        ("awaits", {}, "An error occurred invoking 'awaits'."),
    ],
)
async def test_function_gets_the_arguments(make_peer: MakePeer, name: str, arguments: Any, text: str) -> None:
    """They arrive as JSON values; a ``def`` tool runs in a thread, so that it holds no other one."""
    result = await make_peer(TOOLS).call(name, **arguments)
    assert result["content"][0]["text"].startswith(text)


async def test_function_gets_the_raw_context(make_peer: MakePeer) -> None:
    """It has the session, the headers and the trace of the request, and binding expressions have its parts."""
    peer = make_peer(TOOLS)
    first = await peer.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE})
    session = first.headers["mcp-session-id"]
    result = await peer.result(
        "tools/call", {"name": "raw", "arguments": {"one": "a"}}, mcp_session_id=session, x_mine="1"
    )
    context = json.loads(result["content"][0]["text"])
    assert (context["name"], context["arguments"], context["sessionid"]) == ("raw", {"one": "a"}, session)
    assert context["transport"]["sessionId"] == session
    assert context["transport"]["properties"]["headers"]["x-mine"] == "1"
    assert "clientinfo" not in context


async def test_v1_function_is_a_tool(make_peer: MakePeer) -> None:
    """function.json declares it as the decorators do."""
    peer = make_peer("", files=V1)
    assert (await peer.call("old"))["content"][0]["text"] == 'from v1: {"name":"old",'


RESULTS = """
mcp_types = __import__("sys").modules.get("mcp.types")

@func.mcp_content
@dataclasses.dataclass
class Point:
    x: int

@app.mcp_tool()
def none(): return None
@app.mcp_tool()
def number(): return 7
@app.mcp_tool()
def mapping(): return {"a": 1}
@app.mcp_tool()
def content() -> Point: return Point(3)
@app.mcp_tool(use_result_schema=True)
def schema_dict(): return {"a": 1}

@app.mcp_tool_trigger(arg_name="c", tool_name="envelope", use_result_schema=True)
def envelope(c):
    return json.loads(c)["arguments"]["it"]

@app.mcp_tool_trigger(arg_name="c", tool_name="binary")
def binary(c):
    return b"hi"

@app.mcp_tool_trigger(arg_name="c", tool_name="explicit")
async def explicit(c):
    raise asyncio.CancelledError
"""


def text(value: str, **rest: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": value}], **rest}


FAILED = text("An error occurred invoking 'envelope'.", isError=True)
BLOCK = {"type": "image", "data": "aGk=", "mimeType": "image/png"}


def envelope(kind: Any, content: Any, **rest: Any) -> str:
    return json.dumps({"type": kind, "content": json.dumps(content), **rest})


@pytest.mark.parametrize(
    ("name", "it", "result"),
    [
        ("none", None, text("")),
        ("number", None, text("7")),
        ("mapping", None, text("{'a': 1}")),
        ("binary", None, text("hi")),
        ("content", None, text('{"x": 3}', structuredContent={"x": 3})),
        ("schema_dict", None, text('{"a": 1}', structuredContent={"a": 1})),
        ("envelope", envelope("image", BLOCK), {"content": [BLOCK]}),
        ("envelope", envelope("resource_link", {"type": "resource_link", "uri": "a:b", "name": "n"}), None),
        ("envelope", envelope("multi_content_result", [BLOCK, BLOCK]), {"content": [BLOCK, BLOCK]}),
        (
            "envelope",
            envelope("text", {"type": "text", "text": "t"}, structuredContent='{"a": 1}'),
            text("t", structuredContent={"a": 1}),
        ),
        (
            "envelope",
            envelope("call_tool_result", {"content": [], "isError": True, "_meta": {"m": 1}, "other": 2}),
            {"content": [], "isError": True, "_meta": {"m": 1}},
        ),
        ("envelope", "not JSON", FAILED),
        ("envelope", "[]", FAILED),
        ("envelope", json.dumps({"type": "text", "content": 5}), FAILED),
        ("envelope", envelope("text", "not a block"), FAILED),
        ("envelope", envelope("multi_content_result", []), FAILED),
        ("envelope", envelope("call_tool_result", {"content": None}), FAILED),
        ("envelope", envelope("text", {"type": "odd"}), FAILED),
        ("explicit", None, text("An error occurred invoking 'explicit'.", isError=True)),
    ],
)
async def test_returned_value_becomes_the_result(make_peer: MakePeer, name: str, it: Any, result: Any) -> None:
    """Plain values are one text; envelopes are the content that they describe, and a failure if they are malformed."""
    peer = make_peer(RESULTS)
    expected = result or {"content": [{"type": "resource_link", "uri": "a:b", "name": "n"}]}
    assert await peer.call(name, **({} if it is None else {"it": it})) == expected


async def test_types_of_the_official_package_are_results(make_peer: MakePeer) -> None:
    """Content blocks, lists of them and whole results of mcp 1.x arrive as they are, errors as tool errors."""
    pytest.importorskip("mcp.types", reason="needs the official package mcp")
    peer = make_peer(
        """
from mcp import types

@app.mcp_tool()
def image() -> types.ImageContent:
    return types.ImageContent(type="image", data="aGk=", mimeType="image/png")

@app.mcp_tool()
def several() -> list[types.TextContent]:
    return [types.TextContent(type="text", text="a"), types.TextContent(type="text", text="b")]

@app.mcp_tool()
def wrong() -> types.CallToolResult:
    return types.CallToolResult(content=[], structuredContent={"a": 1}, isError=True)
"""
    )
    assert (await peer.call("image"))["content"] == [BLOCK]
    assert [block["text"] for block in (await peer.call("several"))["content"]] == ["a", "b"]
    assert await peer.call("wrong") == {"content": [], "structuredContent": {"a": 1}, "isError": True}


async def test_other_bindings_get_the_arguments(make_peer: MakePeer) -> None:
    """``{mcptoolargs.NAME}`` is an argument as text; the output is written besides the result."""
    code = """
@app.mcp_tool()
@app.generic_output_binding(arg_name="note", type="note", path="{mcptoolargs.book}/{mcptoolargs.page}-{mcpsessionid}")
def keep(note: func.Out[str], book: str, page: int) -> str:
    note.set("kept")
    return "done"
"""
    peer = make_peer(code)
    assert await peer.call("keep", book="b", page=7) == text("done")
    notes: Any = next(one for one in peer.app.host._providers if isinstance(one, NoteProvider))
    assert notes.note.written == [("b/7-0000000000000000", "kept")]


async def test_key_or_anonymous(make_peer: MakePeer, tmp_path: Path) -> None:
    """The system key ``mcp_extension`` is needed, in the header or in the query, unless host.json says Anonymous."""
    peer = make_peer(TOOLS, keys=KEYS)
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    key = KEYS.of_system("mcp_extension")
    assert (await peer.post(message)).status_code == 401
    assert (await peer.post(message, x_functions_key=KEYS.default)).status_code == 401
    assert (await peer.post(message, x_functions_key=key)).status_code == 200
    assert (await peer.post(message, f"{MCP}?code={key}")).status_code == 200
    opened = make_peer(TOOLS, {"system": {"webhookAuthorizationLevel": "Anonymous"}}, keys=KEYS)
    assert events((await opened.post(message)).text) == [{"jsonrpc": "2.0", "id": 1, "result": {}}]


class Seen:
    """Counts invocations, and denies one tool."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def see(self, context: Any) -> None:
        self.seen.append(context.function_name)
        if context.function_name == "greet":
            raise PermissionError("not you")


class Watch(Seen):
    """An extension that does so with a def hook."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, context: Any) -> None:
        self.see(context)


class AsyncWatch(Seen):
    """An extension that does so with an async hook."""

    @hosting.hookimpl
    async def pre_invocation_app_level(self, context: Any) -> None:
        self.see(context)


@pytest.mark.parametrize("kind", [Watch, AsyncWatch])
async def test_hooks_and_guards_run_around_every_call(make_peer: MakePeer, kind: type[Seen]) -> None:
    """A hook, def or async def, sees each call of both kinds; a guard that raises keeps its tool from running."""
    watch = kind()
    peer = make_peer(
        TOOLS,
        environ={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"},
        extensions={"watch": watch},
        extension_host={"guards": ["watch"]},
    )
    async with started(peer.app.host):
        assert (await peer.call("on_the_loop"))["content"][0]["text"] == "True"
        in_thread = await peer.call("with_context", x="y")
        assert in_thread == text("0000000000000000 http-streamable with_context y")
        assert await peer.call("greet", who="Ann", times=1) == text("An error occurred invoking 'greet'.", isError=True)
    assert watch.seen == ["on_the_loop", "with_context", "greet"]


async def test_manual_run_takes_arguments_or_a_context(make_peer: MakePeer) -> None:
    """The input is a JSON object, and the returned value is in the reply; anything else is an error that says so."""
    peer = make_peer(TOOLS)

    async def run(text: str) -> httpx.Response:
        async with peer.client() as client:
            return await client.post("/admin/functions/with_context/run", json={"input": text})

    async with started(peer.app.host):
        for given in ('{"x": "y"}', '{"arguments": {"x": "y"}}', '{"x": "y", "more": [1]}'):
            done = (await run(given)).json()
            shown = "0000000000000000 http-streamable with_context y"
            assert (done["status"], done["returned"]["value"]) == ("Succeeded", shown)
        for given, message in (
            ("[1]", "takes a JSON object as its input: its arguments, or a context with 'arguments'"),
            ('{"x": ', "takes a JSON object as its input, which cannot be parsed"),
            ("", "Function 'with_context' needs arguments that its input does not have: x."),
            ('{"x": null}', "Function 'with_context' needs arguments that its input does not have: x."),
        ):
            refused = await run(given)
            assert (refused.status_code, message in refused.text) == (400, True), refused.text


async def test_figures_of_a_trigger_say_what_clients_see(make_peer: MakePeer) -> None:
    """A page that shows the host can offer what it needs to try a tool, a resource or a prompt."""
    code = """
@app.mcp_tool()
def add(a: int) -> str:
    \"\"\"Add.\"\"\"
    return str(a)

@app.mcp_resource_trigger(arg_name="c", uri="a://{b}", resource_name="R")
def resource(c) -> str:
    return c

@app.mcp_prompt_trigger(arg_name="c", prompt_name="P")
def prompt(c: func.PromptInvocationContext) -> str:
    return "p"
"""
    peer = make_peer(code)
    async with started(peer.app.host):
        shown = await peer.app.host.trigger_figures.all()
        listed = (await peer.result("tools/list"))["tools"]
    assert shown["add"] == {"source": "add", "tool": listed[0]}
    assert shown["add"]["tool"]["inputSchema"]["required"] == ["a"]
    assert shown["resource"] == {"source": "a://{b}", "resource": {"uriTemplate": "a://{b}", "name": "R"}}
    assert shown["prompt"] == {"source": "P", "prompt": {"name": "P", "arguments": []}}
