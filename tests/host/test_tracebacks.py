"""What the log shows of an author's mistake: the author's file, and never frames of the host alone."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from hosting._exceptions import traceback_text
from hosting.testing import HostFactory

HOST_JSON = '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}'
HEAD = """\
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
async def other(): return "x"
class Odd: pass

"""
QUEUE = '@app.queue_output("out", queue_name="q", connection="AzureWebJobsStorage")\n'
BLOB = '@app.blob_output("out", path="c/b", connection="AzureWebJobsStorage")\n'
TABLE = '@app.table_output("out", table_name="t", connection="AzureWebJobsStorage")\n'
VALUES = ["None", "7", "[1]", "Odd()", '{"a": 1}', 'b"x"', "other()", "func.HttpResponse('x', status_code=99)"]
HINTS = {
    "other()": "It returned a coroutine: await it, or declare the function with 'async def'.",
    "yield": "It is a generator, because it has a yield: return a value instead.",
}


def shown_for(make: HostFactory, code: str, *, head: str = HEAD, path: str = "/f") -> tuple[str, str, Path]:
    """Return what the log shows of a request that fails: the message, the traceback, and the author's file."""
    host = make({"function_app.py": head + code, "host.json": HOST_JSON}, raises=False)
    reply = host.get(path)
    assert reply.status == 500
    (record,) = (record for record in reply.logs if record.levelno == logging.ERROR and "Failed" in record.getMessage())
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    return record.getMessage(), traceback_text(record.exc_info[1]), host.root / "function_app.py"


def assert_says_where(traceback: str, file: Path, line: int, name: str = "f") -> None:
    """Check that a traceback names the function's definition, and shows no frame of the host."""
    assert f"Function '{name}' is defined in {file}:{line}." in traceback
    assert not re.search(r'File ".*[/\\]hosting[/\\](?:host|bindings|extensions|server)[/\\]', traceback)
    assert not re.search(r'File ".*hosting_storage', traceback)


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize("value", VALUES)
def test_result_that_is_no_response_names_the_function_and_its_line(
    hosting_host: HostFactory, keyword: str, value: str
) -> None:
    """There is no traceback, because no line of the author's was running."""
    code = f'@app.route("f")\n{keyword} f(req: func.HttpRequest):\n    return {value}\n'
    _, traceback, file = shown_for(hosting_host, code)
    assert_says_where(traceback, file, 6)
    assert "Traceback" not in traceback
    assert HINTS.get(value, "") in traceback


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_generator_is_called_one(hosting_host: HostFactory, keyword: str) -> None:
    """The message says what makes the function a generator."""
    code = f'@app.route("f")\n{keyword} f(req: func.HttpRequest):\n    yield "x"\n'
    _, traceback, file = shown_for(hosting_host, code)
    assert_says_where(traceback, file, 6)
    assert HINTS["yield"] in traceback


@pytest.mark.parametrize("output", [QUEUE, BLOB, TABLE])
@pytest.mark.parametrize("value", ["Odd()", "other"])
def test_output_of_a_wrong_type_names_the_function_and_its_line(
    hosting_host: HostFactory, output: str, value: str
) -> None:
    """Whatever provider refuses the value."""
    code = f'@app.route("f")\n{output}def f(req: func.HttpRequest, out: func.Out[str]) -> str:\n    out.set({value})\n'
    _, traceback, file = shown_for(hosting_host, code + "    return 'x'\n")
    assert_says_where(traceback, file, 6)


def test_value_without_a_return_binding_names_the_function_and_its_line(hosting_host: HostFactory) -> None:
    """So does the value of a timer."""
    trigger = '@app.generic_trigger("req", type="httpTrigger", route="f", authLevel="anonymous")\n'
    _, traceback, file = shown_for(hosting_host, f"{trigger}def f(req):\n    return 'lost'\n")
    assert_says_where(traceback, file, 6)
    assert "Traceback" not in traceback


