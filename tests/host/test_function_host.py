"""A whole app in this process: loaded, bound, invoked, drained."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from hosting.bindings.http.request import HttpCall
from hosting.errors import FunctionLoadError, HostingError
from hosting.host.context import Context
from hosting.host.function_host import FunctionHost
from hosting.testing import HostFactory, http_request, make_host
from tests.conftest import MakeApp

HEAD = """
import asyncio, contextvars, logging, os, threading, time
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""


def files(code: str) -> Mapping[str, str]:
    return {"function_app.py": HEAD + code}


def test_sync_and_async() -> None:
    """Async functions run on the loop, sync ones in a thread of the pool."""
    code = """
@app.route("a")
async def a(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(threading.current_thread().name)
@app.route("s")
def s(req: func.HttpRequest) -> str:
    return threading.current_thread().name
"""

    async def run() -> None:
        async with make_host(files(code)) as host:
            assert (await host.get("/api/a")).text == "MainThread"
            assert (await host.get("/api/s")).text.startswith("function")

    asyncio.run(run())


def test_context(hosting_host: HostFactory) -> None:
    """The context is Azure's: names, ids, trace and retry context, thread-local storage, and room for attributes."""
    code = """
@app.route("f")
def f(req: func.HttpRequest, context: func.Context) -> str:
    context.anything = 1
    trace, retry = context.trace_context, context.retry_context
    return "|".join([
        context.function_name, os.path.basename(context.function_directory), trace.trace_parent, trace.Tracestate,
        str(trace.Attributes), str(retry.retry_count), retry.exception.message, retry.rpc_exception.source,
        str(isinstance(context, func.Context)),
        str(context.thread_local_storage.invocation_id == context.invocation_id),
    ])
"""
    host = hosting_host(files(code))
    trace = {"traceparent": "00-ab-cd-01", "tracestate": "k=v"}
    told = ["f", host.root.name, "00-ab-cd-01", "k=v", "{}", "0", "", "", "True", "True"]
    assert host.get("/api/f", headers=trace).text.split("|") == told
    invoked = host.invoke("f", http_request(), trace_parent="00-ab-cd-01", trace_state="k=v")
    assert invoked.result.split("|") == told


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(
    "error", ["ValueError('no')", "SystemExit(3)", "KeyboardInterrupt()", "StopIteration()", "asyncio.CancelledError()"]
)
def test_failure(hosting_host: HostFactory, kind: str, error: str) -> None:
    """Whatever a function raises is a failed invocation, logged with a traceback that starts in the user's file."""
    code = f"""
@app.route("f")
{kind} f(req: func.HttpRequest) -> str:
    return inner()
def inner():
    raise {error}
"""
    host = hosting_host(files(code), raises=False)
    reply = host.get("/api/f")
    assert (reply.status, reply.body) == (500, b"")
    assert reply.invocation.exception is not None
    record = reply.logs[-1]
    assert record.name == "hosting.function.f"
    assert "Executed 'Functions.f' (Failed, Id=" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is not None
    assert record.exc_info[0].__name__ == error.split("(")[0].split(".")[-1]
    assert record.exc_info[2] is not None
    assert Path(record.exc_info[2].tb_frame.f_code.co_filename) == host.root / "function_app.py"


def test_log_lines(hosting_host: HostFactory) -> None:
    """An invocation is logged before and after, with one id."""
    host = hosting_host(files("@app.route('f')\ndef f(req: func.HttpRequest) -> str:\n    return 'x'\n"))
    reply = host.get("/api/f")
    assert {record.name for record in reply.logs} == {"hosting.function.f"}
    first, last = reply.messages
    invocation_id = first.rpartition("Id=")[2][:-1]
    assert invocation_id == reply.invocation.id
    assert first.startswith(
        "Executing 'Functions.f' (Reason='This function was programmatically called via the host APIs.'"
    )
    assert last.startswith(f"Executed 'Functions.f' (Succeeded, Id={invocation_id}, Duration=")


@pytest.mark.parametrize("value", ["None", "b'x'", "{}"])
def test_return_that_cannot_be_encoded(hosting_host: HostFactory, value: str) -> None:
    """None, bytes and dicts are no HTTP results: the invocation fails with a TypeError."""
    host = hosting_host(files(f"@app.route('f')\ndef f(req):\n    return {value}\n"))
    assert isinstance(host.get("/api/f", raises=False).exception, TypeError)


V1 = '{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}, %s]}'
NAMED = '{"type": "http", "direction": "out", "name": "res"}'


def v1(code: str) -> Mapping[str, str]:
    return {"F/function.json": V1 % NAMED, "F/__init__.py": "import azure.functions as func\n" + code}


def test_named_output(hosting_host: HostFactory) -> None:
    """A named HTTP output answers with what was set; never set, the reply is empty, and that is no failure."""
    head = "def main(req: func.HttpRequest, res: func.Out[func.HttpResponse]) -> None:\n"
    set_ = hosting_host(v1(head + "    res.set(func.HttpResponse('x', status_code=201))\n")).get("/api/F")
    assert (set_.status, set_.text) == (201, "x")
    unset = hosting_host(v1(head + "    pass\n")).get("/api/F")
    assert (unset.status, unset.body, unset.outputs) == (200, b"", {})


