"""Extensions without a package: extensionHost.load and hosting.extension, under both faces."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.authoring import pending
from hosting.bindings.http.request import HttpCall
from hosting.errors import ExtensionError, GuardError, SettingsError
from hosting.host.function_host import FunctionHost
from hosting.runner.banner import extension_line
from hosting.testing import make_host
from tests.support.sites import Site

HOOKS = """
import dataclasses
import hosting

@dataclasses.dataclass
class Settings:
    mark: str = "audit"

class Audit:
    settings = Settings

    @hosting.hookimpl
    def configure(self, settings):
        self.mark = settings.mark

    @hosting.hookimpl
    def post_invocation_app_level(self, context, func_ret):
        return f"{func_ret} {self.mark} {context.function_name}"

class Second:
    order = hosting.Order(after=("audit",))

    @hosting.hookimpl
    def post_invocation_app_level(self, func_ret):
        return f"{func_ret} second"

class Failing:
    @hosting.hookimpl
    def post_invocation_app_level(self):
        raise RuntimeError("broken")

class Lazy:
    @hosting.hookimpl
    def post_invocation(self, func_ret):
        return f"{func_ret} lazy"

instance = Second()
"""
V2 = """
import azure.functions as func
import hosting
{before}
app = hosting.extend(func.FunctionApp())
{after}
@app.route("hello")
{use}
def hello(req: func.HttpRequest) -> str:
    return "hello"
"""
V1 = {
    "hello/function.json": json.dumps(
        {
            "bindings": [
                {"name": "req", "type": "httpTrigger", "direction": "in", "route": "hello"},
                {"name": "$return", "type": "http", "direction": "out"},
            ]
        }
    ),
    "hello/__init__.py": "import azure.functions as func\nimport hosting\n{before}\n@hosting.extend\n{use}\n"
    "def main(req: func.HttpRequest) -> str:\n    return 'hello'\n{after}\n",
}
OFF = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "0"}
FROM_CODE = "import my_hooks\nhosting.extension(my_hooks.Audit)"


def files(model: str = "v2", *, before: str = "", after: str = "", use: str = "", **section: Any) -> dict[str, str]:
    """Return an app with a module of hooks, and code before and after hosting.extend."""
    sources = {"function_app.py": V2} if model == "v2" else V1
    parts = {"{before}": before, "{after}": after, "{use}": use}
    found = {"my_hooks.py": HOOKS, "host.json": json.dumps({"version": "2.0", "extensionHost": section})}
    for name, text in sources.items():
        for key, part in parts.items():
            text = text.replace(key, part)
        found[name] = text
    return found


def entries(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the status of the extensions of the app by their names."""
    return {one["name"]: one["status"] for one in document["extensions"] if one["distribution"] is None}


BLUEPRINT = """
import azure.functions as func
import hosting
{before}
blueprint = hosting.extend(func.Blueprint())
{after}
@blueprint.route("hello")
async def hello(req: func.HttpRequest) -> str:
    return "hello"
"""
WITH_BLUEPRINT = """
import azure.functions as func
from orders import blueprint
app = func.FunctionApp()
app.register_functions(blueprint)
"""


def with_blueprint(*, before: str = "", after: str = "") -> dict[str, str]:
    """Return an app that extends a Blueprint, and not itself."""
    text = BLUEPRINT.replace("{before}", before).replace("{after}", after)
    return {**files(), "function_app.py": WITH_BLUEPRINT, "orders.py": text}


