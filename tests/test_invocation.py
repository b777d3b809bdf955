"""``invocation``: what a hook sees of a call, and how it responds, in every style of function and on both faces."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func
import pytest

import hosting
from hosting.core import Binding, Function
from hosting.errors import ExtensionError
from hosting.host.context import Context, InvocationLocal, RetryContext
from hosting.testing import make_host, queue_message
from tests.support.azure_worker import azure_worker


class Gate:
    """Refuses requests without a key, and records what it sees of the others."""

    seen: list[dict[str, Any]]

    def __init__(self) -> None:
        Gate.seen = []

    def check(self, invocation: hosting.Invocation, body: bytes) -> None:
        request = invocation.request
        assert request is not None
        assert invocation.request is request
        if "x-key" not in request.headers:
            raise hosting.ShortCircuit(
                invocation.respond(401, "no key", [("WWW-Authenticate", "Bearer"), ("X-Twice", "1"), ("X-Twice", "2")])
            )
        invocation.principal = "ada"
        invocation.state["gate"] = True
        self.seen.append(
            {
                "function": invocation.function.name,
                "trigger": invocation.trigger.lower(),
                "route": request.route,
                "methods": invocation.function.methods,
                "level": invocation.function.auth_level,
                "method": request.method,
                "path": request.path,
                "route_params": dict(request.route_params),
                "query": request.query.get_all("TAG"),
                "joined": request.query["tag"],
                "key": request.headers["X-Key"],
                "body": body,
            }
        )


class SyncGate(Gate):
    """Reads in a def hook."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, invocation: hosting.Invocation) -> None:
        assert invocation.request is not None
        self.check(invocation, invocation.request.read())


class BothGate(SyncGate):
    """Awaits the body in an async def hook, through the context; then the def hook can read that of a stream, too."""

    @hosting.hookimpl
    async def invocation_app_level(self, context: Any) -> AsyncIterator[None]:
        invocation = context.invocation
        body = await invocation.request.body()
        assert await invocation.request.json() == json.loads(body)
        yield
        assert invocation is context.invocation
        assert invocation.principal in ("ada", None)


gate: Gate

HEAD = "import azure.functions as func\nimport hosting\n"
APP = "app = func.FunctionApp(http_auth_level=func.AuthLevel.ADMIN)\n"
STREAMS = "from azurefunctions.extensions.http.fastapi import Request, Response\n"
ROUTE = '@app.route("items/{id:int}", methods=["POST"]'
V1_IN = {
    "type": "httpTrigger",
    "direction": "in",
    "name": "it",
    "route": "items/{id:int}",
    "authLevel": "admin",
    "methods": ["post"],
}
RETURN, NAMED = ({"type": "http", "direction": "out", "name": name} for name in ("$return", "res"))


def v2(head: str, code: str, app: str = APP) -> dict[str, str]:
    return {"function_app.py": f"{HEAD}{head}{app}\n{code}"}


def v1(code: str, *bindings: dict[str, Any]) -> dict[str, str]:
    return {"main/__init__.py": HEAD + code, "main/function.json": json.dumps({"bindings": [V1_IN, *bindings]})}


