"""The function that ``hosting.extend`` returns, called in all the ways in which people and workers call functions."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.errors import ExtensionError
from hosting.host.context import Context, InvocationLocal
from tests.support.azure_worker import azure_worker


class Marking:
    """An extension that adds a mark to the function's result, and records its calls."""

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
    """Set a process up as Azure's worker does, with one extension installed."""
    marking.__init__()  # type: ignore[misc]
    with azure_worker(tmp_path, monkeypatch, __name__, "marking") as folder:
        yield folder


def own_answer(answer: Any) -> str:
    """Return what the function itself answered."""
    text, mark, _ = str(answer).partition(" by ")
    assert mark, "no hook has run"
    return text


REQUEST = func.HttpRequest("GET", "/", body=b"")
CONTEXT: Any = Context("the-id", "main", "/", InvocationLocal())


def test_functions_of_one_name_each_run_their_own_code() -> None:
    """Two v1 folders may share a script's folder, and two apps in one process may use one name."""

    def extended_main(answer: str) -> Any:
        def main(req: func.HttpRequest) -> str:
            return answer

        return hosting.extend(main)

    first, second = extended_main("first"), extended_main("second")
    assert [own_answer(first(REQUEST)), own_answer(second(REQUEST)), own_answer(first(REQUEST))] == [
        "first",
        "second",
        "first",
    ]


def test_second_invocation_during_loading_waits_until_functions_are_loaded() -> None:
    """No invocation of a v1 function misses the hooks while another thread loads them."""

    @hosting.extend
    def main(req: func.HttpRequest) -> str:
        return "hello"

    answers: list[Any] = []
    other = threading.Thread(target=lambda: answers.append(main(REQUEST)))

    def start_other() -> None:
        other.start()
        other.join(0.2)

    marking.loading = start_other
    answers.append(main(REQUEST))
    other.join()
    assert [own_answer(answer) for answer in answers] == ["hello", "hello"]


def test_second_invocation_during_a_failing_load_is_refused_too(worker: Path) -> None:
    """Where a required extension is missing, the invocation that waited gets the error as well."""
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

    def start_other() -> None:
        other.start()
        other.join(0.2)

    marking.loading = start_other
    invoke()
    other.join()
    assert len(refused) == 2


def test_missing_required_extension_stops_every_app_in_a_process(worker: Path) -> None:
    """The second app fails too, with the same message."""
    (worker / "host.json").write_text('{"version": "2.0", "extensionHost": {"required": ["absent"]}}')
    for _ in range(2):
        app = hosting.extend(func.FunctionApp())
        app.route("hello")(lambda req: "hello")
        with pytest.raises(ExtensionError, match="'absent' is not installed"):
            app.get_functions()


class Greeter:
    """A callable that is not a function."""

    def __call__(self, req: func.HttpRequest) -> str:
        return "hello"


def wrap(inner: Any) -> Any:
    @functools.wraps(inner)
    def wrapper(req: func.HttpRequest) -> str:
        return str(inner(req))

    return wrapper


@pytest.mark.parametrize("inner", [Greeter(), functools.partial(lambda req, word: word, word="hello")])
def test_function_that_wraps_a_callable_object_is_extended(inner: Any) -> None:
    """In both models; its file is that of the wrapper."""
    assert own_answer(hosting.extend(wrap(inner))(REQUEST)) == "hello"
    app = hosting.extend(func.FunctionApp())
    wrapper = wrap(inner)
    wrapper.__name__ = "hello"
    app.route("hello")(wrapper)
    [definition] = app.get_functions()
    assert own_answer(definition.get_user_function()(REQUEST)) == "hello"


