"""Guards that guard no function: the start is refused where the app asks for them, and reported elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hosting.errors import ExtensionError
from hosting.testing import make_host
from tests.support.hooks import HELLO, hooks
from tests.support.sites import FUNCTION_PRE, Site

TWO = {
    "function_app.py": """
import azure.functions as func
import hosting
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route("pay")
PAY
def pay(req: func.HttpRequest) -> str:
    return "paid"
@app.route("health")
HEALTH
def health(req: func.HttpRequest) -> str:
    return "well"
"""
}


def two(pay: str = "", health: str = "") -> dict[str, str]:
    """Return an app of two functions, with a decorator on each."""
    return {"function_app.py": TWO["function_app.py"].replace("PAY", pay).replace("HEALTH", health)}


def passing() -> None:
    """Let every function run."""


def guard(*names: str, **attributes: Any) -> Any:
    """Return a guard with these hooks, all of which let functions run."""
    target = hooks(**dict.fromkeys(names, passing))
    vars(target).update({"guard": True, **attributes})
    return target


PER_FUNCTION = guard("pre_invocation")
FOR_ALL = guard("pre_invocation_app_level")
NO_OPT_IN = "it guards functions that opt in to it, and of health, pay, none does.\n  Write @hosting.use('gate')"
ASKED: dict[str, tuple[Any, dict[str, str], dict[str, Any], dict[str, str], str]] = {
    "guards": (PER_FUNCTION, two(), {"guards": ["gate"]}, {}, f"{NO_OPT_IN} on functions, or name them in include"),
    "HOSTING_GUARDS": (PER_FUNCTION, two(), {}, {"HOSTING_GUARDS": "Gate"}, "from extensionHost.guards and HOSTING_"),
    "required": (guard("pre_invocation", guard=None), two(), {"required": ["gate"]}, {}, NO_OPT_IN),
    "HOSTING_REQUIRE": (PER_FUNCTION, two(), {}, {"HOSTING_REQUIRE": "gate"}, "HOSTING_REQUIRE, and uninstall it"),
    "settings": (PER_FUNCTION, two(), {"extensions": {"gate": {"settings": {"key": "k"}}}}, {}, NO_OPT_IN),
    "hosting.configure": (
        PER_FUNCTION,
        {"function_app.py": f"import hosting\nhosting.configure('gate', key='k')\n{two()['function_app.py']}"},
        {},
        {},
        "remove it from the calls of hosting.configure and hosting.use",
    ),
    "use, and exclude": (
        PER_FUNCTION,
        two("@hosting.use('gate')"),
        {"extensions": {"gate": {"functions": {"exclude": ["pay"]}}}},
        {},
        NO_OPT_IN,
    ),
    "use, and without": (PER_FUNCTION, two("@hosting.use('gate')\n@hosting.without('gate')"), {}, {}, NO_OPT_IN),
    "without for all": (
        FOR_ALL,
        two("@hosting.without('gate')", "@hosting.without('gate')"),
        {"guards": ["gate"]},
        {},
        "each of health, pay opts out of it.\n  Remove @hosting.without('gate') from a function.",
    ),
    "error hooks alone": (
        guard("invocation_error_app_level"),
        two(),
        {"guards": ["gate"]},
        {},
        "none of its hooks decides whether a function runs, or what the caller gets.\n  Use one with a pre, post",
    ),
    "app-level hooks that do not decide": (
        guard("post_function_load_app_level", "pre_invocation"),
        two(),
        {"guards": ["gate"]},
        {},
        NO_OPT_IN,
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_start_with_a_guard_that_the_app_asks_for_and_that_guards_nothing_is_refused(case: str) -> None:
    """The message names the guard, why it guards nothing, what to write, and where the app asks for it."""
    target, app, section, settings, message = ASKED[case]
    with (
        pytest.raises(ExtensionError) as caught,
        make_host(app, extensions={"gate": target}, host_json={"extensionHost": section}, settings=settings),
    ):
        pass
    assert str(caught.value).startswith("Guard 'gate' guards no function: ")
    assert message in str(caught.value)


def test_guard_that_host_json_leaves_no_function_is_an_error_with_both_ways_out() -> None:
    """The message has the names of the functions in order."""
    section = {"extensions": {"gate": {"functions": {"exclude": ["*"]}}}}
    with (
        pytest.raises(ExtensionError) as caught,
        make_host(two(), extensions={"gate": FOR_ALL}, host_json={"extensionHost": section}),
    ):
        pass
    functions = "extensionHost.extensions.gate.functions"
    assert caught.value.message == (
        f"Guard 'gate' guards no function: of health, pay, {functions} in host.json leaves none.\n"
        f"  Correct include and exclude in {functions} of host.json. To run without it, remove it from "
        "extensionHost.extensions, and uninstall it or set HOSTING_DISABLE=gate."
    )


@pytest.mark.parametrize("source", ["extensionHost.load", "hosting.extension"])
def test_start_with_a_guard_of_the_app_that_guards_nothing_is_refused(source: str) -> None:
    """What the app brings itself it asks for."""
    code = "import hosting\nclass Gate:\n guard = True\n @hosting.hookimpl\n def pre_invocation(self): pass\n"
    app, section = {**two(), "gates.py": code}, {"load": ["gates:Gate"]}
    if source == "hosting.extension":
        app["function_app.py"], section = (
            f"import hosting, gates\nhosting.extension(gates.Gate)\n{app['function_app.py']}",
            {},
        )
    with (
        pytest.raises(
            ExtensionError, match=r"Guard 'gate' guards no function.*\n.*remove it from extensionHost\.load, or"
        ),
        make_host(app, host_json={"extensionHost": section}),
    ):
        pass


@pytest.mark.parametrize("target", [PER_FUNCTION, guard("invocation_error")])
def test_guard_that_the_app_does_not_ask_for_and_that_guards_nothing_is_a_problem(target: Any) -> None:
    """An environment that several apps share may have a guard that one of them does not use."""
    with make_host(two(), extensions={"gate": target}) as host:
        assert host.get("/api/pay").text == "paid"
        document = host.diagnosis()
    assert document["unguarded"] == ["health", "pay"]
    (problem,) = [one for one in document["problems"] if "guards no function" in one["message"]]
    assert problem["severity"] == "warning"
    assert "If the app does not need it, disable it: HOSTING_DISABLE=gate." in problem["remedy"]


HTTP = json.dumps(
    {
        "bindings": [
            {"name": "req", "type": "httpTrigger", "direction": "in", "authLevel": "anonymous"},
            {"name": "$return", "type": "http", "direction": "out"},
        ]
    }
)
GUARDING: dict[str, tuple[Any, dict[str, str], dict[str, Any]]] = {
    "one function uses it": (PER_FUNCTION, two("@hosting.use('gate')"), {"guards": ["gate"]}),
    "include names a function": (
        PER_FUNCTION,
        two(),
        {"guards": ["gate"], "extensions": {"gate": {"functions": {"include": ["p*"]}}}},
    ),
    "every function": (FOR_ALL, two(), {"guards": ["gate"]}),
    "all but one": (FOR_ALL, two("@hosting.without('gate')"), {"guards": ["gate"]}),
    "required for what it adds": (guard("startup", guard=None), two(), {"required": ["gate"]}),
    "its user is disabled": (PER_FUNCTION, two("@hosting.use('gate')"), {"guards": ["gate"]}),
    "its user cannot be loaded": (
        PER_FUNCTION,
        {
            **{f"{name}/function.json": HTTP for name in ("pay", "health")},
            "pay/__init__.py": "import hosting, nothing_like_this\n@hosting.use('gate')\ndef main(req): ...\n",
            "health/__init__.py": "def main(req): return 'well'\n",
        },
        {"guards": ["gate"]},
    ),
    "all opt out, and nothing asks for it": (FOR_ALL, two(*["@hosting.without('gate')"] * 2), {}),
}


@pytest.mark.parametrize("case", GUARDING)
def test_guard_of_a_function_is_no_problem(case: str) -> None:
    """One function is enough, also one that does not run now; and what is required may have no hooks around any."""
    target, app, section = GUARDING[case]
    settings = {"AzureWebJobs.pay.Disabled": "1"} if case == "its user is disabled" else {}
    with make_host(
        app, extensions={"gate": target}, host_json={"extensionHost": section}, settings=settings, raises=False
    ) as host:
        assert host.get("/api/health").text == "well"


@pytest.mark.parametrize("include", [["pay"], []])
def test_start_of_some_functions_does_not_count_as_an_app_without_the_others(include: list[str]) -> None:
    """The guard is for a function that the caller did not ask for."""
    section = {"guards": ["gate"], "extensions": {"gate": {"functions": {"include": include}}}}
    app = two("" if include else "@hosting.use('gate')")
    with make_host(
        app, extensions={"gate": PER_FUNCTION}, host_json={"extensionHost": section}, functions=["health"]
    ) as host:
        assert host.get("/api/health").text == "well"


def test_guard_that_runs_for_functions_that_opt_in_is_asked_for_by_its_name_in_host_json_while_it_is_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not imported, because nothing uses it, and guards nothing either."""
    Site(tmp_path).extension("gate", f"guard = True\n{FUNCTION_PRE}", group="functions")
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "HOSTING_ALLOW": "dist-gate"}
    with make_host(HELLO, settings=settings) as host:
        assert host.get("/api/hello").text == "hello"
    with (
        pytest.raises(ExtensionError, match="Guard 'gate' guards no function: it guards functions that opt in"),
        make_host(HELLO, host_json={"extensionHost": {"guards": ["gate"]}}, settings=settings),
    ):
        pass
