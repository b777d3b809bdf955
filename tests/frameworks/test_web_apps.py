"""Web frameworks inside function apps: FastAPI and Flask, in both programming models."""

from __future__ import annotations

import httpx

from tests.conftest import MakeApp, Serve

ROOT_PREFIX = '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}'
FASTAPI = """
import contextlib, logging
import azure.functions as func
from fastapi import FastAPI, Request, Response

@contextlib.asynccontextmanager
async def lifespan(app):
    logging.warning("web app starts")
    yield {"pool": "a pool"}
    logging.warning("web app ends")

web = FastAPI(lifespan=lifespan, title="Orders")

@web.get("/")
async def root():
    return {"at": "root"}

@web.get("/orders/{number}")
async def order(number: int, request: Request, detail: str = "none"):
    return {"number": number, "detail": detail, "pool": request.state.pool}

@web.post("/orders", status_code=201)
async def create(body: dict, response: Response):
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    logging.warning("inside the web app")
    return body

@web.get("/broken")
def broken():
    raise ValueError("a secret")

app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
"""
FLASK = """
import os
from flask import Flask, jsonify, request
web = Flask(__name__)

@web.get("/orders/<int:number>")
def order(number):
    return {"number": number, "detail": request.args.get("detail"), "name": os.path.basename(web.root_path)}

@web.post("/orders")
def create():
    response = jsonify(request.get_json())
    response.status_code = 201
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response

@web.get("/broken")
def broken():
    raise ValueError("a secret")
"""
FUNCTION_JSON = """{"scriptFile": "__init__.py", "bindings": [
    {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "route": "{*rest}"},
    {"type": "http", "direction": "out", "name": "$return"}]}"""


def test_fastapi_app_answers_on_its_own_paths(make_app: MakeApp, serve: Serve) -> None:
    """Parameters, bodies, cookies, 404, 422, and 500 without the reason."""
    served = serve(make_app({"host.json": ROOT_PREFIX, "function_app.py": FASTAPI}))
    assert served.get("/").json() == {"at": "root"}
    assert served.get("/orders/7?detail=all").json() == {"number": 7, "detail": "all", "pool": "a pool"}
    assert served.get("/orders/x").status_code == 422
    assert served.get("/nothing").json() == {"detail": "Not Found"}
    created = httpx.post(served.url + "/orders", json={"a": 1})
    assert (created.status_code, created.json()) == (201, {"a": 1})
    assert len(created.headers.get_list("set-cookie")) == 2
    broken = served.get("/broken")
    assert broken.status_code == 500
    assert "secret" not in broken.text
    served.wait_for("ValueError: a secret")


def test_fastapi_documentation_works_with_an_empty_prefix(make_app: MakeApp, serve: Serve) -> None:
    """A browser gets the page and the schema that it loads."""
    served = serve(make_app({"host.json": ROOT_PREFIX, "function_app.py": FASTAPI}))
    page = served.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "url: '/openapi.json'" in page.text
    schema = served.get("/openapi.json").json()
    assert schema["info"]["title"] == "Orders"
    assert "/orders/{number}" in schema["paths"]


def test_web_app_sees_the_prefix(make_app: MakeApp, serve: Serve) -> None:
    """With the default prefix the framework sees the whole path, as in Azure, and the listing shows the route."""
    code = "import azure.functions as func\nfrom fastapi import FastAPI\nweb = FastAPI()\n"
    code += '@web.get("/api/hello")\ndef hello(): return "hi"\n'
    code += "app = func.AsgiFunctionApp(app=web, http_auth_level='ANONYMOUS')\n"
    served = serve(make_app({"host.json": '{"version": "2.0"}', "function_app.py": code}))
    assert served.get("/api/hello").json() == "hi"
    assert f"{served.url}/api/{{*route}}" in served.logs()


def test_web_app_starts_and_ends_once_with_the_host(make_app: MakeApp, serve: Serve) -> None:
    """It starts before any request."""
    served = serve(make_app({"host.json": ROOT_PREFIX, "function_app.py": FASTAPI}))
    served.wait_for("web app starts")
    for _ in range(2):
        assert served.get("/").status_code == 200
    assert served.stop() == 0
    assert served.logs().count("web app starts") == served.logs().count("web app ends") == 1