SETTINGS: Any = {"extensions": {"audit": {"settings": {"mark": "%MARK%"}}}}
RUNS: dict[str, tuple[dict[str, str], str]] = {
    "load": (files(load=["my_hooks:Audit"]), "hello audit hello"),
    "load v1": (files("v1", load=["my_hooks:Audit"]), "hello audit hello"),
    "load two in order": (files(load=["my_hooks:Second", "my_hooks:Audit"]), "hello second audit hello"),
    "load an instance": (files(load=["my_hooks:instance"]), "hello second"),
    "load with settings": (files(load=["my_hooks:Audit"], **SETTINGS), "hello marked hello"),
    "load, isolated": (files(load=["my_hooks:Failing", "my_hooks:Audit"]), "hello audit hello"),
    "load, opted in": (files(load=["my_hooks:Lazy"], use='@hosting.use("lazy")'), "hello lazy"),
    "load, not opted in": (files(load=["my_hooks:Lazy"]), "hello"),
    "load, disabled": (files(load=["my_hooks:Audit"], disabled=["Audit"]), "hello"),
    "load, excluded": (
        files(load=["my_hooks:Audit"], extensions={"audit": {"functions": {"exclude": ["hello"]}}}),
        "hello",
    ),
    "code, before": (files(before=FROM_CODE), "hello audit hello"),
    "code, after": (files(after=FROM_CODE), "hello audit hello"),
    "code, before, v1": (files("v1", before=FROM_CODE), "hello audit hello"),
    "code, named": (files(after='import my_hooks\nhosting.extension(my_hooks.Audit(), name="x")'), "hello audit hello"),
    "code, required": (files(before=FROM_CODE, required=["audit"]), "hello audit hello"),
    "code, decorator": (
        files(
            before="@hosting.extension\nclass Own:\n    @hosting.hookimpl\n"
            "    def post_invocation_app_level(self, func_ret):\n        return func_ret + ' own'"
        ),
        "hello own",
    ),
    "blueprint, before": (with_blueprint(before=FROM_CODE), "hello audit hello"),
    "blueprint, after": (with_blueprint(after=FROM_CODE), "hello audit hello"),
    "code and load": (files(after=FROM_CODE, load=["my_hooks:Second"]), "hello second audit hello"),
}


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore what an app leaves in the process."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("PYTHON_ENABLE_WORKER_EXTENSIONS", raising=False)
    yield
    pending.shared = None
    pending.take()


@pytest.mark.exhaustive
@pytest.mark.parametrize("flag", ["0", "1"])
@pytest.mark.parametrize("case", RUNS)
def test_extension_of_the_app_runs_in_a_testing_host_whatever_the_flag_is(case: str, flag: str) -> None:
    """Order, settings, isolation, opt-in and exclusion are those of installed extensions."""
    app, expected = RUNS[case]
    settings = {"PYTHON_ENABLE_WORKER_EXTENSIONS": flag, "MARK": "marked", "HOSTING_ALLOW": "none"}
    with make_host(app, settings=settings) as host:
        assert host.get("/api/hello").text == expected
        document = host.diagnosis()
    assert document["enabled"] is (flag == "1")
    assert [one["message"] for one in document["problems"] if "nothing registers" in one["message"]] == []


LATE = """
import azure.functions as func
import hosting
app = func.FunctionApp()

@app.route("hello")
DEFINE hello(req: func.HttpRequest) -> str:
    return "hello"

@app.route("late")
def late(req: func.HttpRequest) -> str:
    import late_hooks
    late_hooks.register()
    return "late"
"""
LATE_HOOKS = """
import hosting

class Gate:
    guard = GUARD

    @hosting.hookimpl
    def pre_invocation_app_level(self):
        pass

def register():
    hosting.extension(TARGET)
"""
GUARDS = {"True": True, "property(lambda self: True)": True, "hosting": False, "False": False, "None": False}