BLUEPRINT = f"""
blueprint = func.Blueprint()
{ROUTE.replace("app", "blueprint")}, auth_level=func.AuthLevel.ADMIN)
def main(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body())
app = func.FunctionApp()
app.register_functions(blueprint)
"""
ECHO = "    return func.HttpResponse(it.get_body())\n"
STREAM = "    return Response(b''.join([part async for part in it.stream()]))\n"
STYLES: dict[str, tuple[dict[str, str], bool]] = {
    "v2 def": (v2("", f"{ROUTE}, trigger_arg_name='it')\ndef main(it: func.HttpRequest):\n{ECHO}"), False),
    "v2 async def": (v2("", f"{ROUTE}, trigger_arg_name='it')\nasync def main(it: func.HttpRequest):\n{ECHO}"), False),
    "v2 without annotation": (v2("", f"{ROUTE}, trigger_arg_name='it')\ndef main(it, context):\n{ECHO}"), False),
    "v2 Blueprint": (v2("", BLUEPRINT, app=""), False),
    "v2 stream async def": (
        v2(STREAMS, f"{ROUTE}, trigger_arg_name='it')\nasync def main(it: Request):\n{STREAM}"),
        True,
    ),
    "v1 def": (v1(f"def main(it: func.HttpRequest):\n{ECHO}", RETURN), False),
    "v1 async def": (v1(f"async def main(it: func.HttpRequest):\n{ECHO}", RETURN), False),
    "v1 output parameter": (
        v1("def main(it, res: func.Out[func.HttpResponse]):\n    res.set(func.HttpResponse(it.get_body()))\n", NAMED),
        False,
    ),
    "v1 async output parameter": (
        v1(
            "async def main(it, res: func.Out[func.HttpResponse]):\n    res.set(func.HttpResponse(it.get_body()))\n",
            NAMED,
        ),
        False,
    ),
}
ROWS = [*((style, BothGate) for style in STYLES), ("v2 def", SyncGate)]
BODY = b'{"a": 1}'
SEEN = {
    "function": "main",
    "trigger": "httptrigger",
    "route": "v9/items/{id:int}",
    "methods": ("POST",),
    "level": "admin",
    "method": "POST",
    "path": "/v9/items/7",
    "route_params": {"id": "7"},
    "query": ("a", "", "b c"),
    "joined": "a,b c",
    "key": "k",
    "body": BODY,
}
HOST_JSON = {"version": "2.0", "extensions": {"http": {"routePrefix": "v9"}}}
TARGET = "/v9/items/7?tag=a&TAG=&tag=b%20c"


@pytest.mark.parametrize(("style", "kind"), ROWS)
def test_hook_sees_the_request_and_responds_under_the_host(style: str, kind: type[Gate]) -> None:
    """The view is the same for all styles; the response has the style's own class, and the function gets its body."""
    with make_host(STYLES[style][0], extensions={"gate": kind}, host_json=HOST_JSON) as host:
        refused = host.post(TARGET, body=BODY)
        assert (refused.status, refused.body, refused.headers["www-authenticate"]) == (401, b"no key", "Bearer")
        assert refused.headers.get_all("x-twice") == ["1", "2"]
        assert refused.headers["content-type"].startswith("text/plain")
        served = host.post(TARGET, body=BODY, headers={"X-Key": "k"})
        assert (served.status, served.body) == (200, BODY)
    assert Gate.seen == [SEEN]


@contextmanager
def worker(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Gate]) -> Iterator[None]:
    """Set this process up as Azure's worker does, with a gate and the settings of the table."""
    monkeypatch.setattr(sys.modules[__name__], "gate", kind, raising=False)
    with azure_worker(folder, monkeypatch, __name__, "gate"):
        (folder / "host.json").write_text(json.dumps(HOST_JSON))
        yield


