"""An app in the process of its test, from a folder, from files or from an object; its whole life, and nothing after."""

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


def test_a_folder() -> None:
    """An app is run from its folder, v2 or v1, with its own settings and host.json."""
    with make_host(ROOT / "examples" / "quickstart") as host:
        assert host.get("/api/httptrigger?name=Ada").status == 200
    with make_host(str(ROOT / "examples" / "v1_app")) as host:
        assert host.functions == ("Greet", "Report", "Total")


def test_files() -> None:
    """An app is run from its files; a host.json is written where there is none."""
    with make_host(files(HELLO)) as host:
        assert host.get("/api/hello", params={"name": "Ada"}).text == "Hello Ada"
        assert (host.root / "host.json").is_file()


def test_an_object() -> None:
    """A FunctionApp that the test has is run as it is, as often as wanted, with what the test has patched."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    answers = ["one"]

    @app.route("f")
    def f(req: func.HttpRequest) -> str:
        return answers[0]

    for answer in ("one", "two"):
        answers[0] = answer
        with make_host(app) as host:
            assert host.get("/api/f").text == answer


def test_a_blueprint() -> None:
    """One Blueprint is tried by itself."""
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

    @blueprint.route("b", methods=["POST"])
    def b(req: func.HttpRequest) -> str:
        return req.get_body().decode()

    with make_host(blueprint) as host:
        assert host.post("/api/b", body="x").text == "x"


def test_an_object_has_the_host_json_beside_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the module that holds the app is the app's, if a host.json is there."""
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": "v1"}}}')
    (tmp_path / "app_with_prefix.py").write_text(HEAD + HELLO)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("app_with_prefix")
    with make_host(module.app) as host:
        assert host.root == tmp_path
        assert host.get("/v1/hello?name=Ada").text == "Hello Ada"


def test_what_is_no_app() -> None:
    """An object that is no app is refused at once, with what would be one."""
    with pytest.raises(TypeError, match="expected a folder, files by path, a FunctionApp or a Blueprint, found int"):
        make_host(3)  # type: ignore[arg-type]


def test_files_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that was made for them is gone again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(TypeError):
        make_host({"function_app.py": 3})  # type: ignore[dict-item]
    assert list(tmp_path.iterdir()) == []


def test_an_app_that_does_not_load() -> None:
    """Entering raises what hosting start would print, and leaves nothing behind."""
    path, environ = list(sys.path), dict(os.environ)
    with pytest.raises(AppLoadError, match="nothing_like_this"), make_host(files("import nothing_like_this")):
        pass
    with pytest.raises(SettingsError, match="version"), make_host(files(HELLO), host_json={"version": "1"}):
        pass
    assert (sys.path, dict(os.environ)) == (path, environ)


def test_the_whole_lifecycle() -> None:
    """Hooks run from init to shutdown, in a real host's order."""
    recording = RecordingExtension()
    with make_host(files(HELLO), extensions=[recording]) as host:
        assert recording.hooks == ["init", "configure", "post_function_load_app_level", "startup"]
        recording.calls.clear()
        host.get("/api/hello?name=Ada")
    around, pre, post = "invocation_app_level", "pre_invocation_app_level", "post_invocation_app_level"
    assert recording.hooks == [around, pre, post, around, "shutdown"]


def test_extensions_are_those_that_are_asked_for() -> None:
    """None means what the settings say; a list means exactly these, also none, and names may be given."""
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
def test_extensions_that_cannot_be(extensions: list[object], message: str) -> None:
    """An unknown name is told with those that are known; two of one name need names of their own."""
    with pytest.raises(ExtensionError, match=message):
        make_host(files(HELLO), extensions=extensions)


@pytest.mark.parametrize("one", ["timer", RecordingExtension()])
def test_one_extension_is_no_list(one: Any) -> None:
    """An extension that stands alone is refused with what to write."""
    with pytest.raises(TypeError, match=r"extensions: expected a list, .* put it in a list: \[...\]"):
        make_host(files(HELLO), extensions=one)


def test_a_host_is_entered_once() -> None:
    """A second block needs a host of its own; the refusal leaves nothing behind."""
    path, handlers = list(sys.path), list(logging.getLogger().handlers)
    made = make_host(files(HELLO))
    with made as host:
        assert host.get("/api/hello?name=Ada").text == "Hello Ada"
    with pytest.raises(RuntimeError, match="entered only once"), made:
        pass
    with pytest.raises(RuntimeError, match="call it inside its with block"):
        host.get("/api/hello?name=Ada")
    assert (sys.path, logging.getLogger().handlers) == (path, handlers)
    assert "function_app" not in sys.modules


def test_a_task_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What swallows its cancellation is told by its name, and the test goes on."""
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
    made = make_host(files(code))
    with pytest.raises(RuntimeError, match=r"did not end when they were cancelled: .*stubborn"), made as host:
        assert host.get("/api/begin").text == "begun"
    gc.collect()  # the task goes away here, not in another test


def test_strict() -> None:
    """A strict host does not start with an extension that errs."""
    broken = RecordingExtension().raise_at("startup", RuntimeError("no"))
    with pytest.raises(ExtensionError, match="no"), make_host(files(HELLO), extensions=[broken], strict=True):
        pass
    assert broken.hooks[-1] == "shutdown"


def test_settings_and_host_json_win() -> None:
    """What the test gives beats local.settings.json and the app's host.json, key by key; functions see it."""
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


