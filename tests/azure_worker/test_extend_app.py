"""``hosting.extend`` on everything that it accepts, and its errors for what it does not accept."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.functions.extension import ExtensionMeta

import hosting
from hosting.errors import ExtensionError, SettingsError
from hosting.host.context import Context, InvocationLocal
from tests.conftest import ROOT, clean_environment
from tests.support.azure_worker import azure_worker


class Marking:
    """An extension that adds a mark to the function's result."""

    @hosting.hookimpl
    def post_invocation_app_level(self, context: Any, func_ret: Any) -> Any:
        return f"{func_ret} by {context.function_name}"


@pytest.fixture(autouse=True)
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set a process up as Azure's worker does, with one extension installed."""
    for store, empty in (("_app_exts", None), ("_func_exts", {}), ("_info", {})):
        monkeypatch.setattr(ExtensionMeta, store, empty)  # other tests register classes of their own
    with azure_worker(tmp_path, monkeypatch, __name__, "Marking") as folder:
        yield folder


def only_function(app: Any) -> Any:
    """Return the function that a worker would get from an app with one function."""
    [definition] = app.get_functions()
    return definition.get_user_function()


def hello(req: func.HttpRequest) -> str:
    return "hello"


@pytest.mark.parametrize("first", [True, False])
def test_app_extended_before_or_after_its_functions_runs_hooks_once(first: bool) -> None:
    """The hooks run once, even if the app is extended twice."""
    app = func.FunctionApp()
    if first:
        assert hosting.extend(app) is app
    app.route("hello")(hello)
    assert hosting.extend(hosting.extend(app)) is app
    assert only_function(app)(func.HttpRequest("GET", "/", body=b"")) == "hello by hello"


@pytest.mark.parametrize("both", [True, False])
def test_extended_blueprint_runs_hooks_in_any_app(both: bool) -> None:
    """Its functions have hooks in every app that registers them, also in one that is extended itself."""
    blueprint = hosting.extend(func.Blueprint())  # type: ignore[no-untyped-call]
    blueprint.route("hello")(hello)
    app = hosting.extend(func.FunctionApp()) if both else func.FunctionApp()
    app.register_functions(blueprint)
    assert only_function(app)(func.HttpRequest("GET", "/", body=b"")) == "hello by hello"


def test_extended_wsgi_app_runs_hooks() -> None:
    """The one function of a WsgiFunctionApp gets hooks too."""

    def wsgi(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"from WSGI"]

    app = hosting.extend(func.WsgiFunctionApp(app=wsgi, http_auth_level=func.AuthLevel.ANONYMOUS))
    function = only_function(app)
    context = Context("i", "web", "/", InvocationLocal())
    answer = function(req=func.HttpRequest("GET", "http://x/", body=b"", headers={}), context=context)
    assert str(answer).endswith("by web")


async def test_extended_asgi_app_runs_hooks_around_a_coroutine_function() -> None:
    """The one function of an AsgiFunctionApp stays a coroutine function."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"from ASGI"})

    app = hosting.extend(func.AsgiFunctionApp(app=asgi, http_auth_level=func.AuthLevel.ANONYMOUS))
    function = only_function(app)
    assert inspect.iscoroutinefunction(function)
    context = Context("i", "web", "/", InvocationLocal())
    request = func.HttpRequest("GET", "http://x/", body=b"", headers={})
    assert str(await function(req=request, context=context)).endswith("by web")
    app.startup_task_done = False  # or the SDK runs a loop when the app is collected, perhaps inside another test's


def test_extended_app_of_another_framework_runs_hooks() -> None:
    """A subclass of ExternalHttpFunctionApp registers its own function."""

    class FrameworkApp(func.ExternalHttpFunctionApp):
        def _add_http_app(self, http_middleware: Any, function_name: str = "framework") -> None:
            self.function_name(function_name)(self.route("{*rest}")(hello))

    app = hosting.extend(FrameworkApp(auth_level=func.AuthLevel.ANONYMOUS))
    app._add_http_app(None)
    assert only_function(app)(func.HttpRequest("GET", "/", body=b"")) == "hello by framework"


def test_extended_method_of_a_middleware_runs_hooks() -> None:
    """In the v1 model a web framework's ``main`` is a method."""

    class Middleware:
        def main(self, req: func.HttpRequest, context: func.Context) -> str:
            return "from a method"

    replaced = hosting.extend(Middleware().main)
    assert [*inspect.signature(replaced).parameters] == ["req", "context"]
    context: Any = Context("i", "web", "/", InvocationLocal())
    assert replaced(req=func.HttpRequest("GET", "/", body=b""), context=context) == "from a method by web"


