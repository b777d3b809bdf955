"""``make_host``: an app in the process of its test, from a folder, from files or from an object, and its clean-up."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.errors import AppLoadError, ExtensionError, HostingError, SettingsError
from hosting.testing import InvocationFailed, RecordingExtension, make_host, portal

ROOT = Path(__file__).parent.parent.parent
HEAD = """
import asyncio, logging, os
import azure.functions as func
import hosting
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""


def files(code: str, **others: str) -> Mapping[str, str]:
    return {"function_app.py": HEAD + code, **others}


HELLO = """
@app.route("hello")
def hello(req: func.HttpRequest) -> str:
    return f"Hello {req.params['name']}"
"""


def test_app_from_a_folder_runs_with_its_settings() -> None:
    """An app runs from its folder, v2 or v1, with its own settings and host.json."""
    with make_host(ROOT / "examples" / "quickstart") as host:
        assert host.get("/api/httptrigger?name=Ada").status == 200
    with make_host(str(ROOT / "examples" / "v1_app")) as host:
        assert host.functions == ("Greet", "Report", "Total")


def test_app_from_files_runs_with_a_host_json_by_default() -> None:
    """A host.json is written if there is none."""
    with make_host(files(HELLO)) as host:
        assert host.get("/api/hello", params={"name": "Ada"}).text == "Hello Ada"
        assert (host.root / "host.json").is_file()


def test_app_object_runs_as_often_as_needed_with_patches_of_the_test() -> None:
    """A FunctionApp of the test runs unchanged, with what the test has patched."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    answers = ["one"]

    @app.route("f")
    def f(req: func.HttpRequest) -> str:
        return answers[0]

    for answer in ("one", "two"):
        answers[0] = answer
        with make_host(app) as host:
            assert host.get("/api/f").text == answer


def test_blueprint_runs_by_itself() -> None:
    """A single Blueprint can be tested."""
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

    @blueprint.route("b", methods=["POST"])
    def b(req: func.HttpRequest) -> str:
        return req.get_body().decode()

    with make_host(blueprint) as host:
        assert host.post("/api/b", body="x").text == "x"


def test_app_object_uses_the_host_json_beside_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the module that holds the app is the app's, if it has a host.json."""
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": "v1"}}}')
    (tmp_path / "app_with_prefix.py").write_text(HEAD + HELLO)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("app_with_prefix")
    with make_host(module.app) as host:
        assert host.root == tmp_path
        assert host.get("/v1/hello?name=Ada").text == "Hello Ada"


def test_object_that_is_not_an_app_is_refused() -> None:
    """The error says what would be an app."""
    with pytest.raises(TypeError, match="expected a folder, files by path, a FunctionApp or a Blueprint, found int"):
        make_host(3)  # type: ignore[arg-type]


def test_files_that_cannot_be_written_leave_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that was created for them is removed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(TypeError):
        make_host({"function_app.py": 3})  # type: ignore[dict-item]
    assert list(tmp_path.iterdir()) == []


def test_app_that_does_not_load_raises_what_hosting_start_prints() -> None:
    """Nothing is left behind."""
    path, environ = list(sys.path), dict(os.environ)
    with pytest.raises(AppLoadError, match="nothing_like_this"), make_host(files("import nothing_like_this")):
        pass
    with pytest.raises(SettingsError, match="version"), make_host(files(HELLO), host_json={"version": "1"}):
        pass
    assert (sys.path, dict(os.environ)) == (path, environ)


def test_hooks_run_from_init_to_shutdown_in_the_order_of_a_real_host() -> None:
    """Hooks run from init to shutdown, in a real host's order."""
    recording = RecordingExtension()
    with make_host(files(HELLO), extensions=[recording]) as host:
        assert recording.hooks == ["init", "configure", "prepare", "post_function_load_app_level", "startup"]
        recording.calls.clear()
        host.get("/api/hello?name=Ada")
    around, pre, post = "invocation_app_level", "pre_invocation_app_level", "post_invocation_app_level"
    assert recording.hooks == [around, pre, post, around, "invocation_end", "response_sent", "shutdown"]


