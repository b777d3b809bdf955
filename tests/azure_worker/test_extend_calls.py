"""What ``hosting.extend`` puts in a function's place, called in all the ways that people and workers call functions."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.authoring import pending
from hosting.errors import ExtensionError
from hosting.host.context import Context, InvocationLocal


class Marking:
    """An extension that answers with the function's result and a mark, and tells what it sees."""

    def __init__(self) -> None:
        self.loading: Callable[[], None] = lambda: None
        self.seen: list[Any] = []

    @hosting.hookimpl
    async def startup(self) -> None:
        self.seen.append(asyncio.get_running_loop())

    @hosting.hookimpl
    def post_function_load_app_level(self) -> None:
        self.loading()

    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args: dict[str, Any]) -> None:
        self.seen.append(sorted(func_args))

    @hosting.hookimpl
    def post_invocation_app_level(self, context: Any, func_ret: Any) -> Any:
        return f"{func_ret} by {context.invocation_id}"


marking = Marking()


@pytest.fixture(autouse=True)
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A process as Azure's worker sets it up, with one extension installed."""
    info = tmp_path / "site" / "marking-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: marking\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[hosting]\nmarking = {__name__}:marking\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules["__main__"])
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
    monkeypatch.setenv("HOSTING_ALLOW", "marking")
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path))
    marking.__init__()  # type: ignore[misc]
    yield tmp_path
    pending.shared = None
    pending.take()


def told(answer: Any) -> str:
    """What the function itself answered."""
    text, mark, _ = str(answer).partition(" by ")
    assert mark, "no hook has run"
    return text


REQUEST = func.HttpRequest("GET", "/", body=b"")
CONTEXT: Any = Context("the-id", "main", "/", InvocationLocal())


def test_functions_of_one_name_each_run_their_own_code() -> None:
    """Two v1 folders may share a script's folder, and two apps in one process may use one name."""

    def made(answer: str) -> Any:
        def main(req: func.HttpRequest) -> str:
            return answer

        return hosting.extend(main)

    first, second = made("first"), made("second")
    assert [told(first(REQUEST)), told(second(REQUEST)), told(first(REQUEST))] == ["first", "second", "first"]


def test_a_second_first_invocation_waits_until_functions_are_loaded() -> None:
    """No invocation of a v1 function slips past the hooks while another thread loads them."""

    @hosting.extend
    def main(req: func.HttpRequest) -> str:
        return "hello"

    answers: list[Any] = []
    other = threading.Thread(target=lambda: answers.append(main(REQUEST)))

    def loading() -> None:
        other.start()
        other.join(0.2)

    marking.loading = loading
    answers.append(main(REQUEST))
    other.join()
    assert [told(answer) for answer in answers] == ["hello", "hello"]


def test_a_second_first_invocation_is_refused_too(worker: Path) -> None:
    """Where a required extension is missing, the one that waited is told as well."""
    (worker / "host.json").write_text('{"version": "2.0", "extensionHost": {"required": ["absent"]}}')

    @hosting.extend
    def main(req: func.HttpRequest) -> str:
        return "open"

    refused: list[ExtensionError] = []

    def invoke() -> None:
        with pytest.raises(ExtensionError, match="'absent' is not installed") as caught:
            main(REQUEST)
        refused.append(caught.value)

    other = threading.Thread(target=invoke)

    def loading() -> None:
        other.start()
        other.join(0.2)

    marking.loading = loading
    invoke()
    other.join()
    assert len(refused) == 2


def test_a_missing_required_extension_stops_every_app(worker: Path) -> None:
    """The second one too, with the same message."""
    (worker / "host.json").write_text('{"version": "2.0", "extensionHost": {"required": ["absent"]}}')
    for _ in range(2):
        app = hosting.extend(func.FunctionApp())
        app.route("hello")(lambda req: "hello")
        with pytest.raises(ExtensionError, match="'absent' is not installed"):
            app.get_functions()


class Greeter:
    """A callable that is no function."""

    def __call__(self, req: func.HttpRequest) -> str:
        return "hello"


def wrapping(inner: Any) -> Any:
    @functools.wraps(inner)
    def wrapper(req: func.HttpRequest) -> str:
        return str(inner(req))

    return wrapper


@pytest.mark.parametrize("inner", [Greeter(), functools.partial(lambda req, word: word, word="hello")])
def test_a_function_that_wraps_what_is_no_function_is_extended(inner: Any) -> None:
    """In both models; it stands in the file of the wrapper."""
    assert told(hosting.extend(wrapping(inner))(REQUEST)) == "hello"
    app = hosting.extend(func.FunctionApp())
    wrapper = wrapping(inner)
    wrapper.__name__ = "hello"
    app.route("hello")(wrapper)
    [built] = app.get_functions()
    assert told(built.get_user_function()(REQUEST)) == "hello"


