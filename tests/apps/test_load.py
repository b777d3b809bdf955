"""From a folder to an ``App``: which model, which functions, in which order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hosting.apps.load import load_app
from hosting.apps.local_settings import LocalSettings
from hosting.core import App, Problem
from hosting.errors import AppLoadError, SettingsError

Load = Callable[..., App]
Write = Callable[[dict[str, Any]], Path]
V2 = "import azure.functions as func\napp = func.FunctionApp()\n"
MAIN = "def main(req):\n    return 'Hello'\n"


def _route(name: str) -> str:
    return f"@app.route()\ndef {name}(req): ...\n"


def test_functions_stand_in_the_host_s_order(load: Load) -> None:
    """By name, ignoring case, whatever the order in the file: routes are tried in this order."""
    app = load({"function_app.py": V2 + _route("b") + _route("C") + _route("a_") + _route("ab")})
    assert [function.name for function in app.functions] == ["ab", "a_", "b", "C"]


def test_the_v2_file_comes_first_and_says_what_it_hides(load: Load, http: dict[str, Any]) -> None:
    """Folders with a function.json are not read beside it, and a warning names them."""
    app = load({"function_app.py": V2 + _route("a"), "Old/function.json": http, "Old/__init__.py": "1 / 0"})
    assert [function.name for function in app.functions] == ["a"]
    (problem,) = app.problems
    assert problem.severity == "warning"
    assert problem.message.endswith("because function_app.py declares functions: Old")


def test_folders_are_read_where_the_v2_file_has_no_function(load: Load, http: dict[str, Any]) -> None:
    """An app object alone hides nothing."""
    app = load({"function_app.py": V2, "Old/function.json": http, "Old/__init__.py": MAIN})
    assert [(function.name, function.model) for function in app.functions] == [("Old", "v1")]


def test_a_v2_file_that_raises_does_not_fall_back(load: Load, http: dict[str, Any]) -> None:
    """Half an app is worse than none."""
    with pytest.raises(AppLoadError, match=r"function_app\.py cannot be imported: ZeroDivisionError"):
        load({"function_app.py": "1 / 0", "Old/function.json": http, "Old/__init__.py": MAIN})


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A misspelled folder is not an empty app."""
    with pytest.raises(AppLoadError, match="there is no folder"):
        load_app(tmp_path / "nothing", environ={})


@pytest.mark.parametrize("setting", ["AzureWebJobs.a.Disabled", "AzureWebJobs_A_Disabled"])
def test_a_setting_disables_a_function(setting: str, load: Load) -> None:
    """Either spelling, any case; the function stays listed."""
    app = load({"function_app.py": V2 + _route("a") + _route("b")}, **{setting: "True"})
    assert [(function.name, function.disabled) for function in app.functions] == [("a", True), ("b", False)]


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_the_allow_list_leaves_the_others_out(model: str, load: Load, http: dict[str, Any]) -> None:
    """Names ignore case; v1 functions outside it are not even imported; a name that nobody has is a warning."""
    v1 = {"Bad/function.json": http, "Bad/__init__.py": "1 / 0", "Good/function.json": http, "Good/__init__.py": MAIN}
    v2 = {"function_app.py": V2 + _route("Bad") + _route("Good")}
    host_json = {"host.json": {"version": "2.0", "functions": ["good", "Nobody"]}}
    app = load((v1 if model == "v1" else v2) | host_json)
    assert [function.name for function in app.functions] == ["Good"]
    assert [problem.message for problem in app.problems] == [
        "host.json: 'functions' lists functions that the app does not have: nobody"
    ]


def test_a_retry_policy_of_host_json_is_checked(load: Load) -> None:
    """It is for every function, so a mistake in it stops the app."""
    files = {"function_app.py": V2 + _route("a"), "host.json": {"version": "2.0", "retry": {"strategy": "often"}}}
    with pytest.raises(SettingsError, match=r"host\.json: retry policy: strategy: "):
        load(files)


def test_the_import_is_wrapped(write: Write) -> None:
    """What is to happen around the import of the app's code happens around all of it and nothing else."""
    root = write({"function_app.py": V2 + "import steps\nsteps.LOG.append('import')\n" + _route("a")})
    (root / "steps.py").write_text("import sys\nLOG = sys.steps_of_this_test\n", encoding="utf-8")
    steps: list[str] = []
    sys.steps_of_this_test = steps  # type: ignore[attr-defined]

    @contextmanager
    def importing(of: Path) -> Iterator[None]:
        steps.append(f"enter {of == root}")
        yield
        steps.append("leave")

    load_app(root, environ={}, importing=importing)
    del sys.steps_of_this_test  # type: ignore[attr-defined]
    assert steps == ["enter True", "import", "leave"]


def test_settings_and_their_problems_are_the_app_s(write: Write) -> None:
    """What was read before the app is kept with it."""
    root = write({"function_app.py": V2 + _route("a")})
    problem = Problem("warning", "skipped")
    settings = LocalSettings(root, {"A": "a"}, problems=(problem,))
    app = load_app(root, environ={}, host_json={"version": "2.0"}, settings=settings)
    assert (app.settings, app.problems, app.host_json) == ({"A": "a"}, (problem,), {"version": "2.0"})


def test_the_working_directory_is_left_alone(load: Load) -> None:
    """Changing it is for the process that serves the app, not for whoever reads it."""
    before = Path.cwd()
    load({"function_app.py": V2 + _route("a")})
    assert Path.cwd() == before
