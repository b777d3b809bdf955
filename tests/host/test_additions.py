"""``prepare(app)``: what extensions see of an app, and the functions that they add to it, on both hosts."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import azure.functions as func
import pytest
from azure.functions.extension import ExtensionMeta
from azure_functions_runtime.bindings.meta import load_binding_registry  # type: ignore[import-untyped]
from azure_functions_runtime.functions import Registry  # type: ignore[import-untyped]

import hosting
from hosting.app_handle import AppHandle, SharedApp
from hosting.authoring import pending
from hosting.errors import ExtensionError
from hosting.host.context import Context, InvocationLocal
from hosting.host.function_host import FunctionHost
from hosting.runner.banner import function_lines
from hosting.testing import Host, http_request, make_host
from hosting.testing.sources import write_app
from tests.support.azure_worker import azure_worker
from tests.support.driver import PROTOS
from tests.support.hooks import HELLO, hooks

TARGET: Any = None
"""The extension that Azure's worker finds by its entry point; each test sets its own."""

Prepare = Callable[[AppHandle], Any]


class Running(Protocol):
    """An app with one extension, on one of the hosts."""

    document: Mapping[str, Any]

    def call(self, name: str, path: str) -> str: ...


class Adding:
    """An extension with a ``prepare``, and with hooks around functions that add a mark."""

    def __init__(self, prepare: Prepare) -> None:
        self._prepare = prepare
        self.seen: list[AppHandle] = []

    @hosting.hookimpl
    def prepare(self, app: AppHandle) -> Any:
        self.seen.append(app)
        return self._prepare(app)

    @hosting.hookimpl
    def post_invocation_app_level(self, func_ret: Any) -> Any:
        return None if func_ret is None else f"{func_ret}+"


class AddingLater(Adding):
    """The same, with an async ``prepare``."""

    @hosting.hookimpl
    async def prepare(self, app: AppHandle) -> Any:
        await asyncio.sleep(0)
        self.seen.append(app)
        return self._prepare(app)


def own_app() -> func.FunctionApp:
    """Return an app with a function of its own."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.function_name("orders")
    @app.route(route="orders/{id}", methods=["GET", "POST"])
    def orders(req: func.HttpRequest) -> str:
        """Return one order.

        By its number.
        """
        return "order"

    hosting.use("profile", top=3)(orders)
    return app


class InTest:
    """The app in ``hosting.testing``."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self.document = host.diagnosis()

    def call(self, name: str, path: str) -> str:
        return str(self._host.get(path).text)


class InAzure:
    """The functions of an extended app, as the registry of Azure's worker has them."""

    def __init__(self, app: Any) -> None:
        load_binding_registry()
        hosting.extend(app)
        built = app.get_functions()
        self.functions = {one.get_function_name(): one for one in built}
        registry = Registry()
        for one in built:
            registry.add_indexed_function(one, PROTOS)
        self.document = pending.shared.host.diagnosis()

    def call(self, name: str, path: str) -> str:
        function = self.functions[name].get_user_function()
        values = {"name": path.rpartition("/")[2]}
        answer = function(
            req=http_request(url=path, route_params=values), context=Context("i", name, "/", InvocationLocal())
        )
        return str(asyncio.run(answer) if inspect.iscoroutine(answer) else answer)


@contextmanager
def in_test(extension: Any, app: Any = None) -> Iterator[Running]:
    with make_host(app or own_app(), extensions={"marking": extension}, raises=False) as host:
        yield InTest(host)