def test_web_app_that_does_not_start_fails_requests_only(make_app: MakeApp, serve: Serve) -> None:
    """The error is logged at once; as in Azure the host stays up and each request fails."""
    code = FASTAPI.replace('logging.warning("web app starts")', 'raise RuntimeError("no database")')
    served = serve(make_app({"host.json": ROOT_PREFIX, "function_app.py": code}))
    served.wait_for("no database")
    served.wait_for("The web app of AsgiFunctionApp did not start")
    assert served.get("/").status_code == 500
    assert served.get("/admin/host/status").status_code == 200
    assert served.stop() == 0


def test_web_app_that_does_not_end_is_abandoned(make_app: MakeApp, serve: Serve) -> None:
    """The host still ends, with code 0."""
    code = FASTAPI.replace('logging.warning("web app ends")', "import asyncio; await asyncio.sleep(600)")
    served = serve(make_app({"host.json": ROOT_PREFIX, "function_app.py": code}), "--grace", "0.2")
    assert served.stop() == 0
    assert "did not stop within" in served.logs()


def test_flask_app_answers_on_its_own_paths(make_app: MakeApp, serve: Serve) -> None:
    """What it raises is 500 without the reason."""
    code = FLASK + "import azure.functions as func\n"
    code += "app = func.WsgiFunctionApp(app=web.wsgi_app, http_auth_level=func.AuthLevel.ANONYMOUS)\n"
    app = make_app({"host.json": ROOT_PREFIX, "function_app.py": code})
    served = serve(app)
    assert served.get("/orders/7?detail=all").json() == {"number": 7, "detail": "all", "name": app.name}
    created = httpx.post(served.url + "/orders", json={"a": 1})
    assert (created.status_code, created.json()) == (201, {"a": 1})
    assert len(created.headers.get_list("set-cookie")) == 2
    assert served.get("/nothing").status_code == 404
    broken = served.get("/broken")
    assert broken.status_code == 500
    assert "secret" not in broken.text


def test_flask_app_answers_in_a_v1_function(make_app: MakeApp, serve: Serve) -> None:
    """Flask finds its folder, and the same app answers from call to call."""
    code = FLASK + "import azure.functions as func\n"
    code += "def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:\n"
    code += "    return func.WsgiMiddleware(web.wsgi_app).handle(req, context)\n"
    served = serve(make_app({"host.json": ROOT_PREFIX, "Web/function.json": FUNCTION_JSON, "Web/__init__.py": code}))
    assert served.get("/orders/7").json() == {"number": 7, "detail": None, "name": "Web"}
    assert served.get("/orders/8").json()["number"] == 8


def test_fastapi_app_answers_in_a_v1_function(make_app: MakeApp, serve: Serve) -> None:
    """``AsgiMiddleware`` works awaited, and as ``main``, which runs an event loop of its own."""
    head = "import azure.functions as func\nfrom fastapi import FastAPI\nweb = FastAPI()\n"
    head += '@web.get("/{name}")\nasync def hello(name: str): return {"name": name}\n'
    awaited = head + "async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:\n"
    awaited += "    return await func.AsgiMiddleware(web).handle_async(req, context)\n"
    main = head + "main = func.AsgiMiddleware(web).main\n"
    for code in (awaited, main):
        files = {"host.json": ROOT_PREFIX, "Web/function.json": FUNCTION_JSON, "Web/__init__.py": code}
        served = serve(make_app(files))
        assert served.get("/Ada").json() == {"name": "Ada"}


def test_logs_of_a_web_app_name_its_function(make_app: MakeApp, serve: Serve) -> None:
    """What a web app logs is of the category of its function."""
    served = serve(make_app({"host.json": ROOT_PREFIX, "function_app.py": FASTAPI}), "--log-format", "json")
    httpx.post(served.url + "/orders", json={})
    served.wait_for('"category": "Function.http_app_func.User", "message": "inside the web app"')
