"""v1 functions in Azure's worker have the name, folder and bindings of their folder, whatever decorates them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.driving import DISTRIBUTION, driver_report

BINDINGS = [
    {"type": "httpTrigger", "direction": "in", "name": "req"},
    {"type": "http", "direction": "out", "name": "$return"},
]
HEAD = "import azure.functions as func\nimport hosting\nfrom shared.decorators import plain, made, Kept, handle\n"
MAIN = "def main(req: func.HttpRequest) -> str:\n    return 'hi'\n"
SHARED = """
import azure.functions as func

def plain(function):
    def wrapper(req: func.HttpRequest) -> str:
        return function(req)
    return wrapper

def made(function):
    names = {"function": function, "func": func}
    exec("def outer(function):\\n def call(req: func.HttpRequest) -> str: return function(req)\\n return call", names)
    return names["outer"](function)

class Kept:
    def __init__(self, function):
        self.function = function
    def run(self, req: func.HttpRequest) -> str:
        return self.function(req)

def handle(req: func.HttpRequest) -> str:
    return "hi"
"""
EXEC = """
names = {"func": func}
exec("def main(req: func.HttpRequest) -> str: return 'hi'", names)
main = hosting.extend(names["main"])
"""
FUNCTIONS = {
    "Alone": f"@hosting.extend\n{MAIN}",
    "BelowPlain": f"@plain\n@hosting.extend\n{MAIN}",
    "AbovePlain": f"@hosting.extend\n@plain\n{MAIN}",
    "Between": f"@plain\n@hosting.extend\n@plain\n@made\n{MAIN}",
    "ByExec": EXEC,
    "ByDecoratorOfExec": f"@hosting.extend\n@made\n{MAIN}",
    "ByMethod": f"{MAIN}\nmain = hosting.extend(Kept(main).run)\n",
    "FromAnotherFolder": "main = hosting.extend(handle)\n",
    "DecoratorOfAnotherFunction": f"from __app__.Alone.more import near\n@hosting.extend\n@near\n{MAIN}",
    "UseBelow": f"@hosting.extend\n@plain\n@hosting.use('own', top=1)\n{MAIN}",
    "UseBetween": f"@hosting.use('own', top=3)\n@plain\n@hosting.extend\n@made\n@hosting.use('own', top=2)\n{MAIN}",
    "WithoutBelow": f"@hosting.extend\n@plain\n@hosting.without('tracing')\n{MAIN}",
    "ByFunctionJson": f"@hosting.extend\n@plain\n{MAIN}",
    "Excluded": f"@hosting.extend\n@plain\n{MAIN}",
    "Included": f"@hosting.extend\n@plain\n{MAIN}",
}
SHARING = ("SharedOne", "SharedTwo")
CALLS = [(name, "x") for name in (*FUNCTIONS, *SHARING)]


def app_files() -> dict[str, str]:
    """Return an app with a folder for each function, and two folders that share one."""
    host_json: dict[str, Any] = json.loads(DISTRIBUTION["host.json"])
    extensions = host_json["extensionHost"]["extensions"]
    extensions["tracing"]["functions"] = {"exclude": ["Excluded", "SharedTwo"]}
    extensions["own"] = {"functions": {"include": ["Included", "SharedOne"]}}
    files = {**DISTRIBUTION, "host.json": json.dumps(host_json), "shared/decorators.py": SHARED}
    for name, code in FUNCTIONS.items():
        files[f"{name}/__init__.py"] = HEAD + code
        files[f"{name}/function.json"] = json.dumps({"bindings": BINDINGS})
    files["Alone/more.py"] = SHARED.replace("def plain", "def near")
    files["ByFunctionJson/function.json"] = json.dumps({"bindings": BINDINGS, "extensions": [{"own": {"top": 7}}]})
    files["shared/both.py"] = f"{HEAD}@hosting.extend\n@plain\n{MAIN.replace('main', 'run')}"
    for name in SHARING:
        content = {"bindings": BINDINGS, "scriptFile": "../shared/both.py", "entryPoint": "run"}
        files[f"{name}/function.json"] = json.dumps(content)
    return files


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Run the same app under the host and in Azure's worker."""
    root: Path = tmp_path_factory.mktemp("app")
    for name, content in app_files().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return {runtime: driver_report(runtime, root, CALLS) for runtime in ("standalone", "v1")}


def hooks_by_call(trace: list[str]) -> list[str]:
    """Return the hooks of the invocations in order, without the ids."""
    return [step for step in trace if step in ("own pre", "own post", "post") or step.startswith("pre ")]


def test_extended_functions_in_azures_worker_have_the_names_of_their_folders(reports: dict[str, Any]) -> None:
    """Each is loaded under its folder's name, with the settings that its marks and its function.json have."""
    loads = [
        sorted(step for step in reports[runtime]["trace"] if step.startswith(("load ", "own ")) and " p" not in step)
        for runtime in ("standalone", "v1")
    ]
    assert loads[1] == loads[0]
    assert "own UseBelow {'top': 1}" in loads[0]
    assert "own UseBetween {'top': 3}" in loads[0]
    assert "own ByFunctionJson {'top': 7}" in loads[0]
    assert "load FromAnotherFolder" in loads[0]
    assert "load Excluded" not in loads[0]


def test_extended_functions_in_azures_worker_have_the_info_of_the_host(reports: dict[str, Any]) -> None:
    """``include``, ``exclude``, ``function.json`` and decorators count as under ``hosting start``."""
    assert reports["v1"]["info"] == reports["standalone"]["info"]
    users = {"ByFunctionJson", "Included", "SharedOne", "UseBelow", "UseBetween"}
    assert set(reports["v1"]["info"]["FuncExtension"]) == users


@pytest.mark.parametrize("number", range(len(CALLS)), ids=[name for name, _ in CALLS])
def test_extended_function_in_azures_worker_has_the_answer_of_the_host(reports: dict[str, Any], number: int) -> None:
    """The function's own answer comes back; an extension appends the time to it, or is excluded."""
    answers = [reports[runtime]["answers"][number].partition(" (TimeElapsed")[0] for runtime in ("standalone", "v1")]
    assert answers == ["hi", "hi"]


def test_extended_functions_in_azures_worker_run_the_hooks_of_the_host(reports: dict[str, Any]) -> None:
    """Also where two folders share one function: the folder that is invoked decides."""
    assert hooks_by_call(reports["v1"]["trace"]) == hooks_by_call(reports["standalone"]["trace"])
