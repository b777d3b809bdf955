"""Guarded functions of every kind: what callers, queues and the log get where a guard cannot decide."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import hosting
from hosting.errors import ExtensionError, GuardError, SettingsError
from hosting.server.middleware.access import Access, access_fields, access_text
from hosting.testing import Host, Reply, http_request, make_host, unguarded
from tests.extensions.dispatch.test_denial import AROUND, ERROR, PRE, cached, extension, guard, raising, slow

HEAD = """
import azure.functions as func
import hosting
ran = []
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""
STREAMS = """
from azurefunctions.extensions.http.fastapi import Request, Response, StreamingResponse
@app.route("f", trigger_arg_name="request")
async def f(request: Request) -> StreamingResponse:
    ran.append(1)
    return StreamingResponse(iter(["secret"]))
"""
WSGI = """
def inner(environ, start_response):
    ran.append(1)
    start_response("200 OK", [])
    return [b"secret"]
app = func.WsgiFunctionApp(app=inner, http_auth_level=func.AuthLevel.ANONYMOUS)
"""
ASGI = """
async def inner(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return
    ran.append(1)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"secret"})
app = func.AsgiFunctionApp(app=inner, http_auth_level=func.AuthLevel.ANONYMOUS)
"""
V1 = "import azure.functions as func\nran = []\n"


def function_json(*bindings: Mapping[str, Any]) -> str:
    return json.dumps({"scriptFile": "__init__.py", "bindings": list(bindings)})


REQUEST = {"name": "anything", "type": "httpTrigger", "direction": "in", "authLevel": "anonymous"}
V2 = """
@app.route("f")
def f(req: func.HttpRequest) -> str:
    ran.append(1)
    return "secret"
"""
V2_ASYNC = """
@app.route("f", trigger_arg_name="call")
async def f(call: func.HttpRequest) -> str:
    ran.append(1)
    return "secret"
"""
BLUEPRINT = f"app, whole = func.Blueprint(), app\n{V2}\nwhole.register_functions(app)\napp = whole\ndel whole"
OUTPUT = """
@app.function_name("f")
@app.generic_trigger("call", "httpTrigger", route="f", auth_level="anonymous")
@app.generic_output_binding("answer", "http")
def f(call, answer: func.Out[func.HttpResponse]) -> None:
    ran.append(1)
    answer.set(func.HttpResponse("secret"))
"""
V1_RETURN = f"""
{V1}
def main(anything: func.HttpRequest) -> str:
    ran.append(1)
    return "secret"
"""
V1_OUTPUT = f"""
{V1}
async def main(anything: func.HttpRequest, answer: func.Out[str]) -> None:
    ran.append(1)
    answer.set("secret")
"""
HTTP: dict[str, dict[str, str]] = {
    "v2 def": {"function_app.py": HEAD + V2},
    "v2 async def, another argument name": {"function_app.py": HEAD + V2_ASYNC},
    "blueprint": {"function_app.py": HEAD + BLUEPRINT},
    "http output": {"function_app.py": HEAD + OUTPUT},
    "stream": {"function_app.py": HEAD + STREAMS},
    "WSGI app": {"function_app.py": HEAD + WSGI},
    "ASGI app": {"function_app.py": HEAD + ASGI},
    "v1 $return": {
        "f/function.json": function_json(REQUEST, {"name": "$return", "type": "http", "direction": "out"}),
        "f/__init__.py": V1_RETURN,
    },
    "v1 output": {
        "f/function.json": function_json(REQUEST, {"name": "answer", "type": "http", "direction": "out"}),
        "f/__init__.py": V1_OUTPUT,
    },
}
ROUTES = {"WSGI app": "/api/any/path", "ASGI app": "/api/any/path"}
FAILURES: dict[str, tuple[Any, int]] = {
    "raises": ({"gate": guard(**{PRE: raising(ValueError("Bearer secret"))})}, 500),
    "is slow": ({"gate": guard(**{PRE: slow})}, 503),
    "behind a cache": (
        {"cache": extension(**{AROUND: cached}), "gate": guard(**{PRE: raising(ValueError("secret"))})},
        500,
    ),
}
SHORT = {"extensionHost": {"budgets": {"hook": 0.05}}}