@pytest.mark.parametrize("above", [True, False])
def test_without_above_or_below_extend_excludes_a_v1_function(above: bool) -> None:
    """Decorators of hosting may be above or below ``@hosting.extend``."""
    without = hosting.without("marking")

    def main(req: func.HttpRequest) -> str:
        return "alone"

    replaced = without(hosting.extend(main)) if above else hosting.extend(without(main))
    assert replaced(func.HttpRequest("GET", "/", body=b"")) == "alone"


def test_orchestrators_and_entities_are_not_extended() -> None:
    """Durable functions replay their code many times in one run, and hooks would run each time."""
    app = hosting.extend(func.FunctionApp())

    @app.generic_trigger("context", "orchestrationTrigger")
    def orchestrator(context: Any) -> str:
        return "replayed"

    assert only_function(app) is orchestrator._function.get_user_function()
    assert orchestrator("x") == "replayed"


def test_replacement_has_the_signature_that_the_worker_expects() -> None:
    """Names, annotations, defaults, file and kind are the author's; only ``context`` is added."""

    async def coroutine(req: func.HttpRequest, limit: int = 3) -> func.HttpResponse:
        return func.HttpResponse(str(limit))

    replaced = hosting.extend(coroutine)
    assert replaced is not coroutine
    assert inspect.iscoroutinefunction(replaced)
    assert inspect.getfile(replaced) == __file__
    assert typing.get_type_hints(replaced) == typing.get_type_hints(coroutine)
    parameters = inspect.signature(replaced).parameters
    assert [*parameters] == ["req", "limit", "context"]
    assert parameters["limit"].default == 3
    assert parameters["context"].annotation is inspect.Parameter.empty
    assert (replaced.__name__, replaced.__doc__, replaced.__module__) == ("coroutine", None, __name__)


def test_stack_trace_of_an_extended_function_ends_in_the_users_file() -> None:
    """An exception of the function is raised from its own line."""

    def failing(req: func.HttpRequest) -> str:
        raise LookupError("here")

    with pytest.raises(LookupError) as caught:
        hosting.extend(failing)(func.HttpRequest("GET", "/", body=b""))
    frames = caught.traceback
    assert (str(frames[-1].path), frames[-1].name) == (__file__, "failing")


@pytest.mark.parametrize(
    ("target", "type_name"),
    [
        (None, "NoneType"),
        (..., "ellipsis"),
        (3, "int"),
        ("app", "str"),
        (len, "builtin_function_or_method"),
        (func.HttpRequest, "ABCMeta"),
    ],
)
def test_extend_of_another_type_raises_type_error(target: Any, type_name: str) -> None:
    """The error says what was expected and what was found."""
    with pytest.raises(TypeError, match=f"expected a FunctionApp, a Blueprint or a function, found .*{type_name}"):
        hosting.extend(target)


def test_extend_of_a_decorated_function_raises_an_error_that_names_the_app() -> None:
    """The remedy is to extend the app."""
    app = func.FunctionApp()
    with pytest.raises(TypeError, match="extend the app"):
        hosting.extend(app.route("hello")(hello))


def test_extend_twice_with_different_settings_is_an_error() -> None:
    """The first settings stay; the error names both."""
    app = hosting.extend(func.FunctionApp(), diagnostics_route="one")
    assert hosting.extend(app) is app
    with pytest.raises(ValueError, match="'one', found 'two'"):
        hosting.extend(app, diagnostics_route="two")


@pytest.mark.parametrize("target", [hello, func.Blueprint()])  # type: ignore[no-untyped-call]
def test_diagnostics_route_without_an_app_is_an_error(target: Any) -> None:
    """A function or a Blueprint cannot have one."""
    with pytest.raises(TypeError, match="diagnostics_route needs"):
        hosting.extend(target, diagnostics_route="extensions")


def test_diagnostics_route_is_an_admin_function_that_returns_the_document() -> None:
    """The function is added only on request."""
    app = hosting.extend(func.FunctionApp(), diagnostics_route="extensions")
    app.route("hello")(hello)
    functions = {one.get_function_name(): one for one in app.get_functions()}
    trigger: Any = functions["hosting_diagnostics"].get_trigger()
    assert (trigger.route, trigger.auth_level.name) == ("extensions", "ADMIN")
    answer = functions["hosting_diagnostics"].get_user_function()(func.HttpRequest("GET", "/", body=b""))
    document = json.loads(answer.get_body())
    assert document["_info"] == {"AppExtension": ["marking"], "FuncExtension": {}}
    assert [function["name"] for function in document["functions"]] == ["hello"]


