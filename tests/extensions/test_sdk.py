"""Unmodified extensions for Azure's interface: apps on disk whose code instantiates, imports and configures them."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import hosting
from hosting.apps.imports import add_to_path
from hosting.apps.load import load_app
from hosting.core import Function
from hosting.errors import ExtensionError
from hosting.extensions import ExtensionHost
from tests.conftest import MakeApp
from tests.support.invoking import ON, Context, function, invoke
from tests.support.sites import Site

TRACING = """
from azure.functions import AppExtensionBase, FuncExtensionBase

trace = []

class First(AppExtensionBase):
    @classmethod
    def init(cls):
        trace.append("First init")

    @classmethod
    def configure(cls, **settings):
        trace.append(f"First configure {settings}")

    @classmethod
    def post_function_load_app_level(cls, function_name, function_directory, *args, **kwargs):
        trace.append(f"First load {function_name}")

    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args={}, *args, **kwargs):
        trace.append("First pre")

    @classmethod
    def post_invocation_app_level(cls, logger, context, func_args={}, func_ret=None, *args, **kwargs):
        trace.append(f"First post {func_ret}")
        return "ignored"

class Second(AppExtensionBase):
    @staticmethod
    def pre_invocation_app_level(logger, context, func_args={}, *args, **kwargs):
        trace.append("Second pre")

    @staticmethod
    def post_invocation_app_level(logger, context, func_args={}, func_ret=None, *args, **kwargs):
        trace.append("Second post")

class Own(FuncExtensionBase):
    def __init__(self, file_path, mark="Own"):
        super().__init__(file_path)
        self.mark = mark

    def post_function_load(self, function_name, function_directory, *args, **kwargs):
        trace.append(f"{self.mark} load {function_name}")

    def pre_invocation(self, logger, context, func_args, *args, **kwargs):
        trace.append(f"{self.mark} pre")

    def post_invocation(self, logger, context, func_args, func_ret, *args, **kwargs):
        trace.append(f"{self.mark} post")
"""
V1 = {
    "host.json": '{"version": "2.0"}',
    "tracing.py": TRACING,
    "HttpTrigger/function.json": json.dumps(
        {
            "bindings": [
                {"type": "httpTrigger", "direction": "in", "name": "req"},
                {"type": "http", "direction": "out", "name": "$return"},
            ]
        }
    ),
    "HttpTrigger/__init__.py": """
import tracing
tracing.First.configure(append=True)
own = tracing.Own(__file__)

def main(req):
    tracing.trace.append("function")
    if req == "fail":
        raise LookupError(req)
    return "fine"
""",
    "Other/function.json": json.dumps(
        {
            "bindings": [
                {"type": "httpTrigger", "direction": "in", "name": "req"},
                {"type": "http", "direction": "out", "name": "$return"},
            ]
        }
    ),
    "Other/__init__.py": "def main(req): return 'other'",
}
V2 = {
    "host.json": '{"version": "2.0"}',
    "tracing.py": TRACING,
    "function_app.py": """
import azure.functions as func
import tracing
from pages import bp

own = tracing.Own(__file__, "App")
app = func.FunctionApp()
app.register_functions(bp)

@app.route("one")
def one(req: func.HttpRequest) -> str:
    return "one"

@app.route("two")
def two(req: func.HttpRequest) -> str:
    return "two"
""",
    "pages.py": """
import azure.functions as func
import tracing

own = tracing.Own(__file__, "Page")
bp = func.Blueprint()

@bp.route("page")
def page(req: func.HttpRequest) -> str:
    return "page"
