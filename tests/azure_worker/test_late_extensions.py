"""Extensions that an app registers when Azure's worker has its functions already: no guard is registered in vain."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import py_compile
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import azure.functions as func
import pytest

import hosting
from hosting.authoring import pending
from hosting.errors import ExtensionError, SettingsError
from tests.support.azure_worker import call_as_worker

APPS = {
    "app": """
app = hosting.extend(func.FunctionApp())

@app.route("f")
{define} f(req: func.HttpRequest) -> str:
    return act(req) or "answer"
""",
    "blueprint": """
app, blueprint = func.FunctionApp(), hosting.extend(func.Blueprint())

@blueprint.route("f")
{define} f(req: func.HttpRequest) -> str:
    return act(req) or "answer"

app.register_functions(blueprint)
""",
    "v1": """
@hosting.extend
{define} f(req: func.HttpRequest) -> str:
    return act(req) or "answer"
""",
}
HEAD = """
import threading
import azure.functions as func
import hosting
{before}

def act(req):
    how = req.params.get("how")
    if how == "import":
        import late_module
    elif how == "call":
        import hooks
        hosting.extension(hooks.Late)
    elif how == "thread":
        raised = []
        def run():
            try:
                import hooks
                hosting.extension(hooks.Late)
            except Exception as error:
                raised.append(error)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if raised:
            raise raised[0]
"""
HOOKS = """
import hosting

class Early:
    guard = False

    @hosting.hookimpl
    def pre_invocation_app_level(self):
        pass

class Late:
    guard = {guard}
    seen = []

    @hosting.hookimpl
    def post_function_load_app_level(self, function_name):
        self.seen.append(function_name)

    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args):
        if func_args["req"].headers.get("key") != "k" and self.guard:
            raise PermissionError

    @hosting.hookimpl
    def invocation_end(self):
        self.seen.append("end")
"""
EARLY = "import hooks\nhosting.extension(hooks.Early)"


class Worker(NamedTuple):
    """This process as a worker, with the app's function as it has taken it."""

    function: Any

    def call(self, how: str = "", key: str = "") -> Any:
        """Return the status or the answer of a request; the name of the error that the function raises."""
        request = func.HttpRequest("GET", "/api/f", params={"how": how}, headers={"key": key}, body=b"")
        try:
            if "context" in inspect.signature(self.function).parameters:
                answer = call_as_worker(self.function, "f", req=request)
            else:
                answer = self.function(req=request)
                answer = asyncio.run(answer) if inspect.iscoroutine(answer) else answer
        except Exception as error:
            return type(error).__name__
        return getattr(answer, "status_code", answer)


@pytest.fixture(autouse=True)
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set up the process as Azure's worker does."""
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path))
    monkeypatch.setenv("HOSTING_ALLOW", "nothing")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("function_app", "f", "f.own", "hooks", "late_module"):  # another test may have left one of the name
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    pending.shared = None
    pending.take()


def work(
    folder: Path, app: str, *, define: str = "def", before: str = "", guard: object = True, has_source: bool = True
) -> Worker:
    """Import an app, of which the source or only the compiled file is there, and take its function."""
    (folder / "hooks.py").write_text(HOOKS.format(guard=guard))
    (folder / "late_module.py").write_text("import hooks, hosting\nhosting.extension(hooks.Late)\n")
    if app == "v1":
        (folder / "f").mkdir()
        binding = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
        answer = {"type": "http", "direction": "out", "name": "$return"}
        (folder / "f" / "function.json").write_text(json.dumps({"scriptFile": "own.py", "bindings": [binding, answer]}))
    text = HEAD.format(before=before) + APPS[app].format(define=define)
    name = "f.own" if app == "v1" else "function_app"
    path = folder / f"{name.replace('.', '/')}.py"
    path.write_text(text)
    if not has_source:
        py_compile.compile(str(path), str(path.with_suffix(".pyc")), dfile="/built/elsewhere.py")
        path.unlink()
    module = importlib.import_module(name)
    return Worker(module.f if app == "v1" else module.app.get_functions()[0].get_user_function())


