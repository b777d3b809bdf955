"""``hosting.extend`` on all that it takes, and its answers to what it does not take."""

from __future__ import annotations

import asyncio
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
from hosting.authoring import pending
from hosting.errors import ExtensionError, SettingsError
from hosting.host.context import Context, InvocationLocal
from tests.conftest import ROOT, clean_environment


class Marking:
    """An extension that answers with the function's result and a mark."""

    @hosting.hookimpl
    def post_invocation_app_level(self, context: Any, func_ret: Any) -> Any:
        return f"{func_ret} by {context.function_name}"


@pytest.fixture(autouse=True)
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A process as Azure's worker sets it up, with one extension installed."""
    info = tmp_path / "site" / "marking-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: marking\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[hosting]\nmarking = {__name__}:Marking\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules["__main__"])
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
    monkeypatch.setenv("HOSTING_ALLOW", "marking")
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path))
    for store, empty in (("_app_exts", None), ("_func_exts", {}), ("_info", {})):
        monkeypatch.setattr(ExtensionMeta, store, empty)  # other tests have registered classes of theirs
    yield tmp_path
    pending.shared = None
    pending.take()


def one_of(app: Any) -> Any:
    """The function that a worker would get from an app with one function."""
    [built] = app.get_functions()
    return built.get_user_function()


def hello(req: func.HttpRequest) -> str:
    return "hello"


@pytest.mark.parametrize("first", [True, False])
def test_an_app_may_be_extended_before_or_after_its_functions(first: bool) -> None:
    """Either way, once or twice, the worker gets functions with hooks around them, once."""
    app = func.FunctionApp()
    if first:
        assert hosting.extend(app) is app
    app.route("hello")(hello)
    assert hosting.extend(hosting.extend(app)) is app
    assert one_of(app)(func.HttpRequest("GET", "/", body=b"")) == "hello by hello"


@pytest.mark.parametrize("both", [True, False])
def test_a_blueprint_may_be_extended(both: bool) -> None:
    """Its functions have hooks in whatever app they end up, also in one that is extended itself."""
    blueprint = hosting.extend(func.Blueprint())  # type: ignore[no-untyped-call]
    blueprint.route("hello")(hello)
    app = hosting.extend(func.FunctionApp()) if both else func.FunctionApp()
    app.register_functions(blueprint)
    assert one_of(app)(func.HttpRequest("GET", "/", body=b"")) == "hello by hello"


def test_a_web_frameworks_app_may_be_extended() -> None:
    """The one function of a WsgiFunctionApp gets hooks too."""

    def wsgi(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"from WSGI"]

    app = hosting.extend(func.WsgiFunctionApp(app=wsgi, http_auth_level=func.AuthLevel.ANONYMOUS))
    function = one_of(app)
    context = Context("i", "web", "/", InvocationLocal())
    answer = function(req=func.HttpRequest("GET", "http://x/", body=b"", headers={}), context=context)
    assert str(answer).endswith("by web")


def test_an_asgi_app_may_be_extended() -> None:
    """The one function of an AsgiFunctionApp is a coroutine function still, with hooks."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"from ASGI"})

    app = hosting.extend(func.AsgiFunctionApp(app=asgi, http_auth_level=func.AuthLevel.ANONYMOUS))
    function = one_of(app)
    assert inspect.iscoroutinefunction(function)
    context = Context("i", "web", "/", InvocationLocal())
    request = func.HttpRequest("GET", "http://x/", body=b"", headers={})
    assert str(asyncio.run(function(req=request, context=context))).endswith("by web")
    app.startup_task_done = False  # or the SDK runs a loop when the app is collected, perhaps inside another test's


def test_an_app_for_another_framework_may_be_extended() -> None:
    """A subclass of ExternalHttpFunctionApp registers its own function."""

    class FrameworkApp(func.ExternalHttpFunctionApp):
        def _add_http_app(self, http_middleware: Any, function_name: str = "framework") -> None:
            self.function_name(function_name)(self.route("{*rest}")(hello))

    app = hosting.extend(FrameworkApp(auth_level=func.AuthLevel.ANONYMOUS))
    app._add_http_app(None)
    assert one_of(app)(func.HttpRequest("GET", "/", body=b"")) == "hello by framework"


def test_a_middlewares_method_may_be_extended() -> None:
    """In the v1 model a web framework's ``main`` is a method."""

    class Middleware:
        def main(self, req: func.HttpRequest, context: func.Context) -> str:
            return "from a method"

    replaced = hosting.extend(Middleware().main)
    assert [*inspect.signature(replaced).parameters] == ["req", "context"]
    context: Any = Context("i", "web", "/", InvocationLocal())
    assert replaced(req=func.HttpRequest("GET", "/", body=b""), context=context) == "from a method by web"