""",
}


ALONE = {**ON, "HOSTING_ALLOW": "sdk-extension"}


class LoadedApp:
    """An app with its extension host, composed as the function host does it."""

    def __init__(self, root: Path, *, env: Mapping[str, str] = ALONE, section: Mapping[str, Any] | None = None) -> None:
        self.host = ExtensionHost(environ=env, section=section)
        self.root = root
        self.functions: dict[str, Function] = {}

    def load(self) -> LoadedApp:
        add_to_path(self.root)
        self.host.discover()
        app = load_app(self.root, environ=dict(os.environ), host_json={}, importing=self.host.importing)
        self.functions = {function.name: function for function in app.functions}
        self.host.load(app.functions)
        return self

    @property
    def trace(self) -> list[str]:
        trace: list[str] = sys.modules["tracing"].trace
        return trace

    def call(self, name: str, req: str = "x") -> Any:
        self.trace.clear()
        return invoke(self.host, self.functions[name], Context("the-invocation"), req=req)

    def entry(self, name: str) -> list[dict[str, Any]]:
        return [entry for entry in self.host.diagnosis()["extensions"] if entry["name"] == name]


def test_azures_hooks_run_in_the_order_of_azures_worker(make_app: MakeApp) -> None:
    """App level first before the function, function level first after it; within a level in order of registration."""
    hosted = LoadedApp(make_app(V1)).load()
    assert hosted.call("HttpTrigger") == "fine"
    assert hosted.trace == [
        "First pre",
        "Second pre",
        "Own pre",
        "function",
        "Own post",
        "First post fine",
        "Second post",
    ]


def test_native_extension_runs_outside_azures_classes(make_app: MakeApp) -> None:
    """A pluggy extension runs first before the function and last after it."""
    hosted = LoadedApp(make_app(V1))

    class Native:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            hosted.trace.append("native pre")

        @hosting.hookimpl
        def post_invocation_app_level(self) -> None:
            hosted.trace.append("native post")

    hosted.host.register("native", Native)
    hosted.load().call("HttpTrigger")
    assert (hosted.trace[0], hosted.trace[-1]) == ("native pre", "native post")


def test_azures_load_hooks_run_at_function_level_first(make_app: MakeApp) -> None:
    """``init`` runs with the instance, ``configure`` when the app calls it, then the load hooks as in Azure."""
    hosted = LoadedApp(make_app(V1)).load()
    assert hosted.trace == [
        "First init",
        "First configure {'append': True}",
        "Own load HttpTrigger",
        "First load HttpTrigger",
        "First load Other",
    ]


def test_azures_post_hooks_do_not_run_when_the_function_raises(make_app: MakeApp) -> None:
    """Azure's interface has no hook for errors, and a post hook needs a result."""
    hosted = LoadedApp(make_app(V1)).load()
    with pytest.raises(LookupError):
        hosted.call("HttpTrigger", "fail")
    assert hosted.trace == ["First pre", "Second pre", "Own pre", "function"]


def test_instance_in_a_v1_folder_opts_in_that_function_only(make_app: MakeApp) -> None:
    """In v1, ``Own(__file__)`` in a function's folder is for that function."""
    hosted = LoadedApp(make_app(V1)).load()
    assert hosted.call("Other") == "other"
    assert hosted.trace == ["First pre", "Second pre", "First post other", "Second post"]
    assert hosted.host._info == {"AppExtension": ["First", "Second"], "FuncExtension": {"HttpTrigger": ["Own"]}}


@pytest.mark.parametrize(("name", "mark"), [("one", "App"), ("two", "App"), ("page", "Page")])
def test_instance_in_a_v2_file_opts_in_every_function_of_that_file(make_app: MakeApp, name: str, mark: str) -> None:
    """``Own(__file__)`` works in function_app.py and in a blueprint's file, where Azure's worker never finds it."""
    hosted = LoadedApp(make_app(V2)).load()
    assert hosted.call(name) == name
    assert [step for step in hosted.trace if "First" not in step and "Second" not in step] == [
        f"{mark} pre",
        f"{mark} post",
    ]


