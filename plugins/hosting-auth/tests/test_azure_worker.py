"""The guard in Azure's worker, and the sign-ins of App Service Authentication, which only Azure can vouch for."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.authoring import pending
from hosting.testing import make_host
from hosting_auth import AuthExtension
from hosting_auth.testing import IdentityProvider, sign_in_header

PROXY = {"X-Forwarded-For": "evil, [2001:db8::1%eyJhbGciOiJSUzI1NiJ9]:443"}
IN_AZURE = {"WEBSITE_AUTH_ENABLED": "True", "WEBSITE_INSTANCE_ID": "0a1b2c"}


class Worker:
    """Calls the functions of an app as Azure's worker does."""

    def __init__(self, app: Any) -> None:
        hosting.extend(app)
        self._functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}

    def call(self, name: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Return status and text of an answer; a function that answers with text has 200."""
        function = self._functions[name]
        request = func.HttpRequest("GET", f"https://app.test/api/{name}", headers=headers, body=b"")
        context = SimpleNamespace(invocation_id="i1", function_name=name, function_directory="/", retry_context=None)
        answer = function(req=request, context=context)
        answer = asyncio.run(answer) if inspect.iscoroutine(answer) else answer
        if isinstance(answer, str):
            return 200, json.loads(answer) if answer.startswith("[") else answer
        kind = answer.headers["content-type"], answer.headers["cache-control"]
        assert kind == ("application/problem+json", "no-store")
        assert json.loads(answer.get_body())["invocationId"] == "i1"
        return answer.status_code, answer.headers.get("www-authenticate")

    def work(self) -> None:
        """Run the function of a queue."""
        context = SimpleNamespace(invocation_id="i1", function_name="work", function_directory="/", retry_context=None)
        self._functions["work"](message=func.QueueMessage(body=b"m"), context=context)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set this process up as Azure's worker does."""
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path))
    monkeypatch.delenv("PYTHON_ENABLE_WORKER_EXTENSIONS", raising=False)
    yield tmp_path
    pending.shared = None
    pending.take()


def start(folder: Path, app: Any, extension: AuthExtension, settings: dict[str, Any]) -> Worker:
    (folder / "host.json").write_text(json.dumps({"version": "2.0", **settings}))
    hosting.extension(extension, name="auth")
    return Worker(app)