def test_one_function_that_cannot_be_replaced_does_not_cost_the_others_their_hooks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log tells of that one."""
    app = hosting.extend(func.FunctionApp())
    greeter: Any = Greeter()
    greeter.__name__ = "greeter"
    app.route("greeter")(greeter)

    @app.route("hello")
    def hello(req: func.HttpRequest) -> str:
        return "hello"

    functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}
    assert functions["greeter"] is greeter
    assert told(functions["hello"](REQUEST)) == "hello"
    assert "'greeter'" in caplog.text


@pytest.mark.parametrize("coroutine", [False, True])
def test_a_context_by_position_is_the_one_hooks_get(coroutine: bool) -> None:
    """As a unit test calls a function."""

    def main(req: func.HttpRequest, context: func.Context) -> str:
        return context.invocation_id

    async def main_async(req: func.HttpRequest, context: func.Context) -> str:
        return context.invocation_id

    if coroutine:
        assert asyncio.run(hosting.extend(main_async)(REQUEST, CONTEXT)) == "the-id by the-id"
    else:
        assert hosting.extend(main)(REQUEST, CONTEXT) == "the-id by the-id"


def test_arguments_by_position_reach_variable_parameters() -> None:
    """``**rest`` stays what it is, and hooks see its names."""

    def main(req: func.HttpRequest, **rest: Any) -> str:
        return ",".join(rest)

    assert told(hosting.extend(main)(REQUEST, a=1, b=2)) == "a,b"
    assert ["a", "b", "req"] in marking.seen


@pytest.mark.parametrize(
    "text", ["[]", "{", json.dumps({"bindings": "x"}), json.dumps({"bindings": [3]}), '{"bindings": 1}']
)
def test_an_odd_function_json_does_not_take_a_v1_app_down(worker: Path, text: str) -> None:
    """Whatever Azure's host makes of it, the module can be imported and the function called."""
    folder = worker / "Odd"
    folder.mkdir()
    (folder / "function.json").write_text(text)
    (folder / "__init__.py").write_text("def main(req):\n    return 'hello'\n")
    names: dict[str, Any] = {"__name__": "Odd"}
    exec(compile((folder / "__init__.py").read_text(), str(folder / "__init__.py"), "exec"), names)
    assert str(hosting.extend(names["main"])(REQUEST)).startswith("hello")


def test_a_mistake_of_ours_does_not_take_a_v1_function_down(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its first invocation runs without hooks, and the log has the traceback."""

    def main(req: func.HttpRequest) -> str:
        return "hello"

    replaced = hosting.extend(main)
    monkeypatch.setattr("hosting.extensions.ExtensionHost.load", lambda self, functions: 1 / 0)
    assert replaced(REQUEST) == "hello"
    assert "ZeroDivisionError" in caplog.text


def test_startup_of_a_v1_app_runs_on_the_loop_that_imported_it() -> None:
    """Also where the first invocation is that of a sync function, in the worker's pool."""

    async def serve() -> None:
        @hosting.extend
        def main(req: func.HttpRequest) -> str:
            return "hello"

        assert told(await asyncio.to_thread(main, REQUEST)) == "hello"
        assert marking.seen[0] is asyncio.get_running_loop()

    asyncio.run(serve())


def test_with_the_flag_off_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who forgot the setting learns of it; switching it on later, as tests do, still works."""
    monkeypatch.delenv("PYTHON_ENABLE_WORKER_EXTENSIONS")

    def main(req: func.HttpRequest) -> str:
        return "hello"

    with caplog.at_level(logging.INFO, logger="hosting.extensions"):
        hosting.extend(func.FunctionApp())
        assert hosting.extend(main) is main
    [message] = caplog.messages
    assert "PYTHON_ENABLE_WORKER_EXTENSIONS is not true" in message
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
    assert told(hosting.extend(main)(REQUEST)) == "hello"


@pytest.mark.parametrize("where", ["host.json", "HOSTING_REQUIRE"])
def test_with_the_flag_off_an_app_that_requires_an_extension_does_not_run(
    worker: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A forgotten setting does not open what an extension guards: as under ``hosting start`` the app is refused."""
    monkeypatch.delenv("PYTHON_ENABLE_WORKER_EXTENSIONS")
    if where == "host.json":
        (worker / "host.json").write_text('{"version": "2.0", "extensionHost": {"required": ["marking"]}}')
    else:
        monkeypatch.setenv("HOSTING_REQUIRE", "marking")
    for target in (func.FunctionApp(), lambda req: "open"):
        with pytest.raises(ExtensionError, match="'marking' is disabled"):
            hosting.extend(target)


def test_with_the_flag_off_a_broken_host_json_is_no_matter(worker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is wanted, unless the environment requires an extension."""
    monkeypatch.delenv("PYTHON_ENABLE_WORKER_EXTENSIONS")
    (worker / "host.json").write_text("not JSON")
    app = func.FunctionApp()
    assert hosting.extend(app) is app