def load(path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def extended(files: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return what Azure's worker would call."""
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    if "function_app.py" in files:
        app = hosting.extend(load(folder / "function_app.py", "function_app_of_invocations", monkeypatch).app)
        wrapper: Callable[..., Any] = app.get_functions()[0].get_user_function()
        return wrapper
    module = load(folder / "main/__init__.py", "main_of_invocations", monkeypatch)
    module.main = hosting.extend(module.main)
    return cast("Callable[..., Any]", module.main)


class Out(func.Out[Any]):
    """The output parameter that Azure's worker passes."""

    value: Any = None

    def set(self, val: Any) -> None:
        self.value = val

    def get(self) -> Any:
        return self.value


def request_of(style: str, headers: dict[str, str]) -> Any:
    url = f"https://app.example{TARGET}"
    if not STYLES[style][1]:
        return func.HttpRequest("POST", url, headers=headers, route_params={"id": "7"}, body=BODY)
    requests: Any = pytest.importorskip("starlette.requests")
    path, _, query = TARGET.partition("?")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    raw = [(b"host", b"app.example"), *((name.lower().encode(), value.encode()) for name, value in headers.items())]
    scope = {"type": "http", "method": "POST", "scheme": "https", "path": path, "query_string": query.encode()}
    return requests.Request({**scope, "headers": raw, "path_params": {"id": "7"}}, receive)


async def azure_call(style: str, wrapper: Callable[..., Any], headers: dict[str, str]) -> tuple[int, bytes, list[str]]:
    """Call a function as Azure's worker does; return status, body and the values of a header."""
    name = "req" if "Blueprint" in style else "it"
    arguments: dict[str, Any] = {name: request_of(style, headers)}
    if "output" in style:
        arguments["res"] = Out()
    result = wrapper(**arguments, context=Context("1", "main", "/", InvocationLocal()))
    response = await result if hasattr(result, "__await__") else result
    if "output" in style:
        assert response is None
        response = arguments["res"].value
    if STYLES[style][1]:
        return response.status_code, response.body, response.headers.getlist("x-twice")
    assert isinstance(response, func.HttpResponse)
    return response.status_code, response.get_body(), response.headers.get_all("x-twice")


@pytest.mark.exhaustive
@pytest.mark.parametrize(("style", "kind"), ROWS)
async def test_hook_sees_the_request_and_responds_in_azures_worker(
    style: str, kind: type[Gate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same extension gives the same answers in Azure's worker, of the classes that the worker takes."""
    with worker(tmp_path, monkeypatch, kind):
        wrapper = extended(STYLES[style][0], tmp_path, monkeypatch)
        assert await azure_call(style, wrapper, {}) == (401, b"no key", ["1", "2"])
        assert await azure_call(style, wrapper, {"x-KEY": "k"}) == (200, BODY, [])
        assert Gate.seen == [SEEN]


def invocation(
    trigger: Binding, *outputs: Binding, args: dict[str, Any], data: Any = None, retry: Any = None
) -> hosting.Invocation:
    def call() -> None:
        """Do what the test says."""

    function = Function("F", "/", "/f.py", "v2", call, is_async=False, bindings=(trigger, *outputs))
    return hosting.Invocation((function, data, args, retry, "1"))


HTTP, QUEUE = Binding("req", "httpTrigger", "in"), Binding("msg", "queueTrigger", "in", {"queueName": "tasks"})
HTTP_RETURN = Binding("$return", "http", "out")


def test_invocation_of_a_queue_function_has_counts_and_no_request() -> None:
    """Counts come from the message or the host; what is not known is None, not a guess."""
    one = invocation(QUEUE, args={"msg": queue_message("x", dequeue_count=3)}, retry=RetryContext(1, 4))
    assert (one.request, one.dequeue_count, one.attempt, one.max_attempts) == (None, 3, 2, 5)
    assert (one.trigger, one.function.trigger.get("queuename"), one.principal) == ("queueTrigger", "tasks", None)
    assert (one.function.route, one.function.methods, one.function.auth_level) == (None, (), None)
    assert one.function.docstring == "Do what the test says."
    text = invocation(QUEUE, args={"msg": "x"}, data=queue_message("x", dequeue_count=2))
    assert (text.dequeue_count, text.attempt, text.max_attempts) == (2, 1, 1)
    assert invocation(QUEUE, args={"msg": "x"}, retry=RetryContext(7, -1)).max_attempts is None
    assert invocation(QUEUE, args={"msg": "x"}).dequeue_count is None


SENT = datetime(2026, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("args", "data", "expected"),
    [
        ({"msg": queue_message("x", insertion_time=SENT)}, None, SENT),
        ({"msg": queue_message("x", insertion_time=SENT.replace(tzinfo=None))}, None, SENT),
        ({"msg": "x"}, queue_message("x", insertion_time=SENT), SENT),
        ({"msg": [SimpleNamespace(enqueued_time=SENT), SimpleNamespace(enqueued_time=None)]}, None, SENT),
        ({"msg": SimpleNamespace(enqueued_time_utc=SENT)}, None, SENT),
        ({"msg": SimpleNamespace(event_time=SENT)}, None, SENT),
        ({"msg": SimpleNamespace(event_time="2026")}, None, None),
        ({"msg": []}, None, None),
        ({}, None, None),
    ],
)
def test_invocation_has_the_time_at_which_its_message_was_sent(
    args: dict[str, Any], data: Any, expected: datetime | None
) -> None:
    """The time has a time zone, whatever class the message is; of a batch it is that of the first."""
    assert invocation(QUEUE, args=args, data=data).enqueued_at == expected


REQUEST = func.HttpRequest(
    "get", "http://x/a?b#c", headers={"X-Forwarded-For": "1.1.1.1, 2.2.2.2", "Authorization": "secret"}, body=b"[]"
)


def test_request_in_azures_worker_names_no_client_but_what_proxies_say() -> None:
    """The peer is not known there; a repr shows no secret."""
    request = invocation(HTTP, args={"req": REQUEST}).request
    assert request is not None
    assert (request.client, request.forwarded_for) == (None, ("1.1.1.1", "2.2.2.2"))
    assert (repr(request), "secret" in repr(request.headers), request.query.get_all("b")) == (
        "<Request GET /a>",
        False,
        ("",),
    )
    assert (len(request.headers), request.query.multi_items()) == (2, (("b", ""),))


@pytest.mark.parametrize(
    ("arguments", "headers", "expected"),
    [
        ((204,), (), ("text/plain", b"")),
        ((200, "a"), {"X": "1"}, ("text/plain", b"a")),
        ((200, b"a"), (), ("application/octet-stream", b"a")),
        ((200, b"{}", (), "application/json"), None, ("application/json", b"{}")),
    ],
)
def test_response_has_the_media_type_of_its_body(arguments: Any, headers: Any, expected: Any) -> None:
    """Bytes are not called text, unless they are nothing."""
    options = {} if headers is None else {"headers": headers}
    response = invocation(HTTP, HTTP_RETURN, args={"req": REQUEST}).respond(*arguments, **options)
    assert (response.mimetype, response.get_body()) == expected
    own = invocation(HTTP, HTTP_RETURN, args={"req": REQUEST}).respond(200, b"", {"Content-Type": "a/b"})
    assert own.headers.get_all("content-type") == ["a/b"]


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (invocation(QUEUE, args={"msg": "x"}), "'F' has a 'queueTrigger' and gives no HTTP response"),
        (invocation(HTTP, args={"req": REQUEST}), "'F' has no HTTP output"),
        (invocation(HTTP, HTTP_RETURN, args={"req": {}}), "argument 'req' of function 'F' is not an HTTP request"),
    ],
)
def test_respond_refuses_what_has_no_response(one: hosting.Invocation, message: str) -> None:
    """The message names the function and the reason, and the remedy what to do instead."""
    with pytest.raises(ExtensionError, match=message) as refused:
        one.respond(401)
    assert refused.value.remedy


@pytest.mark.parametrize("status", [None, "401", True, 4.01, 0, 600])
def test_respond_refuses_what_is_no_status(status: Any) -> None:
    """A guard that finds no status for its answer does not answer 200."""
    with pytest.raises(ExtensionError, match="the status for function 'F' is"):
        invocation(HTTP, HTTP_RETURN, args={"req": REQUEST}).respond(status)


class Former:
    """Hooks as they were written before ``invocation``: with other names and objects of the same meaning."""

    seen: list[str]

    @hosting.hookimpl
    def pre_invocation_app_level(self, logger: Any, context: Any, func_args: dict[str, Any]) -> None:
        context.invocation = "my own attribute"

    @hosting.hookimpl
    def invocation_app_level(self, context: Any) -> Iterator[None]:
        yield
        self.seen.append(context.invocation)

    @hosting.hookimpl(specname="invocation_error_app_level")
    def failed(self, exception: BaseException, **kwargs: Any) -> None:
        self.seen.append(",".join(sorted(kwargs)))


def test_hooks_written_before_run_unchanged() -> None:
    """Their arguments, an attribute ``invocation`` of their own on the context, and ``**kwargs`` work as before."""
    former = Former()
    former.seen = []
    code = f"{ROUTE})\ndef main(req):\n    raise OSError\n"
    with make_host(v2("", code), extensions={"former": former, "gate": SyncGate}, raises=False) as host:
        assert host.post("/api/items/7?tag", headers={"x-key": "k"}).status == 500
    assert former.seen == ["context,func_args,invocation,logger", "my own attribute"]
    assert len(Gate.seen) == 1


def test_context_made_by_a_test_has_an_invocation() -> None:
    """A unit test that calls a function with its own context can read it."""
    context = Context("7", "F", "/", InvocationLocal())
    assert (context.invocation.id, context.invocation.request) == ("7", None)
    assert context.invocation is context.invocation