HOW = {"import": "def", "call": "async def", "thread": "def"}


@pytest.mark.parametrize(
    ("app", "how", "host_json"),
    [*((app, how, "") for app in APPS for how in HOW), *((app, "call", "{bad") for app in APPS)],
)
def test_guard_that_a_function_registers_while_extensions_are_off_is_refused_each_time(
    app: str, how: str, host_json: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its functions cannot be guarded any more: what registers it gets the error, and it is not taken silently."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "0")
    if host_json:
        (tmp_path / "host.json").write_text(host_json)
    worker = work(tmp_path, app, define=HOW[how], has_source=how != "thread")
    error = "SettingsError" if host_json else "ExtensionError"
    assert [worker.call(), worker.call(how), worker.call(how)] == ["answer", error, error]
    assert app == "v1" or not pending.extensions


@pytest.mark.parametrize(("app", "flag"), [*((app, "0") for app in APPS), ("app", "1"), ("v1", "1")])
def test_extension_that_is_no_guard_and_comes_too_late_is_reported_each_time(
    app: str, flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a host.json that cannot be used, too: then the functions run without extensions whatever the flag is."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", flag)
    if flag == "1":
        (tmp_path / "host.json").write_text("{bad")
    worker = work(tmp_path, app, guard=False)
    caplog.clear()
    assert [worker.call(how) for how in ("call", "call", "")] == ["answer", "answer", "answer"]
    what = "'f' runs" if app == "v1" else "The app's functions run"
    expected = f"{what} without the app's extension 'late': call hosting.extension before hosting.extend."
    assert [one.getMessage().partition(" Do it ")[0] for one in caplog.records] == [expected] * 2
    assert "extensionHost.load in host.json" in caplog.text


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(("flag", "before"), [("0", EARLY), ("1", ""), ("1", EARLY)])
def test_guard_that_a_function_registers_beside_others_guards_from_the_next_invocation_on(
    app: str, flag: str, before: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All its hooks are called, also those that set functions up; to register it once more changes nothing."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", flag)
    worker = work(tmp_path, app, before=before)
    assert [worker.call(), worker.call("import")] == ["answer", "answer"]
    assert [worker.call(), worker.call(key="k"), worker.call("call", key="k")] == [500, "answer", "answer"]
    assert [worker.call(), worker.call(key="k")] == [500, "answer"]
    assert importlib.import_module("hooks").Late.seen == ["f", *["end"] * 5]
    assert "is taken by" not in caplog.text
    (late,) = [one for one in pending.shared.host.diagnosis()["extensions"] if one["name"] == "late"]
    assert late["status"] == "active"


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("flag", ["0", "1"])
def test_guard_that_is_registered_after_extend_is_not_without_effect_where_host_json_is_wrong(
    app: str, flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app is refused with what is wrong with host.json, as where the guard is registered before."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", flag)
    (tmp_path / "host.json").write_text("{bad")
    monkeypatch.setitem(APPS, app, APPS[app] + "\nimport late_module\n")
    with pytest.raises(SettingsError, match=r"host\.json is not valid JSON"):
        work(tmp_path, app)


def test_guard_that_comes_when_a_function_cannot_be_extended_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has said that this function runs without extensions, when nothing was known of a guard."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")

    class Handler:
        __name__ = "g"

        def __call__(self, req: func.HttpRequest) -> str:
            return "open"

    app = hosting.extend(func.FunctionApp())
    app.function_name("g")(app.route("g")(Handler()))
    app.get_functions()
    assert "'g' runs without extensions" in caplog.text
    for _ in range(2):
        with pytest.raises(ExtensionError, match="'g' runs without extensions"):
            hosting.extension(type("Gate", (), {"guard": True}))