@contextmanager
def worker(extension: Any) -> Iterator[None]:
    """Set this process up as Azure's worker, with one extension installed."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        (Path(folder) / "host.json").write_text('{"version": "2.0"}')
        for store, empty in (("_app_exts", None), ("_func_exts", {}), ("_info", {})):
            patch.setattr(ExtensionMeta, store, empty)
        patch.setattr(sys.modules[__name__], "TARGET", extension)
        with azure_worker(Path(folder), patch, __name__, "TARGET"):
            yield


@contextmanager
def in_azure(extension: Any, app: Any = None) -> Iterator[Running]:
    with worker(extension):
        yield InAzure(app or own_app())


HOSTS: dict[str, Callable[[Any], AbstractContextManager[Running]]] = {"testing": in_test, "azure": in_azure}


@pytest.fixture(params=HOSTS)
def run(request: pytest.FixtureRequest) -> Any:
    """Return a context manager that runs an app with one extension."""
    return HOSTS[request.param]


def blueprint(*names: str, route: str = "added") -> Any:
    """Return a Blueprint with functions of these names."""
    made = func.Blueprint()  # type: ignore[no-untyped-call]
    for name in names:

        def call(req: func.HttpRequest) -> str:
            return "from the Blueprint"

        made.function_name(name)(made.route(route=route, auth_level=func.AuthLevel.ANONYMOUS)(call))
    return made


def greet(request: hosting.Request) -> str:
    """Greet."""
    return f"hello {request.route_params['name']}"


async def greet_later(request: hosting.Request) -> str:
    await asyncio.sleep(0)
    return f"later {request.route_params['name']}"


class Greeter:
    def __call__(self, request: hosting.Request) -> str:
        return "called"


def deleted(request: hosting.Request) -> str:
    return "deleted"


def add_all(app: AppHandle) -> Any:
    """Add a function of each kind."""
    app.add_route("def/{name}", greet)
    app.add_route("later/{name}", greet_later, auth_level=func.AuthLevel.ANONYMOUS)
    app.add_route("lambda", lambda _: "text", name="lambda")
    app.add_route("partial/{name}", functools.partial(greet_later), name="partial")
    app.add_route("object", Greeter(), name="object")
    app.add_route("orders/{id}", deleted, methods=["delete"])
    made = blueprint("first")

    @made.queue_trigger(arg_name="message", queue_name="items", connection="")  # type: ignore[untyped-decorator]
    def second(message: func.QueueMessage) -> None: ...

    return made


ADDED = {
    "greet": ("/api/def/Ada", "hello Ada+"),
    "greet_later": ("/api/later/Ada", "later Ada+"),
    "lambda": ("/api/lambda", "text+"),
    "partial": ("/api/partial/Ada", "later Ada+"),
    "object": ("/api/object", "called+"),
    "first": ("/api/added", "from the Blueprint+"),
    "orders": ("/api/orders/3", "order+"),
}


@pytest.fixture(scope="module", params=[(host, kind) for host in HOSTS for kind in (Adding, AddingLater)])
def with_all(request: pytest.FixtureRequest) -> Iterator[Running]:
    host, kind = request.param
    with HOSTS[host](kind(add_all)) as running:
        yield running


@pytest.mark.parametrize("name", ADDED)
def test_function_that_an_extension_adds_answers_and_has_hooks(with_all: Running, name: str) -> None:
    """Every kind of handler is called with the request, and hooks run around it."""
    path, expected = ADDED[name]
    assert with_all.call(name, path) == expected


def test_diagnosis_says_which_extension_has_added_a_function(with_all: Running) -> None:
    """The app's own functions have no such mark."""
    added = {one["name"]: one["added_by"] for one in with_all.document["functions"]}
    assert added == {**dict.fromkeys([*ADDED, "deleted", "second"], "marking"), "orders": None}
    assert with_all.document["extensions"][0]["error"] is None
    assert not [one for one in with_all.document["problems"] if one["severity"] == "error"]


def broken(*_arguments: Any) -> Any:
    raise LookupError("no such thing")


def two_routes(app: AppHandle) -> None:
    app.add_route("one", greet, name="one")
    app.add_route("two", greet, name="ONE")


