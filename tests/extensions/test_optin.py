"""Opt-in: which functions an extension serves, through apps of both programming models."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.authoring import pending
from hosting.extensions import ExtensionHost
from tests.extensions.conftest import LoadApp, Start
from tests.support.invoking import extension_entry, function, invoke
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
    """Return a v2 app: functions called A, B, … each with these decorators above its body."""
    functions = [f"{one}\ndef {name}(req):\n    pass\n" for name, one in zip("ABCDE", decorated, strict=False)]
    return {"function_app.py": HEAD + extra + "\n".join(functions)}


def v1(function_json: Mapping[str, Any], code: str) -> dict[str, str]:
    """Return a v1 app of one function called A."""
    return {"A/function.json": json.dumps({**HTTP, **function_json}), "A/__init__.py": code}


def served_functions(host: ExtensionHost, extension: str) -> list[str]:
    """Return the functions that the extension serves, by the diagnosis."""
    return [
        one["name"]
        for one in host.diagnosis()["functions"]
        if any(extension in names for names in one["extensions"].values())
    ]


def problems(host: ExtensionHost) -> list[dict[str, Any]]:
    """Return the problems of the diagnosis."""
    messages: list[dict[str, Any]] = host.diagnosis()["problems"]
    return messages


@pytest.fixture
def profile(site: Site) -> Any:
    """Install a function-level extension called ``profile`` that records its settings for each function."""
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
def test_use_in_any_decorator_position_opts_one_function_in(profile: Any, load: LoadApp, decorators: str) -> None:
    """hosting.use opts one v2 function in with settings, above, between and below Azure's decorators."""
    host, _ = load(v2(decorators, "@app.route('b')"))
    assert served_functions(host, "profile") == ["A"]
    assert host._info == {"AppExtension": [], "FuncExtension": {"A": ["profile"]}}
    assert profile() == {"A": {"top": 20}}
    assert problems(host) == []


@pytest.mark.parametrize("below", [False, True])
def test_without_in_any_decorator_position_excludes_one_function(site: Site, load: LoadApp, below: bool) -> None:
    """hosting.without excludes one function from an app-level extension, above and below Azure's decorators."""
    site.extension("timer", PRE)
    decorators = [ROUTE, "@hosting.without('Timer')"]
    host, _ = load(v2("\n".join(decorators if below else decorators[::-1]), "@app.route('b')"))
    assert served_functions(host, "timer") == ["B"]
    assert host._info["AppExtension"] == ["timer"]


def test_use_on_a_v1_main_opts_the_function_in(profile: Any, load: LoadApp) -> None:
    """The same decorator on main opts a v1 function in."""
    host, _ = load(v1({}, "import hosting\n@hosting.use('profile', top=3)\ndef main(req):\n    pass\n"))
    assert host._info["FuncExtension"] == {"A": ["profile"]}
    assert profile() == {"A": {"top": 3}}


def test_without_on_a_v1_main_excludes_the_function(site: Site, load: LoadApp) -> None:
    """The same decorator on main excludes a v1 function."""
    site.extension("timer", PRE)
    host, _ = load(v1({}, "import hosting\n@hosting.without('timer')\ndef main(req):\n    pass\n"))
    assert served_functions(host, "timer") == []


DECORATORS = {
    "without functools.wraps": """
def decorated(function):
    def A(req):
        return function(req)
    return A
""",
    "of two layers": """
def decorated(function):
    def inner(req):
        return function(req)
    def A(req):
        return inner(req)
    return A
""",
    "with functools.wraps": """
import functools
def decorated(function):
    @functools.wraps(function)
    def A(req):
        return function(req)
    return A
""",
    "that binds an argument": """
import functools
def decorated(function):
    call = functools.partial(function)
    def A(req):
        return call(req)
    return A
""",
    "that is a class": """
class Kept:
    def __init__(self, function):
        self.function = function
    def __call__(self, req):
        return self.function(req)
def decorated(function):
    kept = Kept(function)
    def A(req):
        return kept(req)
    return A
""",
    "with a proxy that has no object": """
class Proxy:
    def __getattribute__(self, name):
        raise RuntimeError("working outside of a request")
    def __call__(self):
        raise RuntimeError("working outside of a request")
def decorated(function):
    current = Proxy()
    def A(req):
        return function(req) or current
    return A
""",
}