def test_value_of_a_timer_names_the_function_and_its_line(hosting_host: HostFactory) -> None:
    """A timer returns nothing."""
    code = '@app.timer_trigger("t", schedule="0 0 1 1 *")\ndef f(t: func.TimerRequest):\n    return "lost"\n'
    host = hosting_host({"function_app.py": HEAD + code})
    exception = host.invoke("f", raises=False).exception
    assert exception is not None
    assert_says_where(traceback_text(exception), host.root / "function_app.py", 6)


def test_mistake_inside_of_the_authors_code_has_a_traceback_from_its_file_on(hosting_host: HostFactory) -> None:
    """Also where a binding calls the author's code to encode a value."""
    code = """
class Bad(str):
    def encode(self, *args): raise ValueError("in the app")
@app.route("f")
def f(req: func.HttpRequest):
    return func.HttpResponse(Bad("x"))
"""
    _, traceback, file = shown_for(hosting_host, code)
    assert traceback.startswith(f'Traceback (most recent call last):\n  File "{file}"')
    assert "is defined in" not in traceback


WSGI = """\
import azure.functions as func
def web(environ, start_response):
    {code}
app = func.WsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
"""
ASGI = """\
import azure.functions as func
async def web(scope, receive, send):
    if scope["type"] == "lifespan":
        return await send({{"type": "lifespan.startup.complete"}})
    {code}
app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
"""
START = 'start_response("200 OK", []); '


@pytest.mark.parametrize(
    "code", ["return None", "return [b'x']", START + "return ['x']", START + "return 'x'", START + "return None"]
)
def test_wsgi_app_that_answers_wrongly_is_named(hosting_host: HostFactory, code: str) -> None:
    """The line is that of WsgiFunctionApp; the SDK's frames may stay."""
    _, traceback, file = shown_for(hosting_host, "", head=WSGI.format(code=code), path="/x")
    assert_says_where(traceback, file, 4, "http_app_func")


@pytest.mark.parametrize(
    "code",
    [
        "return None",
        'await send({"type": "nonsense"})',
        'await send({"type": "http.response.body", "body": b"x"})',
        'await send({"type": "http.response.start", "status": 99, "headers": []})',
    ],
)
def test_asgi_app_that_answers_wrongly_is_named(hosting_host: HostFactory, code: str) -> None:
    """The line is that of AsgiFunctionApp."""
    _, traceback, file = shown_for(hosting_host, "", head=ASGI.format(code=code), path="/x")
    assert_says_where(traceback, file, 6, "http_app_func")


@pytest.mark.parametrize(
    "code",
    ['await send({"type": "http.response.start"})', 'raise ValueError("no")'],
)
def test_asgi_app_that_raises_has_a_traceback_from_its_file_on(hosting_host: HostFactory, code: str) -> None:
    """The frames of the SDK and of the host before it are left out."""
    _, traceback, file = shown_for(hosting_host, "", head=ASGI.format(code=code), path="/x")
    assert f'  File "{file}", line 5, in web' in traceback
    assert not re.search(r'File ".*[/\\]hosting[/\\](?:host|bindings|extensions|server)[/\\]', traceback)