@pytest.mark.exhaustive
@pytest.mark.parametrize("define", ["def", "async def"])
@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("target", ["Gate", "Gate()"])
@pytest.mark.parametrize("flag", ["0", "1"])
def test_extension_registered_by_a_function_is_reported_and_a_guard_denies(
    flag: str, target: str, guard: str, define: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Functions do not go on running open once a guard is registered, which cannot run; any other one is a warning."""
    hooks = LATE_HOOKS.replace("TARGET", target).replace("GUARD", guard)
    app = {"function_app.py": LATE.replace("DEFINE", define), "late_hooks.py": hooks}
    with make_host(app, settings={"PYTHON_ENABLE_WORKER_EXTENSIONS": flag}, raises=False) as host:
        assert host.get("/api/hello").text == "hello"
        assert host.get("/api/late").text == "late"
        denies = GUARDS[guard]
        statuses = [host.get(f"/api/{path}").status for path in ("hello", "late", "hello")]
        assert statuses == ([503] * 3 if denies else [200] * 3)
        assert host.get("/runtime/health/ready").status == (503 if denies else 200)
        assert entries(host.diagnosis()) == {"gate": "failed"}
    (record,) = [one for one in caplog.records if "hosting.extension was called after" in one.getMessage()]
    assert record.levelname == ("ERROR" if denies else "WARNING")
    assert "extensionHost.load" in record.getMessage()


def test_extension_that_a_function_registers_again_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    """It runs already, whoever calls hosting.extension once more; another class of its name does not."""
    before = "import late_hooks\nlate_hooks.register()\n"
    app = {"late_hooks.py": LATE_HOOKS.replace("TARGET", "Gate").replace("GUARD", "True")}
    app["function_app.py"] = LATE.replace("DEFINE", "def").replace("app =", f"{before}app =", 1)
    with make_host(app) as host:
        assert [host.get(f"/api/{path}").text for path in ("late", "late", "hello")] == ["late", "late", "hello"]
    assert "hosting.extension was called after" not in caplog.text


PLACES = {
    "load hook": """
    @hosting.hookimpl
    def post_function_load_app_level(self):
        late_hooks.register()
""",
    "startup": """
    @hosting.hookimpl
    def startup(self):
        late_hooks.register()
""",
    "async startup": """
    @hosting.hookimpl
    async def startup(self):
        late_hooks.register()
""",
    "startup that waits for a thread": """
    @hosting.hookimpl
    async def startup(self):
        thread = threading.Thread(target=late_hooks.register)
        thread.start()
        thread.join()
""",
}
TASKS = {
    "background task": "app.add_task(work, name='work', restart=False)",
    "thread": "threading.Thread(target=lambda: asyncio.run(work())).start()",
}
TASK = """
    @hosting.hookimpl
    def prepare(self, app):
        async def work():
            while not late_hooks.may_register:
                await asyncio.sleep(0.001)
            late_hooks.register()
            late_hooks.has_registered = True
        START
"""


def registering_late(hook: str) -> dict[str, str]:
    """Return the files of an app with an extension that registers a guard."""
    early = f"\nimport asyncio, late_hooks, threading\n@hosting.extension\nclass Early:{hook}\n"
    hooks = LATE_HOOKS.replace("TARGET", "Gate").replace("GUARD", "True")
    app = LATE.replace("DEFINE", "def").replace("import hosting\n", f"import hosting\n{early}", 1)
    return {"function_app.py": app, "late_hooks.py": f"may_register = has_registered = False\n{hooks}"}


@pytest.mark.parametrize("place", PLACES)
async def test_guard_that_the_app_registers_while_it_starts_stops_the_start(place: str) -> None:
    """In a test, too, where the code of the app may run on the thread of the test."""
    with pytest.raises(ExtensionError, match="Guard 'gate' failed to start: it was registered after"):
        async with make_host(registering_late(PLACES[place])):
            pass
    assert not pending.extensions


@pytest.mark.parametrize("start", TASKS)
async def test_guard_registered_by_work_of_the_app_denies_in_a_test(start: str) -> None:
    """The test itself registers extensions for its next host, on the same thread."""
    async with make_host(registering_late(TASK.replace("START", TASKS[start])), raises=False) as host:
        hosting.extension(type("Other", (), {"guard": True}))
        assert (await host.get("/api/hello")).status == 200
        late_hooks = sys.modules["late_hooks"]
        late_hooks.may_register = True  # type: ignore[attr-defined]
        while not late_hooks.has_registered:  # noqa: ASYNC110 - the app may set it in a thread
            await asyncio.sleep(0.001)
        assert (await host.get("/api/hello")).status == 503
        assert entries(host.diagnosis()) == {"early": "active", "gate": "failed"}
    assert [name for name, _ in pending.extensions] == ["other"]


async def test_guard_registered_outside_of_invocations_denies_where_an_app_is_served(tmp_path: Path) -> None:
    """A thread of the app may import its module; a host that has stopped takes none."""
    for name, text in files().items():
        (tmp_path / name).write_text(text)
    host = FunctionHost(tmp_path, environ={})
    host.load()
    await host.start()
    try:
        hosting.extension(type("Gate", (), {"guard": True}))
        call = HttpCall("GET", "http://localhost/api/hello", {}, "", {}, b"")
        assert isinstance((await host.invoke("hello", call)).exception, GuardError)
    finally:
        await host.stop()
    assert not pending.extensions
    assert not pending.late


def test_extension_that_a_test_registers_beside_a_host_is_for_the_next_one() -> None:
    """The host that runs is not concerned: its app has not registered it."""

    class Gate:
        guard = True

        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            raise RuntimeError

    with make_host(files(), raises=False) as host:
        hosting.extension(Gate)
        assert host.get("/api/hello").status == 200
    assert [name for name, _ in pending.extensions] == ["gate"]


def in_azure(root: Path, app: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Import an app as Azure's worker does, and call its function; return the answer."""
    for name, text in app.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, "utf-8")
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(root))
    monkeypatch.syspath_prepend(str(root))
    request = func.HttpRequest("GET", "/api/hello", body=b"")
    if "function_app.py" not in app:
        return str(__import__("hello").main(request))
    (definition,) = __import__("function_app").app.get_functions()
    answer = definition.get_user_function()(request)
    return str(asyncio.run(answer) if inspect.iscoroutine(answer) else answer)


