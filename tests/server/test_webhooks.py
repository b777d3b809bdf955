"""``/runtime/webhooks``: which provider answers, which keys it accepts, and which paths are not webhooks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest

from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply, HttpStream
from hosting.errors import SettingsError
from hosting.host.function_host import FunctionHost
from hosting.server.app import HostApp
from hosting.server.keys import Keys
from hosting.server.keys_report import keys_document
from hosting.server.types import TASK
from tests.conftest import MakeApp, Serve

Send = Callable[..., Awaitable[httpx.Response]]
KEYS = Keys(b"a secret of the test")
CATCH_ALL = """
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("{*rest}")
def Everything(req: func.HttpRequest) -> str:
    return f"everything: {req.method} {req.route_params.get('rest')}"

@app.event_grid_trigger("event")
def Listens(event: func.EventGridEvent) -> None:
    pass
"""
FILES = {"host.json": '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}', "function_app.py": CATCH_ALL}


async def echo(call: HttpCall) -> HttpReply:
    text = f"{call.method} {call.url} {call.headers['x-mine']} {call.query} {call.route_values['rest']} {call.body!r}"
    return HttpReply(201, [(b"x-yours", b"1")], text.encode())


async def broken(call: HttpCall) -> HttpReply:
    raise RuntimeError("out of order")


@pytest.fixture
def host(make_app: MakeApp) -> FunctionHost:
    """A host with a function that takes every route, and webhooks of some providers."""
    host = FunctionHost(make_app(FILES), environ={"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000"})
    host.load()
    host._services.webhooks.update(echo=echo, broken=broken)
    return host


def sender(host: FunctionHost, keys: Keys | None = None) -> Send:
    app = HostApp(host, keys=keys)

    async def send(method: str, path: str, **options: object) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7071") as client:
            return await client.request(method, path, **options)  # type: ignore[arg-type]

    return send


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("name", ["echo", "ECHO"])
async def test_provider_gets_the_whole_request(host: FunctionHost, method: str, name: str) -> None:
    """A provider gets all of a request, whatever the case of its name, and its answer is sent as it is."""
    answer = await sender(host)(
        method, f"/Runtime/WebHooks/{name}/a/b%20c?x=1&y=%C3%A9", headers={"X-Mine": "me"}, content=b"body"
    )
    url = f"http://localhost:7071/Runtime/WebHooks/{name}/a/b%20c?x=1&y=%C3%A9"
    assert answer.text == f"{method} {url} me x=1&y=%C3%A9 a/b c b'body'"
    assert (answer.status_code, answer.headers["x-yours"]) == (201, "1")


async def test_head_is_answered_without_a_body(host: FunctionHost) -> None:
    """The response to HEAD has the length of the body that it leaves out."""
    answer = await sender(host)("HEAD", "/runtime/webhooks/echo", headers={"X-Mine": "me"})
    assert (answer.status_code, answer.content) == (201, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_unknown_webhook_is_404(host: FunctionHost) -> None:
    """A path that no provider handles is 404 without a body, even beside a function that takes every route."""
    send = sender(host)
    for path in ("/runtime/webhooks/unknown", "/runtime/webhooks/", "/runtime/webhooks//echo", "/RUNTIME/webhooks/x/y"):
        assert ((await send("POST", path)).status_code, (await send("POST", path)).content) == (404, b"")
    assert (await send("PATCH", "/runtime/webhooks/echo")).status_code == 404


@pytest.mark.parametrize("path", ["/runtime", "/runtime/webhooks", "/runtimes/webhooks/echo", "/runtime/x", "/runtim"])
async def test_similar_paths_reach_functions(host: FunctionHost, path: str) -> None:
    """Paths that only look alike go to the function that takes every route."""
    assert (await sender(host)("POST", path)).text == f"everything: POST {path[1:]}"


async def test_dots_in_a_path_are_resolved_first(host: FunctionHost) -> None:
    """A path with dots reaches a webhook only if it does when they are resolved."""
    send = sender(host)
    assert (await send("POST", "/x/%2e%2e/runtime/webhooks/unknown")).status_code == 404
    assert (await send("POST", "/runtime/webhooks/%2e%2e/y")).text == "everything: POST runtime/y"


async def test_provider_that_raises_is_500_and_logged(host: FunctionHost, caplog: pytest.LogCaptureFixture) -> None:
    """The response is an empty 500, and the log has the exception."""
    with caplog.at_level(logging.ERROR):
        answer = await sender(host)("POST", "/runtime/webhooks/broken")
    assert (answer.status_code, answer.content) == (500, b"")
    assert "The webhook 'broken' failed to answer POST /runtime/webhooks/broken." in caplog.text
    assert "out of order" in caplog.text


async def test_body_over_the_limit_is_413(host: FunctionHost) -> None:
    """The limit of request bodies holds for webhooks, whether a length is declared or not."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    send = sender(host)
    for content in (b"x" * 1001, pieces()):
        assert (
            await send("POST", "/runtime/webhooks/echo", headers={"X-Mine": "me"}, content=content)
        ).status_code == 413
    assert (
        await send("POST", "/runtime/webhooks/echo", headers={"X-Mine": "me"}, content=b"x" * 1000)
    ).status_code == 201