def test_azures_class_whose_init_raises_is_failed_and_the_app_loads(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is reported, and the other extensions run."""
    broken = TRACING.replace('trace.append("First init")', 'raise ValueError("no licence")')
    hosted = LoadedApp(make_app(V1 | {"tracing.py": broken}))
    with caplog.at_level(logging.ERROR, logger="hosting.extensions"):
        hosted.load()
    assert hosted.call("HttpTrigger") == "fine"
    assert "First pre" not in hosted.trace
    assert "Second pre" in hosted.trace
    [entry] = hosted.entry("First")
    assert (entry["status"], entry["error"]["phase"], entry["error"]["message"]) == ("failed", "init", "no licence")
    assert "no licence" in caplog.text


def test_azures_hook_with_too_few_parameters_is_a_recorded_error(make_app: MakeApp) -> None:
    """Arguments are positional; the hook fails as in Azure, its error is recorded, and the function answers."""
    broken = TRACING.replace(
        "def pre_invocation(self, logger, context, func_args, *args, **kwargs)", "def pre_invocation(self)"
    )
    hosted = LoadedApp(make_app(V1 | {"tracing.py": broken})).load()
    assert hosted.call("HttpTrigger") == "fine"
    [entry] = hosted.entry("Own")
    assert entry["error"]["type"] == "TypeError"
    assert entry["error"]["hook"] == "pre_invocation"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("tracing.First()", "should not be instantiable"),
        ("tracing.Own('/elsewhere/x.py')", "Failed to parse trigger name"),
    ],
)
def test_misuse_of_azures_interface_raises_the_sdks_own_exception(make_app: MakeApp, code: str, message: str) -> None:
    """``FunctionExtensionException`` reaches the app's code, as in Azure."""
    source = f"""
import tracing
from azure.functions import FunctionExtensionException
try:
    {code}
except FunctionExtensionException as error:
    tracing.trace.append(str(error).replace("beinstantiable", "be instantiable"))
{V1["HttpTrigger/__init__.py"]}
"""
    hosted = LoadedApp(make_app(V1 | {"HttpTrigger/__init__.py": source})).load()
    assert any(message in step for step in hosted.trace)


def test_instance_without_a_function_is_a_problem_with_a_remedy(make_app: MakeApp) -> None:
    """Azure accepts the ``__file__`` of a shared file silently; here it is reported."""
    hosted = LoadedApp(
        make_app(
            V1
            | {
                "shared/__init__.py": "import tracing\ntracing.Own(__file__)\n",
                "Other/__init__.py": "import shared\ndef main(req): return 'other'",
            }
        )
    ).load()
    [problem] = [
        problem for problem in hosted.host.diagnosis()["problems"] if "is for no function" in problem["message"]
    ]
    assert "with __file__" in problem["remedy"]


def test_azures_hooks_with_extensions_off_are_not_called(make_app: MakeApp) -> None:
    """The app imports its classes as usual, and their hooks do not run."""
    hosted = LoadedApp(make_app(V1), env={}).load()
    assert hosted.call("HttpTrigger") == "fine"
    assert hosted.trace == ["function"]


def test_two_hosts_with_one_azure_class_keep_their_own_registrations(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class in an installed module that both apps import is registered for each app separately."""
    (tmp_path / "shared_tracing.py").write_text(TRACING)
    monkeypatch.syspath_prepend(str(tmp_path))
    shared = V1["HttpTrigger/__init__.py"].replace("tracing", "shared_tracing")
    one = LoadedApp(make_app(V1 | {"HttpTrigger/__init__.py": shared})).load()
    two = LoadedApp(make_app(V1 | {"HttpTrigger/__init__.py": shared})).load()
    plain = LoadedApp(make_app(V1 | {"HttpTrigger/__init__.py": "def main(req): return 'fine'"})).load()
    assert (
        one.host._info
        == two.host._info
        == {"AppExtension": ["First", "Second"], "FuncExtension": {"HttpTrigger": ["Own"]}}
    )
    assert plain.host._info == {"AppExtension": [], "FuncExtension": {}}


def install_distribution(root: Path, entry_points: str) -> None:
    info = root / "sdk_extension-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sdk-extension\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    (root / "shared_tracing.py").write_text(TRACING)


def test_app_level_class_of_an_entry_point_has_its_name_and_settings(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the entry point's name and distribution, and its ``configure`` gets host.json's settings."""
    install_distribution(tmp_path, "[hosting]\nfirst = shared_tracing:First\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    app = make_app(V1 | {"HttpTrigger/__init__.py": "def main(req): return 'fine'"})
    hosted = LoadedApp(app, section={"extensions": {"first": {"settings": {"level": 3}}}}).load()
    import sys

    assert "First configure {'level': 3}" in sys.modules["shared_tracing"].trace
    [entry] = hosted.entry("first")
    assert (entry["kind"], entry["distribution"], entry["version"]) == ("sdk", "sdk-extension", "2.0")
    assert "first" in hosted.host._info["AppExtension"]


def test_host_does_not_start_where_configure_of_a_guard_raises(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class of Azure's interface that the app names as a guard fails closed as any guard does."""
    install_distribution(tmp_path, "[hosting]\nfirst = shared_tracing:First\n")
    broken = TRACING.replace('trace.append(f"First configure {settings}")', "raise ValueError(settings)", 1)
    (tmp_path / "shared_tracing.py").write_text(broken)
    monkeypatch.syspath_prepend(str(tmp_path))
    app = make_app(V1 | {"HttpTrigger/__init__.py": "def main(req): return 'fine'"})
    section: dict[str, Any] = {"extensions": {"first": {"settings": {"level": 3}}}}
    LoadedApp(app, section=section).load()
    with pytest.raises(ExtensionError, match="Guard 'first' failed to start"):
        LoadedApp(app, section={**section, "guards": ["first"]}).load()


def test_function_level_class_of_an_entry_point_has_an_instance_per_opted_in_function(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions opt in by name; each instance behaves as if it were in the function's own folder."""
    install_distribution(tmp_path, "[hosting.functions]\nown = shared_tracing:Own\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    app = make_app(
        V1 | {"HttpTrigger/__init__.py": "import hosting\n@hosting.use('own')\ndef main(req): return 'fine'"}
    )
    hosted = LoadedApp(app).load()
    assert hosted.host._info["FuncExtension"] == {"HttpTrigger": ["own"]}
    assert invoke(hosted.host, hosted.functions["HttpTrigger"], req="x") == "fine"


def test_second_instance_of_a_class_is_in_info_and_runs(make_app: MakeApp) -> None:
    """Azure's interface lists and calls each instance."""
    main = V1["HttpTrigger/__init__.py"].replace(
        "own = tracing.Own(__file__)", "own = [tracing.Own(__file__) for _ in '12']"
    )
    hosted = LoadedApp(make_app({**V1, "HttpTrigger/__init__.py": main})).load()
    assert hosted.host._info["FuncExtension"] == {"HttpTrigger": ["Own", "Own"]}
    hosted.call("HttpTrigger")
    assert hosted.trace.count("Own pre") == 2


POST_ONLY = """
class Last(AppExtensionBase):
    @classmethod
    def post_invocation_app_level(cls, logger, context, func_args, func_ret, *args, **kwargs):
        trace.append("Last post")

class OwnLast(FuncExtensionBase):
    def __init__(self, file_path):
        super().__init__(file_path)

    def post_invocation(self, logger, context, func_args, func_ret, *args, **kwargs):
        trace.append("OwnLast post")
"""


def test_azures_classes_after_a_short_circuit_get_no_post_hook(make_app: MakeApp) -> None:
    """A hook that answers in the function's place keeps Azure's classes from running, with a pre hook or without."""

    class Answering:
        @hosting.hookimpl
        def pre_invocation_app_level(self, func_args: dict[str, Any]) -> None:
            if func_args["req"] == "answer":
                raise hosting.ShortCircuit("answered")

    own = "own = tracing.Own(__file__)\nlast = tracing.OwnLast(__file__)"
    main = V1["HttpTrigger/__init__.py"].replace("own = tracing.Own(__file__)", own)
    hosted = LoadedApp(make_app({**V1, "tracing.py": TRACING + POST_ONLY, "HttpTrigger/__init__.py": main}))
    hosted.host.register("answering", Answering)
    hosted.load()
    assert hosted.call("HttpTrigger", "answer") == "answered"
    assert hosted.trace == []
    assert hosted.call("HttpTrigger") == "fine"
    assert hosted.trace[-5:] == ["Own post", "OwnLast post", "First post fine", "Second post", "Last post"]


NAMED = """
from azure.functions import AppExtensionBase, FuncExtensionBase

trace = []

class App(AppExtensionBase):
    @classmethod
    def configure(cls, **settings):
        trace.append(f"configure {settings}")

class Own(FuncExtensionBase):
    def __init__(self, file_path):
        super().__init__(file_path)

    def pre_invocation(self, logger, context, func_args, *args, **kwargs):
        trace.append("Own pre")
"""


def test_azures_classes_are_set_up_once_when_functions_load_one_at_a_time(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app-level class is configured once; function-level classes are instantiated for each function."""
    site.install(
        "sdk-extension", {"named_classes.py": NAMED}, hosting={"app": "named_classes:App", "own": "named_classes:Own"}
    )
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path))
    section = {"extensions": {"app": {"settings": {"level": 1}}, "own": {"functions": {"include": ["*"]}}}}
    host = ExtensionHost(environ=ON, section=section)
    host.discover()
    functions = [
        function(lambda: "fine", name, directory=str(tmp_path / name), file=str(tmp_path / name / "__init__.py"))
        for name in ("one", "two", "three")
    ]
    host.load(functions[:1])
    for late in functions[1:]:
        host.add_functions([late])
    trace = sys.modules["named_classes"].trace
    assert trace == ["configure {'level': 1}"]
    assert [invoke(host, one) for one in functions] == ["fine"] * 3
    assert trace[1:] == ["Own pre"] * 3
    assert host._info["FuncExtension"] == {one.name: ["own"] for one in functions}