@pytest.mark.exhaustive
@pytest.mark.parametrize("flag", ["0", "1"])
@pytest.mark.parametrize("case", RUNS)
def test_extension_of_the_app_runs_in_azures_worker_whatever_the_flag_is(
    case: str, flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hosting.extend runs the same hooks, also where installed extensions are switched off."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", flag)
    monkeypatch.setenv("MARK", "marked")
    monkeypatch.setenv("HOSTING_ALLOW", "none")
    app, expected = RUNS[case]
    assert in_azure(tmp_path, app, monkeypatch) == expected
    assert pending.shared.host.enabled is (flag == "1")


def test_app_object_of_a_test_keeps_its_extension_for_every_host() -> None:
    """A module that a test has imported registers once, and each of its hosts has the extension."""
    app = func.FunctionApp()

    @app.route("hello")
    def hello(req: func.HttpRequest) -> str:
        return "hello"

    class Mark:
        @hosting.hookimpl
        def post_invocation_app_level(self, func_ret: str) -> str:
            return f"{func_ret} marked"

    hosting.extension(Mark)
    for _ in range(2):
        with make_host(app, extensions=[]) as host:
            assert host.get("/api/hello").text == "hello marked"


def test_v1_function_extended_before_the_extension_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With installed extensions off, the function is not replaced afterwards; the log has the remedy."""
    assert in_azure(tmp_path, files("v1", after=FROM_CODE), monkeypatch) == "hello"
    assert "'main' runs without the app's extension" in caplog.text
    assert "call hosting.extension before hosting.extend" in caplog.text


def test_v1_guard_registered_after_a_function_was_extended_stops_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that seems to be guarded, and is not, must not go unnoticed; also if it is not the first extension."""
    app = files("v1", after=f"hosting.extension(object(), name='first')\n{FROM_CODE}")
    app["my_hooks.py"] = HOOKS.replace("class Audit:\n", "class Audit:\n    guard = True\n")
    with pytest.raises(ExtensionError, match="'main' runs without the app's extension"):
        in_azure(tmp_path, app, monkeypatch)


GUARDED: dict[str, tuple[dict[str, str], int, str]] = {
    "settings for the app": (
        files(load=["my_hooks:Audit"], guards=["audit"], extensions={"audit": {"settings": {"mrak": "x"}}}),
        0,
        "extensionHost.extensions.audit.settings.mrak is not a setting",
    ),
    "settings for a function": (
        {
            **files(load=["my_hooks:Lazy"], guards=["lazy"], use='@hosting.use("lazy", x=1)'),
            "my_hooks.py": HOOKS.replace("class Lazy:\n", "class Lazy:\n    settings = Settings\n"),
        },
        503,
        "",
    ),
    "module": (files(load=["my_hoks:Audit"], guards=["audit"]), 0, "there is no module 'my_hoks'"),
}