def test_guard_stands_before_the_functions_of_the_worker(
    folder: Path, app: Any, provider: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """The same settings, answers and log lines as under ``hosting start``; keys are fetched by the calls."""
    worker = start(folder, app, provider.extension(), provider.host_json())
    good = {"Authorization": f"Bearer {provider.token(roles=['owner'])}", "X-Forwarded-For": "1.1.1.1, 192.0.2.7:5000"}
    bad = {
        "Authorization": f"Bearer {provider.token(lifetime=-3600)}",
        "X-Forwarded-For": "evil, [2001:db8::1%eyJhbGciOiJSUzI1NiJ9]:443",
    }
    assert worker.call("who", good) == (200, ["user", "ada", ["owner"], []])
    assert worker.call("state", good) == (200, ["user", "ada", ["owner"], []])
    assert worker.call("manage", good) == (200, "managed")
    assert worker.call("public") == (200, ["anonymous", "", [], []])
    for name in ("who", "state", "manage", "orders", "health"):
        status, challenge = worker.call(name, bad)
        assert (status, challenge is not None and 'error="invalid_token"' in challenge) == (401, True), name
    worker.work()
    assert "Refused a call of function 'who' from 2001:db8::1 with 401 (expired): its token has expired." in caplog.text


def test_without_settings_the_worker_refuses_everybody(folder: Path, app: Any) -> None:
    """503 in place of an answer of the function."""
    worker = start(folder, app, AuthExtension(), {})
    assert {worker.call(name)[0] for name in ("who", "state", "manage", "orders", "health")} == {503}


def test_sign_in_of_the_platform_is_accepted_in_azure_only(
    folder: Path, app: Any, another_app: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The header counts where the setting and the platform say so; elsewhere anybody could send it."""
    settings = {"extensionHost": {"extensions": {"auth": {"settings": {"easy_auth": True}}}}}
    header = {"X-MS-CLIENT-PRINCIPAL": sign_in_header("admin", tid="t", oid="o", scp="Orders.Read Orders.Write")}
    for name, value in IN_AZURE.items():
        monkeypatch.setenv(name, value)
    with make_host(another_app, extensions={"auth": AuthExtension}, host_json=settings, settings=IN_AZURE) as host:
        assert host.get("/api/who", headers=header).status == 503
    assert "'easy_auth' has no effect here" in caplog.text
    worker = start(folder, app, AuthExtension(), settings)
    assert worker.call("who", header) == (200, ["user", "ada", ["admin"], ["Orders.Read", "Orders.Write"]])
    assert worker.call("manage", header) == (200, "managed")
    assert worker.call("orders", header) == (200, "orders")
    assert worker.call("who") == (401, 'Bearer realm="api"')
    assert worker.call("who", {"Authorization": "Bearer a.b.c"}) == (401, 'Bearer realm="api"')


@pytest.mark.parametrize(
    "environment", [{}, {"WEBSITE_AUTH_ENABLED": "True"}, {**IN_AZURE, "WEBSITE_AUTH_ENABLED": "False"}]
)
def test_sign_in_is_not_accepted_where_the_platform_does_not_check_it(
    folder: Path, app: Any, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    """In the worker, but without App Service Authentication: the header is the caller's own."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = {"extensionHost": {"extensions": {"auth": {"settings": {"easy_auth": True}}}}}
    worker = start(folder, app, AuthExtension(), settings)
    assert worker.call("who", {"X-MS-CLIENT-PRINCIPAL": sign_in_header("admin")}) == (503, None)


def encoded(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


STATIC = {
    "identityProvider": "github",
    "userId": "u1",
    "userDetails": "ada",
    "userRoles": ["anonymous", "authenticated"],
}
CLAIMS = {"auth_typ": "aad", "role_typ": "r", "claims": [{"typ": "sub", "val": "ada"}]}
LONG = "http://schemas.microsoft.com/identity/claims/"
SIGN_INS: dict[str, tuple[str, Any]] = {
    "Static Web Apps": (encoded(STATIC), ["user", "u1", ["authenticated"], []]),
    "role type of its own": (
        encoded({**CLAIMS, "claims": [{"typ": "sub", "val": "ada"}, {"typ": "r", "val": "boss"}]}),
        ["user", "ada", ["boss"], []],
    ),
    "long names of claims": (
        encoded(
            {
                **CLAIMS,
                "claims": [
                    {"typ": f"{LONG}objectidentifier", "val": "o"},
                    {"typ": f"{LONG}scope", "val": "a b"},
                    {"typ": "idtyp", "val": "app"},
                ],
            }
        ),
        ["app", "o", [], ["a", "b"]],
    ),
    "nobody in Static Web Apps": (encoded({**STATIC, "userRoles": ["anonymous"]}), None),
    "roles that are a text": (encoded({**STATIC, "userRoles": "authenticated"}), None),
    "no claims": (encoded({**CLAIMS, "claims": []}), None),
    "claims that are an object": (encoded({**CLAIMS, "claims": {"typ": "sub"}}), None),
    "claims that are texts": (encoded({**CLAIMS, "claims": ["sub"]}), None),
    "null": (encoded(None), None),
    "number": (encoded(5), None),
    "text": (encoded("userRoles"), None),
    "list": (encoded(["userRoles"]), None),
    "not Base64": ("{}", None),
    "not JSON": (base64.b64encode(b"{").decode(), None),
    "not UTF-8": (base64.b64encode(b"\xff\xfe\xfd").decode(), None),
    "deep": (base64.b64encode(b"[" * 100_000).decode(), None),
}


def test_sign_ins_of_all_forms(folder: Path, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """App Service and Static Web Apps write the header differently; what is not readable is refused."""
    for name, value in IN_AZURE.items():
        monkeypatch.setenv(name, value)
    settings = {"extensionHost": {"extensions": {"auth": {"settings": {"easy_auth": True}}}}}
    worker = start(folder, app, AuthExtension(), settings)
    for case, (header, expected) in SIGN_INS.items():
        answer = worker.call("who", {"x-ms-client-principal": header})
        assert answer == ((401, 'Bearer realm="api"') if expected is None else (200, expected)), case
