"""``hosting.testing`` leaves nothing in the process that another test would notice."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from hosting.apps.web import web_extension
from hosting.errors import AppLoadError, HostingError
from hosting.extensions import SdkRegistrations
from hosting.testing import make_host

ENABLED = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}

STREAMS = """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response, StreamingResponse

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("stream", methods=["POST"])
async def stream(req: Request) -> StreamingResponse:
    async def parts():
        yield b"from "
        yield b"a stream"
    return StreamingResponse(parts())
"""
ASGI = """
import azure.functions as func

async def web(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"from ASGI"})

app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
"""
WSGI = """
import azure.functions as func

def web(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"from WSGI"]

app = func.WsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
"""
CLASSIC = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route("hello")
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("classic " + req.method)
"""
WITHOUT_ANNOTATION = CLASSIC.replace("req: func.HttpRequest", "req")
APPS = {
    "streams": (STREAMS, ("POST", "/api/stream"), "from a stream"),
    "ASGI": (ASGI, ("GET", "/x"), "from ASGI"),
    "WSGI": (WSGI, ("GET", "/x"), "from WSGI"),
    "classic": (CLASSIC, ("GET", "/api/hello"), "classic GET"),
    "no annotation": (WITHOUT_ANNOTATION, ("GET", "/api/hello"), "classic GET"),
}


def answer(name: str, *, as_object: bool) -> str:
    """Open a host for an app, send one request, and close the host."""
    code, (method, path), _ = APPS[name]
    app: Any = {"function_app.py": code}
    if as_object:
        module: dict[str, Any] = {"__name__": f"app_of_{name}"}
        exec(code, module)
        app = module["app"]
    host_json = {"extensions": {"http": {"routePrefix": "" if name in ("ASGI", "WSGI") else "api"}}}
    with make_host(app, host_json=host_json) as host:
        return str(host.request(method, path).text)


@pytest.mark.parametrize("as_object", [False, True], ids=["files", "object"])
@pytest.mark.parametrize("second", APPS)
@pytest.mark.parametrize("first", APPS)
def test_app_answers_as_alone_after_another_app_in_the_process(first: str, second: str, as_object: bool) -> None:
    """Nothing of the first app decides how the second one is read."""
    assert answer(first, as_object=False) == APPS[first][2]
    assert answer(second, as_object=as_object) == APPS[second][2]


@pytest.mark.parametrize("name", ["classic", "no annotation"])
def test_open_app_answers_as_before_when_an_app_with_streams_is_opened(name: str) -> None:
    """Two hosts are open at a time."""
    code, (method, path), expected = APPS[name]
    with make_host({"function_app.py": code}) as host:
        assert answer("streams", as_object=False) == "from a stream"
        assert host.request(method, path).text == expected
        assert host.invoke("hello").result.get_body().decode() == expected


LEAVING = """
import logging, os, sys, types
import azure.functions as func
logging.getLogger("leaving.of.app").setLevel(logging.DEBUG)
logging.getLogger("azure").setLevel(logging.CRITICAL)
logging.getLogger("leaving").addHandler(logging.StreamHandler())
logging.getLogger().addHandler(logging.StreamHandler())
logging.getLogger().addFilter(lambda record: True)
logging.disable(logging.DEBUG)
logging.addLevelName(33, "LEAVING")
os.environ["LEAVING"] = "1"
os.environ["REPLACED"] = "by the app"
os.environ.pop("REMOVED", None)
from helper_of_leaving import value
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("hello")
def hello(req: func.HttpRequest) -> str:
    return value
"""


def process_state() -> dict[str, Any]:
    """Return what one test could leave for the next."""
    root, named = logging.getLogger(), logging.getLogger("leaving")
    return {
        "environment": dict(os.environ),
        "path": list(sys.path),
        "modules": {name for name in sys.modules if name.startswith(("function_app", "helper", "__app__"))},
        "root logger": (root.level, list(root.handlers), list(root.filters)),
        "loggers": (named.level, list(named.handlers), logging.getLogger("azure").level),
        "app logger": logging.getLogger("leaving.of.app").level,
        "disabled": logging.root.manager.disable,
        "directory": os.getcwd(),
    }


