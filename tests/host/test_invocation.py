"""One invocation: what a function raises, which values its outputs accept, and results that an extension replaces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import hosting
from hosting.bindings.generic.implicit import ImplicitOutput
from hosting.core import Binding, Function
from hosting.host.function_host import FunctionHost
from hosting.testing import HostFactory
from tests.conftest import MakeApp, Serve
from tests.support.invoking import ON, extension_entry
from tests.support.note_providers import ECHO, NoteOutput, call, load_note_host, noting
from tests.support.note_providers import HEAD as NOTE_HEAD

HEAD = """
import asyncio
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""


def files(code: str) -> Mapping[str, str]:
    return {"function_app.py": HEAD + code}


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(
    "error", ["ValueError('no')", "SystemExit(3)", "KeyboardInterrupt()", "StopIteration()", "asyncio.CancelledError()"]
)
def test_whatever_a_function_raises_fails_its_invocation(hosting_host: HostFactory, kind: str, error: str) -> None:
    """The log has a traceback that starts in the author's file."""
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


@pytest.mark.parametrize("value", ["None", "b'x'", "{}"])
def test_result_that_cannot_be_encoded_fails_the_invocation(hosting_host: HostFactory, value: str) -> None:
    """None, bytes and dicts are not HTTP results: the invocation fails with a TypeError."""
    host = hosting_host(files(f"@app.route('f')\ndef f(req):\n    return {value}\n"))
    assert isinstance(host.get("/api/f", raises=False).exception, TypeError)


V1_BINDINGS = """{"bindings": [
    {"type": "httpTrigger", "direction": "in", "name": "req"}, {"type": "http", "direction": "out", "name": "res"}
]}"""


def v1(code: str) -> Mapping[str, str]:
    return {"F/function.json": V1_BINDINGS, "F/__init__.py": "import azure.functions as func\n" + code}


def test_named_http_output_answers_with_what_was_set(hosting_host: HostFactory) -> None:
    """If it was never set, the reply is empty with status 204, and the invocation succeeds."""
    head = "def main(req: func.HttpRequest, res: func.Out[func.HttpResponse]) -> None:\n"
    set_ = hosting_host(v1(head + "    res.set(func.HttpResponse('x', status_code=201))\n")).get("/api/F")
    assert (set_.status, set_.text) == (201, "x")
    unset = hosting_host(v1(head + "    pass\n")).get("/api/F")
    assert (unset.status, unset.body, unset.outputs) == (204, b"", {})


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_http_function_without_an_http_output_answers_204(hosting_host: HostFactory, keyword: str) -> None:
    """The response is empty, as in Azure, for either programming model."""
    trigger = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
    script = f"import azure.functions as func\n{keyword} main(req: func.HttpRequest) -> None:\n    pass\n"
    host = hosting_host({"F/function.json": json.dumps({"bindings": [trigger]}), "F/__init__.py": script})
    reply = host.get("/api/F")
    assert (reply.status, reply.body) == (204, b"")
    script = (
        "import azure.functions as func\napp = func.FunctionApp()\n"
        '@app.generic_trigger("req", type="httpTrigger", authLevel="ANONYMOUS")\n'
        f"{keyword} G(req: func.HttpRequest) -> None:\n    pass\n"
    )
    assert hosting_host({"function_app.py": script}).get("/api/G").status == 204


