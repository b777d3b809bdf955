"""Requests to functions that cannot run: 503 with a problem document that says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from importlib_metadata import EntryPoint, EntryPoints

from hosting.bindings import Input, Output, Provider, Services
from hosting.bindings.registry import Providers
from hosting.core import Binding, Function
from hosting.errors import MissingSettingError
from hosting.host.binder import grouped_problems
from hosting.host.function_host import FunctionHost
from hosting.server.app import HostApp
from tests.conftest import MakeApp

HEAD = "import azure.functions as func\napp = func.FunctionApp(http_auth_level='ANONYMOUS')\n"
GOOD = "@app.route('good')\ndef zgood(req): return 'ok'\n"
COSMOS = """
@app.route("items/{id}", methods=["GET"])
@app.cosmos_db_input("docs", database_name="d", container_name="c", connection="C")
def items(req, docs): ...
"""


class Keys:
    """The keys ``master``, ``default`` and ``fn``."""

    def accepted(self, *names: str) -> tuple[str, ...]:
        return tuple("fn" if name.startswith("function ") else name for name in names)


def load(make_app: MakeApp, code: str, environ: Mapping[str, str] | None = None) -> FunctionHost:
    host = FunctionHost(make_app({"function_app.py": HEAD + GOOD + code}), environ=dict(environ or {}))
    host.load()
    return host


async def get(host: FunctionHost, path: str, method: str = "GET", keys: Any = None, **options: Any) -> httpx.Response:
    app = HostApp(host, keys=keys, shows_tracebacks=options.pop("shows_tracebacks", False))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path, **options)


@pytest.mark.parametrize(
    ("code", "path", "reason"),
    [
        (
            COSMOS,
            "/api/items/7",
            "provides its binding type 'cosmosDB'. Azure has this type, and hosting does not",
        ),
        (
            "@app.function_name('1st')\n@app.route('x')\ndef f(req): return ''\n",
            "/api/x",
            "The '1st' function is in error: '1st' is not a valid function name.",
        ),
        (
            "@app.route('x')\n@app.queue_output('m', '%NOBODY%', 'S')\ndef f(req, m): return ''\n",
            "/api/x",
            "'%NOBODY%' does not resolve to a value. Set NOBODY in",
        ),
        (
            "@app.route('x', trigger_arg_name='a__b')\ndef f(a__b): return ''\n",
            "/api/x",
            "The binding name a__b is invalid.",
        ),
        (
            "@app.route()\n@app.generic_output_binding('m', 'zzz')\ndef f(req, m): ...\n",
            "/api/F",
            "binding type 'zzz'. Correct",
        ),
        ("@app.route('x')\ndef ZGOOD(req): return ''\n", "/api/x", "the name is already used by the function 'zgood'"),
        ("@app.route('x')\ndef ZGOOD(req): return ''\n", "/api/x", "are the same. Rename one of the two functions."),
    ],
)
async def test_function_that_cannot_run_answers_503_with_the_reason(
    code: str, path: str, reason: str, make_app: MakeApp
) -> None:
    """The document is that of RFC 9457; the other functions run."""
    host = load(make_app, code)
    response = await get(host, path)
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert (document["type"], document["title"], document["status"]) == ("about:blank", "Service Unavailable", 503)
    assert reason in document["detail"]
    assert (await get(host, "/api/good")).text == "ok"


async def test_v1_function_that_cannot_run_answers_503(make_app: MakeApp) -> None:
    """Its function.json is valid JSON, and an invalid definition."""
    http = '{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "route": "b/{id}"}'
    files = {
        "Bad/function.json": f'{{"bindings": [{http}, {{"name": "x"}}]}}',
        "Bad/__init__.py": "",
        "Good/function.json": f'{{"bindings": [{http.replace("b/{id}", "g")}]}}',
        "Good/__init__.py": "def main(req): ...",
    }
    host = FunctionHost(make_app(files), environ={})
    host.load()
    response = await get(host, "/api/b/7")
    assert response.status_code == 503
    assert response.json()["function"] == "Bad"
    assert "Bindings must specify a Type." in response.json()["detail"]


@pytest.mark.parametrize(
    ("code", "path", "method", "environ"),
    [
        (COSMOS, "/api/items/7", "POST", {}),
        (COSMOS, "/api/other", "GET", {}),
        (COSMOS, "/api/items/7", "GET", {"AzureWebJobs.items.Disabled": "1"}),
        ("@app.route('{')\ndef f(req): return ''\n", "/api/{", "GET", {}),
        ("@app.route('admin/x')\ndef f(req): return ''\n", "/api/admin/x", "GET", {}),
    ],
    ids=["another method", "another path", "disabled", "invalid route", "reserved route"],
)
async def test_request_that_is_not_for_such_a_function_is_404(
    code: str, path: str, method: str, environ: dict[str, str], make_app: MakeApp
) -> None:
    """Without the fault it would be 404, too."""
    assert (await get(load(make_app, code, environ), path, method)).status_code == 404


async def test_function_that_runs_comes_before_one_that_does_not(make_app: MakeApp) -> None:
    """In Azure a function in error has no route, whatever its name."""
    code = COSMOS.replace("items/{id}", "{*all}").replace("def items", "def a")
    host = load(make_app, code)
    assert (await get(host, "/api/good")).status_code == 200
    assert (await get(host, "/api/other")).status_code == 503


@pytest.mark.parametrize(
    ("level", "key", "status"),
    [
        ("function", None, 401),
        ("function", "wrong", 401),
        ("function", "fn", 503),
        ("anonymous", None, 503),
        ("admin", "fn", 401),
        ("admin", "master", 503),
        ("strange", "fn", 401),
        ("strange", "master", 503),
    ],
)
async def test_reason_is_for_callers_with_a_key_of_the_functions_level(
    level: str, key: str | None, status: int, make_app: MakeApp
) -> None:
    """An invalid level counts as the strictest one."""
    http = f'{{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "{level}"}}'
    files = {
        "F/function.json": f'{{"bindings": [{http}, {{"type": "zzz", "name": "x"}}]}}',
        "F/__init__.py": "def main(req, x): ...",
    }
    host = FunctionHost(make_app(files), environ={})
    host.load()
    headers = {} if key is None else {"x-functions-key": key}
    assert (await get(host, "/api/F", keys=Keys(), headers=headers)).status_code == status


class Crates(Provider):
    """Provides ``crate``: each needs a setting ``Crates``."""

    def input(self, function: Function, binding: Binding) -> Input:
        raise MissingSettingError("The setting 'Crates' does not exist.", remedy="Set Crates.", file=function.file)

    def output(self, function: Function, binding: Binding) -> Output:
        raise MissingSettingError("The setting 'Crates' does not exist.", remedy="Set Crates.", file=function.file)


def crates(services: Services) -> Providers:
    entries = [
        EntryPoint(name, f"{Crates.__module__}:Crates", "hosting.bindings") for name in ("crate", "crateTrigger")
    ]
    return Providers(services, lambda: EntryPoints(entries))


CRATES = """
@app.route("crates")
@app.generic_{direction}_binding("crate", type="crate")
def crates(req, crate): raise ZeroDivisionError

