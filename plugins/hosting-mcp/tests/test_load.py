"""Many sessions at the same time: every call has its own answer, and a slow tool holds no other one."""

from __future__ import annotations

import asyncio

import pytest
from mcp_support import INITIALIZE, MakePeer, Peer, events

APP = """
released = threading.Event()

@app.mcp_tool()
def add(a: int, b: int) -> str:
    return str(a + b)

@app.mcp_tool()
async def echo(text: str, context: func.MCPToolContext) -> str:
    await asyncio.sleep(0)
    return context["sessionid"] + text

@app.mcp_tool()
def slow() -> str:
    assert released.wait(600)
    return "released"

@app.mcp_tool()
async def release() -> str:
    released.set()
    return ""
"""


async def one_session(peer: Peer, number: int, calls: int) -> None:
    """Open a session and call tools, with the ids that all sessions use."""
    opened = await peer.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE})
    session = opened.headers["mcp-session-id"]
    for call in range(calls):
        name, arguments, text = "add", {"a": number, "b": call}, str(number + call)
        if call % 2:
            name, arguments, text = "echo", {"text": f"-{number}"}, f"{session}-{number}"  # type: ignore[dict-item]
        params = {"name": name, "arguments": arguments}
        reply = await peer.post(
            {"jsonrpc": "2.0", "id": call, "method": "tools/call", "params": params}, mcp_session_id=session
        )
        (answer,) = events(reply.text)
        assert (answer["id"], answer["result"]) == (call, {"content": [{"type": "text", "text": text}]})


@pytest.mark.parametrize(
    ("sessions", "calls"), [(20, 5), pytest.param(200, 25, marks=pytest.mark.long)], ids=["small", "5000 calls"]
)
async def test_parallel_sessions_get_their_own_answers(make_peer: MakePeer, sessions: int, calls: int) -> None:
    """While a ``def`` tool waits in a thread, all other calls are answered; then it is, too."""
    peer = make_peer(APP, environ={"PYTHON_THREADPOOL_THREAD_COUNT": "4"})
    waiting = asyncio.ensure_future(peer.call("slow"))
    await asyncio.gather(*(one_session(peer, number, calls) for number in range(sessions)))
    assert not waiting.done()
    await peer.call("release")
    assert (await waiting)["content"][0]["text"] == "released"
    assert not peer.app.running()