@pytest.mark.parametrize("above", [True, False])
def test_a_v1_function_opts_out_above_or_below(above: bool) -> None:
    """Decorators of hosting stand on either side of ``@hosting.extend``."""
    without = hosting.without("marking")

    def main(req: func.HttpRequest) -> str:
        return "alone"

    replaced = without(hosting.extend(main)) if above else hosting.extend(without(main))
    assert replaced(func.HttpRequest("GET", "/", body=b"")) == "alone"


def test_orchestrators_and_entities_are_left_alone() -> None:
    """Durable functions that replay run their code many times for one run: hooks around it would too."""
    app = hosting.extend(func.FunctionApp())

    @app.generic_trigger("context", "orchestrationTrigger")
    def orchestrator(context: Any) -> str:
        return "replayed"

    assert one_of(app) is orchestrator._function.get_user_function()
    assert orchestrator("x") == "replayed"


def test_a_replacement_shows_the_worker_what_it_expects() -> None:
    """Names, annotations, defaults, file and colour are the author's; only ``context`` is added."""

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


def test_a_stack_trace_ends_in_the_users_file() -> None:
    """What the function raises is raised from its own line."""

    def failing(req: func.HttpRequest) -> str:
        raise LookupError("here")

    with pytest.raises(LookupError) as caught:
        hosting.extend(failing)(func.HttpRequest("GET", "/", body=b""))
    frames = caught.traceback
    assert (str(frames[-1].path), frames[-1].name) == (__file__, "failing")


@pytest.mark.parametrize(
    ("target", "found"),
    [(3, "int"), ("app", "str"), (len, "builtin_function_or_method"), (func.HttpRequest, "ABCMeta")],
)
def test_what_cannot_be_extended_is_a_type_error(target: Any, found: str) -> None:
    """The error says what it takes and what it was given."""
    with pytest.raises(TypeError, match=f"expected a FunctionApp, a Blueprint or a function, found .*{found}"):
        hosting.extend(target)


def test_a_decorated_function_is_not_extended_but_its_app() -> None:
    """The remedy names the app."""
    app = func.FunctionApp()
    with pytest.raises(TypeError, match="extend the app"):
        hosting.extend(app.route("hello")(hello))


def test_extending_twice_with_different_settings_is_an_error() -> None:
    """The first settings stand; the error names both."""
    app = hosting.extend(func.FunctionApp(), diagnostics_route="one")
    assert hosting.extend(app) is app
    with pytest.raises(ValueError, match="'one', found 'two'"):
        hosting.extend(app, diagnostics_route="two")


@pytest.mark.parametrize("target", [hello, func.Blueprint()])  # type: ignore[no-untyped-call]
def test_a_diagnostics_route_needs_an_app(target: Any) -> None:
    """A function or a Blueprint cannot have one."""
    with pytest.raises(TypeError, match="diagnostics_route needs"):
        hosting.extend(target, diagnostics_route="extensions")


def test_the_diagnostics_route_answers_with_the_document() -> None:
    """One more function, at admin level, and only where it is asked for."""
    app = hosting.extend(func.FunctionApp(), diagnostics_route="extensions")
    app.route("hello")(hello)
    built = {one.get_function_name(): one for one in app.get_functions()}
    trigger: Any = built["hosting_diagnostics"].get_trigger()
    assert (trigger.route, trigger.auth_level.name) == ("extensions", "ADMIN")
    answer = built["hosting_diagnostics"].get_user_function()(func.HttpRequest("GET", "/", body=b""))
    document = json.loads(answer.get_body())
    assert document["_info"] == {"AppExtension": ["marking"], "FuncExtension": {}}
    assert [function["name"] for function in document["functions"]] == ["hello"]


def test_info_is_in_the_log_at_start(caplog: pytest.LogCaptureFixture) -> None:
    """People see what is loaded without any endpoint."""
    app = hosting.extend(func.FunctionApp())
    app.route("hello")(hello)
    with caplog.at_level(logging.INFO, logger="hosting.extensions"):
        app.get_functions()
    assert 'Extensions: {"AppExtension": ["marking"], "FuncExtension": {}}' in caplog.messages


