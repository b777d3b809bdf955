"""Which functions an extension is for, through real apps of both models."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.authoring import pending
from hosting.extensions import ExtensionHost
from tests.extensions.conftest import LoadApp, Start
from tests.support.invoking import function, invoke, told
from tests.support.sites import FUNCTION_PRE, PRE, Site, hook

HEAD = """
import azure.functions as func
import hosting

app = func.FunctionApp()
"""
HTTP = {
    "bindings": [
        {"type": "httpTrigger", "direction": "in", "name": "req"},
        {"type": "http", "direction": "out", "name": "$return"},
    ]
}
SEEN = "seen = {}\n" + hook("configure_function", "seen[function_name] = dict(settings)", "function_name, settings")


def v2(*decorated: str, extra: str = "") -> dict[str, str]:
    """A v2 app: functions called A, B, … each with these decorators above its body."""
    functions = [f"{one}\ndef {name}(req):\n    pass\n" for name, one in zip("ABCDE", decorated, strict=False)]
    return {"function_app.py": HEAD + extra + "\n".join(functions)}


def v1(function_json: Mapping[str, Any], code: str) -> dict[str, str]:
    """A v1 app of one function called A."""
    return {"A/function.json": json.dumps({**HTTP, **function_json}), "A/__init__.py": code}


def serving(host: ExtensionHost, extension: str) -> list[str]:
    """The functions that the extension serves, by the diagnosis."""
    return [
        one["name"]
        for one in host.diagnosis()["functions"]
        if any(extension in names for names in one["extensions"].values())
    ]


def problems(host: ExtensionHost) -> list[dict[str, Any]]:
    """What the diagnosis says is wrong."""
    found: list[dict[str, Any]] = host.diagnosis()["problems"]
    return found


@pytest.fixture
def profile(site: Site) -> Any:
    """A function-level extension called ``profile`` that notes the settings it is given for each function."""
    file = site.extension("profile", SEEN + FUNCTION_PRE, group="functions")
    return lambda: sys.modules[file.stem].seen


A = "@app.route('a')"
ROUTE = "@app.route('r')"


@pytest.mark.parametrize(
    "decorators",
    [
        f"@hosting.use('profile', top=20)\n{ROUTE}",
        f"{ROUTE}\n@hosting.use('profile', top=20)",
        f"@app.function_name('A')\n@hosting.use('profile', top=20)\n{ROUTE}",
        f"@hosting.use('Profile', top=20)\n{ROUTE}",
    ],
)
def test_use_above_and_below(profile: Any, load: LoadApp, decorators: str) -> None:
    """hosting.use opts a v2 function in with settings, above, between and below Azure's decorators; no other one."""
    host, _ = load(v2(decorators, "@app.route('b')"))
    assert serving(host, "profile") == ["A"]
    assert host._info == {"AppExtension": [], "FuncExtension": {"A": ["profile"]}}
    assert profile() == {"A": {"top": 20}}
    assert problems(host) == []


@pytest.mark.parametrize("below", [False, True])
def test_without_above_and_below(site: Site, load: LoadApp, below: bool) -> None:
    """hosting.without keeps an app-level extension away from one function, above and below Azure's decorators."""
    site.extension("timer", PRE)
    decorators = [ROUTE, "@hosting.without('Timer')"]
    host, _ = load(v2("\n".join(decorators if below else decorators[::-1]), "@app.route('b')"))
    assert serving(host, "timer") == ["B"]
    assert host._info["AppExtension"] == ["timer"]


def test_use_in_v1(profile: Any, load: LoadApp) -> None:
    """The same decorator on main opts a v1 function in."""
    host, _ = load(v1({}, "import hosting\n@hosting.use('profile', top=3)\ndef main(req):\n    pass\n"))
    assert host._info["FuncExtension"] == {"A": ["profile"]}
    assert profile() == {"A": {"top": 3}}


def test_without_in_v1(site: Site, load: LoadApp) -> None:
    """The same decorator on main keeps an extension away from a v1 function."""
    site.extension("timer", PRE)
    host, _ = load(v1({}, "import hosting\n@hosting.without('timer')\ndef main(req):\n    pass\n"))
    assert serving(host, "timer") == []