def test_info_is_logged_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    """People see what is loaded without an endpoint."""
    app = hosting.extend(func.FunctionApp())
    app.route("hello")(hello)
    with caplog.at_level(logging.INFO, logger="hosting.extensions"):
        app.get_functions()
    assert 'Extensions: {"AppExtension": ["marking"], "FuncExtension": {}}' in caplog.messages


def test_extend_of_none_with_a_route_raises_type_error() -> None:
    """An app that a factory forgot to return is not a decorator with arguments."""
    with pytest.raises(TypeError, match="found NoneType"):
        hosting.extend(None, diagnostics_route="extensions")


def test_extend_of_two_targets_raises_type_error() -> None:
    """Each app has its own call."""
    with pytest.raises(TypeError, match="takes one app or function, found 2"):
        hosting.extend(func.FunctionApp(), func.FunctionApp())  # type: ignore[call-overload]


@pytest.mark.parametrize("options", [{}, {"diagnostics_route": None}, {"diagnostics_route": "extensions"}])
def test_extend_without_a_target_returns_a_decorator(options: dict[str, Any]) -> None:
    """It takes the target afterwards."""
    app = func.FunctionApp()
    assert hosting.extend(**options)(app) is app
    app.route("hello")(hello)
    functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}
    assert functions["hello"](func.HttpRequest("GET", "/", body=b"")) == "hello by hello"
    assert ("hosting_diagnostics" in functions) == bool(options.get("diagnostics_route"))