@pytest.mark.parametrize("decorator", DECORATORS.values(), ids=DECORATORS)
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_use_below_another_decorator_opts_the_function_in(
    profile: Any, site: Site, load: LoadApp, decorator: str, model: str
) -> None:
    """Whatever the decorator keeps the function in; marks above and below it count, the top one first."""
    site.extension("timer", PRE)
    below = "@hosting.use('profile', top=3, deep=True)\n@hosting.without('timer')\ndef main(req):\n    pass\n"
    marked = f"@hosting.use('profile', top=4)\n@decorated\n{below}"
    if model == "v1":
        host, _ = load(v1({}, f"import hosting\n{decorator}\n{marked}"))
    else:
        host, _ = load({"function_app.py": f"{HEAD}\n{decorator}\n@app.function_name('A')\n{ROUTE}\n{marked}"})
    assert host._info == {"AppExtension": ["timer"], "FuncExtension": {"A": ["profile"]}}
    assert profile() == {"A": {"top": 4, "deep": True}}
    assert served_functions(host, "timer") == []


METHOD = """
class Kept:
    def __init__(self, function):
        self.call = function
    def A(self, req):
        return self.call(req)
def decorated(function):
    return Kept(function).A
"""


def test_use_below_a_decorator_that_returns_a_method_opts_the_function_in(profile: Any, load: LoadApp) -> None:
    """The method's object keeps the function."""
    marked = "@decorated\n@hosting.use('profile', top=3)\ndef main(req):\n    pass\n"
    load({"function_app.py": f"{HEAD}\n{METHOD}\n{ROUTE}\n{marked}"})
    assert profile() == {"A": {"top": 3}}


def test_use_of_a_function_that_another_one_calls_opts_only_that_one_in(profile: Any, load: LoadApp) -> None:
    """A global name is not a decorator's variable."""
    a = f"{ROUTE}\n@hosting.use('profile')\ndef A(req):\n    pass\n"
    b = "@app.route('b')\ndef B(req):\n    return A(req)\n"
    host, _ = load({"function_app.py": f"{HEAD}\n{a}\n{b}"})
    assert host._info["FuncExtension"] == {"A": ["profile"]}


@pytest.mark.parametrize(
    ("extensions", "settings"), [(["profile"], {}), ([{"profile": {"top": 7}}], {"top": 7}), (["PROFILE"], {})]
)
def test_extensions_in_function_json_opt_a_v1_function_in(
    profile: Any, load: LoadApp, extensions: list[Any], settings: dict[str, Any]
) -> None:
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


def test_use_of_a_blueprint_opts_all_its_functions_in(profile: Any, load: LoadApp) -> None:
    """It covers functions registered before and after; a function's own opt-in has precedence."""
    app = HEAD + "from orders import bp\napp.register_functions(bp)\n\n@app.route('x')\ndef Other(req):\n    pass\n"
    host, _ = load({"function_app.py": app, "orders.py": BLUEPRINT})
    assert host._info["FuncExtension"] == {"Early": ["profile"], "Late": ["profile"]}
    assert profile() == {"Early": {"top": 1}, "Late": {"top": 2}}


def test_use_of_an_app_opts_every_function_in(profile: Any, load: LoadApp) -> None:
    """It covers functions that are registered later; a Blueprint's settings have precedence over the app's."""
    extra = "hosting.use(app, 'profile', top=100, all=True)\nfrom orders import bp\napp.register_functions(bp)\n"
    files = {**v2("@app.route('a')", extra=extra), "orders.py": BLUEPRINT}
    host, _ = load(files)
    assert sorted(host._info["FuncExtension"]) == ["A", "Early", "Late"]
    assert profile()["A"] == {"top": 100, "all": True}
    assert profile()["Early"] == {"top": 1, "all": True}
    assert profile()["Late"] == {"top": 2, "all": True}


def test_function_that_uses_several_extensions_runs_them_in_extension_order(
    profile: Any, site: Site, load: LoadApp
) -> None:
    """The order of the extensions counts, not the order of the decorators."""
    site.extension("audit", FUNCTION_PRE, group="functions")
    host, _ = load(v2(f"@hosting.use('profile')\n{ROUTE}\n@hosting.use('audit')"))
    assert host._info["FuncExtension"] == {"A": ["audit", "profile"]}


