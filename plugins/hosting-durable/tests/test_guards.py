"""Guards before starters and the management API: no way around them, served or in ``hosting.testing``."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import azure.durable_functions as df  # type: ignore[import-untyped]
import azure.functions as func
import httpx
import pytest
from durable_support.hosts import DurableProviders

import hosting
from hosting.apps.load import load_app_object
from hosting.extensions import FLAG
from hosting.host.function_host import FunctionHost
from hosting.server.app import HostApp
from hosting.server.keys import Keys
from hosting.testing import make_host

NAME = "webhooks/durabletask"
ROOT = "/runtime/webhooks/durabletask"
LET_IN = {"authorization": "let me in"}
# Each operation of the API, and the status where no guard denies it. The instances do not exist, so that order is free.
OPERATIONS = [
    ("POST", "/orchestrators/unknown", 202),
    ("POST", "/orchestrators/unknown/one?timeout=0&pollingInterval=0", 202),
    ("GET", "/instances", 200),
    ("GET", "/instances/none", 404),
    ("POST", "/instances/none/raiseEvent/go", 404),
    ("POST", "/instances/none/terminate?reason=x", 404),
    ("POST", "/instances/none/suspend?reason=x", 404),
    ("POST", "/instances/none/resume?reason=x", 404),
    ("POST", "/instances/none/rewind?reason=x", 404),
    ("POST", "/instances/none/restart", 400),
    ("DELETE", "/instances/none", 404),
    ("DELETE", "/instances?createdTimeFrom=2999-01-01", 404),
    ("GET", "/entities", 200),
    ("GET", "/entities/counter/k", 404),
    ("POST", "/entities/counter/k?op=add", 202),
]


def make_app() -> Any:
    """Return an app with a starter, an orchestrator and a function of another kind."""
    app: Any = df.DFApp(http_auth_level="ANONYMOUS")

    @app.route("start")  # type: ignore[untyped-decorator]
    @app.durable_client_input(client_name="client")  # type: ignore[untyped-decorator]
    async def start(req: func.HttpRequest, client: Any) -> func.HttpResponse:
        return func.HttpResponse(await client.start_new("wait"))

    @app.orchestration_trigger("context")  # type: ignore[untyped-decorator]
    def wait(context: Any) -> Any:
        yield context.wait_for_external_event("go")

    return app


class AppGuard:
    """A guard of the whole app, which lets one token in."""

    guard = True

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    @hosting.hookimpl
    def pre_invocation_app_level(self, invocation: hosting.Invocation) -> None:
        """Answer 401 without the token."""
        request = invocation.request
        if request is not None:
            self.seen.append((invocation.function.name, invocation.trigger, request.method))
            if request.headers.get("authorization") != "let me in":
                raise hosting.ShortCircuit(invocation.respond(401, "no token"))


class FunctionGuard:
    """A guard of single functions."""

    guard = True

    @hosting.hookimpl
    def pre_invocation(self, invocation: hosting.Invocation) -> None:
        """Answer as the other one."""
        AppGuard.pre_invocation_app_level(AppGuard(), invocation)


class BrokenGuard:
    """A guard that cannot decide."""

    guard = True

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        """Fail."""
        raise RuntimeError("no database of users")


class UnconfiguredGuard(AppGuard):
    """A guard that fails for each function when it is set up."""

    @hosting.hookimpl
    def post_function_load_app_level(self, function_name: str) -> None:
        """Fail."""
        raise RuntimeError(function_name)


# The guard, what host.json says about its functions, and the status of what it does not let in; None if it has no say.
GUARDS: list[tuple[type, dict[str, list[str]], int | None, bool]] = [
    (AppGuard, {}, 401, False),
    (AppGuard, {"include": [NAME.upper()]}, 401, False),
    (AppGuard, {"include": ["start"]}, 401, True),
    (AppGuard, {"exclude": ["*"], "include": ["webhooks/x"]}, 401, True),
    (AppGuard, {"exclude": ["web*"]}, 401, True),
    (AppGuard, {"exclude": [NAME]}, None, False),
    (FunctionGuard, {"include": ["start"]}, 401, True),
    (FunctionGuard, {"include": ["start", NAME]}, 401, False),
    (FunctionGuard, {"include": ["start"], "exclude": [NAME]}, None, False),
    (BrokenGuard, {}, 500, False),
    (UnconfiguredGuard, {}, 503, False),
]


@asynccontextmanager
async def served(root: Path, guard: Any, functions: Mapping[str, Any]) -> AsyncIterator[tuple[FunctionHost, Any]]:
    """Serve an app as ``hosting start`` does, and give the host and what sends requests to its management API."""
    section = {"extensions": {"guard": {"functions": dict(functions)}}}
    (root / "host.json").write_text(json.dumps({"version": "2.0", "extensionHost": section}))
    loads: Any = functools.partial(load_app_object, make_app())
    environ = {FLAG: "1"}
    host = FunctionHost(root, environ=environ, providers=DurableProviders, loads=loads, extensions={"guard": guard})
    host.load()
    keys = Keys(b"secret")
    app = HostApp(host, keys=keys)
    transport = httpx.ASGITransport(app)
    await host.start()
    key = {"x-functions-key": host.webhooks.key("durabletask")}
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=key) as client:
            yield host, client
    finally:
        await host.drain(5)
        await host.stop()


@pytest.mark.parametrize(("guard", "functions", "status", "is_imposed"), GUARDS)
async def test_no_operation_of_the_api_goes_around_a_guard(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    guard: type,
    functions: dict[str, list[str]],
    status: int | None,
    is_imposed: bool,
) -> None:
    """A guard decides on each, unless host.json keeps it away by the exact name; what is not said is a warning."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with served(tmp_path, guard(), functions) as (host, client):
        for method, path, usual in OPERATIONS:
            response = await client.request(method, ROOT + path, json=1)
            assert response.status_code == (status or usual), (method, path, response.text)
            if status == 401:
                let_in = await client.request(method, ROOT + path, json=1, headers=LET_IN)
                assert let_in.status_code in (usual, 409), (method, path, let_in.text)
        without_key = await client.get(f"{ROOT}/instances", headers={"x-functions-key": "wrong"})
        assert without_key.status_code == 401
        assert without_key.content == b""
        warnings = [one.message for one in host.extensions.name_problems() if NAME in one.message]
        assert len(warnings) == is_imposed, warnings


def test_the_host_of_tests_calls_guards_too(installed: None) -> None:
    """A starter and the API have the same guard, which sees the API as an HTTP function of the name."""
    guard = AppGuard()
    with make_host(make_app(), extensions={"guard": guard}) as host:
        for method, path, usual in OPERATIONS:
            assert host.request(method, ROOT + path, json=1).status == 401, path
            assert host.request(method, ROOT + path, json=1, headers=LET_IN).status in (usual, 409), path
        assert host.get("/api/start").status == 401
        started = host.get("/api/start", headers=LET_IN)
        assert started.status == 200
        address = f"{ROOT}/instances/{started.text}"
        found = host.get(address, headers=LET_IN)
    assert found.status == 202
    assert found.headers["location"].endswith(address)
    assert (NAME, "httpTrigger", "DELETE") in guard.seen
    assert ("start", "httpTrigger", "GET") in guard.seen