def test_extensions_option_selects_exactly_these_extensions() -> None:
    """None means what the settings say; a list may be empty, and may have names."""
    on = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
    with make_host(files(HELLO), settings=on) as host:
        assert "timer" in host.info["AppExtension"]
    with make_host(files(HELLO), settings=on, extensions=[]) as host:
        assert host.info == {"AppExtension": [], "FuncExtension": {}}
    with make_host(files(HELLO), extensions=["timer"]) as host:
        assert host.info["AppExtension"] == ["timer"]
        assert any("hello took" in message for message in host.get("/api/hello?name=Ada").messages)
    with make_host(files(HELLO), extensions={"mine": RecordingExtension("other")}) as host:
        assert host.info["AppExtension"] == ["mine"]


@pytest.mark.parametrize(
    ("extensions", "message"),
    [(["nonsense"], r"no extension 'nonsense' is installed\n  Installed: .*timer"), ([object(), object()], "two ext")],
)
def test_unknown_or_duplicate_extension_is_an_error(extensions: list[object], message: str) -> None:
    """The error for an unknown name lists the known ones; two extensions of one name need other names."""
    with pytest.raises(ExtensionError, match=message):
        make_host(files(HELLO), extensions=extensions)


@pytest.mark.parametrize("one", ["timer", RecordingExtension()])
def test_single_extension_instead_of_a_list_is_refused(one: Any) -> None:
    """The error says what to write."""
    with pytest.raises(TypeError, match=r"extensions: expected a list, .* put it in a list: \[...\]"):
        make_host(files(HELLO), extensions=one)


def test_host_entered_twice_is_refused() -> None:
    """A second block needs a host of its own; the refusal leaves nothing behind."""
    path, handlers = list(sys.path), list(logging.getLogger().handlers)
    once = make_host(files(HELLO))
    with once as host:
        assert host.get("/api/hello?name=Ada").text == "Hello Ada"
    with pytest.raises(RuntimeError, match="entered only once"), once:
        pass
    with pytest.raises(RuntimeError, match="call it inside its with block"):
        host.get("/api/hello?name=Ada")
    assert (sys.path, logging.getLogger().handlers) == (path, handlers)
    assert "function_app" not in sys.modules


def test_task_that_swallows_its_cancellation_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test continues."""
    monkeypatch.setattr(portal, "CANCEL_TIMEOUT_SECONDS", 0.1)
    code = """
@app.route("begin")
async def begin(req: func.HttpRequest) -> str:
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass
    global task
    task = asyncio.ensure_future(stubborn())
    return "begun"
"""
    app_host = make_host(files(code))
    with pytest.raises(RuntimeError, match=r"did not end when they were cancelled: .*stubborn"), app_host as host:
        assert host.get("/api/begin").text == "begun"
    gc.collect()  # collect the task here and not in another test


def test_strict_host_with_an_extension_that_fails_does_not_start() -> None:
    """A strict host does not start with an extension that fails."""
    broken = RecordingExtension().raise_at("startup", RuntimeError("no"))
    with pytest.raises(ExtensionError, match="no"), make_host(files(HELLO), extensions=[broken], strict=True):
        pass
    assert broken.hooks[-1] == "shutdown"


def test_settings_and_host_json_of_the_test_have_precedence() -> None:
    """They override local.settings.json and the app's host.json, key by key, and functions see them."""
    app = files(
        """
@app.route("f")
def f(req: func.HttpRequest) -> str:
    return os.environ["A"] + os.environ["B"]
""",
        **{
            "local.settings.json": '{"IsEncrypted": false, "Values": {"A": "file", "B": "file"}}',
            "host.json": '{"version": "2.0", "extensions": {"http": {"routePrefix": "p"}}}',
        },
    )
    http = {"extensions": {"http": {"customHeaders": {"X-A": "1"}}}}
    with make_host(app, settings={"A": "test"}, host_json=http) as host:
        reply = host.get("/p/f")
        assert (reply.text, reply.headers["x-a"]) == ("testfile", "1")


