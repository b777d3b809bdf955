"""Apps in this process, and what clients send to them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import importlib_metadata

from hosting.bindings import Output, Provider, Services
from hosting.bindings.registry import Providers
from hosting.core import Binding, Function
from hosting.host.function_host import FunctionHost
from hosting.server.app import HostApp
from hosting.server.keys import Keys

KEYS = Keys(b"a secret of the tests")
HEAD = """
import asyncio, dataclasses, json, logging, threading
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""
TYPES = {"mcpToolTrigger": "ToolProvider", "mcpResourceTrigger": "ResourceProvider"}
TYPES |= {"mcpPromptTrigger": "PromptProvider"}
MCP = "/runtime/webhooks/mcp"
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
PLUGIN = Path(__file__).parents[1]


class NoteOutput(Output):
    """Keeps what is written, and where."""

    expressions = ("path",)

    def __init__(self) -> None:
        self.written: list[tuple[str, str]] = []

    def encode(self, value: Any) -> Any:
        return value

    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        self.written.append((properties["path"], encoded))


class NoteProvider(Provider):
    """Provides ``note`` outputs."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.note = NoteOutput()

    def output(self, function: Function, binding: Binding) -> NoteOutput:
        return self.note


def providers(services: Services) -> Providers:
    """Return the registry of an environment in which this package is installed, with notes."""
    added = [
        importlib_metadata.EntryPoint(name, f"hosting_mcp.provider:{value}", "hosting.bindings")
        for name, value in TYPES.items()
    ]
    added.append(importlib_metadata.EntryPoint("note", f"{__name__}:NoteProvider", "hosting.bindings"))
    installed = importlib_metadata.entry_points(group="hosting.bindings")
    return Providers(services, lambda: [*installed, *added])


@contextmanager
def loaded(
    root: Path,
    code: str,
    options: dict[str, Any] | None = None,
    files: dict[str, str] | None = None,
    extension_host: dict[str, Any] | None = None,
    **options_of_host: Any,
) -> Iterator[FunctionHost]:
    """Load an app of some code, with ``extensions.mcp`` and ``extensionHost``."""
    host_json = {"version": "2.0", "extensions": {"mcp": options or {}}, "extensionHost": extension_host or {}}
    written = {"host.json": json.dumps(host_json), **(files or {})}
    if code:
        written["function_app.py"] = HEAD + code
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    options_of_host.setdefault("environ", {})
    host = FunctionHost(root, providers=providers, **options_of_host)
    host.load()
    yield host


class Peer:
    """A client that sends one message at a time.

    Args:
        host: the host.
        keys: the keys that callers need.
    """

    def __init__(self, host: FunctionHost, keys: Keys | None = None) -> None:
        self.app = HostApp(host, keys=keys)
        self._ids = iter(range(1, 1_000_000))

    def client(self, **options: Any) -> httpx.AsyncClient:
        """Return an HTTP client of the host."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://localhost:7071", **options)

    async def post(self, content: Any, path: str = MCP, **headers: str) -> httpx.Response:
        """Post a body; names of headers have underscores for dashes."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        named = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.client() as client:
            return await client.post(path, content=body, headers={key: one for key, one in named.items() if one})

    async def request(self, method: str, params: Any = None, **headers: str) -> dict[str, Any]:
        """Return the response to a request."""
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method}
        reply = await self.post(message if params is None else {**message, "params": params}, **headers)
        assert reply.status_code == 200, reply.text
        response = events(reply.text)[-1]
        assert response["id"] == message["id"]
        return response

    async def result(self, method: str, params: Any = None, **headers: str) -> Any:
        """Return the result of a request."""
        return (await self.request(method, params, **headers))["result"]

    async def call(self, name: str, **arguments: Any) -> Any:
        """Return the result of a tool."""
        return await self.result("tools/call", {"name": name, "arguments": arguments})


def events(text: str) -> list[dict[str, Any]]:
    """Return the messages of a stream."""
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


@asynccontextmanager
async def started(host: FunctionHost) -> AsyncIterator[FunctionHost]:
    """Start a host, and stop it at the end."""
    await host.start()
    try:
        yield host
    finally:
        await host.drain(0)
        await host.stop()


MakePeer = Callable[..., Peer]


@contextmanager
def peers(root: Path) -> Iterator[MakePeer]:
    """Yield a function that makes a client of an app of some code; at the end, the app's modules are gone."""
    path, modules = [*sys.path], {*sys.modules}
    with ExitStack() as stack:

        def make(code: str, options: dict[str, Any] | None = None, **rest: Any) -> Peer:
            keys = rest.pop("keys", None)
            return Peer(stack.enter_context(loaded(root / "app", code, options, **rest)), keys)

        yield make
    sys.path[:] = path
    for name in {*sys.modules} - modules:
        if str(root) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def install(site: Path) -> None:
    """Install this package into a folder for ``PYTHONPATH``."""
    metadata = site / "hosting_mcp-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hosting-mcp\nVersion: 0.1.0\n")
    lines = [f"{name} = hosting_mcp.provider:{value}" for name, value in TYPES.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[hosting.bindings]", *lines, ""]))
    shutil.copytree(Path(__file__).parents[1] / "src" / "hosting_mcp", site / "hosting_mcp")