def instrument(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch ``get_functions`` of a class or an object, as instrumentations do: each function is wrapped."""
    original = owner.get_functions

    def get_functions(*args: Any) -> list[Any]:
        functions: list[Any] = original(*args)
        for function in functions:
            function._func = traced(function._func)
        return functions

    monkeypatch.setattr(owner, "get_functions", get_functions)


def traced(call: Any) -> Any:
    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return f"{call(*args, **kwargs)} traced"

    return wrapper


class OwnApp(func.FunctionApp):
    """A framework's app."""


@pytest.mark.parametrize("kind", [func.FunctionApp, OwnApp])
@pytest.mark.parametrize("owner", ["class", "object"])
@pytest.mark.parametrize("first", ["extend", "instrumentation"])
def test_extended_app_keeps_what_an_instrumentation_does_to_its_functions(
    monkeypatch: pytest.MonkeyPatch, kind: Any, owner: str, first: str
) -> None:
    """Hooks and spans run, whichever of the two comes first."""
    app = kind(http_auth_level=func.AuthLevel.ANONYMOUS)
    app.route("hello")(hello)
    target = func.FunctionApp if owner == "class" else app
    steps = [lambda: hosting.extend(app), lambda: instrument(target, monkeypatch)]
    for step in steps if first == "extend" else reversed(steps):
        step()  # type: ignore[no-untyped-call]
    answer = only_function(app)(func.HttpRequest("GET", "/", body=b""))
    assert sorted(answer.split()) == ["by", "hello", "hello", "traced"]


def test_function_of_an_unknown_sdk_runs_without_hooks(caplog: pytest.LogCaptureFixture) -> None:
    """A function that cannot be replaced runs unchanged, and the log says so."""

    class Unknown:
        def __init__(self) -> None:
            self._function_builders: list[Any] = []

        def get_functions(self) -> list[Any]:
            return [object()]

    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        assert len(hosting.extend(Unknown()).get_functions()) == 1
    assert "does not know this version of azure-functions" in caplog.text


def test_extend_with_the_flag_off_leaves_the_functions_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the user's own, in the app, in a Blueprint, and where an instrumentation patches the SDK later."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "no")
    app, asked = hosting.extend(func.FunctionApp()), list[Any]()
    app.route("hello")(hello)
    assert only_function(app) is hello
    blueprint = hosting.extend(func.Blueprint())  # type: ignore[no-untyped-call]
    blueprint.route("hello")(hello)
    plain = func.FunctionApp()
    plain.register_functions(blueprint)
    assert only_function(plain) is hello
    original = func.FunctionApp.get_functions
    patched = hosting.extend(func.FunctionApp())
    patched.route("hello")(hello)

    def instrumented(self: func.FunctionApp) -> Any:
        asked.append(self)
        return original(self)

    monkeypatch.setattr(func.FunctionApp, "get_functions", instrumented)
    assert only_function(patched) is hello
    assert asked == [patched]
    assert hosting.extend(hello) is hello


BROKEN = [
    ("not JSON", "host.json is not valid JSON"),
    ('{"version": "1"}', "invalid value for the 'version' property"),
    ('{"version": "2.0", "extensionHost": {"ordre": []}}', "unknown key 'ordre'"),
    ('{"version": "2.0", "extensionHost": {"order": "auth"}}', "must be a list of names, found 'auth'"),
]


@pytest.mark.parametrize("target", ["app", "function"])
@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_app_with_an_invalid_host_json_runs_without_extensions(
    worker: Path, caplog: pytest.LogCaptureFixture, target: str, text: str, message: str
) -> None:
    """The log says once what is wrong and what to do."""
    (worker / "host.json").write_text(text)
    if target == "function":
        assert hosting.extend(hello) is hello
        assert hosting.extend(hello) is hello
    else:
        app = hosting.extend(hosting.extend(func.FunctionApp()))
        app.route("hello")(hello)
        assert only_function(app) is hello
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith("The app runs without extensions: ")
    assert message in record.getMessage()


def test_invalid_host_json_with_a_required_extension_is_an_error(worker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that requires an extension does not run without it."""
    (worker / "host.json").write_text("not JSON")
    monkeypatch.setenv("HOSTING_REQUIRE", "marking")
    with pytest.raises(SettingsError, match=r"host\.json is not valid JSON"):
        hosting.extend(func.FunctionApp())


def test_missing_required_extension_stops_the_indexing(worker: Path) -> None:
    """``get_functions`` raises, and Azure's worker reports the error to its host."""
    (worker / "host.json").write_text('{"version": "2.0", "extensionHost": {"required": ["absent"]}}')
    app = hosting.extend(func.FunctionApp())
    app.route("hello")(hello)
    with pytest.raises(ExtensionError, match="'absent' is not installed"):
        app.get_functions()


def test_missing_required_extension_fails_each_v1_invocation(worker: Path) -> None:
    """A v1 function never runs without the extensions that its app requires."""
    (worker / "host.json").write_text('{"version": "2.0", "extensionHost": {"required": ["absent"]}}')
    replaced = hosting.extend(hello)
    for _ in range(2):
        with pytest.raises(ExtensionError, match="'absent' is not installed"):
            replaced(func.HttpRequest("GET", "/", body=b""))


def test_app_of_a_later_sdk_runs_without_hooks(caplog: pytest.LogCaptureFixture) -> None:
    """An app whose functions are not where hosting expects them is returned unchanged, and the log says so."""

    class DecoratorApi:
        """A stand-in for the base class of all apps of the SDK."""

    class FutureApp(DecoratorApi):
        pass

    app = FutureApp()
    assert hosting.extend(app) is app
    assert "does not know this version of azure-functions: FutureApp runs without extensions" in caplog.text


def test_app_with_an_internal_error_of_hosting_runs_without_hooks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The functions run unchanged, and the log has the traceback."""
    app = hosting.extend(func.FunctionApp())
    app.route("hello")(hello)
    monkeypatch.setattr("hosting.azure_worker.extend._describe", lambda *_: 1 / 0)
    assert only_function(app) is hello
    assert "because of a bug in hosting" in caplog.text
    assert "ZeroDivisionError" in caplog.text


COST = """
import sys, time
import azure.functions as func
before = time.perf_counter(); modules = set(sys.modules)
import hosting
app = hosting.extend(func.FunctionApp())
after = time.perf_counter()
heavy = {"uvicorn", "click", "structlog", "rich", "httptools", "hosting.app_work", "hosting.extensions._chains",
    "hosting.extensions.dispatch", "hosting.host", "hosting.azure_worker.wrapper"} & (sys.modules.keys() - modules)
print((after - before) * 1000, sorted(heavy))
"""


def test_extend_imports_only_core_dependencies(tmp_path: Path) -> None:
    """Neither a server nor the command line is imported, nor what only the app's functions need."""
    environment = clean_environment({"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "PYTHONPATH": str(ROOT)})
    done = subprocess.run([sys.executable, "-c", COST], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split(maxsplit=1)[1].strip() == "[]"
