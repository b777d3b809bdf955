"""Guards in Azure's worker: no function runs without them, and callers get what they get from ``hosting start``."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.authoring import pending
from hosting.errors import ExtensionError, GuardError
from tests.support.azure_worker import azure_worker, call_as_worker


class Gate:
    """A guard, of which each test breaks one thing."""

    guard = True

    def __init__(self) -> None:
        self.ran = 0
        self.starts: Callable[[], None] = lambda: None
        self.decides: Callable[[], Any] = lambda: None
        self.releases: Callable[[], None] = lambda: None

    @hosting.hookimpl
    def startup(self) -> None:
        self.starts()

    @hosting.hookimpl
    async def pre_invocation_app_level(self) -> None:
        await asyncio.sleep(self.decides() or 0)

    @hosting.hookimpl
    def post_invocation_app_level(self) -> None:
        self.releases()


gate = Gate()
HOST_JSON = {"version": "2.0", "extensionHost": {"budgets": {"hook": 0.05}}}


@pytest.fixture(autouse=True)
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set a process up as Azure's worker does, with one guard installed."""
    gate.__init__()  # type: ignore[misc]
    (tmp_path / "host.json").write_text(json.dumps(HOST_JSON))
    with azure_worker(tmp_path, monkeypatch, __name__, "gate") as folder:
        yield folder


def http_function(app: Any, *, is_async: bool) -> None:
    if is_async:

        @app.route("f", trigger_arg_name="call")  # type: ignore[untyped-decorator]
        async def f(call: func.HttpRequest) -> str:
            gate.ran += 1
            return "secret"
    else:

        @app.route("f", trigger_arg_name="call")  # type: ignore[untyped-decorator]
        def f(call: func.HttpRequest) -> str:
            gate.ran += 1
            return "secret"


def output_function(app: Any) -> None:
    @app.function_name("f")  # type: ignore[untyped-decorator]
    @app.generic_trigger("call", "httpTrigger", route="f")  # type: ignore[untyped-decorator]
    @app.generic_output_binding("answer", "http")  # type: ignore[untyped-decorator]
    def f(call: func.HttpRequest, answer: func.Out[func.HttpResponse]) -> None:
        gate.ran += 1


def queue_function(app: Any) -> None:
    @app.queue_trigger("call", "orders", "Storage")  # type: ignore[untyped-decorator]
    def f(call: func.QueueMessage) -> None:
        gate.ran += 1


def built(define: Callable[[Any], None]) -> Any:
    """Return what the worker gets of an app with one function."""
    app = hosting.extend(func.FunctionApp())
    define(app)
    (one,) = app.get_functions()
    return one.get_user_function()


def call(function: Any, **arguments: Any) -> Any:
    request = func.HttpRequest("GET", "/api/f", body=b"")
    return call_as_worker(function, "f", call=request, **arguments)


def fail() -> None:
    raise ValueError("Bearer secret")


FAILURES: dict[str, tuple[str, Callable[[], Any], int]] = {
    "raises": ("decides", fail, 500),
    "is slow": ("decides", lambda: 60, 503),
    "does not start": ("starts", fail, 503),
}
DEFINITIONS: dict[str, Callable[[Any], None]] = {
    "def": lambda app: http_function(app, is_async=False),
    "async def": lambda app: http_function(app, is_async=True),
}


class Answer:
    """An output of a function, as the worker passes it."""

    value: Any = None

    def set(self, value: Any) -> None:
        self.value = value


def check(response: Any, status: int) -> None:
    assert isinstance(response, func.HttpResponse)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers.get("retry-after") == (None if status == 500 else "1")
    assert json.loads(response.get_body())["invocationId"] == "i1"
    assert b"secret" not in response.get_body()


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("failure", FAILURES)
def test_denied_http_function_answers_with_a_problem_document(failure: str, definition: str) -> None:
    """The worker gets a response of the SDK, in place of an error that Azure would answer in its own way."""
    hook, breaks, status = FAILURES[failure]
    setattr(gate, hook, breaks)
    function = built(DEFINITIONS[definition])
    for _ in range(2):
        check(call(function), status)
    assert gate.ran == 0


def test_denied_function_with_an_output_sets_it() -> None:
    """The response of such a function is the value of its output."""
    gate.decides = fail

    answer = Answer()
    assert call(built(output_function), answer=answer) is None
    check(answer.value, 500)
    assert gate.ran == 0