INVALID: dict[str, tuple[Prepare, str]] = {
    "its own error": (broken, "no such thing"),
    "wrong return value": (lambda app: ["bp"], "'prepare' of extension 'EXTENSION' returned an object of type list"),
    "a FunctionApp": (lambda app: func.FunctionApp(), "returned an object of type FunctionApp"),
    "empty Blueprint": (lambda app: blueprint(), "the Blueprint has no functions"),
    "name of a function": (
        lambda app: app.add_route("x", greet, name="orders"),
        "'orders' belongs to function 'orders'",
    ),
    "route of a function": (
        lambda app: app.add_route("/Orders/{key}/", greet),
        "'api/Orders/{key}' belongs to function",
    ),
    "two of one name": (two_routes, "the name 'ONE' belongs to function 'one', which extension 'EXTENSION' has added"),
    "Blueprint with a name of the app": (lambda app: blueprint("orders"), "'orders' belongs to function 'orders' in "),
    "Blueprint with two of one name": (lambda app: blueprint("a", "a"), "two functions have the name 'a'"),
    "Blueprint with a route of the app": (
        lambda app: blueprint("mine", route="orders/{id}"),
        "the route 'api/orders/{id}' belongs to function 'orders'",
    ),
    "reserved route": (lambda app: app.add_route("admin/x", greet), "begins with a path of the host"),
    "syntax of the route": (lambda app: app.add_route("x/{", greet), "the route 'api/x/{' cannot be used"),
    "no path": (lambda app: app.add_route("/", greet), "the path is empty"),
    "path is not text": (lambda app: app.add_route(3, greet), "the path must be text, found int"),  # type: ignore[arg-type]
    "handler is not a function": (lambda app: app.add_route("x", "y"), "must be a function, found str"),  # type: ignore[arg-type]
    "handler without a parameter": (lambda app: app.add_route("x", lambda: "", name="x"), "does not take one argument"),
    "handler is a generator": (lambda app: app.add_route("x", (lambda _: (yield)), name="x"), "is a generator"),
    "handler without a name": (lambda app: app.add_route("x", lambda _: ""), "'<lambda>' is not a valid function name"),
    "methods as text": (lambda app: app.add_route("x", greet, methods="GET"), "methods must be a tuple of names"),
    "no methods": (lambda app: app.add_route("x", greet, methods=()), "methods must be a tuple of names"),
    "unknown method": (lambda app: app.add_route("x", greet, methods=("PSOT",)), "'PSOT' is not an HTTP method"),
    "level": (lambda app: app.add_route("x", greet, auth_level="anonymus"), "'anonymus' is not an authorization level"),
}


def with_more(prepare: Prepare, name: str) -> Prepare:
    """Return a ``prepare`` that adds a valid route first."""

    def prepare_more(app: AppHandle) -> Any:
        app.add_route(name, greet, name=name)
        return prepare(app)

    return prepare_more


@pytest.fixture(scope="module")
def with_failures() -> Iterator[tuple[Any, dict[str, Any]]]:
    """Return a host with an extension for each invalid case, and its diagnosis."""
    extensions = {case: Adding(with_more(INVALID[case][0], f"more{at}")) for at, case in enumerate(INVALID)}
    with make_host(own_app(), extensions=extensions) as host:
        yield host, host.diagnosis()


def check_failure(case: str, name: str, document: Mapping[str, Any]) -> None:
    """Check the status, the error and the problem of an extension that could not prepare."""
    (extension,) = [one for one in document["extensions"] if one["name"] == name]
    assert (extension["status"], extension["error"]["hook"]) == ("failed", "prepare")
    assert INVALID[case][1].replace("EXTENSION", name) in extension["error"]["message"]
    assert case == "its own error" or f"'{name}'" in extension["error"]["message"]
    (problem,) = [one for one in document["problems"] if one["message"].startswith(f"Extension '{name}'")]
    assert problem["remedy"]


@pytest.mark.parametrize("case", INVALID)
def test_extension_that_cannot_prepare_fails(case: str, with_failures: tuple[Any, dict[str, Any]]) -> None:
    """The message names the extension and what is wrong."""
    check_failure(case, case, with_failures[1])


def test_extensions_that_cannot_prepare_add_nothing(with_failures: tuple[Any, dict[str, Any]]) -> None:
    """The app's own function runs without their hooks."""
    host, document = with_failures
    assert [one["name"] for one in document["functions"]] == ["orders"]
    assert host.get("/api/orders/3").text == "order"


@pytest.mark.parametrize("case", ["route of a function", "Blueprint with a name of the app", "unknown method"])
def test_extension_that_cannot_prepare_in_azure_adds_nothing(case: str) -> None:
    """The worker gets the app's own function."""
    with in_azure(Adding(with_more(INVALID[case][0], "more"))) as running:
        check_failure(case, "marking", running.document)
        assert [one["name"] for one in running.document["functions"]] == ["orders"]
        assert running.call("orders", "/api/orders/3") == "order"