def test_a_version_of_the_sdk_that_we_do_not_know_loses_hooks_not_functions(caplog: pytest.LogCaptureFixture) -> None:
    """A function that cannot be replaced runs as it is, and the log says so."""

    class Unknown:
        def __init__(self) -> None:
            self._function_builders: list[Any] = []

        def get_functions(self) -> list[Any]:
            return [object()]

    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        assert len(hosting.extend(Unknown()).get_functions()) == 1
    assert "does not know this version of azure-functions" in caplog.text


def test_with_the_flag_off_the_functions_stay_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is replaced, nothing is patched."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "no")
    app = hosting.extend(func.FunctionApp())
    app.route("hello")(hello)
    assert "get_functions" not in vars(app)
    assert one_of(app) is hello
    assert hosting.extend(hello) is hello


BROKEN = [
    ("not JSON", "host.json is not valid JSON"),
    ('{"version": "1"}', "invalid value for the 'version' property"),
    ('{"version": "2.0", "extensionHost": {"ordre": []}}', "unknown key 'ordre'"),
    ('{"version": "2.0", "extensionHost": {"order": "auth"}}', "must be a list of names, found 'auth'"),
]


@pytest.mark.parametrize("target", ["app", "function"])
@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_an_app_does_not_go_down_because_of_a_broken_host_json(
    worker: Path, caplog: pytest.LogCaptureFixture, target: str, text: str, message: str
) -> None:
    """It runs without extensions, and the log says once what is wrong and what to do."""
    (worker / "host.json").write_text(text)
    if target == "function":
        assert hosting.extend(hello) is hello
        assert hosting.extend(hello) is hello
    else:
        app = hosting.extend(hosting.extend(func.FunctionApp()))
        app.route("hello")(hello)
        assert one_of(app) is hello
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith("The app runs without extensions: ")
    assert message in record.getMessage()


def test_a_broken_host_json_is_an_error_where_an_extension_is_required(
    worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever requires an extension does not want to run without it."""
    (worker / "host.json").write_text("not JSON")
    monkeypatch.setenv("HOSTING_REQUIRE", "marking")
    with pytest.raises(SettingsError, match=r"host\.json is not valid JSON"):
        hosting.extend(func.FunctionApp())


def test_a_required_extension_that_is_missing_stops_the_indexing(worker: Path) -> None:
    """``get_functions`` raises, which Azure's worker tells its host."""
    (worker / "host.json").write_text('{"version": "2.0", "extensionHost": {"required": ["absent"]}}')
    app = hosting.extend(func.FunctionApp())
    app.route("hello")(hello)
    with pytest.raises(ExtensionError, match="'absent' is not installed"):
        app.get_functions()


def test_a_required_extension_that_is_missing_fails_each_v1_invocation(worker: Path) -> None:
    """A v1 function never runs without what its app requires."""
    (worker / "host.json").write_text('{"version": "2.0", "extensionHost": {"required": ["absent"]}}')
    replaced = hosting.extend(hello)
    for _ in range(2):
        with pytest.raises(ExtensionError, match="'absent' is not installed"):
            replaced(func.HttpRequest("GET", "/", body=b""))


def test_an_sdk_that_keeps_its_functions_elsewhere_loses_hooks_not_functions(caplog: pytest.LogCaptureFixture) -> None:
    """An app of a later azure-functions comes back as it is, and the log says so."""

    class DecoratorApi:
        """What all apps of the SDK derive from."""

    class FutureApp(DecoratorApi):
        pass

    app = FutureApp()
    assert hosting.extend(app) is app
    assert "does not know this version of azure-functions: FutureApp runs without extensions" in caplog.text


def test_a_mistake_of_ours_does_not_take_the_app_down(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The functions run as they are, and the log has the traceback."""
    app = hosting.extend(func.FunctionApp())
    app.route("hello")(hello)
    monkeypatch.setattr("hosting.azure_worker.extend._describe", lambda built: 1 / 0)
    assert one_of(app) is hello
    assert "because of a bug in hosting" in caplog.text
    assert "ZeroDivisionError" in caplog.text


COST = """
import sys, time
import azure.functions as func
before = time.perf_counter(); modules = set(sys.modules)
import hosting
app = hosting.extend(func.FunctionApp())
after = time.perf_counter()
heavy = {"uvicorn", "click", "structlog", "rich", "httptools"} & (sys.modules.keys() - modules)
print((after - before) * 1000, sorted(heavy))
"""


def test_extend_needs_no_server_and_no_command_line(tmp_path: Path) -> None:
    """Only the core dependencies are imported."""
    environment = clean_environment({"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "PYTHONPATH": str(ROOT)})
    done = subprocess.run([sys.executable, "-c", COST], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split(maxsplit=1)[1].strip() == "[]"