@pytest.mark.parametrize("is_async", [False, True])
def test_withheld_result_takes_the_other_outputs_with_it(is_async: bool) -> None:
    """The worker writes the outputs of an invocation that answers: what the function has set is withheld, too."""
    gate.releases = fail

    def define(app: Any) -> None:
        output = app.queue_output("message", "orders", "Storage")

        def f(call: func.HttpRequest, message: func.Out[str]) -> str:
            gate.ran += 1
            message.set("secret")
            return "secret"

        async def f_async(call: func.HttpRequest, message: func.Out[str]) -> str:
            return f(call, message)

        app.function_name("f")(app.route("f", trigger_arg_name="call")(output(f_async if is_async else f)))

    message = Answer()
    check(call(built(define), message=message), 500)
    assert (gate.ran, message.value) == (1, None)


def test_denied_queue_function_fails() -> None:
    """So Azure's host tries the message again, and moves it to the poison queue in the end."""
    gate.decides = fail
    with pytest.raises(GuardError):
        call(built(queue_function))
    assert gate.ran == 0


V1 = """
import azure.functions as func
import hosting
{keyword} main(call{parameters}){returns}:
    raise AssertionError("it ran")
main = hosting.extend(main)
"""
RETURNING = {"name": "$return", "type": "http", "direction": "out"}
NAMED = {"name": "answer", "type": "http", "direction": "out"}


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize("output", [RETURNING, NAMED], ids=["$return", "output"])
def test_denied_function_of_a_v1_app_answers(
    keyword: str, output: dict[str, str], worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its HTTP output is in function.json, which is read before the first invocation."""
    gate.decides = fail
    is_named = output is NAMED
    trigger = {"name": "call", "type": "httpTrigger", "direction": "in"}
    (worker / "f").mkdir()
    (worker / "f" / "function.json").write_text(
        json.dumps({"scriptFile": "__init__.py", "bindings": [trigger, output]})
    )
    parameters = ", answer: func.Out[func.HttpResponse]" if is_named else ""
    code = V1.format(keyword=keyword, parameters=parameters, returns="" if is_named else " -> func.HttpResponse")
    (worker / "f" / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(str(worker))
    monkeypatch.delitem(sys.modules, "f", raising=False)
    main = importlib.import_module("f").main
    answer = Answer()
    response = call(main, **({"answer": answer} if is_named else {}))
    sys.modules.pop("f", None)
    check(answer.value if is_named else response, 500)


def test_v1_function_whose_folder_cannot_be_read_stays_closed(worker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each invocation fails, not only the one that looked for the folder."""

    def main(call: func.HttpRequest) -> str:
        gate.ran += 1
        return "secret"

    extended = hosting.extend(main)
    monkeypatch.setattr("hosting.azure_worker.folders.find_functions", lambda *_: open("/nothing"))  # noqa: SIM115
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            call(extended)
    assert gate.ran == 0


def test_guard_that_passes_lets_the_function_run() -> None:
    """A guard in the worker is otherwise an extension like any other."""
    assert call(built(DEFINITIONS["def"])) == "secret"
    assert call(built(DEFINITIONS["async def"])) == "secret"


def break_host_json(folder: Path, _patch: pytest.MonkeyPatch) -> None:
    (folder / "host.json").write_text('{"version": "2.0", "extensionHost": {"guards": ["gate"], "typo": 1}}')


def break_guards(folder: Path, _patch: pytest.MonkeyPatch) -> None:
    (folder / "host.json").write_text('{"version": "2.0", "extensionHost": {"Guards": ["other"]}}')


def write_guards_twice(folder: Path, _patch: pytest.MonkeyPatch) -> None:
    (folder / "host.json").write_text('{"version": "2.0", "extensionHost": {"guards": ["other"], "guards": []}}')


def break_another_part(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HOSTING_ALLOW", "nothing")
    content = {"version": "2.0", "logging": {"logLevel": {"default": 5}}, "extensionHost": {"load": ["my_gate:Gate"]}}
    (folder / "host.json").write_text(json.dumps(content))


def make_host_json_unreadable(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HOSTING_ALLOW", "nothing")
    (folder / "host.json").unlink()
    (folder / "host.json").symlink_to("host.json")


def name_unknown(_folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HOSTING_GUARDS", "other")


def switch_off(_folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "0")
    patch.setenv("HOSTING_GUARDS", "marking")


def fail_import(folder: Path, patch: pytest.MonkeyPatch) -> None:
    site = next((folder / "site").glob("*.dist-info/entry_points.txt"))
    site.write_text("[hosting.guards]\nmarking = nothing_like_this:gate\n")


def fail_import_while_off(folder: Path, patch: pytest.MonkeyPatch) -> None:
    fail_import(folder, patch)
    patch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "0")


def register_a_local_guard(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HOSTING_ALLOW", "nothing")
    (folder / "host.json").write_text('{"version": "2.0", "extensionHost": {"typo": 1}}')
    hosting.extension(Gate)


def load_a_local_extension(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HOSTING_ALLOW", "nothing")
    (folder / "host.json").write_text('{"version": "2.0", "extensionHost": {"Load": ["my_gate:Gate"], "typo": 1}}')


BREAKS = [
    break_host_json,
    break_guards,
    write_guards_twice,
    break_another_part,
    make_host_json_unreadable,
    name_unknown,
    switch_off,
    fail_import,
    fail_import_while_off,
    register_a_local_guard,
    load_a_local_extension,
]


@pytest.mark.parametrize("breaks", BREAKS)
def test_app_without_its_guard_is_not_indexed(
    breaks: Callable[[Path, pytest.MonkeyPatch], None], worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typo, a lost setting or a broken package does not open the app: the worker serves nothing."""
    breaks(worker, monkeypatch)
    with pytest.raises(hosting.errors.HostingError):
        built(DEFINITIONS["def"])


def test_function_that_cannot_be_extended_is_not_served_without_a_guard() -> None:
    """What would run without extensions, and does so with a log line in other apps, would be open."""
    app = hosting.extend(func.FunctionApp())
    define_in_a_class(app)
    with pytest.raises(ExtensionError, match="guard"):
        app.get_functions()


def define_in_a_class(app: Any) -> None:
    """Add a function that ``hosting.extend`` cannot replace."""

    class Handler:
        __name__ = "g"

        def __call__(self, call: func.HttpRequest) -> str:
            return "secret"

    app.function_name("g")(app.route("g", trigger_arg_name="call")(Handler()))


ORDERS = {
    "extend, register, guard": "erg",
    "extend, guard, register": "egr",
    "guard, extend, register": "ger",
    "guard, register, extend": "gre",
    "register, extend, guard": "reg",
    "register, guard, extend": "rge",
}


@pytest.mark.parametrize("flag", ["0", "1"])
@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_functions_of_an_extended_blueprint_are_guarded_in_whatever_order_the_app_says_so(
    order: str, definition: str, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app itself is not extended; its own guard counts also while installed extensions are off."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", flag)
    monkeypatch.setenv("HOSTING_ALLOW", "nothing")
    app, blueprint, own = func.FunctionApp(), func.Blueprint(), Gate()  # type: ignore[no-untyped-call]
    own.decides = fail
    DEFINITIONS[definition](blueprint)
    steps: dict[str, Callable[[], Any]] = {
        "e": lambda: hosting.extend(blueprint),
        "r": lambda: app.register_functions(blueprint),
        "g": lambda: hosting.extension(own),
    }
    for step in order:
        steps[step]()
    (one,) = app.get_functions()
    check(call(one.get_user_function()), 500)
    assert gate.ran == 0


def test_guard_that_is_registered_between_two_invocations_guards_the_next_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A module that a function imports when it is called may register it; the log has what it misses."""
    function = built(DEFINITIONS["def"])
    assert call(function) == "secret"
    late = Gate()
    late.decides = fail
    hosting.extension(late, name="late")
    check(call(function), 500)
    assert gate.ran == 1
    assert "Extension 'late' was registered after functions of the app were loaded: its hook startup" in caplog.text


@pytest.mark.parametrize("load", [None, ["my_gate:Gate"]])
def test_function_of_a_blueprint_that_cannot_be_extended_is_not_served_without_the_apps_guard(
    load: list[str] | None, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard is one that no package brings, and that has not been imported when the function is looked at."""
    monkeypatch.setenv("HOSTING_ALLOW", "nothing")
    if load is None:
        hosting.extension(Gate)
    else:
        (worker / "host.json").write_text(json.dumps({"version": "2.0", "extensionHost": {"load": load}}))
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
    define_in_a_class(blueprint)
    with pytest.raises(ExtensionError, match="guard"):
        func.FunctionApp().register_functions(hosting.extend(blueprint))


def test_function_that_others_refer_to_opts_out_for_itself_alone() -> None:
    """A function that calls another one keeps it like a decorator does, and is still guarded."""

    def define(app: Any) -> None:
        @hosting.without("marking")
        def ping(req: func.HttpRequest) -> str:
            return "open"

        def pay(req: func.HttpRequest) -> str:
            return ping(req)

        app.route("ping")(ping)
        app.route("pay")(pay)

    app = hosting.extend(func.FunctionApp())
    define(app)
    app.get_functions()
    assert pending.shared.host.diagnosis()["unguarded"] == ["ping"]


def test_functions_without_a_guard_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Opting out is seen where the app runs, too."""

    def define(app: Any) -> None:
        @app.route("open")  # type: ignore[untyped-decorator]
        @hosting.without("marking")
        def opened(req: func.HttpRequest) -> str:
            return "open"

    with caplog.at_level(logging.WARNING, logger="hosting.extensions"):
        built(define)
    assert "Functions without a guard: opened" in caplog.messages
    assert pending.shared.host.diagnosis()["unguarded"] == ["opened"]