def test_handle_describes_the_app_and_its_functions(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions have their bindings, route, methods, level, annotations and docstring."""
    monkeypatch.setenv("PREPARED_SETTING", "value")
    extension = Adding(lambda app: [] if not app.functions else None)
    with run(extension) as running:
        (app,) = extension.seen
        assert app.root.is_dir()
        assert app.extensions() == running.document["extensions"] != []
    (orders,) = app.functions
    assert (orders.name, orders.model, orders.trigger.type) == ("orders", "v2", "httpTrigger")
    assert (orders.route, orders.methods, orders.auth_level) == ("api/orders/{id}", ("GET", "POST"), "anonymous")
    assert orders.docstring == "Return one order.\n\nBy its number."
    assert orders.annotations == {"req": func.HttpRequest, "return": str}
    assert (orders.is_async, orders.disabled, orders.error, orders.retry) == (False, False, None, None)
    assert [(one.extension, one.settings) for one in orders.opt_ins] == [("profile", {"top": 3})]
    assert [one.name for one in orders.bindings] == ["req", "$return"]
    assert orders.file == __file__
    assert app.face in ("testing", "azure")
    assert app.capabilities >= {"routes"}
    assert app.host_json["version"] == "2.0"
    assert (app.settings("prepared_setting"), app.settings("MISSING")) == ("value", None)
    with pytest.raises(hosting.errors.ExtensionError, match="in 'prepare' only"):
        app.add_route("late", greet)


def test_route_outside_the_prefix_is_served_there_where_the_host_can(run: Any) -> None:
    """In Azure it is below the prefix, and the diagnosis says so."""
    extension = Adding(lambda app: app.add_route("/", lambda _: "root", name="root", outside_prefix=True))
    with run(extension) as running:
        assert running.call("root", "/") == "root+"
        warnings = [one["message"] for one in running.document["problems"]]
        is_below = extension.seen[0].functions[1].route == "api/root"
    assert is_below == (extension.seen[0].face == "azure") == any("below the prefix" in one for one in warnings)


def test_later_extension_sees_what_an_earlier_one_has_added() -> None:
    """A clash between two extensions is the fault of the later one."""
    first = Adding(lambda app: app.add_route("x", lambda _: "first", name="x"))
    second = Adding(lambda app: app.add_route("x", lambda _: "second", name="y"))
    with make_host(own_app(), extensions={"a": first, "b": second}) as host:
        assert host.get("/api/x").text == "first+"
        _, failed = host.diagnosis()["extensions"]
        assert "the route 'api/x' belongs to function 'x', which extension 'a' has added" in failed["error"]["message"]
        assert "x" in [one.name for one in second.seen[0].functions]


V1 = {
    "Items/function.json": '{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req",'
    ' "authLevel": "anonymous"}, {"type": "http", "direction": "out", "name": "$return"}]}',
    "Items/__init__.py": "def main(req): return 'items'",
    "Broken/function.json": '{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}]}',
    "Broken/__init__.py": "import nothing_of_this_name",
}


def test_v1_app_can_have_added_functions_and_lists_those_in_error() -> None:
    """Under ``hosting start``, an added function does not depend on the model of the app."""
    extension = Adding(lambda app: app.add_route("hi/{name}", greet))
    with make_host(V1, extensions={"adding": extension}) as host:
        assert host.get("/api/hi/Ada").text == "hello Ada+"
        assert host.get("/api/items").text == "items+"
    listed = {one.name: one.error for one in extension.seen[0].functions}
    assert listed.keys() == {"Broken", "greet", "Items"}
    assert "nothing_of_this_name" in str(listed["Broken"])


def test_selected_functions_are_the_only_ones_that_run_added_ones_too() -> None:
    """``--functions`` may name a function that an extension adds, and an unknown name is an error."""

    def prepare(app: AppHandle) -> Any:
        app.add_route("hi/{name}", greet)
        return blueprint("other")

    extension = Adding(prepare)
    with make_host(own_app(), extensions={"adding": extension}, functions=["GREET"]) as host:
        assert [one["name"] for one in host.diagnosis()["functions"]] == ["greet"]
    with (
        pytest.raises(hosting.errors.HostingError, match=r"no function called 'gret'.*\n.*Did you mean 'greet'"),
        make_host(own_app(), extensions={"adding": extension}, functions=["gret"]),
    ):
        pass


def test_blueprint_function_has_opt_ins_bindings_and_a_switch() -> None:
    """It is as configurable as a function of the app: ``use``, ``%NAME%`` in bindings, and a switch."""
    made = func.Blueprint()  # type: ignore[no-untyped-call]

    @made.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="")
    @made.queue_output(arg_name="copy", queue_name="copies", connection="")
    @hosting.use("own")
    def forward(message: func.QueueMessage, copy: func.Out[str]) -> None:
        copy.set(message.get_body().decode())

    @made.route(route="off")
    def off(req: func.HttpRequest) -> str:
        return "never"

    class Own:
        @hosting.hookimpl
        def pre_invocation(self, func_args: Any) -> None:
            func_args["message"] = func.QueueMessage(body=b"changed")

    extension = Adding(lambda app: made)
    settings = {"QUEUE": "items", "AzureWebJobs.off.Disabled": "1"}
    for _ in range(2):  # a Blueprint of a module serves several hosts
        with make_host(own_app(), extensions={"adding": extension, "own": Own()}, settings=settings) as host:
            assert host.invoke("forward", "text").outputs["copy"] == "changed"
            assert host.get("/api/off").status == 404
            listed = {one.name: one for one in extension.seen[-1].functions}
            assert listed["forward"].trigger.properties["queueName"] == "items"
            assert listed["off"].disabled
            assert listed["off"].auth_level == "anonymous"


def test_added_function_in_azure_looks_to_the_worker_like_any_other() -> None:
    """Its parameter has a public name, and its file, line and docstring are the handler's."""
    with in_azure(Adding(lambda app: app.add_route("hi/{name}", greet, auth_level="function"))) as running:
        built = running.functions["greet"]  # type: ignore[attr-defined]
        call = built.get_user_function()
        assert list(inspect.signature(call).parameters) == ["req", "context"]
        assert inspect.getfile(call) == __file__
        assert call.__code__.co_firstlineno == greet.__code__.co_firstlineno
        assert call.__doc__ == "Greet."
        assert built.get_trigger().auth_level.name == "FUNCTION"


@pytest.mark.parametrize("place", ["v1 function", "Blueprint in an app that is not extended"])
@pytest.mark.parametrize("prepare", [lambda app: app.add_route("hi/{name}", greet), lambda app: blueprint("added")])
def test_addition_where_azure_cannot_have_it_is_a_problem_with_a_remedy(place: str, prepare: Prepare) -> None:
    """The extension runs, and the diagnosis says what is missing and what to do."""
    extension = Adding(prepare)
    with worker(extension):

        def main(req: func.HttpRequest) -> str:
            return "own"

        if place == "v1 function":
            call = hosting.extend(main)
        else:
            made = hosting.extend(func.Blueprint())  # type: ignore[no-untyped-call]
            made.route(route="own")(main)
            app = func.FunctionApp()
            app.register_functions(made)
            (built,) = app.get_functions()
            call = built.get_user_function()
        assert call(http_request()) == "own+"
        document = pending.shared.host.diagnosis()
        (problem,) = [one for one in document["problems"] if one["severity"] == "error"]
        assert "Extension 'marking'" in problem["message"]
        assert "hosting.extend(func.FunctionApp())" in problem["remedy"]
        assert "routes" not in extension.seen[0].capabilities
        assert len(document["functions"]) == 1


def test_extended_blueprint_of_an_extended_app_leaves_the_routes_to_the_app(caplog: pytest.LogCaptureFixture) -> None:
    """Extensions see the functions of both, once, and can add routes."""
    extension = Adding(lambda app: app.add_route("hi/{name}", greet))
    with worker(extension), caplog.at_level(logging.INFO):
        app = hosting.extend(own_app())
        made = hosting.extend(func.Blueprint())  # type: ignore[no-untyped-call]
        made.route(route="more")(lambda req: "more")
        app.register_functions(made)
        running = InAzure(app)
        assert running.call("greet", "/api/hi/Ada") == "hello Ada+"
        assert running.call("<lambda>", "/api/more") == "more+"
        assert [one.name for one in extension.seen[0].functions] == ["<lambda>", "greet", "orders"]
        assert len([line for line in caplog.messages if line.startswith("Extensions:")]) == 1


STREAMS = """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route("own")
async def own(req: Request) -> Response:
    return Response("own")
"""


def test_handler_answers_in_an_app_with_streams_as_elsewhere() -> None:
    """It gets the same view of the request, and may return text or the SDK's response."""

    async def text(request: hosting.Request) -> str:
        return f"text {(await request.body()).decode()} {request.query['q']}"

    def teapot(request: hosting.Request) -> func.HttpResponse:
        return func.HttpResponse(b"{}", status_code=418, headers={"x-own": "1"}, mimetype="application/json")

    def prepare(app: AppHandle) -> None:
        app.add_route("text", text, methods=("POST",))
        app.add_route("teapot", teapot)

    extension = SimpleNamespace(prepare=hosting.hookimpl(prepare))
    with make_host({"function_app.py": STREAMS}, extensions={"adding": extension}) as host:
        assert host.get("/api/own").text == "own"
        assert host.post("/api/text?q=1", body="body").text == "text body 1"
        reply = host.get("/api/teapot")
    assert (reply.status, reply.text, reply.headers["x-own"]) == (418, "{}", "1")
    assert reply.headers["content-type"].startswith("application/json")


TIMER_ONLY = """
import azure.functions as func
app = func.FunctionApp()
@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer")
def clean(timer: func.TimerRequest) -> None: ...
"""


@pytest.mark.parametrize("app", [own_app, lambda: {"function_app.py": TIMER_ONLY}], ids=["classic", "no HTTP"])
def test_blueprint_is_read_alike_after_an_app_with_streams(app: Callable[[], Any]) -> None:
    """What the app of another test has imported does not change the functions that an extension adds."""
    with make_host({"function_app.py": STREAMS}) as host:
        assert host.get("/api/own").text == "own"
    extension = SimpleNamespace(prepare=hosting.hookimpl(lambda: blueprint("later")))
    with make_host(app(), extensions={"adding": extension}) as host:
        assert host.get("/api/added").text == "from the Blueprint"


async def test_health_route_in_azure_runs_the_checks_of_extensions() -> None:
    """It is a function without hooks and without a key, for all checks, for liveness and for readiness."""

    def prepare(app: AppHandle) -> None:
        assert "health" in app.capabilities
        app.add_health("slow disk", lambda: "it is slow", ready=False)
        app.add_health("store", lambda: None)

    with worker(Adding(prepare)):
        app = hosting.extend(own_app(), health_route="/health/")
        functions = {one.get_function_name(): one for one in app.get_functions()}
        built = functions["hosting_health"]
        trigger: Any = built.get_trigger()
        answers = {}
        for probe in ("", "live", "Ready", "other"):
            answer = await built.get_user_function()(req=http_request(route_params={"probe": probe} if probe else {}))
            answers[probe] = answer.status_code, answer.get_body()
        with pytest.raises(ValueError, match="health_route is '/health/', found 'other'"):
            hosting.extend(app, health_route="other")
    assert (trigger.route, trigger.auth_level.name) == ("health/{probe?}", "ANONYMOUS")
    healthy, unhealthy = b'{"status": "Healthy"}', b'{"status": "Unhealthy"}'
    assert answers == {"": (503, unhealthy), "live": (200, healthy), "Ready": (200, healthy), "other": (404, b"")}


async def test_tasks_in_azure_start_with_the_first_invocation() -> None:
    """They run on the worker's event loop."""
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.sleep(3600)

    with worker(Adding(lambda app: app.add_task(work, name="work"))):
        app = hosting.extend(func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS))

        @app.route(route="own")
        async def own(req: func.HttpRequest) -> str:
            return "own"

        (built,) = app.get_functions()
        assert not started.is_set()
        assert await built.get_user_function()(http_request()) == "own+"
        async with asyncio.timeout(30):
            await started.wait()
        background = pending.shared.host.background
        (entry,) = background.document()["tasks"]
        assert (entry["name"], entry["status"]) == ("work", "running")
        await background.stop_tasks()