def check_problem(reply: Reply, status: int) -> None:
    """Check that a response is a problem document that says nothing of what happened."""
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers.get("retry-after") == (None if status == 500 else "1")
    assert "www-authenticate" not in reply.headers
    title = {500: "Internal Server Error", 503: "Service Unavailable"}[status]
    invocation = reply.json()["invocationId"]
    assert reply.json() == {"type": "about:blank", "title": title, "status": status, "invocationId": invocation}
    assert invocation


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", HTTP)
def test_http_callers_get_a_problem_document_without_details(kind: str) -> None:
    """Whatever the style of the function is, it does not run, and the response has no word of the reason."""
    for extensions, status in FAILURES.values():
        options: Any = {"host_json": SHORT} if status == 503 else {}
        with make_host(HTTP[kind], extensions=extensions, raises=False, **options) as host:
            reply = host.get(ROUTES.get(kind, "/api/f"))
            check_problem(reply, status)
            assert b"secret" not in reply.body
            errors = [one.getMessage() for one in host.logs if one.name == "hosting.extensions.gate"]
            assert len(errors) == 1
            assert reply.json()["invocationId"] in errors[0]
    with make_host(HTTP[kind], extensions={"gate": guard(**{PRE: lambda: None})}) as host:
        assert host.get(ROUTES.get(kind, "/api/f")).text == "secret"


@pytest.mark.parametrize("kind", HTTP)
def test_answer_of_a_guard_is_the_callers(kind: str) -> None:
    """A short circuit is a guard's way to answer; in functions with an output it cannot, and the function is closed."""
    gate = guard(**{PRE: raising(hosting.ShortCircuit("denied"))})
    with make_host(HTTP[kind], extensions={"gate": gate}, raises=False) as host:
        reply = host.get(ROUTES.get(kind, "/api/f"))
        assert b"secret" not in reply.body
        assert reply.status == (500 if "output" in kind else 200)


OTHERS = (
    HEAD
    + """
@app.queue_trigger("message", "orders", "AzureWebJobsStorage")
def queued(message: func.QueueMessage) -> None:
    print("secret")

@app.timer_trigger("tick", "0 0 3 * * *")
async def timed(tick: func.TimerRequest) -> None:
    print("secret")
"""
)


@pytest.mark.parametrize("name", ["queued", "timed"])
@pytest.mark.parametrize("failure", FAILURES)
def test_invocations_of_other_triggers_fail(name: str, failure: str, capsys: pytest.CaptureFixture[str]) -> None:
    """So retries, and the queue for poison messages, do what they do for any failure."""
    extensions, _ = FAILURES[failure]
    with make_host({"function_app.py": OTHERS}, extensions=extensions, host_json=SHORT, raises=False) as host:
        invocation = host.invoke(name)
        assert isinstance(invocation.exception, GuardError)
    assert "secret" not in capsys.readouterr().out


def test_function_that_is_run_manually_is_guarded(capsys: pytest.CaptureFixture[str]) -> None:
    """A request to /admin starts the function as its trigger does."""
    extensions, _ = FAILURES["raises"]
    with make_host({"function_app.py": OTHERS}, extensions=extensions, raises=False) as host:
        assert host.post("/admin/functions/queued", json={"input": "x"}).status == 202
    assert [one for one in host.logs if one.name == "hosting.extensions.gate"]
    assert "secret" not in capsys.readouterr().out


def test_access_line_names_the_guard_at_its_end() -> None:
    """The status stands before the guard that has denied the request."""
    access = Access("GET", "/api/pay", 500, 3.0, "pay", "", "gate")
    assert access_text(access) == "GET /api/pay 3 ms pay 500 by gate"
    assert access_fields(access)["denied_by"] == "gate"


class Gate:
    """A guard, of which each test breaks one thing."""

    guard: Any = True

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        """Let everything pass."""

    @hosting.hookimpl
    def pre_invocation(self) -> None:
        """Let everything pass."""


