"""Configuration of the tests of hosting-auth: an app with a function of each kind, and identity providers."""

from __future__ import annotations

import json
from typing import Annotated, Any

import azure.functions as func
import pytest

import hosting
from hosting_auth import Principal
from hosting_auth.testing import IdentityProvider


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def provider() -> IdentityProvider:
    """An identity provider that signs with RS256; tests do not change it."""
    return IdentityProvider()


@pytest.fixture(scope="session")
def es_provider() -> IdentityProvider:
    """One that signs with ES256."""
    return IdentityProvider("https://es.test/tenant/", "ES256")


def describe(user: Principal | None) -> str:
    return json.dumps(None if user is None else [user.kind, user.subject, sorted(user.roles), sorted(user.scopes)])


@pytest.fixture
def app() -> Any:
    """HTTP functions, def and async def, and one of a queue."""
    return make_app()


@pytest.fixture
def another_app() -> Any:
    """The same functions, for a second host."""
    return make_app()


def make_app() -> Any:
    app: Any = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("who")  # type: ignore[untyped-decorator]
    async def who(req: func.HttpRequest, user: Annotated[Principal, hosting.Inject]) -> str:
        return describe(user)

    @app.route("state")  # type: ignore[untyped-decorator]
    def state(req: func.HttpRequest, context: func.Context) -> str:
        invocation: Any = context.invocation  # type: ignore[attr-defined]
        return describe(invocation.principal)

    @app.route("manage")  # type: ignore[untyped-decorator]
    @hosting.use("auth", roles=["admin", "owner"])
    def manage(req: func.HttpRequest) -> str:
        return "managed"

    @app.route("orders")  # type: ignore[untyped-decorator]
    @hosting.use("auth", scopes=["Orders.Read", "Orders.Write"])
    async def orders(req: func.HttpRequest) -> str:
        return "orders"

    @app.route("public")  # type: ignore[untyped-decorator]
    @hosting.use("auth", anonymous=True)
    def public(req: func.HttpRequest, user: Annotated[Principal, hosting.Inject]) -> str:
        return describe(user)

    @app.route("health")  # type: ignore[untyped-decorator]
    async def health(req: func.HttpRequest) -> str:
        return "healthy"

    @app.queue_trigger("message", "orders", "AzureWebJobsStorage")  # type: ignore[untyped-decorator]
    def work(message: func.QueueMessage, context: func.Context) -> None:
        context.invocation.state["worked"] = True  # type: ignore[attr-defined]

    return app
