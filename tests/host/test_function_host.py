"""A whole app in this process: loaded, bound, invoked, drained."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from hosting.bindings.http.request import HttpCall
from hosting.errors import FunctionLoadError, HostingError
from hosting.host.function_host import FunctionHost
from hosting.testing import HostFactory, make_host
from tests.conftest import MakeApp

HEAD = """
import asyncio, contextvars, logging, os, threading, time
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""


def files(code: str) -> Mapping[str, str]:
    return {"function_app.py": HEAD + code}


async def test_async_functions_run_on_the_loop_and_sync_ones_in_threads() -> None:
    """Async functions run on the event loop, sync ones in a thread of the pool."""
    code = """
@app.route("a")
async def a(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(threading.current_thread().name)
@app.route("s")
def s(req: func.HttpRequest) -> str:
    return threading.current_thread().name
"""

    async with make_host(files(code)) as host:
        assert (await host.get("/api/a")).text == "MainThread"
        assert (await host.get("/api/s")).text.startswith("function")


V1_BINDINGS = """{"bindings": [
    {"type": "httpTrigger", "direction": "in", "name": "req"},
    {"type": "http", "direction": "out", "name": "$return"}
]}"""


async def test_function_in_error_does_not_stop_the_others(make_app: MakeApp) -> None:
    """A route that cannot be used, or an unknown binding type, is one problem each; the other functions run."""
    code = """
@app.route("admin/x")
def reserved(req: func.HttpRequest) -> str: ...
@app.route("{id:nonsense}")
def unknown(req: func.HttpRequest) -> str: ...
@app.route("good", methods=["GET"])
def good(req: func.HttpRequest) -> str: return "x"
@app.route("GOOD/")
def taken(req: func.HttpRequest) -> str: ...
@app.generic_trigger("thing", type="thingTrigger")
def strange(thing): ...
"""
    host = FunctionHost(make_app(files(code)), environ={})
    host.load()
    errors = {problem.function: problem.message for problem in host.problems if problem.severity == "error"}
    assert set(errors) == {"reserved", "unknown", "taken", "strange"}
    assert "conflicts with one or more built in routes" in errors["reserved"]
    assert "'nonsense' is unknown" in errors["unknown"]
    assert "defined by function 'good'" in errors["taken"]
    assert "thingTrigger" in errors["strange"]
    request = HttpCall("GET", "http://localhost/api/good", {}, "", {}, b"")
    assert (await host.invoke("good", request)).reply.body == b"x"
    assert [route.function for route in host.router().routes] == ["good"]


def test_v1_load_error_keeps_its_route(hosting_host: HostFactory) -> None:
    """A v1 function that cannot be imported is routed, and each call of it fails."""
    app: dict[str, str] = {}
    for name, code in (("Bad", "import nothing_like_this\n"), ("Good", "def main(req): return 'x'\n")):
        app |= {f"{name}/function.json": V1_BINDINGS, f"{name}/__init__.py": code}
    host = hosting_host(app)
    assert host.functions == ("Bad", "Good")
    with pytest.raises(FunctionLoadError, match="nothing_like_this"):
        host.get("/api/Bad")
    assert host.get("/api/Good").text == "x"


def test_overlapping_routes_are_a_warning_with_both_names(hosting_host: HostFactory) -> None:
    """Two routes that one request could match are a warning."""
    code = "@app.route('i/{id}')\ndef a(req): return ''\n@app.route('i/special')\ndef b(req): return ''\n"
    (problem,) = hosting_host(files(code)).problems
    assert problem.severity == "warning"
    assert "'a'" in problem.message
    assert "'b'" in problem.message


def test_only_the_named_functions_are_loaded(hosting_host: HostFactory) -> None:
    """Names ignore case; the error for an unknown name lists the functions."""
    code = "@app.route('a')\ndef a(req): return ''\n@app.route('b')\ndef b(req): return ''\n"
    assert hosting_host(files(code), functions=["B"]).functions == ("b",)
    with pytest.raises(HostingError, match=r"'c'(.|\n)*It has a, b"):
        hosting_host(files(code), functions=["c"])


def load_host(make_app: MakeApp, code: str, environ: dict[str, str] | None = None) -> FunctionHost:
    """Return a loaded host."""
    host = FunctionHost(make_app({**files(code), "host.json": '{"version": "2.0"}'}), environ=environ or {})
    host.load()
    return host


async def test_drain_waits_as_long_as_the_grace_period(make_app: MakeApp) -> None:
    """Running invocations may finish within it."""
    host = load_host(
        make_app,
        """
event = asyncio.Event()
@app.route("f")
async def f(req: func.HttpRequest) -> str:
    await event.wait()
    return "done"
""",
    )

    await host.start()
    invocation = asyncio.ensure_future(host.invoke("f", HttpCall("GET", "http://x/", {}, "", {}, b"")))
    await asyncio.sleep(0)
    assert not await host.drain(0)
    host._drained_by = None
    drain = asyncio.ensure_future(host.drain(30))
    await asyncio.sleep(0)
    host.functions[0].call.__globals__["event"].set()
    assert await drain
    assert (await invocation).reply.body == b"done"


def test_two_hosts_live_in_one_process(hosting_host: HostFactory) -> None:
    """Each has functions of its own, of the same names."""
    code = "@app.route('f')\ndef f(req): return '%s'\n"
    first, second = hosting_host(files(code % "one")), hosting_host(files(code % "two"))
    assert [host.get("/api/f").text for host in (first, second, first)] == ["one", "two", "one"]