class Gate:
    """A guard that lets no caller in."""

    guard = True

    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None:
        raise PermissionError("closed")


def test_guards_are_called_for_added_routes_unless_these_are_open() -> None:
    """A guard that has failed ends the readiness of the host, and open routes are listed as unguarded."""

    def prepare(app: AppHandle) -> None:
        app.add_route("hi/{name}", greet)
        app.add_route("login", lambda _: "login", name="login", open=True)

    extensions = {"adding": Adding(prepare), "gate": Gate()}
    with make_host(own_app(), extensions=extensions, raises=False) as host:
        assert [host.get(f"/api/{path}").status for path in ("hi/Ada", "orders/1", "login")] == [500, 500, 200]
        assert host._session.host.extensions.unguarded() == ["login"]
        assert host.get("/runtime/health/ready").status == 200
        (gate,) = host._session.host.extensions._registry.guards
        gate.status = "failed"
        check_not_ready(host)


def check_not_ready(host: Host) -> None:
    ready = host.get("/runtime/health/ready?expand=true")
    entry = ready.json()["entries"]["azure.functions.script_host.lifecycle"]
    assert (ready.status, entry["description"]) == (503, "functions do not run without their guard: gate")
    assert host.get("/runtime/health/live").status == 200


def test_paused_guard_ends_the_readiness_while_its_functions_are_denied() -> None:
    """One that is paused so that its functions run without it does not."""
    with make_host(own_app(), extensions={"gate": Gate()}, raises=False) as host:
        extensions = host._session.host.extensions
        for word, is_ready in (("deny", False), ("open", True)):
            extensions.pause("gate", word)  # type: ignore[arg-type]
            assert host.get("/api/orders/1").status == (200 if is_ready else 503)
            if is_ready:
                assert host.get("/runtime/health/ready").status == 200
            else:
                check_not_ready(host)
            extensions.resume("gate")
        assert host.get("/runtime/health/ready").status == 200