def broken(**attributes: Any) -> Any:
    marked = {name: staticmethod(hosting.hookimpl(one)) if callable(one) else one for name, one in attributes.items()}
    return type("Gate", (Gate,), marked)


APP = HTTP["v2 def"]
STARTS: dict[str, tuple[Any, Mapping[str, Any], Mapping[str, str], str]] = {
    "init": (broken(init=raising(ValueError())), {}, {}, "Guard 'gate' failed to start: init() raised ValueError"),
    "configure": (
        broken(configure=raising(ValueError("no issuer"))),
        {},
        {},
        "configure() raised ValueError: no issuer",
    ),
    "startup": (broken(startup=raising(OSError("no keys"))), {}, {}, "startup() raised OSError: no keys"),
    "constructor": (type("Gate", (Gate,), {"__init__": lambda self: 1 / 0}), {}, {}, "Guard 'gate' failed to start"),
    "hook that does not exist": (
        broken(pre_invokation=lambda: None),
        {},
        {},
        "unknown hook 'pre_invokation'.\n  Did you mean 'pre_invocation'? Fix it",
    ),
    "guard that is neither": (broken(guard="yes"), {}, {}, "'guard' must be True or False, found str.\n  Write"),
    "interface that is too new": (
        broken(requires_interface=(1, 9)),
        {},
        {},
        "it needs the interface 1.9 of hosting, and this version of hosting has 1.0.\n  ",
    ),
    "unknown name": (broken(), {"guards": ["gaet"]}, {}, "Guard 'gaet' is not installed.\n  Did you mean 'gate'?"),
    "unknown name in the variable": (broken(), {}, {"HOSTING_GUARDS": "other"}, "Guard 'other' is not installed"),
    "include": (
        broken(),
        {"extensions": {"gate": {"functions": {"include": ["pay"]}}}},
        {},
        ".gate.functions in host.json leaves none.\n  Correct include and exclude in extensionHost",
    ),
    "exclude": (
        broken(),
        {"extensions": {"gate": {"functions": {"exclude": ["*"]}}}},
        {},
        "Guard 'gate' guards no function",
    ),
    "guards and disabled": (
        broken(),
        {"guards": ["gate"], "disabled": ["Gate"]},
        {},
        "'gate' is a guard by extensionHost.guards in host.json, and disabled by extensionHost.disabled in host.json",
    ),
    "guards and HOSTING_DISABLE": (
        broken(),
        {"guards": ["gate"]},
        {"HOSTING_DISABLE": "gate"},
        "disabled by HOSTING_DISABLE",
    ),
    "required, and disabled": (broken(), {"required": ["gate"], "disabled": ["gate"]}, {}, "'gate' is disabled"),
    "typo": (broken(), {"gards": ["gate"]}, {}, "unknown key 'gards'"),
}


@pytest.mark.parametrize("case", STARTS)
def test_start_without_a_working_guard_is_refused(case: str) -> None:
    """The message says which guard, what is wrong with it, and where it was said."""
    target, section, settings, message = STARTS[case]
    with (
        pytest.raises((ExtensionError, SettingsError)) as caught,
        make_host(APP, extensions={"gate": target}, host_json={"extensionHost": section}, settings=settings),
    ):
        pass
    assert message in str(caught.value)


def diagnosed(host: Host, name: str = "gate") -> Mapping[str, Any]:
    (entry,) = [one for one in host.diagnosis()["extensions"] if one["name"] == name]
    return dict(entry)


FALSE = type("Observer", (Gate,), {"guard": False})
PLAIN = type("Plain", (Gate,), {"guard": None})
MARKS: dict[str, tuple[Any, Mapping[str, Any], Mapping[str, str], bool]] = {
    "says so": (Gate, {}, {}, True),
    "says nothing": (PLAIN, {}, {}, False),
    "says that it is none": (FALSE, {}, {}, False),
    "is named in host.json": (PLAIN, {"guards": ["GATE"]}, {}, True),
    "is named in the variable": (PLAIN, {}, {"HOSTING_GUARDS": "x-gate,gate"}, True),
    "is named, against its own word": (FALSE, {"guards": ["gate"]}, {}, True),
    "is required": (PLAIN, {"required": ["gate"]}, {}, True),
    "is required by the variable": (PLAIN, {}, {"HOSTING_REQUIRE": "gate"}, True),
    "is required, and says that it is none": (FALSE, {"required": ["gate"]}, {}, False),
}


