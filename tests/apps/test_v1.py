"""The v1 programming model: folders with a ``function.json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hosting.core import App, OptIn, Retry
from hosting.errors import FunctionLoadError

Load = Callable[..., App]
MAIN = "def main(req):\n    return 'Hello'\n"


def test_folder_with_function_json_is_a_function(load: Load, http: dict[str, Any]) -> None:
    """The function has the folder's name; deeper folders and those without function.json do not count."""
    app = load(
        {"Hello/function.json": http, "Hello/__init__.py": MAIN, "deep/er/function.json": http, "other/a.py": MAIN}
    )
    (function,) = app.functions
    assert (function.name, function.model, function.trigger.name) == ("Hello", "v1", "req")
    assert function.directory == str(app.root / "Hello")
    assert function.file == str(app.root / "Hello" / "__init__.py")
    assert (function.error, function.disabled, function.call(req=None)) == (None, False, "Hello")


@pytest.mark.parametrize(
    ("script", "files"),
    [
        ("main.py", {"Hello/main.py": MAIN, "Hello/other.py": ""}),
        ("../shared/hello.py", {"shared/hello.py": MAIN}),
        (None, {"Hello/anything.py": MAIN}),
        (None, {"Hello/run.py": MAIN, "Hello/other.py": ""}),
        (None, {"Hello/index.py": MAIN, "Hello/other.py": ""}),
        (None, {"Hello/__init__.py": MAIN, "Hello/other.py": ""}),
    ],
)
def test_script_is_configured_or_found(
    script: str | None, files: dict[str, str], load: Load, http: dict[str, Any]
) -> None:
    """``scriptFile`` can be anywhere in the app; else it is the only file, or one with a usual name."""
    app = load({"Hello/function.json": http | {"scriptFile": script}, **files})
    assert app.functions[0].call(req=None) == "Hello"


def test_entry_point_names_the_function(load: Load, http: dict[str, Any]) -> None:
    """``entryPoint`` can be anything that can be called."""
    app = load({"Hello/function.json": http | {"entryPoint": "hi"}, "Hello/__init__.py": "hi = lambda req: 'Hi'\n"})
    assert app.functions[0].call(req=None) == "Hi"


@pytest.mark.parametrize(
    ("function", "files", "message"),
    [
        ({"scriptFile": "main.py"}, {"Hello/a.py": MAIN}, "The 'scriptFile' property is set to a file that does not "),
        ({"scriptFile": 1}, {"Hello/a.py": MAIN}, "'scriptFile': expected a text, found the number 1"),
        ({}, {"Hello/a.py": MAIN, "Hello/b.py": ""}, "Unable to determine the primary function script."),
        ({}, {"Hello/a.js": ""}, "invalid Python filename a.js"),
        ({}, {"Hello/a.b.py": ""}, "invalid Python filename a.b.py"),
        ({"scriptFile": "../../a.py"}, {"../a.py": MAIN}, "is not below the app's folder"),
        ({"bindings": []}, {"Hello/a.py": MAIN}, "At least one binding must be declared."),
        ({"retry": {}}, {"Hello/a.py": MAIN}, "retry policy: strategy: expected"),
        ({"extensions": {"a": 1}}, {"Hello/a.py": MAIN}, "'extensions': expected a list of names, found an object"),
        ({"extensions": [{"a": 1}]}, {"Hello/a.py": MAIN}, "'extensions': expected a list of names, found a list"),
    ],
)
def test_invalid_function_json_is_a_problem_and_other_functions_load(
    function: dict[str, Any], files: dict[str, str], message: str, load: Load, http: dict[str, Any]
) -> None:
    """As in Azure's host, the function is not listed; the problem has the file."""
    app = load({"Hello/function.json": http | function, "Fine/function.json": http, "Fine/__init__.py": MAIN} | files)
    assert [function.name for function in app.functions] == ["Fine"]
    (problem,) = app.problems
    assert problem.message.startswith("The 'Hello' function is in error: ")
    assert message in problem.message
    assert (problem.severity, problem.function) == ("error", "Hello")
    assert problem.file == str(app.root / "Hello" / "function.json")
    assert problem.remedy


@pytest.mark.parametrize("code", ["1 / 0\n", "def main(request): ...\n", "import sys\nsys.exit()\n", "other = 1\n"])
def test_function_that_cannot_be_imported_stays_listed_and_fails(code: str, load: Load, http: dict[str, Any]) -> None:
    """As in Azure, each call of it fails with the reason, and other functions run."""
    app = load(
        {
            "Hello/function.json": http,
            "Hello/__init__.py": code,
            "Fine/function.json": http,
            "Fine/__init__.py": MAIN,
        }
    )
    fine, hello = app.functions
    assert (fine.error, hello.name, hello.trigger.type) == (None, "Hello", "httpTrigger")
    assert hello.error
    with pytest.raises(FunctionLoadError, match="The 'Hello' function cannot be loaded: ") as caught:
        hello.call(req=None)
    assert str(caught.value) == hello.error
    assert [problem.function for problem in app.problems] == ["Hello"]


def test_opt_ins_of_function_json_follow_those_of_decorators(load: Load, http: dict[str, Any]) -> None:
    """Function.json has names, or names with settings. A function may also opt out."""
    code = "import hosting\n\n@hosting.use('a', x=1)\n@hosting.without('b')\n" + MAIN
    function = http | {"extensions": ["c", {"d": {"y": 2}}]}
    app = load({"Hello/function.json": function, "Hello/__init__.py": code})
    assert app.functions[0].opt_ins == (OptIn("a", {"x": 1}), OptIn("c"), OptIn("d", {"y": 2}))
    assert app.functions[0].opt_outs == {"b"}


def test_retry_policy_of_the_function_wins_over_host_json(load: Load, http: dict[str, Any]) -> None:
    """The policy of host.json is for functions without one."""
    policy = {"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:01"}
    app = load(
        {
            "host.json": {"version": "2.0", "retry": policy},
            "A/function.json": http,
            "A/__init__.py": MAIN,
            "B/function.json": http | {"retry": policy | {"maxRetryCount": 5}},
            "B/__init__.py": MAIN,
        }
    )
    assert [function.retry for function in app.functions] == [
        Retry("fixedDelay", 2, delay=1.0),
        Retry("fixedDelay", 5, delay=1.0),
    ]


def test_disabled_in_function_json_is_ignored_with_a_warning(load: Load, http: dict[str, Any]) -> None:
    """Azure's host does not read it any more; the warning names the setting that works."""
    app = load({"Hello/function.json": http | {"disabled": True}, "Hello/__init__.py": MAIN})
    assert app.functions[0].disabled is False
    (problem,) = app.problems
    assert problem.severity == "warning"
    assert "AzureWebJobs.Hello.Disabled" in problem.remedy


def test_names_that_differ_only_in_case_are_an_error(load: Load, http: dict[str, Any]) -> None:
    """The second function is in error, and the message has both locations."""
    app = load(
        {"Hello/function.json": http, "Hello/__init__.py": MAIN, "hello/function.json": http, "hello/__init__.py": MAIN}
    )
    assert [function.name for function in app.functions] == ["Hello"]
    (problem,) = app.problems
    assert f"already used by the function 'Hello' in {app.root / 'Hello' / 'function.json'}" in problem.message
    assert problem.file == str(app.root / "hello" / "function.json")
