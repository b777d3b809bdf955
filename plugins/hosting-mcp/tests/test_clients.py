"""The official client against the server: in this process, and over the network with both transports."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import venv
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp_support import HEAD, MCP, MakePeer, Peer, install

from hosting.testing import Server, serve

pytest.importorskip("mcp", reason="needs the official client, the package mcp")

APP = '''
@app.mcp_tool()
@app.mcp_tool_property(arg_name="who", description="A name.")
def greet(who: str) -> str:
    """Greet."""
    return f"Hello, {who}"

@app.mcp_tool()
def fail() -> str:
    raise RuntimeError("secret")

@app.mcp_tool()
async def slow(name: str) -> str:
    logging.warning("started %s", name)
    try:
        await asyncio.sleep(600)
    finally:
        logging.warning("ended %s", name)

@app.mcp_tool_trigger(arg_name="context", tool_name="context")
def context(context) -> str:
    return context

@app.mcp_resource_trigger(arg_name="c", uri="file://logo", resource_name="logo", mime_type="image/png", size=2)
def logo(c) -> bytes:
    return b"hi"

@app.mcp_resource_trigger(arg_name="c", uri="notes://{book}/{page}", resource_name="page", title="A page")
def page(c) -> str:
    return json.dumps({"content": json.dumps({"uri": "notes://a", "mimeType": "text/html", "text": "<p>"})})

@app.mcp_prompt_trigger(arg_name="c", prompt_name="sum", prompt_arguments=[func.PromptArgument("topic", "T", True)])
def sum_(c: func.PromptInvocationContext) -> str:
    return "About " + c.arguments["topic"]
'''


@asynccontextmanager
async def in_process(peer: Peer) -> AsyncIterator[Any]:
    """Yield a session of the official client with a host in this process."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async with (
        peer.client() as http,
        streamable_http_client(f"http://localhost:7071{MCP}", http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        yield session


async def use_everything(session: Any) -> None:
    """Use each method of the server with a session of the official client."""
    from mcp import McpError
    from pydantic import AnyUrl

    opened = await session.initialize()
    assert (opened.protocolVersion, opened.serverInfo.name) == ("2025-06-18", "Azure Functions MCP server")
    await session.send_ping()
    await session.set_logging_level("info")
    tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert tools["greet"].description == "Greet."
    assert tools["greet"].inputSchema["required"] == ["who"]
    called = await session.call_tool("greet", {"who": "Ann"})
    assert (called.isError, called.content[0].text) == (False, "Hello, Ann")
    failed = await session.call_tool("fail")
    assert (failed.isError, failed.content[0].text) == (True, "An error occurred invoking 'fail'.")
    with pytest.raises(McpError, match="Unknown tool: 'none'"):
        await session.call_tool("none")
    assert [str(one.uri) for one in (await session.list_resources()).resources] == ["file://logo/"]
    assert [one.uriTemplate for one in (await session.list_resource_templates()).resourceTemplates] == [
        "notes://{book}/{page}"
    ]
    read = await session.read_resource(AnyUrl("notes://a/b"))
    assert (read.contents[0].mimeType, read.contents[0].text) == ("text/html", "<p>")
    prompt = (await session.list_prompts()).prompts[0]
    assert (prompt.name, prompt.arguments[0].required) == ("sum", True)
    got = await session.get_prompt("sum", {"topic": "tea"})
    assert (got.messages[0].role, got.messages[0].content.text) == ("user", "About tea")


async def test_official_client_uses_everything_in_process(make_peer: MakePeer) -> None:
    """Its types accept each answer."""
    async with in_process(make_peer(APP)) as session:
        await use_everything(session)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A host in a process of its own, in which this package is installed."""
    root = tmp_path_factory.mktemp("served")
    site, app = root / "site", root / "app"
    install(site)
    app.mkdir()
    (app / "function_app.py").write_text(HEAD + APP)
    (app / "host.json").write_text('{"version": "2.0"}')
    with serve(app, settings={"PYTHONPATH": str(site)}) as server:
        yield server


@asynccontextmanager
async def over_network(server: Server, transport: str) -> AsyncIterator[Any]:
    """Yield a session of the official client with a served host."""
    from mcp import ClientSession
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    if transport == "sse":
        async with sse_client(f"{server.url}{MCP}/sse") as (read, write), ClientSession(read, write) as session:
            yield session
        return
    async with (
        streamable_http_client(f"{server.url}{MCP}") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        yield session


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_official_client_uses_everything_over_the_network(served: Server, transport: str) -> None:
    """Streamable HTTP and the legacy transport give the same answers; only the latter knows the client."""
    async with over_network(served, transport) as session:
        await use_everything(session)
        context = (await session.call_tool("context")).content[0].text
        assert ('"clientinfo":{"name":"mcp"' in context) == (transport == "sse")
        assert f'"name":"http-{"sse" if transport == "sse" else "streamable"}"' in context


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_cancellation_ends_the_function(served: Server, transport: str) -> None:
    """A client that cancels its request, or leaves, cancels the function; others go on."""
    from mcp import types

    async with over_network(served, transport) as session:
        await session.initialize()
        waiting = asyncio.ensure_future(session.call_tool("slow", {"name": f"{transport}-1"}))
        await asyncio.to_thread(served.wait_for, f"started {transport}-1")
        request_id = session._request_id - 1
        params = types.CancelledNotificationParams(requestId=request_id)
        await session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))
        await asyncio.to_thread(served.wait_for, f"ended {transport}-1")
        waiting.cancel()
        assert (await session.call_tool("greet", {"who": "Bob"})).content[0].text == "Hello, Bob"


@pytest.mark.slow
async def test_client_that_leaves_cancels_the_function(served: Server) -> None:
    """The connection of the request ends, or that of the legacy stream."""
    params = {"name": "slow", "arguments": {"name": "left"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {"accept": "application/json, text/event-stream"}
    async with httpx.AsyncClient(base_url=served.url) as client:
        posting = asyncio.ensure_future(client.post(MCP, json=message, headers=headers))
        await asyncio.to_thread(served.wait_for, "started left")
        posting.cancel()
        await asyncio.to_thread(served.wait_for, "ended left")
        message["params"] = {"name": "slow", "arguments": {"name": "gone"}}
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(f"GET {MCP}/sse HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        address = (await reader.readuntil(b"data: message")) and (await reader.readline()).decode().strip()
        assert (await client.post(f"{MCP}/message{address}", json=message)).text == "Accepted"
        await asyncio.to_thread(served.wait_for, "started gone")
        # The client's system says at once that it is gone; otherwise the next two comments would show it.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
        await asyncio.to_thread(served.wait_for, "ended gone")


CLIENT_2 = """
import asyncio, json, sys
from mcp import Client, ClientSession
from mcp.client.sse import sse_client

async def use(one):
    tools = {tool.name: tool for tool in (await one.list_tools()).tools}
    yield tools["greet"].input_schema["required"]
    called, failed = await one.call_tool("greet", {"who": "Ann"}), await one.call_tool("fail", {})
    yield [called.content[0].text, failed.is_error, failed.content[0].text]
    yield [str(resource.uri) for resource in (await one.list_resources()).resources]
    yield (await one.read_resource("notes://a/b")).contents[0].text
    yield (await one.get_prompt("sum", {"topic": "tea"})).messages[0].content.text
    try:
        await one.call_tool("none", {})
    except Exception as error:
        yield str(error)

async def main(url):
    async with Client(url) as client:
        print(json.dumps([item async for item in use(client)]))
    async with sse_client(url + "/sse") as (read, write), ClientSession(read, write) as session:
        opened = await session.initialize()
        print(json.dumps([item async for item in use(session)]))
        print(opened.protocol_version)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.long
def test_official_client_2_uses_everything(served: Server, tmp_path: Path) -> None:
    """It asks for a newer protocol first, and goes on with the one of the server; over both transports."""
    python = str(tmp_path / "env" / "bin" / "python")
    venv.create(tmp_path / "env")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "mcp>=2,<3",
    ]
    installed = subprocess.run(pip, capture_output=True, text=True, timeout=600, check=False)
    if installed.returncode:
        pytest.skip(f"mcp 2 cannot be installed: {installed.stderr[-300:]}")
    command = [python, "-c", CLIENT_2, served.url + MCP]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    expected = [
        ["who"],
        ["Hello, Ann", True, "An error occurred invoking 'fail'."],
        ["file://logo"],
        "<p>",
        "About tea",
        "Unknown tool: 'none'",
    ]
    first, second, version = done.stdout.splitlines()
    assert (json.loads(first), json.loads(second), version) == (expected, expected, "2025-06-18")