@pytest.mark.parametrize("case", MARKS)
def test_extension_is_a_guard_by_its_own_word_or_the_operators(case: str) -> None:
    """The operator's word comes before the extension's; ``required`` implies it, unless the extension says no."""
    target, section, settings, expected = MARKS[case]
    extensions = {"gate": type("Raising", (target,), {PRE: staticmethod(hosting.hookimpl(raising(ValueError())))})}
    if "x-gate" in settings.get("HOSTING_GUARDS", ""):
        extensions["x-gate"] = PLAIN
    options: Any = {"host_json": {"extensionHost": section}, "settings": settings, "raises": False}
    with make_host(APP, extensions=extensions, **options) as host:
        assert diagnosed(host)["guard"] is expected
        assert host.get("/api/f").status == (500 if expected else 200)


SETUP: dict[str, Callable[..., None]] = dict.fromkeys(
    ("init_function", "configure_function", "post_function_load", "post_function_load_app_level"), raising(ValueError())
)
TWO = (
    HEAD
    + """
@app.route("open")
@hosting.without("gate")
def open(req: func.HttpRequest) -> str:
    return "open"

@app.route("closed")
@hosting.use("gate")
def closed(req: func.HttpRequest) -> str:
    return "secret"
"""
)


@pytest.mark.parametrize("hook", SETUP)
def test_function_whose_guard_cannot_be_set_up_is_closed(hook: str) -> None:
    """A failed set-up for one function closes that function; what opts out stays open."""
    gate = broken(**{hook: SETUP[hook]})
    with make_host({"function_app.py": TWO}, extensions={"gate": gate}, raises=False) as host:
        assert host.get("/api/open").text == "open"
        check_problem(host.get("/api/closed"), 503)


def test_functions_without_a_guard_are_listed_where_there_is_one() -> None:
    """Opting out stays possible, and is seen."""
    with make_host({"function_app.py": TWO}, extensions={"gate": Gate}) as host:
        assert host.diagnosis()["unguarded"] == ["open"]
    with make_host({"function_app.py": TWO}, extensions={"gate": PLAIN}) as host:
        assert host.diagnosis()["unguarded"] == []
    assert unguarded({"function_app.py": TWO}, extensions={"gate": Gate}) == ["open"]
    assert unguarded({"function_app.py": TWO}, extensions={"gate": PLAIN}) == ["closed", "open"]
    assert unguarded({"function_app.py": TWO}, extensions=[]) == ["closed", "open"]
    observer = guard(**{ERROR: lambda: None})  # a guard that never decides guards nothing
    assert unguarded(APP, extensions={"gate": observer}) == ["f"]


REFERRING = (
    HEAD
    + """
@hosting.without("gate")
def ping(req: func.HttpRequest) -> str:
    return "open"
app.route("ping")(ping)
def registered(other):
    @app.route("returns")
    def returns(req: func.HttpRequest) -> str:
        return other(req)
    @app.route("names")
    def names(req: func.HttpRequest) -> str:
        return str(returns)
    @app.route("health")
    @hosting.without("gate")
    def health(req: func.HttpRequest) -> str:
        return "open"
    @app.route("asks")
    def asks(req: func.HttpRequest) -> str:
        return str(health)
    def with_fallback(function):
        def decorated(req: func.HttpRequest) -> str:
            return function(req) or other(req)
        return decorated
    def decorates(req: func.HttpRequest) -> str:
        return "closed"
    app.function_name("decorates")(app.route("decorates")(with_fallback(decorates)))
registered(ping)
class Handler:
    def __init__(self):
        self.other = ping
    def keeps(self, req: func.HttpRequest) -> str:
        return "closed"
app.route("keeps")(Handler().keeps)
"""
)