@pytest.mark.parametrize(
    ("extensions", "settings"), [(["profile"], {}), ([{"profile": {"top": 7}}], {"top": 7}), (["PROFILE"], {})]
)
def test_function_json(profile: Any, load: LoadApp, extensions: list[Any], settings: dict[str, Any]) -> None:
    """function.json's 'extensions' opts a v1 function in, with settings or without."""
    host, _ = load(v1({"extensions": extensions}, "def main(req):\n    pass\n"))
    assert host._info["FuncExtension"] == {"A": ["profile"]}
    assert profile() == {"A": settings}


BLUEPRINT = """
import azure.functions as func
import hosting

bp = func.Blueprint()

@bp.route('early')
def Early(req):
    pass

hosting.use(bp, 'profile', top=1)

@bp.route('late')
@hosting.use('profile', top=2)
def Late(req):
    pass

@bp.route('never')
@hosting.without('profile')
def Never(req):
    pass
"""


def test_a_whole_blueprint(profile: Any, load: LoadApp) -> None:
    """use(blueprint, …) covers what is registered through it, before and after; a function's own word counts more."""
    app = HEAD + "from orders import bp\napp.register_functions(bp)\n\n@app.route('x')\ndef Other(req):\n    pass\n"
    host, _ = load({"function_app.py": app, "orders.py": BLUEPRINT})
    assert host._info["FuncExtension"] == {"Early": ["profile"], "Late": ["profile"]}
    assert profile() == {"Early": {"top": 1}, "Late": {"top": 2}}


def test_a_whole_app(profile: Any, load: LoadApp) -> None:
    """use(app, …) covers every function, also those registered later; a Blueprint's settings beat the app's."""
    extra = "hosting.use(app, 'profile', top=100, all=True)\nfrom orders import bp\napp.register_functions(bp)\n"
    files = {**v2("@app.route('a')", extra=extra), "orders.py": BLUEPRINT}
    host, _ = load(files)
    assert sorted(host._info["FuncExtension"]) == ["A", "Early", "Late"]
    assert profile()["A"] == {"top": 100, "all": True}
    assert profile()["Early"] == {"top": 1, "all": True}
    assert profile()["Late"] == {"top": 2, "all": True}


def test_one_module_can_use_several(profile: Any, site: Site, load: LoadApp) -> None:
    """A function may opt in to as many extensions as it likes; they stand in line, not in the order of decorators."""
    site.extension("audit", FUNCTION_PRE, group="functions")
    host, _ = load(v2(f"@hosting.use('profile')\n{ROUTE}\n@hosting.use('audit')"))
    assert host._info["FuncExtension"] == {"A": ["audit", "profile"]}


def host_json(**extensions: Any) -> dict[str, str]:
    """The host.json of an app that says this of its extensions."""
    return {"host.json": json.dumps({"version": "2.0", "extensionHost": {"extensions": extensions}})}


def test_host_json_beats_decorators(profile: Any, load: LoadApp) -> None:
    """'exclude' beats use, 'include' beats without; host.json's settings beat those in code, key by key."""
    functions = {"include": ["b*", "C"], "exclude": ["a"]}
    section = host_json(profile={"settings": {"top": 1}, "functions": functions})
    app = v2(
        "@app.route('a')\n@hosting.use('profile')",
        "@app.route('b')\n@hosting.without('profile')",
        "@app.route('c')\n@hosting.use('profile', top=9, mode='deep')",
        extra="hosting.configure('profile', mode='flat', colour='red', top=5)\n",
    )
    host, _ = load({**app, **section})
    assert host._info["FuncExtension"] == {"B": ["profile"], "C": ["profile"]}
    assert profile() == {
        "B": {"mode": "flat", "colour": "red", "top": 1},
        "C": {"mode": "deep", "colour": "red", "top": 1},
    }


def test_exclude_beats_include(profile: Any, load: LoadApp) -> None:
    """A function that both lists match is excluded."""
    section = host_json(profile={"functions": {"include": ["*"], "exclude": ["B"]}})
    host, _ = load({**v2("@app.route('a')", "@app.route('b')"), **section})
    assert host._info["FuncExtension"] == {"A": ["profile"]}