INSPECTORS = {"0.15.0": ["URL"], "2.12.0": ["--server-url", "URL"]}
"""How each version of the inspector is told the address of the server."""
NEWER = (
    (["resources/read", "--uri", "notes://a/b"], "<p>"),
    (["prompts/get", "--prompt-name", "sum", "--prompt-args", "topic=tea"], "About tea"),
)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("npx") is None, reason="needs npx, which comes with Node.js")
@pytest.mark.parametrize("version", INSPECTORS)
def test_inspector_lists_and_calls_tools(served: Server, tmp_path: Path, version: str) -> None:
    """The inspector's command line accepts lists, schemas, results and errors, over both transports."""
    npx = [str(shutil.which("npx")), "--yes", f"@modelcontextprotocol/inspector@{version}", "--cli"]
    environ = {**os.environ, "MCP_CATALOG_PATH": str(tmp_path / "catalog.json")}
    strict = ["--strict"] if version.startswith("2") else []  # checks names and schemas
    for address, transport in ((MCP, "http"), (f"{MCP}/sse", "sse")):
        server = [served.url + address if word == "URL" else word for word in INSPECTORS[version]]
        call = [*npx, *server, "--transport", transport, "--method"]
        for arguments, text in (
            (["tools/list", *strict], '"greet"'),
            (["tools/call", "--tool-name", "greet", "--tool-arg", "who=Ann"], "Hello, Ann"),
            (["tools/call", "--tool-name", "fail"], '"isError": true'),
            (["resources/list"], "file://logo"),
            (["prompts/list"], '"sum"'),
            *(NEWER if strict else ()),
        ):
            done = subprocess.run(
                [*call, *arguments], capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environ, check=False
            )
            if "npm error" in done.stderr:
                pytest.skip(f"npx cannot install the inspector: {done.stderr[-300:]}")
            assert text in done.stdout, (arguments, done.stdout, done.stderr)
            assert not strict or (done.returncode == 0) == ("fail" not in arguments), done.stderr