def test_functions_option_loads_only_these_functions() -> None:
    """Only the functions that are named are loaded."""
    both = HELLO + HELLO.replace("hello", "other")
    with make_host(files(both), functions=["Other"]) as host:
        assert host.functions == ("other",)
        assert host.get("/api/hello?name=Ada").status == 404


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_exception_of_a_function_is_raised_in_the_test(kind: str) -> None:
    """It is the function's own exception, without frames of the host between test and function."""
    code = f"@app.route('f')\n{kind} f(req: func.HttpRequest) -> str:\n    raise ValueError('no')\n"
    with make_host(files(code)) as host:
        with pytest.raises(ValueError, match="no") as caught:
            host.get("/api/f")
        frames = [Path(frame.filename) for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert frames[-1] == host.root / "function_app.py"
        assert not [frame for frame in frames if frame.is_relative_to(ROOT / "hosting" / "host")]


def test_exception_with_raises_false_is_a_500_with_the_exception() -> None:
    """For one call or for all."""
    code = "@app.route('f')\ndef f(req: func.HttpRequest) -> str:\n    raise ValueError('no')\n"
    with make_host(files(code), raises=False) as host:
        reply = host.get("/api/f")
        assert (reply.status, str(reply.exception), str(reply.invocation.exception)) == (500, "no", "no")
        with pytest.raises(ValueError, match="no"):
            host.get("/api/f", raises=True)


@pytest.mark.parametrize("error", ["SystemExit(3)", "KeyboardInterrupt()", "StopIteration(1)"])
def test_exception_that_would_end_the_test_run_is_the_cause_of_another(error: str) -> None:
    """Exceptions such as SystemExit do not end the test run."""
    code = f"@app.route('f')\ndef f(req: func.HttpRequest) -> str:\n    raise {error}\n"
    with make_host(files(code)) as host:
        with pytest.raises(InvocationFailed, match=error.split("(", maxsplit=1)[0]) as caught:
            host.get("/api/f")
        assert type(caught.value.__cause__).__name__ == error.split("(", maxsplit=1)[0]


def test_result_that_cannot_be_encoded_fails_as_in_azure() -> None:
    """A return value that is not a response fails as it does in Azure."""
    code = "@app.route('f')\ndef f(req: func.HttpRequest):\n    return 3\n"
    with make_host(files(code)) as host, pytest.raises(TypeError, match="not int"):
        host.get("/api/f")


async def test_async_test_awaits_the_host_on_its_own_event_loop() -> None:
    """Async tests await the same methods, and share their event loop with the app."""
    code = """
@app.route("f")
async def f(req: func.HttpRequest) -> str:
    return str(id(asyncio.get_running_loop()))
@app.timer_trigger("t", schedule="0 * * * * *")
async def tick(t: func.TimerRequest) -> None:
    raise ValueError("no")
"""
    async with make_host(files(code)) as host:
        assert (await host.get("/api/f")).text == str(id(asyncio.get_running_loop()))
        assert (await host.request("PUT", "/api/f", json={})).status == 200
        with pytest.raises(ValueError, match="no"):
            await host.invoke("tick")


def test_two_hosts_have_their_own_functions_settings_and_logs() -> None:
    """Two hosts run side by side."""
    code = "@app.route('f')\ndef f(req: func.HttpRequest) -> str:\n    logging.info('%s')\n    return '%s'\n"
    with make_host(files(code % ("one", "one"))) as first, make_host(files(code % ("two", "two"))) as second:
        assert [host.get("/api/f").text for host in (first, second, first)] == ["one", "two", "one"]
        assert ("one" in first.messages, "two" in first.messages) == (True, False)


def test_hosts_closed_in_any_order_leave_the_process_clean() -> None:
    """A host that closes before a later one does not disturb it."""

    def state() -> tuple[object, ...]:
        modules = {name for name in sys.modules if "function_app" in name}
        return list(sys.path), modules, dict(os.environ), logging.getLogger().level

    logging.getLogger().setLevel(logging.WARNING)
    before = state()
    first, second = (make_host(files(HELLO), settings={"STAGE": "test", "ONE": one}) for one in "12")
    first.__enter__()
    inner = second.__enter__()
    first.__exit__(None, None, None)
    assert (os.environ["STAGE"], os.environ["ONE"]) == ("test", "2")
    reply = inner.get("/api/hello?name=Ada")
    assert (reply.text, len(reply.messages)) == ("Hello Ada", 2)
    second.__exit__(None, None, None)
    assert state() == before


def test_calls_from_many_threads_have_their_own_records() -> None:
    """Invocations may overlap, and each has its own record."""
    with make_host(files(HELLO)) as host, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: host.get(f"/api/hello?name={number}"), range(50)))
    assert [reply.text for reply in replies] == [f"Hello {number}" for number in range(50)]
    assert len({reply.invocation.id for reply in replies}) == 50