@pytest.mark.parametrize("flag", ["0", "1"])
@pytest.mark.parametrize("case", GUARDED)
def test_guard_of_the_app_with_a_fault_is_closed(case: str, flag: str) -> None:
    """A fault of its settings or its import stops the start, or denies the function that it is about."""
    app, status, message = GUARDED[case]
    host = make_host(app, settings={"PYTHON_ENABLE_WORKER_EXTENSIONS": flag}, raises=False)
    if not status:
        with pytest.raises(ExtensionError, match=re.escape(message)), host:
            pass
        return
    with host as opened:
        assert opened.get("/api/hello").status == status


@pytest.mark.parametrize("flag", ["0", "1"])
def test_remedy_for_a_guard_of_the_app_is_not_to_switch_extensions_on(flag: str, tmp_path: Path) -> None:
    """It runs whatever the flag is, so the flag cannot be why it is missing."""
    for name, text in GUARDED["module"][0].items():
        (tmp_path / name).write_text(text, "utf-8")
    host = FunctionHost(tmp_path, environ={"PYTHON_ENABLE_WORKER_EXTENSIONS": flag, "HOSTING_ALLOW": "none"})
    with pytest.raises(ExtensionError):
        host.load()
    (problem,) = [one for one in host.extensions.diagnosis()["problems"] if one["message"].startswith("Guard 'audit'")]
    assert problem["remedy"].startswith("Install or fix it, or remove it from extensionHost.required")


FAILS: dict[str, tuple[dict[str, str], str, str]] = {
    "no such module": (files(load=["my_hoks:Audit"]), "there is no module 'my_hoks' in ", "Did you mean 'my_hooks'?"),
    "no such name": (files(load=["my_hooks:Audti"]), "module 'my_hooks' has no 'Audti'", "Did you mean 'Audit'?"),
    "no hooks": (files(load=["my_hooks:Settings"]), "it has no hook implementation", "The entry point must name"),
    "the app itself": (
        files(load=["function_app:Audit"]),
        "'function_app' is a module with functions of the app, which the host imports itself",
        "Call hosting.extension(Audit) in it, or move Audit to a module of its own.",
    ),
    "a function's folder": (files("v1", load=["hello:Audit"]), "'hello' is a module with functions of the app", "Call"),
    "installed": (files(load=["pluggy:HookimplMarker"]), "'pluggy' is not a module of the app, but ", "Rename"),
    "standard library": (files(load=["json:JSONDecoder"]), "'json' is not a module of the app, but ", "Rename"),
    "import raises": ({**files(load=["my_hooks:Audit"]), "my_hooks.py": "1 / 0"}, "division by zero", "Fix or"),
    "wrong settings": (
        files(load=["my_hooks:Audit"], extensions={"audit": {"settings": {"mrak": "x"}}}),
        "extensionHost.extensions.audit.settings.mrak is not a setting",
        "Did you mean 'mark'?",
    ),
    "twice": (
        files(before=FROM_CODE, load=["my_hooks:Audit"]),
        "the extension name 'audit' is taken by my_hooks:Audit",
        "Register it under another name",
    ),
    "sdk class": (
        files(
            before="from azure.functions import AppExtensionBase\n@hosting.extension\nclass Sdk(AppExtensionBase):\n"
            "    pass"
        ),
        "it is a class of Azure's interface, which registers itself",
        "Remove it",
    ),
}


@pytest.mark.parametrize("case", FAILS)
def test_extension_that_cannot_be_loaded_fails_alone_with_a_remedy(case: str, tmp_path: Path) -> None:
    """The app runs, and the diagnosis says what is wrong and what to do."""
    app, message, remedy = FAILS[case]
    settings = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "0"}
    with make_host(app, settings=settings) as host:
        assert host.get("/api/hello").text.startswith("hello")
        problems = host.diagnosis()["problems"]
    (found,) = [one for one in problems if message in one["message"]]
    assert found["severity"] == "error"
    assert remedy in found["remedy"]