FASTAPI = """\
import azure.functions as func
from fastapi import FastAPI
web = FastAPI()
@web.get("/raises")
async def raises(): raise TypeError("no")
@web.get("/object")
async def returns(): return object()
app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def test_fastapi_app_has_the_authors_file_in_the_log(hosting_host: HostFactory) -> None:
    """A route that raises has its frames; one whose result cannot be encoded has the line of the function app."""
    _, traceback, file = shown_for(hosting_host, "", head=FASTAPI, path="/raises")
    assert f'File "{file}", line 5, in raises' in traceback
    _, traceback, file = shown_for(hosting_host, "", head=FASTAPI, path="/object")
    assert_says_where(traceback, file, 8, "http_app_func")


FLASK = """\
import azure.functions as func
from flask import Flask
web = Flask(__name__)
@web.route("/raises")
def raises(): raise TypeError("no")
@web.route("/none")
def none(): return None
app = func.WsgiFunctionApp(app=web.wsgi_app, http_auth_level=func.AuthLevel.ANONYMOUS)
"""


@pytest.mark.parametrize(("path", "expected"), [("/raises", "line 5, in raises"), ("/none", "function for 'none'")])
def test_flask_app_has_the_authors_code_in_the_log(
    hosting_host: HostFactory, caplog: pytest.LogCaptureFixture, path: str, expected: str
) -> None:
    """Flask logs the exception itself, and answers 500."""
    host = hosting_host({"function_app.py": FLASK, "host.json": HOST_JSON}, raises=False)
    assert host.get(path).status == 500
    assert expected in caplog.text


DJANGO = """\
import azure.functions as func
import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.urls import clear_url_caches, path
def raises(request): raise TypeError("no")
async def raises_async(request): raise TypeError("no")
def none(request): return None
urlpatterns = [path("raises", raises), path("raises_async", raises_async), path("none", none)]
if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="x", DEBUG=False)
    django.setup()
clear_url_caches()
class WithLifespan:
    def __init__(self, web): self.web = web
    async def __call__(self, scope, receive, send):
        if scope["type"] != "lifespan":
            return await self.web(scope, receive, send)
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})
"""
DJANGO_APPS = {
    "wsgi": "app = func.WsgiFunctionApp(app=get_wsgi_application(), http_auth_level='ANONYMOUS')\n",
    "asgi": "app = func.AsgiFunctionApp(app=WithLifespan(get_asgi_application()), http_auth_level='ANONYMOUS')\n",
}


@pytest.mark.parametrize("kind", DJANGO_APPS)
def test_django_app_has_the_authors_code_in_one_line_of_the_log(hosting_host: HostFactory, kind: str) -> None:
    """Django logs the exception of a view, sync or async, and answers 500; the host adds one line on the invocation."""
    app = {"function_app.py": DJANGO + DJANGO_APPS[kind], "host.json": HOST_JSON}
    host = hosting_host(app, raises=False)
    script = host.root / "function_app.py"
    for path, expected in (
        ("/raises", f'File "{script}", line 7, in raises\n'),
        ("/raises_async", f'File "{script}", line 8, in raises_async\n'),
        ("/none", "The view function_app.none didn't return an HttpResponse object. It returned None instead."),
    ):
        reply = host.get(path)
        assert reply.status == 500
        shown = [traceback_text(one.exc_info[1]) for one in reply.logs if one.exc_info and one.exc_info[1]]
        assert sum(expected in traceback for traceback in shown) == 1
        ends = [one for one in reply.logs if one.getMessage().startswith("Executed 'Functions.http_app_func'")]
        assert len(ends) == 1


def test_v1_script_without_its_function_is_named(hosting_host: HostFactory) -> None:
    """Each call fails with the reason, and without frames of the host."""
    bindings = '{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}]}'
    other = {"G/function.json": bindings, "G/__init__.py": "def main(req):\n    pass\n"}
    host = hosting_host({"F/function.json": bindings, "F/__init__.py": "x = 1\n", **other}, raises=False)
    exception = host.get("/api/F").invocation.exception
    assert exception is not None
    assert "Traceback" not in (shown := traceback_text(exception))
    assert str(host.root / "F" / "__init__.py") in shown
    assert "function main() is not present" in shown


DURABLE = """\
import azure.functions as func
import azure.durable_functions as df
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.orchestration_trigger(context_name="context")
def orchestrate(context):
    yield context.call_activity("act", "x")
@app.entity_trigger(context_name="context")
def count(context):
    context.set_result(1)
"""


def test_functions_of_durable_functions_are_those_of_the_authors_file(hosting_host: HostFactory) -> None:
    """Not those of the library, which wraps them."""
    host = hosting_host({"function_app.py": DURABLE})
    for name, line in (("orchestrate", 5), ("count", 8)):
        exception = host.invoke(name, "no context", raises=False).exception
        assert exception is not None
        assert_says_where(traceback_text(exception), host.root / "function_app.py", line, name)