@pytest.mark.parametrize(
    ("functions", "served"),
    [
        ({}, ["A", "B"]),
        ({"include": ["a", "c"]}, ["A", "C"]),
        ({"include": ["*"]}, ["A", "B", "C"]),
        ({"exclude": ["A"]}, ["B"]),
        ({"include": ["?"], "exclude": ["b"]}, ["A", "C"]),
    ],
)
def test_include_at_app_level_means_only(
    site: Site, load: LoadApp, functions: dict[str, Any], served: list[str]
) -> None:
    """For an app-level extension 'include' names the only functions it serves, and beats without (on C)."""
    site.extension("timer", PRE)
    app = v2("@app.route('a')", "@app.route('b')", "@app.route('c')\n@hosting.without('timer')")
    host, _ = load({**app, **host_json(timer={"functions": functions})})
    assert serving(host, "timer") == served


def test_excluded_load_hooks(site: Site, load: LoadApp) -> None:
    """A function that is excluded is not told to the extension's load hooks either."""
    file = site.extension(
        "timer", "seen = []\n" + hook("post_function_load_app_level", "seen.append(function_name)", "function_name")
    )
    load({**v2("@app.route('a')", "@app.route('b')"), **host_json(timer={"functions": {"exclude": ["B"]}})})
    assert sys.modules[file.stem].seen == ["A"]


def test_configure_at_module_level(site: Site, load: LoadApp) -> None:
    """hosting.configure in an app's module gives settings to an app-level extension; host.json wins key by key."""
    file = site.extension("timer", "seen = []\n" + hook("configure", "seen.append(dict(settings))", "settings"))
    files = v2("@app.route('a')", extra="hosting.configure('Timer', digits=3, colour='red')\n")
    host, _ = load({**files, **host_json(timer={"settings": {"digits": 5}})})
    assert sys.modules[file.stem].seen == [{"digits": 5, "colour": "red"}]
    assert told(host, "timer")["settings"] == {"digits": 5, "colour": "red"}
    assert pending.settings == {}


def test_configure_is_called_once_with_nothing(site: Site, start: Start) -> None:
    """Where nothing was set, configure gets an empty object, once."""
    file = site.extension("timer", "seen = []\n" + hook("configure", "seen.append(dict(settings))", "settings"))
    start(function(lambda: None), function(lambda: None, "G"))
    assert sys.modules[file.stem].seen == [{}]


def test_what_was_pending_before_is_not_taken(site: Site, load: LoadApp) -> None:
    """What another app's modules left behind does not reach this app, and this app leaves nothing behind."""
    site.extension("timer", PRE)
    hosting.configure("timer", leaked=True)
    hosting.use(func.FunctionApp(), "timer")
    host, _ = load(v2("@app.route('a')"))
    assert told(host, "timer")["settings"] == {}
    assert pending.containers == []


@pytest.mark.parametrize(
    ("files", "part", "remedy"),
    [
        (v2("@app.route('a')\n@hosting.use('profil')"), "Function 'A' uses the extension 'profil'", "'profile'?"),
        (v2("@app.route('a')\n@hosting.without('profil')"), "Function 'A' opts out of", "'profile'?"),
        (v2(A, extra="hosting.configure('prfile', a=1)\n"), "hosting.configure configures", "'profile'?"),
        (v2("@app.route('a')\n@hosting.use('absent')"), "'absent', which is not installed", "Install"),
        ({**v2("@app.route('a')"), **host_json(profle={})}, "extensionHost.extensions names 'profle'", "'profile'?"),
        (
            {**v2("@app.route('a')"), **host_json(profile={"functions": {"include": ["Report"]}})},
            "names 'Report', which no function matches",
            "wildcards",
        ),
        (v2("@app.route('a')\n@hosting.use('timer')"), "Function 'A' uses 'timer', which is at app level", "include"),
    ],
)
def test_names_of_nobody(
    profile: Any, site: Site, load: LoadApp, files: dict[str, str], part: str, remedy: str
) -> None:
    """A name that cannot do what its author meant is a problem with a remedy, wherever it is written."""
    site.extension("timer", PRE)
    host, _ = load(files)
    (problem,) = problems(host)
    assert problem["severity"] == "warning"
    assert part in problem["message"]
    assert remedy in problem["remedy"]