def test_function_that_cannot_be_replaced_leaves_the_others_their_hooks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log names the function."""
    app = hosting.extend(func.FunctionApp())
    greeter: Any = Greeter()
    greeter.__name__ = "greeter"
    app.route("greeter")(greeter)

    @app.route("hello")
    def hello(req: func.HttpRequest) -> str:
        return "hello"

    functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}
    assert functions["greeter"] is greeter
    assert own_answer(functions["hello"](REQUEST)) == "hello"
    assert "'greeter'" in caplog.text


def test_sync_function_with_a_context_by_position_passes_it_to_hooks() -> None:
    """Unit tests pass the context by position."""

    def main(req: func.HttpRequest, context: func.Context) -> str:
        return context.invocation_id

    assert hosting.extend(main)(REQUEST, CONTEXT) == "the-id by the-id"


async def test_async_function_with_a_context_by_position_passes_it_to_hooks() -> None:
    """Unit tests pass the context by position."""

    async def main(req: func.HttpRequest, context: func.Context) -> str:
        return context.invocation_id

    assert await hosting.extend(main)(REQUEST, CONTEXT) == "the-id by the-id"


def test_extra_arguments_reach_variable_parameters() -> None:
    """``**rest`` stays unchanged, and hooks get its names."""

    def main(req: func.HttpRequest, **rest: Any) -> str:
        return ",".join(rest)

    assert own_answer(hosting.extend(main)(REQUEST, a=1, b=2)) == "a,b"
    assert ["a", "b", "req"] in marking.seen


@pytest.mark.parametrize(
    "text", ["[]", "{", json.dumps({"bindings": "x"}), json.dumps({"bindings": [3]}), '{"bindings": 1}']
)
def test_v1_function_with_an_invalid_function_json_can_be_called(worker: Path, text: str) -> None:
    """The module can be imported and the function called."""
    folder = worker / "Odd"
    folder.mkdir()
    (folder / "function.json").write_text(text)
    (folder / "__init__.py").write_text("def main(req):\n    return 'hello'\n")
    names: dict[str, Any] = {"__name__": "Odd"}
    exec(compile((folder / "__init__.py").read_text(), str(folder / "__init__.py"), "exec"), names)
    assert str(hosting.extend(names["main"])(REQUEST)).startswith("hello")


def test_v1_function_with_an_internal_error_of_hosting_runs_without_hooks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the traceback."""

    def main(req: func.HttpRequest) -> str:
        return "hello"

    replaced = hosting.extend(main)
    monkeypatch.setattr("hosting.extensions.ExtensionHost.load", lambda *_arguments, **_options: 1 / 0)
    assert replaced(REQUEST) == "hello"
    assert "ZeroDivisionError" in caplog.text


async def test_startup_of_a_v1_app_runs_on_the_event_loop_that_imported_it() -> None:
    """Also if the first invocation is that of a sync function, in the worker's thread pool."""

    @hosting.extend
    def main(req: func.HttpRequest) -> str:
        return "hello"

    assert own_answer(await asyncio.to_thread(main, REQUEST)) == "hello"
    assert marking.seen[0] is asyncio.get_running_loop()


def test_extend_with_the_flag_off_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Switching the flag on later, as tests do, still works."""
    monkeypatch.delenv("PYTHON_ENABLE_WORKER_EXTENSIONS")

    def main(req: func.HttpRequest) -> str:
        return "hello"

    with caplog.at_level(logging.INFO, logger="hosting.extensions"):
        hosting.extend(func.FunctionApp())
        assert hosting.extend(main) is main
    [message] = caplog.messages
    assert "PYTHON_ENABLE_WORKER_EXTENSIONS is not true" in message
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
    assert own_answer(hosting.extend(main)(REQUEST)) == "hello"


@pytest.mark.parametrize("where", ["host.json", "HOSTING_REQUIRE"])
def test_app_that_requires_an_extension_with_the_flag_off_is_refused(
    worker: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """As under ``hosting start``, a missing setting does not expose what an extension guards."""
    monkeypatch.delenv("PYTHON_ENABLE_WORKER_EXTENSIONS")
    if where == "host.json":
        (worker / "host.json").write_text('{"version": "2.0", "extensionHost": {"required": ["marking"]}}')
    else:
        monkeypatch.setenv("HOSTING_REQUIRE", "marking")
    for target in (func.FunctionApp(), lambda req: "open"):
        with pytest.raises(ExtensionError, match="'marking' is disabled"):
            hosting.extend(target)


def test_invalid_host_json_with_the_flag_off_is_ignored(worker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """host.json is not needed, unless the environment requires an extension."""
    monkeypatch.delenv("PYTHON_ENABLE_WORKER_EXTENSIONS")
    (worker / "host.json").write_text("not JSON")
    app = func.FunctionApp()
    assert hosting.extend(app) is app
