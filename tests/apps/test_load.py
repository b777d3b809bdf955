"""Loading an app from its folder: the model, the functions and their order."""

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


def test_functions_are_sorted_by_name_ignoring_case(load: Load) -> None:
    """Routes are tried in this order, whatever the order in the file."""
    app = load({"function_app.py": V2 + _route("b") + _route("C") + _route("a_") + _route("ab")})
    assert [function.name for function in app.functions] == ["ab", "a_", "b", "C"]


def test_v2_file_with_functions_hides_v1_folders_with_a_warning(load: Load, http: dict[str, Any]) -> None:
    """The warning lists the folders with a function.json."""
    app = load({"function_app.py": V2 + _route("a"), "Old/function.json": http, "Old/__init__.py": "1 / 0"})
    assert [function.name for function in app.functions] == ["a"]
    (problem,) = app.problems
    assert problem.severity == "warning"
    assert problem.message.endswith("because function_app.py declares functions: Old")


def test_v2_file_without_functions_hides_no_v1_folders(load: Load, http: dict[str, Any]) -> None:
    """An app object alone is not enough."""
    app = load({"function_app.py": V2, "Old/function.json": http, "Old/__init__.py": MAIN})
    assert [(function.name, function.model) for function in app.functions] == [("Old", "v1")]


def test_v2_file_that_raises_is_an_error_even_with_v1_folders(load: Load, http: dict[str, Any]) -> None:
    """The app must not be loaded in part."""
    with pytest.raises(AppLoadError, match=r"function_app\.py cannot be imported: ZeroDivisionError"):
        load({"function_app.py": "1 / 0", "Old/function.json": http, "Old/__init__.py": MAIN})


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    """A misspelled folder is not an empty app."""
    with pytest.raises(AppLoadError, match="there is no folder"):
        load_app(tmp_path / "nothing", environ={})


@pytest.mark.parametrize("setting", ["AzureWebJobs.a.Disabled", "AzureWebJobs_A_Disabled"])
def test_setting_disables_a_function_that_stays_listed(setting: str, load: Load) -> None:
    """Both spellings of the setting work, in any case."""
    app = load({"function_app.py": V2 + _route("a") + _route("b")}, **{setting: "True"})
    assert [(function.name, function.disabled) for function in app.functions] == [("a", True), ("b", False)]


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_functions_that_are_not_in_the_allow_list_are_not_loaded(model: str, load: Load, http: dict[str, Any]) -> None:
    """Names ignore case. V1 functions outside of the list are not imported, and an unknown name is a warning."""
    v1 = {"Bad/function.json": http, "Bad/__init__.py": "1 / 0", "Good/function.json": http, "Good/__init__.py": MAIN}
    v2 = {"function_app.py": V2 + _route("Bad") + _route("Good")}
    host_json = {"host.json": {"version": "2.0", "functions": ["good", "Nobody"]}}
    app = load((v1 if model == "v1" else v2) | host_json)
    assert [function.name for function in app.functions] == ["Good"]
    assert [problem.message for problem in app.problems] == [
        "host.json: 'functions' lists functions that the app does not have: Nobody"
    ]


def test_invalid_retry_policy_of_host_json_is_an_error(load: Load) -> None:
    """It applies to every function, so the app does not load."""
    files = {"function_app.py": V2 + _route("a"), "host.json": {"version": "2.0", "retry": {"strategy": "often"}}}
    with pytest.raises(SettingsError, match=r"host\.json: retry policy: strategy: "):
        load(files)


def test_importing_context_is_entered_around_the_import_of_the_app(write: Write) -> None:
    """It includes all of the app's code and nothing else."""
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


def test_settings_and_their_problems_are_part_of_the_app(write: Write) -> None:
    """The result has what was read before the app."""
    root = write({"function_app.py": V2 + _route("a")})
    problem = Problem("warning", "skipped")
    settings = LocalSettings(root, {"A": "a"}, problems=(problem,))
    app = load_app(root, environ={}, host_json={"version": "2.0"}, settings=settings)
    assert (app.settings, app.problems, app.host_json) == ({"A": "a"}, (problem,), {"version": "2.0"})


def test_working_directory_is_not_changed(load: Load) -> None:
    """Only the process that serves the app changes it."""
    before = Path.cwd()
    load({"function_app.py": V2 + _route("a")})
    assert Path.cwd() == before
