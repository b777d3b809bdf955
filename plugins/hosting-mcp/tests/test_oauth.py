"""OAuth with hosting-auth: the official client finds the issuer, gets a token, and calls a tool; others are refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from mcp_support import MCP, MakePeer, Peer, events, started

pytest.importorskip("mcp", reason="needs the official client, the package mcp")
pytest.importorskip("jwt", reason="needs hosting-auth with the packages that it needs")

from hosting_auth.testing import IdentityProvider
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

APP = """
import hosting
runs = []

@app.mcp_tool()
def read(name: str) -> str:
    return "read " + name

@app.mcp_tool()
@hosting.use("auth", scopes=["Notes.Write"])
async def write(name: str) -> str:
    runs.append(name)
    return "wrote " + name

@app.mcp_resource_trigger(arg_name="c", uri="notes://all", resource_name="all")
@hosting.use("auth", roles=["owner"])
def everything(c) -> str:
    return "all"

@app.mcp_prompt_trigger(arg_name="c", prompt_name="sum")
def prompt(c: func.PromptInvocationContext) -> str:
    return "Sum up."

@app.mcp_tool()
def open() -> str:
    return ",".join(runs)
"""
ISSUER = "https://login.test"
SERVER = f"http://localhost:7071{MCP}"
METADATA = f'resource_metadata="{SERVER}/.well-known/oauth-protected-resource"'
WRITE = {"name": "write", "arguments": {"name": "x"}}


class Login(httpx.AsyncBaseTransport):
    """The network of the client: the host, and the authorization server of an identity provider.

    Args:
        peer: the host.
        provider: issues the tokens.
    """

    def __init__(self, peer: Peer, provider: IdentityProvider) -> None:
        self._host = httpx.ASGITransport(peer.app)
        self._provider = provider
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != "login.test":
            return await self._host.handle_async_request(request)
        self.asked.append(request.url.path)
        body = parse_qs((await request.aread()).decode())
        document: dict[str, Any] = {"client_id": "agent", "redirect_uris": ["http://localhost:1/done"]}
        if request.url.path == "/token":
            scopes = ["Notes.Write"] if "Notes.Write" in body.get("scope", self.scopes) else []
            token = self._provider.token(audience=body["resource"], scopes=scopes)
            document = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        elif request.url.path.startswith("/.well-known/"):
            document = {"issuer": ISSUER, "response_types_supported": ["code"], "scopes_supported": ["Notes.Write"]}
            document |= {f"{name}_endpoint": f"{ISSUER}/{name}" for name in ("authorization", "token", "registration")}
            document["code_challenge_methods_supported"] = ["S256"]
        return httpx.Response(201 if request.url.path == "/registration" else 200, json=document)

    scopes: str = ""

    async def sign_in(self, address: str) -> None:
        """Take the user's browser to the sign-in, which succeeds at once."""
        query = parse_qs(urlsplit(address).query)
        self.scopes, self.state = query.get("scope", [""])[0], query["state"][0]
        assert query["resource"] == [SERVER]

    async def code(self) -> tuple[str, str | None]:
        """Return what the browser brings back."""
        return "a-code", self.state


class Storage(TokenStorage):
    """Keeps tokens in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.info: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.info

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.info = client_info


def protected(make_peer: MakePeer, provider: IdentityProvider, **beyond: Any) -> Peer:
    """Return a client of the app behind hosting-auth, with the OAuth metadata of the server."""
    options = {"beyondAzure": {"protectedResource": {"authorizationServers": [ISSUER]}, **beyond}}
    host_json = provider.host_json(SERVER, anonymous=["open"])
    return make_peer(
        APP,
        options,
        environ={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"},
        extensions={"auth": provider.extension()},
        extension_host=host_json["extensionHost"],
    )


async def test_official_client_signs_in_and_calls_a_tool(make_peer: MakePeer) -> None:
    """From the 401 it finds the metadata and the issuer, registers, gets a token for this server, and calls a tool."""
    provider = IdentityProvider(ISSUER)
    peer = protected(make_peer, provider)
    login = Login(peer, provider)
    metadata = OAuthClientMetadata.model_validate(
        {"redirect_uris": ["http://localhost:1/done"], "scope": "Notes.Write", "token_endpoint_auth_method": "none"}
    )
    auth = OAuthClientProvider(SERVER, metadata, Storage(), login.sign_in, login.code)
    async with (
        started(peer.app.host),
        httpx.AsyncClient(transport=login, auth=auth) as http,
        streamable_http_client(SERVER, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        called = await session.call_tool("write", {"name": "a note"})
        assert (called.isError, called.content[0].text) == (False, "wrote a note")  # type: ignore[union-attr]
    assert "/token" in login.asked
    assert "/registration" in login.asked


async def test_calls_with_a_wrong_token_are_refused_before_the_function(make_peer: MakePeer) -> None:
    """The response is 401 or 403 with the address of the metadata; tools that are open stay open, for any caller."""
    provider, other = IdentityProvider(ISSUER), IdentityProvider(ISSUER)
    peer = protected(make_peer, provider)
    right = provider.token(audience=SERVER, scopes=["Notes.Write"], roles=["owner"])
    rows: list[tuple[str, Any, str, int, str]] = [
        ("tools/call", WRITE, right, 200, "wrote x"),
        ("resources/read", {"uri": "notes://all"}, right, 200, '"text":"all"'),
        ("prompts/get", {"name": "sum"}, right, 200, "Sum up."),
        ("tools/call", {"name": "read", "arguments": {"name": "x"}}, provider.token(audience=SERVER), 200, "read x"),
        ("tools/call", {"name": "open"}, "made-up", 200, '"x"'),
        ("tools/call", WRITE, provider.token(audience="another", scopes=["Notes.Write"]), 401, "invalid_token"),
        ("tools/call", WRITE, provider.token(audience=SERVER, lifetime=-120), 401, "has expired"),
        ("tools/call", WRITE, other.token(audience=SERVER, scopes=["Notes.Write"]), 401, "invalid_token"),
        ("tools/call", WRITE, "made-up", 401, "invalid_token"),
        ("tools/call", WRITE, provider.token(audience=SERVER), 403, 'insufficient_scope", error_description='),
        ("resources/read", {"uri": "notes://all"}, provider.token(audience=SERVER), 403, "insufficient_scope"),
        ("prompts/get", {"name": "sum"}, "made-up", 401, "invalid_token"),
    ]
    async with started(peer.app.host):
        for method, params, token, status, text in rows:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            reply = await peer.post(message, authorization=f"Bearer {token}")
            challenge = reply.headers.get("www-authenticate", "")
            assert (reply.status_code, text in reply.text + challenge) == (status, True), (
                params,
                reply.text,
                challenge,
            )
            assert (METADATA in challenge) == (status != 200)
        without = await peer.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": WRITE})
        assert (without.status_code, without.headers["www-authenticate"]) == (401, f"Bearer {METADATA}")
        basic = await peer.post(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": WRITE}, authorization="Basic YTpi"
        )
        assert basic.status_code == 401


async def test_refusal_where_the_response_cannot_say_it_is_a_tool_error(make_peer: MakePeer) -> None:
    """So it is without metadata, and with notifications, whose response has begun: the function does not run."""
    provider = IdentityProvider(ISSUER)
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": WRITE}
    peer = protected(make_peer, provider, notifications=True)
    async with started(peer.app.host):
        reply = await peer.post(message, authorization="Bearer made-up")
        (response,) = events(reply.text)
        assert response["result"]["isError"] is True
        assert json.loads(response["result"]["content"][0]["text"])["status"] == 401