def test_closed_host_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the app set on import: environment, loggers, path, modules."""
    monkeypatch.setenv("REPLACED", "before")
    monkeypatch.setenv("REMOVED", "before")
    files = {"function_app.py": LEAVING, "helper_of_leaving.py": "value = 'left'\n"}
    before = process_state()
    with make_host(files) as host:
        assert host.get("/api/hello").text == "left"
    assert process_state() == before


@pytest.mark.parametrize("end", ["", "raise RuntimeError('broken')"], ids=["loads", "does not load"])
def test_web_extension_of_an_app_leaves_with_the_host(end: str) -> None:
    """Its presence would say that functions which are read next take its requests."""
    assert web_extension() is None
    outcome = pytest.raises(AppLoadError, match="broken") if end else contextlib.nullcontext()
    with outcome, make_host({"function_app.py": STREAMS + end}) as host:
        assert host.post("/api/stream", body=b"").text == "from a stream"
    assert web_extension() is None


@pytest.mark.parametrize("between", ["classic", "streams"])
def test_web_extension_that_the_test_has_imported_is_its_own_after_a_host(between: str) -> None:
    """An app of the test's module answers after an app from files, with and without the extension."""
    own: dict[str, Any] = {"__name__": "app_of_test"}
    exec(STREAMS, own)
    assert answer(between, as_object=False) == APPS[between][2]
    with make_host(own["app"]) as host:
        assert host.post("/api/stream", body=b"").text == "from a stream"


CLASSES = """
import azure.functions as func

seen = []

class Counting(func.AppExtensionBase):
    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args=None, *args, **kwargs):
        seen.append("app")

class Own(func.FuncExtensionBase):
    def __init__(self, file):
        super().__init__(file)

    def pre_invocation(self, logger, context, func_args=None, *args, **kwargs):
        seen.append("own")
"""
REGISTERING = """
import azure.functions as func
from classes_of_leaving import Own, seen

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
Own(__file__)

@app.route("hello")
{keyword} hello(req: func.HttpRequest) -> str:
    if "late" in req.params:
        class Late(func.AppExtensionBase):
            pass
    return ",".join(seen)
"""
FAILING = REGISTERING + "raise ValueError('no')\n"


def registering(code: str = REGISTERING, keyword: str = "def") -> dict[str, str]:
    return {"function_app.py": code.format(keyword=keyword), "classes_of_leaving.py": CLASSES}


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize("query", ["", "?late=1"])
def test_classes_of_azures_interface_leave_with_the_host(query: str, keyword: str) -> None:
    """Those of the app's modules, and one that a function has made; the next host calls its own ones."""
    before = SdkRegistrations.read()
    for _ in range(2):
        with make_host(registering(keyword=keyword), settings=ENABLED) as host:
            assert host.get(f"/api/hello{query}").text == "app,own"
            assert host.info["FuncExtension"] == {"hello": ["Own"]}
        assert SdkRegistrations.read() == before
    with make_host({"function_app.py": CLASSIC}, settings=ENABLED) as host:
        assert "Counting" not in host.info["AppExtension"]


@pytest.mark.parametrize("closes_first", ["outer", "inner"])
def test_classes_of_two_open_hosts_leave_with_them(closes_first: str) -> None:
    """In whichever order the hosts are closed."""
    before = SdkRegistrations.read()
    outer, inner = (make_host(registering(), settings=ENABLED) for _ in range(2))
    outer.__enter__()
    inner.__enter__()
    for one in (outer, inner) if closes_first == "outer" else (inner, outer):
        one.__exit__(None, None, None)
    assert SdkRegistrations.read() == before


def test_classes_of_an_app_that_does_not_load_leave_with_it() -> None:
    """They were registered before the error."""
    before = SdkRegistrations.read()
    with pytest.raises(HostingError, match="no"), make_host(registering(FAILING), settings=ENABLED):
        pass
    assert SdkRegistrations.read() == before


def test_classes_of_the_test_itself_are_registered_after_a_host(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """What the SDK had registered before the host is registered again, in the same order."""
    request.addfinalizer(SdkRegistrations.read().write)
    monkeypatch.setenv("AzureWebJobsScriptRoot", os.path.dirname(__file__))
    module: dict[str, Any] = {"__name__": "classes_of_the_test"}
    exec(CLASSES, module)
    module["Own"](__file__)
    before = SdkRegistrations.read()
    assert before.names["AppExtension"][-1] == "Counting"
    with make_host(registering(), settings=ENABLED) as host:
        assert host.get("/api/hello").text == "app,own"
    assert SdkRegistrations.read() == before
    assert module["seen"] == []


def test_module_outside_the_app_registers_in_each_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes of an installed package are called for the second app as for the first one."""
    (tmp_path / "classes_of_leaving.py").write_text(CLASSES)
    monkeypatch.syspath_prepend(tmp_path)
    files = {"function_app.py": registering()["function_app.py"]}
    for _ in range(2):
        with make_host(files, settings=ENABLED) as host:
            assert host.get("/api/hello").text == "app,own"