RETURNED: dict[str, tuple[str, str, int, str, bytes]] = {
    "text": ("queue", "'é'", 200, "text/plain; charset=utf-8", "é".encode()),
    "bytes": ("queue", "b'hi'", 200, "application/json; charset=utf-8", b'"aGk="'),
    "list": ("queue", "['a', 'b']", 200, "application/json; charset=utf-8", b'["a","b"]'),
    "dict of a type without a converter": ("thing", "{'a': 1}", 200, "application/json; charset=utf-8", b'{"a":1}'),
    "text for a blob": ("blob", "'x'", 200, "text/plain; charset=utf-8", b"x"),
    "nothing": ("thing", "None", 204, "", b""),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize("has_output", [False, True])
@pytest.mark.parametrize("what", RETURNED)
def test_value_returned_to_another_output_is_the_response(
    hosting_host: HostFactory, what: str, has_output: bool, keyword: str
) -> None:
    """Azure's host writes it as an object where the HTTP output is missing, or is not set."""
    kind, value, *expected = RETURNED[what]
    bindings = [
        {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
        {"type": kind, "direction": "out", "name": "$return", "queueName": "q", "path": "a/b", "connection": "C"},
    ]
    parameter = ", res: func.Out[str]" if has_output else ""
    bindings += [{"type": "http", "direction": "out", "name": "res"}] if has_output else []
    script = f"import azure.functions as func\n{keyword} main(req: func.HttpRequest{parameter}):\n    return {value}\n"
    app = {"F/function.json": json.dumps({"bindings": bindings}), "F/__init__.py": script}
    reply = hosting_host(app).get("/api/F")
    assert [reply.status, reply.headers.get("content-type", ""), reply.body] == expected


IMPLICIT = """
import azure.functions as func
app = func.FunctionApp()
trigger = app.generic_trigger("arg", type={trigger!r}, authLevel="ANONYMOUS", schedule="0 0 0 1 1 *")
@trigger
@app.generic_input_binding("rows", type="table", table_name="t", connection="C")
{keyword} F(arg, rows):
    return {value}
"""


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_function_with_a_generic_binding_may_return_a_value(hosting_host: HostFactory, keyword: str) -> None:
    """Azure's worker lets it; the value is the response of an HTTP function, and else is dropped with one warning."""
    inputs: dict[str, Any] = {"F": {"rows": []}}
    for value, body in (("hi", b"hi"), (b"hi", b'"aGk="'), ({"a": 1}, b'{"a":1}'), (7, b"7"), (None, b"")):
        app = IMPLICIT.format(trigger="httpTrigger", keyword=keyword, value=repr(value))
        reply = hosting_host({"function_app.py": app}, inputs=inputs).get("/api/F")
        assert (reply.status, reply.body) == (200 if body else 204, body)
        app = IMPLICIT.format(trigger="timerTrigger", keyword=keyword, value=repr(value))
        assert hosting_host({"function_app.py": app}, inputs=inputs).invoke("F").result == value
    app = IMPLICIT.format(trigger="serviceBusTrigger", keyword=keyword, value="None")
    assert hosting_host({"function_app.py": app}, inputs=inputs).invoke("F").result is None
    for trigger in ("httpTrigger", "timerTrigger"):
        app = IMPLICIT.format(trigger=trigger, keyword=keyword, value="object()")
        with pytest.raises(TypeError, match="value of type object"):
            hosting_host({"function_app.py": app}, inputs=inputs).invoke("F")


async def test_value_that_nothing_takes_has_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """It says which function returned it, and that Azure ignores it as well."""
    function = Function("F", "/app", "/app/f.py", "v2", print, False, (Binding("t", "timerTrigger", "in"),))
    output = ImplicitOutput(function)
    for value in (None, "a", "b"):
        await output.write(output.encode(value), {})
    (record,) = caplog.records
    assert record.getMessage().startswith("Function 'F' returned a value, and has no $return binding")


def test_http_output_that_is_set_hides_the_value_returned_to_another_output(hosting_host: HostFactory) -> None:
    """The response is what was set."""
    app = (
        "@app.route('f', binding_arg_name='res')\n@app.queue_output('$return', 'q', 'C')\n"
        "def f(req, res: func.Out[str]) -> str:\n    res.set('set')\n    return 'returned'\n"
    )
    reply = hosting_host(files(app)).get("/api/f")
    assert (reply.text, reply.outputs["$return"]) == ("set", "returned")


def test_result_without_a_return_binding_fails_the_invocation(hosting_host: HostFactory) -> None:
    """A value that no binding takes fails the invocation."""
    host = hosting_host(v1("def main(req: func.HttpRequest, res: func.Out[str]):\n    return 'lost'\n"))
    with pytest.raises(RuntimeError, match=r"no \$return binding"):
        host.get("/api/F")


async def test_outputs_of_a_function_that_raises_are_not_written(make_app: MakeApp) -> None:
    """What a function set before it raised is not written."""
    host, notes = load_note_host(make_app, ECHO + "    raise ValueError('no')\n", AREA="x")
    assert isinstance((await call(host, "7")).exception, ValueError)
    assert [step[0] for step in notes.steps] == ["function"]


ANSWERING_APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("{kind}")
{keyword} {kind}(req: func.HttpRequest) -> str:
    return "the function's"
"""
EXTENSIONS = {
    "post hook": """
    @hosting.hookimpl
    def post_invocation_app_level(self, func_ret):
        return RESULT
""",
    "around hook": """
    @hosting.hookimpl
    def invocation_app_level(self):
        outcome = yield
        outcome.set_result(RESULT)
""",
    "short circuit": """
    @hosting.hookimpl
    def pre_invocation_app_level(self):
        raise hosting.ShortCircuit(RESULT)
""",
}


def files_with_extension(extension: str, result: str, keyword: str = "def") -> dict[str, str]:
    """Return an app and the distribution ``answering`` 1.0, whose extension replaces the result by ``result``."""
    packages = ".python_packages/lib/site-packages"
    return {
        "host.json": '{"version": "2.0"}',
        "function_app.py": ANSWERING_APP.format(kind="answer", keyword=keyword),
        f"{packages}/answering.py": f"import hosting\nRESULT = {result}\nclass Answering:{EXTENSIONS[extension]}",
        f"{packages}/answering-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: answering\nVersion: 1.0\n",
        f"{packages}/answering-1.0.dist-info/entry_points.txt": "[hosting]\nanswering = answering:Answering\n",
    }


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_caller_gets_the_result_that_an_extension_puts_in_place(
    extension: str, keyword: str, make_app: MakeApp, serve: Serve
) -> None:
    """A post hook, an around hook and a short circuit all reach the client, for sync and async functions."""
    served = serve(
        make_app(files_with_extension(extension, "'the extension'", keyword)),
        env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"},
    )
    assert served.get("/api/answer").text == "the extension"


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_replacement_that_cannot_be_encoded_is_500_and_logged_with_the_extension(
    extension: str, make_app: MakeApp, serve: Serve
) -> None:
    """The log names the extension, and its diagnosis keeps the error."""
    served = serve(make_app(files_with_extension(extension, "object()")), env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    response = served.get("/api/answer")
    assert (response.status_code, response.text) == (500, "")
    served.wait_for(r"Extension 'answering' \(answering 1\.0\): result failed for function 'answer'")
    [entry] = [one for one in served.get("/admin/host/extensions").json()["extensions"] if one["name"] == "answering"]
    assert entry["error"]["phase"] == "result"


RETURNING = """
@app.generic_trigger("msg", type="noteTrigger")
@app.generic_output_binding("$return", type="note", path="out/{id}")
def f(msg): return "the function's"
"""


class Replacing:
    @hosting.hookimpl
    def post_invocation_app_level(self) -> str:
        return "the extension's"


@pytest.mark.parametrize(("method", "is_blamed"), [("encode", True), ("write", False)])
async def test_output_that_cannot_be_written_is_no_error_of_the_extension_that_set_it(
    method: str, is_blamed: bool, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that cannot be encoded is one."""

    def fail(*args: Any) -> None:
        raise OSError("no")

    root = make_app({"function_app.py": NOTE_HEAD + RETURNING, "host.json": '{"version": "2.0"}'})
    host = FunctionHost(root, environ=dict(ON), providers=noting, extensions={"replacing": Replacing})
    host.load()
    monkeypatch.setattr(NoteOutput, method, fail)
    assert isinstance((await call(host, "7")).exception, OSError)
    assert bool(extension_entry(host.extensions, "replacing")["error"]) is is_blamed