def test_name_of_an_installed_extension_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed one keeps its name; the app's own fails with both places."""
    Site(tmp_path).install(
        "hosting-clash",
        {"hosting_clash.py": "import hosting\n@hosting.hookimpl\ndef init(): pass\n"},
        hosting={"Audit": "hosting_clash"},
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "HOSTING_ALLOW": "hosting-clash"}
    with make_host(files(load=["my_hooks:Audit"]), settings=settings) as host:
        assert host.get("/api/hello").text == "hello"
        document = host.diagnosis()
    assert entries(document) == {"audit": "failed"}
    assert any("taken by hosting_clash (hosting-clash 1.0)" in one["message"] for one in document["problems"])


@pytest.mark.parametrize(
    ("load", "message"),
    [
        ("my_hooks:Audit", r"extensionHost\.load must be a list of names, found 'my_hooks:Audit'"),
        (["my_hooks:"], r"extensionHost\.load\[0\] must be 'module:Class', found 'my_hooks:'"),
        (["a:B", "hooks/audit.py"], r"extensionHost\.load\[1\] must be 'module:Class', found 'hooks/audit\.py'"),
        (["a:B:C"], r"extensionHost\.load\[0\] must be 'module:Class'"),
        ([""], r"extensionHost\.load\[0\] must be 'module:Class'"),
        (["a:Audit", "b:audit"], r"extensionHost\.load gives several extensions one name: audit"),
    ],
)
def test_wrong_text_in_load_stops_the_start(load: Any, message: str) -> None:
    """As any wrong value of host.json, whether extensions are on or off."""
    with pytest.raises(SettingsError, match=message), make_host(files(load=load)):
        pass


LOOSE = "@hosting.hookimpl\ndef pre_invocation_app_level(logger):\n    logger.info('x')\n"


@pytest.mark.parametrize("flag", ["0", "1"])
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_hook_in_the_apps_code_that_nothing_registers_is_a_problem(model: str, flag: str) -> None:
    """It never runs, and the problem has file, line and remedy; hooks in registered classes are none."""
    app = files(model, before=f"{FROM_CODE}\n{LOOSE}")
    with make_host(app, settings={"PYTHON_ENABLE_WORKER_EXTENSIONS": flag}) as host:
        (problem,) = host._session.host.extensions.loose_hooks()
        assert problem in host._session.host.extensions.name_problems()
        assert problem.file is not None
        assert Path(problem.file).read_text("utf-8").splitlines()[(problem.line or 0) - 1] == "@hosting.hookimpl"
    assert "has hooks that nothing registers, so that they never run: 'pre_invocation_app_level'" in problem.message
    assert "hosting.extension(" in problem.remedy


def test_hook_that_nothing_registers_is_logged_in_azures_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker's log is where an author in Azure finds it."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
    monkeypatch.setenv("HOSTING_ALLOW", "none")
    with caplog.at_level(logging.WARNING, logger="hosting.extensions"):
        assert in_azure(tmp_path, files(before=LOOSE), monkeypatch) == "hello"
    assert "'function_app' has hooks that nothing registers" in caplog.text


def test_banner_names_the_apps_own_extensions_where_installed_ones_are_off() -> None:
    """An operator sees what runs, and how to switch on the rest."""
    with make_host(files(load=["my_hooks:Audit"]), settings=OFF) as host:
        line = extension_line(host._session.host.extensions)
    assert line.startswith("Extensions: audit.")
    assert "hosting.testing" not in line


@pytest.mark.parametrize("name", ["", 5])
def test_extension_needs_a_name(name: Any) -> None:
    """A mistake in the call is reported where it is."""
    with pytest.raises(TypeError, match=r"hosting\.extension: expected an extension's name"):
        hosting.extension(object(), name=name)