def test_one_problem_for_many_functions(load: LoadApp, site: Site) -> None:
    """A whole Blueprint that uses what is not installed is one problem, which names the functions."""
    app = HEAD + "from orders import bp\napp.register_functions(bp)\n"
    host, _ = load({"function_app.py": app, "orders.py": BLUEPRINT})
    messages = [problem["message"] for problem in problems(host)]
    assert messages == ["Functions 'Early', 'Late', 'Never' use the extension 'profile', which is not installed."]


def test_a_function_whose_set_up_fails(site: Site, load: LoadApp) -> None:
    """Where configure_function raises, that function goes without the extension, and the other has it."""
    code = hook("configure_function", "1 / settings['divisor']", "settings") + FUNCTION_PRE
    site.extension("divide", code, group="functions")
    host, _ = load(v2(*(f"@app.route('{n}')\n@hosting.use('divide', divisor={n})" for n in (0, 1))))
    assert host._info["FuncExtension"] == {"B": ["divide"]}
    error = told(host, "divide")["error"]
    assert (error["type"], error["hook"], error["function"]) == ("ZeroDivisionError", "configure_function", "A")


def test_both_levels(site: Site, load: LoadApp) -> None:
    """An extension with hooks at both levels serves every function at app level, and who opts in at function level."""
    site.extension("both", PRE + FUNCTION_PRE)
    host, _ = load(v2("@app.route('a')\n@hosting.use('both')", "@app.route('b')"))
    assert told(host, "both")["scopes"] == ["app", "function"]
    hooks = {one["name"]: list(one["extensions"]) for one in host.diagnosis()["functions"]}
    assert hooks == {
        "A": ["pre_invocation_app_level", "pre_invocation"],
        "B": ["pre_invocation_app_level"],
    }


def test_a_load_hook_alone_serves(site: Site, load: LoadApp) -> None:
    """A function-level extension that has nothing but a load hook is told for its functions too."""
    site.extension("loader", hook("post_function_load"), group="functions")
    host, _ = load(v2("@app.route('a')\n@hosting.use('loader')", "@app.route('b')"))
    assert host._info["FuncExtension"] == {"A": ["loader"]}
    assert serving(host, "loader") == ["A"]


def test_opted_in_hooks_run(site: Site, load: LoadApp) -> None:
    """The hooks of an opted-in function run in its invocations, and not in those of another one."""
    site.extension("profile", hook("post_invocation", "return 'seen'"), group="functions")
    body = HEAD + "\n@app.route('a')\n@hosting.use('profile')\ndef A(req):\n    return req\n"
    body += "\n@app.route('b')\nasync def B(req):\n    return req\n"
    host, app = load({"function_app.py": body})
    assert [invoke(host, one, req="own") for one in app.functions] == ["seen", "own"]


@pytest.mark.parametrize("wrong", ["", 3, None])
def test_use_of_what_is_no_name(wrong: Any) -> None:
    """use, without and configure take names; anything else is a TypeError where it is written."""
    for call in (hosting.use, hosting.without, hosting.configure):
        with pytest.raises(TypeError, match="expected an extension's name"):
            call(wrong)


def test_use_of_what_holds_no_functions() -> None:
    """What holds functions is a Blueprint or a FunctionApp; anything else is a TypeError."""
    with pytest.raises(TypeError, match="expected a Blueprint or a FunctionApp, found dict"):
        hosting.use({}, "profile")
    with pytest.raises(TypeError, match="takes an extension's name"):
        hosting.use({}, "profile", "timer")  # type: ignore[call-overload]


def test_use_on_what_is_no_function() -> None:
    """The decorators are for functions."""
    with pytest.raises(TypeError, match="expected a function to decorate, found int"):
        hosting.use("profile")(3)