def host_json(**extensions: Any) -> dict[str, str]:
    """Return the host.json of an app with this configuration of its extensions."""
    return {"host.json": json.dumps({"version": "2.0", "extensionHost": {"extensions": extensions}})}


def test_host_json_has_precedence_over_decorators(profile: Any, load: LoadApp) -> None:
    """'exclude' overrides use, 'include' overrides without; host.json's settings override those in code, key by key."""
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


def test_function_in_exclude_and_include_is_excluded(profile: Any, load: LoadApp) -> None:
    """A function that both lists match is excluded."""
    section = host_json(profile={"functions": {"include": ["*"], "exclude": ["B"]}})
    host, _ = load({**v2("@app.route('a')", "@app.route('b')"), **section})
    assert host._info["FuncExtension"] == {"A": ["profile"]}


@pytest.mark.parametrize(
    ("functions", "names"),
    [
        ({}, ["A", "B"]),
        ({"include": ["a", "c"]}, ["A", "C"]),
        ({"include": ["*"]}, ["A", "B", "C"]),
        ({"exclude": ["A"]}, ["B"]),
        ({"include": ["?"], "exclude": ["b"]}, ["A", "C"]),
    ],
)
def test_include_of_an_app_level_extension_limits_it_to_these_functions(
    site: Site, load: LoadApp, functions: dict[str, Any], names: list[str]
) -> None:
    """For an app-level extension, 'include' names the only functions it serves, and overrides without (on C)."""
    site.extension("timer", PRE)
    app = v2("@app.route('a')", "@app.route('b')", "@app.route('c')\n@hosting.without('timer')")
    host, _ = load({**app, **host_json(timer={"functions": functions})})
    assert served_functions(host, "timer") == names


def test_load_hooks_are_not_called_for_excluded_functions(site: Site, load: LoadApp) -> None:
    """The extension's load hooks are called only for functions that are not excluded."""
    file = site.extension(
        "timer", "seen = []\n" + hook("post_function_load_app_level", "seen.append(function_name)", "function_name")
    )
    load({**v2("@app.route('a')", "@app.route('b')"), **host_json(timer={"functions": {"exclude": ["B"]}})})
    assert sys.modules[file.stem].seen == ["A"]


def test_configure_in_a_module_sets_settings_that_host_json_overrides(site: Site, load: LoadApp) -> None:
    """hosting.configure gives settings to an app-level extension; host.json overrides them key by key."""
    file = site.extension("timer", "seen = []\n" + hook("configure", "seen.append(dict(settings))", "settings"))
    files = v2("@app.route('a')", extra="hosting.configure('Timer', digits=3, colour='red')\n")
    host, _ = load({**files, **host_json(timer={"settings": {"digits": 5}})})
    assert sys.modules[file.stem].seen == [{"digits": 5, "colour": "red"}]
    assert extension_entry(host, "timer")["settings"] == {"digits": 5, "colour": "red"}
    assert pending.settings == {}


def test_configure_without_settings_is_called_once_with_an_empty_object(site: Site, start: Start) -> None:
    """Without settings, configure gets an empty object, once."""
    file = site.extension("timer", "seen = []\n" + hook("configure", "seen.append(dict(settings))", "settings"))
    start(function(lambda: None), function(lambda: None, "G"))
    assert sys.modules[file.stem].seen == [{}]


def test_pending_opt_ins_of_another_app_have_no_effect(site: Site, load: LoadApp) -> None:
    """What another app's modules left behind does not reach this app, and this app leaves nothing behind."""
    site.extension("timer", PRE)
    hosting.configure("timer", leaked=True)
    hosting.use(func.FunctionApp(), "timer")
    host, _ = load(v2("@app.route('a')"))
    assert extension_entry(host, "timer")["settings"] == {}
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
def test_name_without_effect_is_a_problem_with_a_remedy(
    profile: Any, site: Site, load: LoadApp, files: dict[str, str], part: str, remedy: str
) -> None:
    """A name that cannot have the intended effect is reported wherever it is written."""
    site.extension("timer", PRE)
    host, _ = load(files)
    (problem,) = problems(host)
    assert problem["severity"] == "warning"
    assert part in problem["message"]
    assert remedy in problem["remedy"]