def test_closed_host_restores_the_state_of_the_process() -> None:
    """Path, modules, environment, working directory, log levels and handlers are restored."""

    def state() -> tuple[object, ...]:
        root = logging.getLogger()
        apps = {name for name in sys.modules if name.startswith(("function_app", "orders", "__app__"))}
        return list(sys.path), dict(os.environ), Path.cwd(), root.level, list(root.handlers), apps

    before = state()
    for app in ("v2_app", "v1_app"):
        with make_host(ROOT / "examples" / app, settings={"MINE": "1"}):
            assert os.environ["MINE"] == "1"
        assert state() == before


def test_modules_of_the_test_are_restored_after_an_app_replaced_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that an app's own replaced is restored, so that patching it by name works."""
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(HEAD + HELLO)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("function_app")
    try:
        with make_host(tmp_path):
            assert sys.modules["function_app"] is not module
        assert sys.modules["function_app"] is module
    finally:
        del sys.modules["function_app"]


def test_module_level_configure_and_use_apply_to_every_host_of_an_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hosting.configure and hosting.use at module level reach every host that a test makes of the app."""
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    asks = "hosting.configure('recording', top=3)\nhosting.use(app, 'recording')\n"
    (tmp_path / "app_that_asks.py").write_text(HEAD + HELLO + asks)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("app_that_asks")
    try:
        with make_host(files(HELLO)):
            pass
        for _ in range(2):
            recording = RecordingExtension()
            with make_host(module.app, extensions=[recording]) as host:
                assert host.info["FuncExtension"] == {"hello": ["recording"]}
            assert recording.calls_of("configure")[0].arguments["settings"] == {"top": 3}
    finally:
        hosting.authoring.pending.take()


def test_function_that_cannot_run_is_an_error_with_the_reason_when_called() -> None:
    """The error for an unknown function lists the known ones."""
    code = HELLO + "@app.route('admin/x')\ndef reserved(req: func.HttpRequest) -> str: ...\n"
    with make_host(files(code)) as host:
        assert [problem.function for problem in host.problems] == ["reserved"]
        with pytest.raises(HostingError, match="conflicts with one or more built in routes"):
            host.invoke("reserved")
        with pytest.raises(HostingError, match=r"no function 'nothing'.\n  Its functions: hello"):
            host.invoke("nothing")


def test_diagnosis_of_a_test_host_has_current_statistics() -> None:
    """The document of hosting diag has the current statistics."""
    with make_host(files(HELLO), extensions=[RecordingExtension()]) as host:
        host.get("/api/hello?name=Ada")
        (entry,) = host.diagnosis()["extensions"]
        assert entry["statistics"]["pre_invocation_app_level"]["calls"] == 1