def test_added_functions_are_in_the_list_that_the_start_prints() -> None:
    """Each with its URL, with or without the prefix."""

    def prepare(app: AppHandle) -> None:
        app.add_route("hi/{name}", greet)
        app.add_route("/", greet_later, outside_prefix=True)

    with make_host(own_app(), extensions={"adding": Adding(prepare)}) as host:
        lines = list(function_lines(host._session.host, "http://localhost"))
        urls = [one["invoke_url_template"] for one in host.get("/admin/functions").json()]
    assert lines == [
        "greet: [GET] http://localhost/api/hi/{name}",
        "greet_later: [GET] http://localhost/",
        "orders: [GET,POST] http://localhost/api/orders/{id}",
    ]
    assert [url.rpartition("7071")[2] for url in urls] == ["/api/hi/{name}", "/", "/api/orders/{id}"]


def test_problem_that_an_extension_reports_is_in_the_diagnosis_with_its_line() -> None:
    """Of a function with file and line, of the app without; another word for the severity is an error."""
    errors: list[str] = []

    def prepare(app: hosting.AppHandle) -> None:
        app.report_problem("cannot be traced", remedy="Say why.", function=app.functions[0])
        app.report_problem("has no password=hunter2", severity="warning")
        severity: Any = "fatal"
        with pytest.raises(ExtensionError) as caught:
            app.report_problem("x", severity=severity)
        errors.append(caught.value.message)

    with make_host(HELLO, extensions={"mine": hooks(prepare=prepare)}) as host:
        assert host.get("/api/hello").status == 200
        document = host.diagnosis()["problems"]
    line = HELLO["function_app.py"].splitlines().index('@app.route("hello")') + 1
    assert [(one["severity"], one["message"], one["remedy"]) for one in document] == [
        ("error", f"{host.root / 'function_app.py'}:{line}: cannot be traced", "Say why."),
        ("warning", "has no password=***", ""),
    ]
    assert errors == ["report_problem() of extension 'mine': severity must be 'error' or 'warning', found 'fatal'"]