def test_missing_extension_used_by_many_functions_is_one_problem(load: LoadApp, site: Site) -> None:
    """A Blueprint that uses an extension that is not installed is one problem, which names the functions."""
    app = HEAD + "from orders import bp\napp.register_functions(bp)\n"
    host, _ = load({"function_app.py": app, "orders.py": BLUEPRINT})
    messages = [problem["message"] for problem in problems(host)]
    assert messages == ["Functions 'Early', 'Late', 'Never' use the extension 'profile', which is not installed."]


def test_function_whose_configure_function_raises_goes_without_the_extension(site: Site, load: LoadApp) -> None:
    """The extension serves the other function."""
    code = hook("configure_function", "1 / settings['divisor']", "settings") + FUNCTION_PRE
    site.extension("divide", code, group="functions")
    host, _ = load(v2(*(f"@app.route('{n}')\n@hosting.use('divide', divisor={n})" for n in (0, 1))))
    assert host._info["FuncExtension"] == {"B": ["divide"]}
    error = extension_entry(host, "divide")["error"]
    assert (error["type"], error["hook"], error["function"]) == ("ZeroDivisionError", "configure_function", "A")


def test_extension_with_hooks_at_both_levels_serves_both(site: Site, load: LoadApp) -> None:
    """It serves every function at app level, and functions that opted in at function level."""
    site.extension("both", PRE + FUNCTION_PRE)
    host, _ = load(v2("@app.route('a')\n@hosting.use('both')", "@app.route('b')"))
    assert extension_entry(host, "both")["scopes"] == ["app", "function"]
    hooks = {one["name"]: list(one["extensions"]) for one in host.diagnosis()["functions"]}
    assert hooks == {
        "A": ["pre_invocation_app_level", "pre_invocation"],
        "B": ["pre_invocation_app_level"],
    }


def test_extension_with_only_a_load_hook_is_called_for_its_functions(site: Site, load: LoadApp) -> None:
    """A function-level extension that has only a load hook serves the functions that opted in."""
    site.extension("loader", hook("post_function_load"), group="functions")
    host, _ = load(v2("@app.route('a')\n@hosting.use('loader')", "@app.route('b')"))
    assert host._info["FuncExtension"] == {"A": ["loader"]}
    assert served_functions(host, "loader") == ["A"]


def test_function_level_hooks_run_only_for_functions_that_opted_in(site: Site, load: LoadApp) -> None:
    """The hooks run in invocations of the function that opted in, and not in those of another one."""
    site.extension("profile", hook("post_invocation", "return 'seen'"), group="functions")
    body = HEAD + "\n@app.route('a')\n@hosting.use('profile')\ndef A(req):\n    return req\n"
    body += "\n@app.route('b')\nasync def B(req):\n    return req\n"
    host, app = load({"function_app.py": body})
    assert [invoke(host, one, req="own") for one in app.functions] == ["seen", "own"]


@pytest.mark.parametrize("wrong", ["", 3, None])
def test_use_without_and_configure_with_another_type_than_a_name_raise_type_error(wrong: Any) -> None:
    """use, without and configure take names; anything else is a TypeError where it is written."""
    for call in (hosting.use, hosting.without, hosting.configure):
        with pytest.raises(TypeError, match="expected an extension's name"):
            call(wrong)


def test_use_of_an_object_without_functions_raises_type_error() -> None:
    """The object must be a Blueprint or a FunctionApp."""
    with pytest.raises(TypeError, match="expected a Blueprint or a FunctionApp, found dict"):
        hosting.use({}, "profile")
    with pytest.raises(TypeError, match="takes an extension's name"):
        hosting.use({}, "profile", "timer")  # type: ignore[call-overload]


def test_decorator_on_an_object_that_is_not_a_function_raises_type_error() -> None:
    """The decorators are for functions."""
    with pytest.raises(TypeError, match="expected a function to decorate, found int"):
        hosting.use("profile")(3)


@pytest.mark.parametrize("mark", [hosting.use("profile"), hosting.without("profile")])
@pytest.mark.parametrize(
    "target", ["text".upper, len, Counter().most_common], ids=["method of C", "builtin", "bound method"]
)
def test_decorator_on_a_callable_that_keeps_no_attributes_raises_type_error(mark: Any, target: Any) -> None:
    """The message says where to write it instead."""
    with pytest.raises(TypeError, match="write them below the decorator that returns it"):
        mark(target)