async def test_webhook_needs_its_system_key_or_the_master_key(host: FunctionHost) -> None:
    """No other key is accepted."""
    send = sender(host, KEYS)
    mine, others = KEYS.of_system("echo_extension"), (KEYS.default, KEYS.of("echo"), KEYS.of_system("broken_extension"))
    for key in (mine, KEYS.master):
        assert (
            await send("POST", "/runtime/webhooks/Echo", headers={"X-Mine": "", "x-functions-key": key})
        ).status_code == 201
        assert (await send("POST", f"/runtime/webhooks/Echo?code={key}", headers={"X-Mine": ""})).status_code == 201
    for key in ("", "wrong", *others):
        answer = await send("POST", f"/runtime/webhooks/Echo?code={key}", headers={"X-Mine": ""})
        assert (answer.status_code, answer.content) == (401, b"")
    assert (await send("POST", f"/runtime/webhooks/unknown?code={KEYS.master}")).status_code == 404


def test_served_webhook_accepts_the_key_that_hosting_keys_shows(
    make_app: MakeApp, serve: Serve, run_hosting: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    """A real host needs the key of a webhook, which ``hosting keys`` shows by its name."""
    app, env = make_app(FILES), {"XDG_STATE_HOME": str(tmp_path / "state")}
    key = json.loads(run_hosting("keys", app, "--json", env=env).stdout)["system"]["eventgrid_extension"]
    assert f"eventgrid_extension  {key}" in run_hosting("keys", app, env=env).stdout.splitlines()
    served = serve(app, "--enable-auth", env=env)
    url = f"{served.url}/runtime/webhooks/EventGrid?functionName=Listens"
    headers = {"aeg-event-type": "Unsubscribe"}
    assert [httpx.post(url + code, headers=headers).status_code for code in ("", f"&code={key}")] == [401, 202]


LEVELS = [
    # is_anonymous of the webhook, level in host.json, whether no key is needed
    (False, None, False),
    (False, "System", False),
    (False, "anonymous", True),
    (True, None, True),
    (True, "system", False),
]


@pytest.mark.parametrize(("is_anonymous", "level", "is_open"), LEVELS)
async def test_webhook_names_its_own_authorization(
    host: FunctionHost, is_anonymous: bool, level: str | None, is_open: bool
) -> None:
    """The level of host.json comes before that of the webhook, and the key has the name that the webhook gave it."""
    host.webhooks.add("Own", echo, system_key="Of_Mine", is_anonymous=is_anonymous)
    if level is not None:
        host._services.host_json = {"extensions": {"own": {"system": {"webhookAuthorizationLevel": level}}}}
    send = sender(host, KEYS)
    statuses = [
        (await send("POST", f"/runtime/webhooks/oWn?code={key}", headers={"X-Mine": ""})).status_code
        for key in (KEYS.of_system("of_mine"), KEYS.master, "", KEYS.of_system("own_extension"), KEYS.default)
    ]
    assert statuses == [201, 201, *[201 if is_open else 401] * 3]
    assert "of_mine" in keys_document(host)["system"]


@pytest.mark.parametrize(
    ("keys", "add", "key"),
    [
        (KEYS, {}, KEYS.of_system("mine_extension")),
        (KEYS, {"system_key": "other"}, KEYS.of_system("other")),
        (KEYS, {"is_anonymous": True}, ""),
        (None, {}, ""),
    ],
    ids=["its own key", "a key of another name", "anonymous", "no keys"],
)
async def test_provider_gets_the_key_for_addresses_that_it_hands_out(
    host: FunctionHost, keys: Keys | None, add: dict[str, Any], key: str
) -> None:
    """The webhook accepts that key; before the app is served, there is none."""
    host.webhooks.add("mine", echo, **add)
    assert host.webhooks.key("mine") == ""
    send = sender(host, keys)
    assert host.webhooks.key("Mine") == key
    response = await send("GET", f"/runtime/webhooks/mine?code={key}", headers={"x-mine": "1"})
    assert response.status_code == 201


@pytest.mark.parametrize("level", ["Function", "", 1, []])
def test_unknown_authorization_level_stops_the_start(host: FunctionHost, level: object) -> None:
    """As in Azure, a webhook is System or Anonymous."""
    host._services.host_json = {"extensions": {"echo": {"system": {"webhookAuthorizationLevel": level}}}}
    with pytest.raises(SettingsError, match=r"extensions\.echo\.system\.webhookAuthorizationLevel: expected System or"):
        HostApp(host)


async def test_webhook_streams_and_gets_raw_headers(host: FunctionHost, caplog: pytest.LogCaptureFixture) -> None:
    """Each piece is a message of its own, HEAD has none, the generator is closed, and its exception ends the body."""
    closed = []

    async def answer(call: HttpCall) -> HttpReply:
        async def pieces() -> AsyncGenerator[bytes, None]:
            try:
                for name, value in call.raw_headers:
                    if name == b"x-twice":
                        yield value
                if call.query:
                    raise RuntimeError("broken off")
            finally:
                closed.append(call.method)

        return HttpStream(200, [(b"content-type", b"text/event-stream")], pieces())

    host.webhooks["pieces"] = answer
    app = HostApp(host)
    for method, query, bodies in [
        ("GET", b"", [b"a", b"b", b""]),
        ("HEAD", b"", [b""]),
        ("GET", b"x", [b"a", b"b"]),
    ]:
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any], sent: list[MutableMapping[str, Any]] = sent) -> None:
            sent.append(message)

        headers = [(b"x-twice", b"a"), (b"x-twice", b"b")]
        path = "/runtime/webhooks/pieces"
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query}
        await app({**scope, "headers": headers, "scheme": "http"}, no_body, send)
        assert sent[0]["headers"] == [(b"content-type", b"text/event-stream")]
        assert [message["body"] for message in sent[1:]] == bodies
    assert closed == ["GET", "GET"]
    assert "The response to GET /runtime/webhooks/pieces is incomplete." in caplog.text


async def no_body() -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": b""}


async def test_webhook_is_cancelled_when_its_client_disconnects(host: FunctionHost) -> None:
    """It is if the webhook asks for it, and its streams are."""
    ended: list[str] = []
    started = asyncio.Event()

    async def waits(call: HttpCall) -> HttpReply:
        async def pieces() -> AsyncGenerator[bytes, None]:
            await wait("stream")
            yield b""

        async def wait(name: str) -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)

        if call.query:
            return HttpStream(200, [], pieces())
        call.cancel_on_disconnect()
        await wait("answer")
        raise AssertionError

    async def send(message: object) -> None: ...

    host.webhooks["waits"] = waits
    app = HostApp(host)
    for query in (b"", b"x"):
        started.clear()
        path = "/runtime/webhooks/waits"
        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
        scope |= {"query_string": query, "headers": [], "scheme": "http"}
        scope[TASK] = task = asyncio.ensure_future(app(scope, no_body, send))
        await started.wait()
        app.on_disconnect(scope)
        await asyncio.wait([task])
    assert ended == ["answer", "stream"]