def test_value_without_return_binding(hosting_host: HostFactory) -> None:
    """A value that no binding takes fails the invocation."""
    host = hosting_host(v1("def main(req: func.HttpRequest, res: func.Out[str]):\n    return 'lost'\n"))
    with pytest.raises(RuntimeError, match=r"no \$return binding"):
        host.get("/api/F")


def test_function_in_error(make_app: MakeApp) -> None:
    """A route that cannot be, or a type nobody provides, is one problem each; the other functions run."""
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
    told = {problem.function: problem.message for problem in host.problems if problem.severity == "error"}
    assert set(told) == {"reserved", "unknown", "taken", "strange"}
    assert "conflicts with one or more built in routes" in told["reserved"]
    assert "'nonsense' is unknown" in told["unknown"]
    assert "defined by function 'good'" in told["taken"]
    assert "thingTrigger" in told["strange"]
    request = HttpCall("GET", "http://localhost/api/good", {}, "", {}, b"")
    assert asyncio.run(host.invoke("good", request)).reply.body == b"x"
    assert [route.function for route in host.router().routes] == ["good"]


def test_v1_load_error_keeps_its_route(hosting_host: HostFactory) -> None:
    """A v1 function that cannot be imported is routed, and each call of it fails."""
    app: dict[str, str] = {}
    for name, code in (("Bad", "import nothing_like_this\n"), ("Good", "def main(req): return 'x'\n")):
        app |= {f"{name}/function.json": V1 % NAMED.replace("res", "$return"), f"{name}/__init__.py": code}
    host = hosting_host(app)
    assert host.functions == ("Bad", "Good")
    with pytest.raises(FunctionLoadError, match="nothing_like_this"):
        host.get("/api/Bad")
    assert host.get("/api/Good").text == "x"


def test_overlap_is_told(hosting_host: HostFactory) -> None:
    """Two routes that one request could match are a warning with both names."""
    code = "@app.route('i/{id}')\ndef a(req): return ''\n@app.route('i/special')\ndef b(req): return ''\n"
    (problem,) = hosting_host(files(code)).problems
    assert problem.severity == "warning"
    assert "'a'" in problem.message
    assert "'b'" in problem.message


def test_selected_functions(hosting_host: HostFactory) -> None:
    """Only the named functions are loaded, ignoring case; for a name that is not there the others are told."""
    code = "@app.route('a')\ndef a(req): return ''\n@app.route('b')\ndef b(req): return ''\n"
    assert hosting_host(files(code), functions=["B"]).functions == ("b",)
    with pytest.raises(HostingError, match=r"'c'(.|\n)*It has a, b"):
        hosting_host(files(code), functions=["c"])


def loaded(make_app: MakeApp, code: str, environ: dict[str, str] | None = None) -> FunctionHost:
    """A host whose inside is looked at."""
    host = FunctionHost(make_app({**files(code), "host.json": '{"version": "2.0"}'}), environ=environ or {})
    host.load()
    return host


@pytest.mark.parametrize(("setting", "threads"), [("3", 3), ("nonsense", None), ("0", None)])
def test_thread_count(make_app: MakeApp, setting: str, threads: int | None) -> None:
    """The pool has as many threads as the setting says; a bad value is a warning and Python's default."""
    code = "@app.route('f')\ndef f(req): return ''\n"
    host = loaded(make_app, code, environ={"PYTHON_THREADPOOL_THREAD_COUNT": setting})
    assert [problem.severity for problem in host.problems] == ([] if threads else ["warning"])
    if threads:
        assert host._pool.count == threads


def test_drain(make_app: MakeApp) -> None:
    """Draining waits for what runs, as long as the grace period allows."""
    host = loaded(
        make_app,
        """
event = asyncio.Event()
@app.route("f")
async def f(req: func.HttpRequest) -> str:
    await event.wait()
    return "done"
""",
    )

    async def run() -> tuple[bool, bool, Any]:
        await host.start()
        task = asyncio.ensure_future(host.invoke("f", HttpCall("GET", "http://x/", {}, "", {}, b"")))
        await asyncio.sleep(0)
        early = await host.drain(0)
        host._drained_by = None
        draining = asyncio.ensure_future(host.drain(30))
        await asyncio.sleep(0)
        host.functions[0].call.__globals__["event"].set()
        return early, await draining, (await task).reply

    early, late, reply = asyncio.run(run())
    assert (early, late, reply.body) == (False, True, b"done")


def test_two_hosts(hosting_host: HostFactory) -> None:
    """Two hosts live in one process, each with its own functions of the same names."""
    code = "@app.route('f')\ndef f(req): return '%s'\n"
    first, second = hosting_host(files(code % "one")), hosting_host(files(code % "two"))
    assert [host.get("/api/f").text for host in (first, second, first)] == ["one", "two", "one"]


def test_context_is_registered() -> None:
    """Our context and outputs count as the SDK's, which extensions check."""
    assert issubclass(Context, func.Context)