def test_only_some_functions() -> None:
    """Only the functions that are named are loaded."""
    both = HELLO + HELLO.replace("hello", "other")
    with make_host(files(both), functions=["Other"]) as host:
        assert host.functions == ("other",)
        assert host.get("/api/hello?name=Ada").status == 404


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_function_that_raises_raises_in_the_test(kind: str) -> None:
    """Its own exception comes out, and the frames of the host are not between the test and the function."""
    code = f"@app.route('f')\n{kind} f(req: func.HttpRequest) -> str:\n    raise ValueError('no')\n"
    with make_host(files(code)) as host:
        with pytest.raises(ValueError, match="no") as caught:
            host.get("/api/f")
        frames = [Path(frame.filename) for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert frames[-1] == host.root / "function_app.py"
        assert not [frame for frame in frames if frame.is_relative_to(ROOT / "hosting" / "host")]


def test_a_function_that_raises_where_the_test_only_looks() -> None:
    """With raises=False there is a 500, and the exception to look at; for one call or for all."""
    code = "@app.route('f')\ndef f(req: func.HttpRequest) -> str:\n    raise ValueError('no')\n"
    with make_host(files(code), raises=False) as host:
        reply = host.get("/api/f")
        assert (reply.status, str(reply.exception), str(reply.invocation.exception)) == (500, "no", "no")
        with pytest.raises(ValueError, match="no"):
            host.get("/api/f", raises=True)


@pytest.mark.parametrize("error", ["SystemExit(3)", "KeyboardInterrupt()", "StopIteration(1)"])
def test_a_function_that_would_end_the_test_run(error: str) -> None:
    """What would end more than the test comes out as the cause of an exception that does not."""
    code = f"@app.route('f')\ndef f(req: func.HttpRequest) -> str:\n    raise {error}\n"
    with make_host(files(code)) as host:
        with pytest.raises(InvocationFailed, match=error.split("(", maxsplit=1)[0]) as caught:
            host.get("/api/f")
        assert type(caught.value.__cause__).__name__ == error.split("(", maxsplit=1)[0]


def test_what_cannot_be_encoded() -> None:
    """A return value that is no response fails as it does in Azure."""
    code = "@app.route('f')\ndef f(req: func.HttpRequest):\n    return 3\n"
    with make_host(files(code)) as host, pytest.raises(TypeError, match="not int"):
        host.get("/api/f")


def test_an_async_test() -> None:
    """Async tests await the same methods, and share their loop with the app."""

    async def run() -> None:
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

    asyncio.run(run())


def test_two_hosts() -> None:
    """Two hosts live side by side, each with its own functions, settings and logs."""
    code = "@app.route('f')\ndef f(req: func.HttpRequest) -> str:\n    logging.info('%s')\n    return '%s'\n"
    with make_host(files(code % ("one", "one"))) as first, make_host(files(code % ("two", "two"))) as second:
        assert [host.get("/api/f").text for host in (first, second, first)] == ["one", "two", "one"]
        assert ("one" in first.messages, "two" in first.messages) == (True, False)


def test_hosts_closed_in_any_order() -> None:
    """A host that is closed before a later one leaves that one alone, and the process is clean in the end."""

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


def test_calls_from_many_threads() -> None:
    """Invocations may overlap, and each has its own record."""
    with make_host(files(HELLO)) as host, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: host.get(f"/api/hello?name={number}"), range(50)))
    assert [reply.text for reply in replies] == [f"Hello {number}" for number in range(50)]
    assert len({reply.invocation.id for reply in replies}) == 50


def test_the_process_is_left_as_it_was() -> None:
    """Path, modules, environment, working directory, log levels and handlers are the test's own again."""

    def state() -> tuple[object, ...]:
        root = logging.getLogger()
        apps = {name for name in sys.modules if name.startswith(("function_app", "orders", "__app__"))}
        return list(sys.path), dict(os.environ), Path.cwd(), root.level, list(root.handlers), apps

    before = state()
    for app in ("v2_app", "v1_app"):
        with make_host(ROOT / "examples" / app, settings={"MINE": "1"}):
            assert os.environ["MINE"] == "1"
        assert state() == before


def test_modules_that_the_test_has_imported_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that an app's own took the place of is there again, so that patching it by name goes on working."""
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


def test_what_an_imported_app_asked_for_counts_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_functions_in_error_are_told() -> None:
    """A function that cannot run says why when it is called; one that is not there, which ones are."""
    code = HELLO + "@app.route('admin/x')\ndef reserved(req: func.HttpRequest) -> str: ...\n"
    with make_host(files(code)) as host:
        assert [problem.function for problem in host.problems] == ["reserved"]
        with pytest.raises(HostingError, match="conflicts with one or more built in routes"):
            host.invoke("reserved")
        with pytest.raises(HostingError, match=r"no function 'nothing'.\n  Its functions: hello"):
            host.invoke("nothing")


def test_diagnosis() -> None:
    """The document of hosting diag is there, with the figures of now."""
    with make_host(files(HELLO), extensions=[RecordingExtension()]) as host:
        host.get("/api/hello?name=Ada")
        (told,) = host.diagnosis()["extensions"]
        assert told["statistics"]["pre_invocation_app_level"]["calls"] == 1