@app.generic_trigger("x", type="crateTrigger")
@app.generic_output_binding("crate", type="crate")
def waits(x, crate): ...
"""


@pytest.mark.parametrize("direction", ["input", "output"])
async def test_http_function_without_its_connection_has_its_route_and_fails_each_call(
    direction: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As in Azure; the log, and in development the answer, name the setting. Other triggers take no events."""
    monkeypatch.setattr(EntryPoint, "load", lambda entry: Crates)
    code = HEAD + GOOD + CRATES.format(direction=direction)
    host = FunctionHost(make_app({"function_app.py": code}), environ={}, providers=crates)
    host.load()
    assert sorted(one.function for one in host.router().routes) == ["crates", "zgood"]
    assert {one.function: one.message.partition(": ")[2] for one in host.problems} == dict.fromkeys(
        ("crates", "waits"), "The setting 'Crates' does not exist."
    )
    for _ in range(2):
        response = await get(host, "/api/crates", shows_tracebacks=True, headers={"x-hosting-traceback": "1"})
        assert response.status_code == 500
        assert "The setting 'Crates' does not exist. Set Crates." in response.text
        assert "ZeroDivisionError" not in response.text
    assert "waits" not in host.invocations
    assert (await get(host, "/api/good")).text == "ok"


NEVER = """
@app.service_bus_queue_trigger("msg", queue_name="q", connection="C")
def one(msg: func.ServiceBusMessage): ...

@app.service_bus_topic_trigger("msg", topic_name="t", subscription_name="s", connection="C")
def two(msg: func.ServiceBusMessage): ...

@app.cosmos_db_trigger("docs", database_name="d", container_name="c", connection="C")
def three(docs: func.DocumentList): ...

@app.generic_trigger("x", type="quueTrigger")
def four(x): ...
"""


def test_functions_that_are_never_triggered_are_grouped_by_type(make_app: MakeApp) -> None:
    """Each type has one remedy; what Azure has is told from a mistake."""
    texts = [f"{one.message} {one.remedy}" for one in grouped_problems(load(make_app, NEVER).never_triggered)]
    by_hand = "Until then, run it manually: POST /admin/functions/NAME"
    in_azure = "Azure has this type, and hosting does not: in Azure it works. To use it here, install a "
    assert len(texts) == 3
    cosmos, typo, bus = sorted(texts, key=lambda text: text.partition("binding type")[2])
    start = "never triggered: no installed package provides the binding type"
    assert cosmos.startswith(f"Function 'three' is {start} 'cosmosDBTrigger'. {in_azure}")
    assert bus.startswith(f"Functions 'one', 'two' are {start} 'serviceBusTrigger'. {in_azure}")
    assert "Correct the type (Did you mean 'queuetrigger'), or install a package" in typo
    assert all(text.endswith(by_hand) for text in texts)