def test_header_in_azure_is_a_problem_with_a_remedy() -> None:
    """Azure's host sends the responses there; the functions run as before."""
    extension = Adding(lambda app: app.add_header("X-Mine", "there"))
    with in_azure(extension) as running:
        assert "headers" not in extension.seen[0].capabilities
        assert running.call("orders", "orders/7").endswith("+")
        (problem,) = [one for one in running.document["problems"] if "header" in one["message"]]
        assert problem["severity"] == "warning"
        assert "its header 'X-Mine' is not added, because Azure's host responds" in problem["message"]
        assert "app.capabilities" in problem["remedy"]


TIMER_APP = {
    "function_app.py": """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.timer_trigger("timer", "0 0 3 * * *")
def Nightly(timer: func.TimerRequest) -> None: ...
@app.route("ask")
async def ask(req: func.HttpRequest) -> str:
    return "asked"
"""
}


async def test_extension_can_ask_what_triggers_say_about_themselves(tmp_path: Path) -> None:
    """By the name of the function, without those that say nothing; in Azure there are no triggers."""
    handles: list[hosting.AppHandle] = []
    write_app(TIMER_APP, tmp_path)
    extension = hooks(prepare=lambda app: handles.append(app))
    settings = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
    host = FunctionHost(tmp_path, environ=settings, extensions={"mine": extension})
    host.load()
    found = await handles[0].trigger_figures()
    assert {name: sorted(figures) for name, figures in found.items()} == {"Nightly": ["next", "schedule"]}
    await host.stop()
    assert await SharedApp("azure").handle("mine").trigger_figures() == {}