@pytest.mark.parametrize("functions", [(), ("returns", "asks", "decorates", "keeps")])
def test_function_that_another_one_refers_to_opts_out_for_itself_alone(functions: tuple[str, ...]) -> None:
    """A function keeps what it calls as a decorator keeps what it wraps, and is guarded all the same."""
    with make_host({"function_app.py": REFERRING}, extensions={"gate": Gate}, functions=functions) as host:
        assert host.diagnosis()["unguarded"] == ([] if functions else ["health", "ping"])


def test_denied_invocations_of_an_http_function_can_be_read_in_a_test() -> None:
    """A test sees the GuardError, and its cause."""
    with make_host(APP, extensions=FAILURES["raises"][0]) as host:
        with pytest.raises(GuardError, match="Guard 'gate' did not let function 'f' run") as caught:
            host.get("/api/f")
        assert isinstance(caught.value.__cause__, ValueError)
        with pytest.raises(GuardError):
            host.invoke("f", http_request(url="/api/f"))
        failed = [one for one in host.logs if one.levelno == logging.ERROR and "Failed" in one.getMessage()]
        assert all(one.status_code == 500 for one in failed)  # type: ignore[attr-defined]


def paused(word: str, name: str = "gate") -> Callable[[Host], Reply]:
    return lambda host: host.post(f"/admin/extensions/{name}/pause{word}")


def resumed(host: Host) -> Reply:
    return host.post("/admin/extensions/gate/resume")


PAUSES: dict[str, tuple[Callable[[Host], Reply], int, int, str]] = {
    "without a word": (paused(""), 409, 200, "active"),
    "with both words": (paused("?deny&open"), 409, 200, "active"),
    "with another word": (paused("?please"), 409, 200, "active"),
    "deny": (paused("?deny"), 200, 503, "paused"),
    "deny, with a value": (paused("?DENY=1"), 200, 503, "paused"),
    "open": (paused("?open"), 200, 200, "paused"),
    "open, with a value": (paused("?open=true"), 200, 200, "paused"),
    "the word with a no": (paused("?open=false"), 409, 200, "active"),
    "the word with a zero": (paused("?OPEN=0"), 409, 200, "active"),
    "the other word with a no": (paused("?deny=false"), 409, 200, "active"),
    "another extension": (paused("", "plain"), 200, 200, "active"),
    "another extension, with a word": (paused("?deny", "plain"), 409, 200, "active"),
    "unknown": (paused("?deny", "other"), 404, 200, "active"),
}


@pytest.mark.parametrize("case", PAUSES)
def test_pause_of_a_guard_needs_a_word_on_its_functions(case: str) -> None:
    """Without one, a pause that was meant for an observer would open what the guard protects, or close it."""
    pause, status, answer, shown = PAUSES[case]
    with make_host(APP, extensions={"gate": Gate, "plain": PLAIN}, raises=False) as host:
        reply = pause(host)
        assert reply.status == status
        if status == 409:
            assert "?" in reply.json()["error"]
        assert (host.get("/api/f").status, diagnosed(host)["status"]) == (answer, shown)
        errors = [one for one in host.diagnosis()["problems"] if one["severity"] == "error"]
        assert bool(errors) is ("open" in case)
        assert any("for every caller" in message for message in host.messages) is ("open" in case)
        assert resumed(host).status == 200
        assert host.get("/api/f").text == "secret"
        assert host.diagnosis()["problems"] == [] or case.startswith("another extension")


def test_pause_that_denies_answers_before_any_cache() -> None:
    """The functions of a paused guard are closed to what would answer in their place, too; its figures count that."""
    extensions = {"cache": extension(**{AROUND: cached}), "gate": Gate}
    with make_host(APP, extensions=extensions, raises=False) as host:
        assert paused("?deny")(host).status == 200
        check_problem(host.get("/api/f"), 503)
        assert not [one for one in host.logs if one.name == "hosting.extensions.gate"]
        assert diagnosed(host)["statistics"][PRE]["denied"] == 1
