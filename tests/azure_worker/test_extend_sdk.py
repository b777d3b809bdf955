"""Azure's extension classes in Azure's worker: each is called once, by the worker or by hosting."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT, MakeApp, clean_environment
from tests.support.driving import driver_report

CLASSES = """
from azure.functions import AppExtensionBase, FuncExtensionBase

trace = []

class Counting(AppExtensionBase):
    @classmethod
    def init(cls): trace.append("init")
    @classmethod
    def post_function_load_app_level(cls, name, directory, *args, **kwargs): trace.append(f"app load {name}")
    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args=None, *args, **kwargs): trace.append("app pre")
    @classmethod
    def post_invocation_app_level(cls, logger, context, func_args=None, func_ret=None, *args, **kwargs):
        trace.append("app post")

class Silent(AppExtensionBase):
    pass

class Own(FuncExtensionBase):
    def __init__(self, file): super().__init__(file)
    def pre_invocation(self, logger, context, func_args=None, *args, **kwargs): trace.append("own pre")
    def post_invocation(self, logger, context, func_args=None, func_ret=None, *args, **kwargs):
        trace.append("own post")
"""
ONCE = ["init", "app load Hello", "app pre", "own pre", "own post", "app post"]


def v2(*, imported_first: bool) -> dict[str, str]:
    """Return an app of the v2 model."""
    import_them = "from tracing_extension import Own\nOwn(__file__)\n"
    head = "import azure.functions as func\nimport hosting\n"
    app = "app = hosting.extend(func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS))\n"
    first = f"{head}{import_them}{app}" if imported_first else f"{head}{app}{import_them}"
    function = '@app.function_name("Hello")\n@app.route()\ndef hello(req: func.HttpRequest) -> str:\n    return "hi"\n'
    return {**FILES, "function_app.py": first + function}


def v1(*, imported_first: bool) -> dict[str, str]:
    """Return the same app with a function's folder."""
    import_them = "from tracing_extension import Own\nOwn(__file__)\n"
    head = "import azure.functions as func\nimport hosting\n"
    main = '@hosting.extend\ndef main(req: func.HttpRequest) -> str:\n    return "hi"\n'
    code = f"{head}{import_them}{main}" if imported_first else f"{head}{main}{import_them}"
    bindings = [
        {"type": "httpTrigger", "direction": "in", "name": "req"},
        {"type": "http", "direction": "out", "name": "$return"},
    ]
    return {**FILES, "Hello/__init__.py": code, "Hello/function.json": json.dumps({"bindings": bindings})}


FILES = {"host.json": '{"version": "2.0"}', "tracing_extension.py": CLASSES}


@pytest.mark.parametrize("imported_first", [True, False])
@pytest.mark.parametrize(("runtime", "files"), [("v2", v2), ("v1", v1)])
def test_azures_extensions_on_python_3_13_and_later_run_once_through_hosting(
    make_app: MakeApp, runtime: str, files: Any, imported_first: bool
) -> None:
    """Azure's libraries for 3.13 call none of them, so that hosting calls them as the classic worker did."""
    report = driver_report(
        runtime, make_app(files(imported_first=imported_first)), [("Hello", "x")], HOSTING_ALLOW="none"
    )
    assert report["answers"] == ["hi"]
    assert report["trace"] == ONCE
    assert report["info"] == {"AppExtension": ["Counting"], "FuncExtension": {"Hello": ["Own"]}}


CLASSIC = """
import sys, types
from tests.support import classic_worker
classic_worker.install()
import azure.functions as func
import function_app, tracing_extension
from hosting.authoring import pending
[built] = function_app.app.get_functions()
context = types.SimpleNamespace(invocation_id="1", function_name="Hello")
arguments = dict(req=func.HttpRequest("GET", "/", body=b""), context=context)
assert built.get_user_function()(**arguments) == "hi"
assert tracing_extension.trace == ["init"]
manager = classic_worker.ExtensionManager
manager.function_load_extension("Hello", "/app")
assert manager.get_sync_invocation_wrapper(context, built.get_user_function())(arguments) == "hi"
document = pending.shared.host.diagnosis()
sdk = {one["name"]: [one["status"], one["reason"]] for one in document["extensions"] if one["kind"] == "sdk"}
print([tracing_extension.trace, document["_info"], sdk])
"""


@pytest.mark.parametrize("imported_first", [True, False])
def test_azures_extensions_that_the_worker_calls_are_not_called_by_hosting(
    make_app: MakeApp, imported_first: bool
) -> None:
    """Until Python 3.12, with the flag on, the worker calls them once, and the diagnosis says so.

    The worker's extension manager is the stand-in of ``classic_worker``.
    """
    root = make_app({**v2(imported_first=imported_first), "check.py": CLASSIC})
    environment = clean_environment({"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "HOSTING_ALLOW": "none"})
    environment |= {"PYTHONPATH": f"{ROOT}:{root}", "AzureWebJobsScriptRoot": str(root)}
    command = [sys.executable, "-W", "error", "check.py"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    trace, info, sdk = ast.literal_eval(done.stdout.splitlines()[-1])
    assert trace == ["init", "app load Hello", "app pre", "app post"]  # Own is for a function named function_app.py
    assert info == {"AppExtension": [], "FuncExtension": {}}
    assert sdk == {name: ["idle", "called by Azure's worker itself"] for name in ("Counting", "Silent", "Own")}
