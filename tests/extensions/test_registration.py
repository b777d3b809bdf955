"""An extension that breaks the contract is refused at load, whole, with a message that says what to write."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pluggy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import hosting
from hosting import hookspecs
from hosting.errors import ExtensionError
from hosting.extensions import ExtensionHost
from hosting.extensions._hooks import APP_HOOKS, AROUND_HOOKS, spec_arguments
from hosting.extensions._model import ON_DEMAND, Extension
from hosting.extensions._registration import register
from tests.extensions.conftest import Start
from tests.support.invoking import ON, function, invoke, loaded, told
from tests.support.sites import PRE, Site, hook

PLAIN = sorted(spec_arguments().keys() - AROUND_HOOKS)


def plugin(**hooks: Callable[..., Any]) -> SimpleNamespace:
    """An object with these functions as hook implementations."""
    return SimpleNamespace(**{name: hosting.hookimpl(implementation) for name, implementation in hooks.items()})


def registered(target: Any, group: str = "hosting") -> Extension:
    """The extension that an entry point's object makes."""
    extension = Extension("subject", group=group)
    register(extension, target)
    return extension


def refused(target: Any, group: str = "hosting") -> ExtensionError:
    """The error that refuses it; nothing of it is left."""
    extension = Extension("subject", group=group)
    with pytest.raises(ExtensionError) as caught:
        register(extension, target)
    assert extension.hooks == {}
    assert extension.order == hosting.Order()
    assert caught.value.remedy
    return caught.value


def nothing() -> None:
    """A function that takes nothing."""


def compiled(signature: str, prefix: str = "def", body: str = "pass") -> Callable[..., Any]:
    """A function with this signature."""
    namespace: dict[str, Any] = {}
    exec(f"{prefix} implementation({signature}):\n    {body}", namespace)
    return namespace["implementation"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", sorted(spec_arguments()))
@pytest.mark.parametrize("prefix", ["def", "async def"])
def test_every_hook_may_take_all_its_arguments(name: str, prefix: str) -> None:
    """Each hook of the specification is taken with its full signature, def and async def."""
    arguments = spec_arguments()[name]
    body = "yield" if name in AROUND_HOOKS else "pass"
    implementation = registered(plugin(**{name: compiled(", ".join(arguments), prefix, body)})).hooks[name]
    assert implementation.positional == arguments
    assert implementation.is_async == (prefix == "async def")


@given(st.data())
def test_any_subset_of_the_arguments(data: st.DataObject) -> None:
    """Any subset in any order, positional or keyword-only, with or without defaults, gets exactly what it names."""
    name = data.draw(st.sampled_from(PLAIN))
    given_arguments = {argument: f"the {argument}" for argument in spec_arguments()[name]}
    wanted = data.draw(st.permutations(sorted(given_arguments)))[: data.draw(st.integers(0, len(given_arguments)))]
    split = data.draw(st.integers(0, len(wanted)))
    extra = data.draw(st.booleans())
    positional = [*wanted[:split], *(["own=1"] if extra else [])]
    keywords = [f"{one}={data.draw(st.booleans())}" for one in wanted[split:]]
    signature = ", ".join([*positional, *(["*", *keywords] if keywords else [])])
    function = compiled(signature, body="return locals()")
    found = registered(plugin(**{name: function})).hooks[name].call(given_arguments)
    assert {key: value for key, value in found.items() if key != "own"} == {one: f"the {one}" for one in wanted}


def test_parameters_with_defaults_are_given_their_argument() -> None:
    """A default is for parameters that are the author's own; a hook's argument is passed all the same."""
    implementation = registered(plugin(post_invocation=compiled("own=1, func_ret=None", body="return own, func_ret")))
    assert implementation.hooks["post_invocation"].call({"func_ret": "result"}) == (1, "result")


def test_keyword_arguments_take_what_is_not_named() -> None:
    """``**kwargs`` takes the hook's other arguments, as authors of Azure's interface expect."""
    implementation = registered(plugin(configure_function=compiled("settings, *args, **kwargs", body="return kwargs")))
    arguments = {"function_name": "F", "settings": {}}
    assert implementation.hooks["configure_function"].call(arguments) == {"function_name": "F"}


def test_keyword_only_parameters_run(start: Start) -> None:
    """A keyword-only parameter, which pluggy never fills, reaches the hook in a real invocation."""
    seen: list[Any] = []
    extension = plugin(pre_invocation_app_level=lambda *, func_args: seen.append(func_args))
    target = function(lambda req: req)
    assert invoke(loaded({"subject": extension}, target), target, req=1) == 1
    assert seen == [{"req": 1}]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("pre_invokation_app_level", "Did you mean 'pre_invocation_app_level'?"),
        ("Startup", "Did you mean 'startup'?"),
        ("post_load_app_level", "Did you mean 'post_function_load_app_level'?"),
        ("zzz", "Known names: init, "),
    ],
)
def test_an_unknown_hook(name: str, suggestion: str) -> None:
    """A marked function that no specification knows is an error with a suggestion: it would never be called."""
    error = refused(plugin(init=compiled(""), **{name: compiled("")}))
    assert name in error.message
    assert error.remedy.startswith(suggestion)


def test_an_optional_hook_may_be_unknown() -> None:
    """A hook marked ``optionalhook`` is for another version of the specification."""
    target = plugin(init=compiled(""))
    target.not_yet_there = hosting.hookimpl(optionalhook=True)(compiled(""))
    assert list(registered(target).hooks) == ["init"]


def test_no_hook_at_all() -> None:
    """A module without hooks is refused, and so is what cannot have any."""
    assert "no hook" in refused(ModuleType("empty")).message
    assert "no hook" in refused(nothing).message
    assert "module, object or class" in refused(None).remedy


class Timed:
    """A decorator that is a class, which keeps the marker of what it decorates."""

    def __init__(self, decorated: Callable[..., Any]) -> None:
        functools.update_wrapper(self, decorated)
        self.decorated = decorated

    def __call__(self, *args: Any) -> Any:
        return self.decorated(*args)


@pytest.mark.parametrize("decorator", [Timed, functools.cache])
def test_a_marked_object_that_is_no_function(decorator: Callable[..., Any]) -> None:
    """pluggy passes it by without a word; here it is an error, also beside hooks that are in order."""
    subject = plugin(pre_invocation=compiled(""))
    subject.post_invocation = decorator(hosting.hookimpl(lambda: None))
    assert "'post_invocation' is marked as a hook, but is not a function" in refused(subject).message


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Shapes:
    """Hooks in the shapes that methods have."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.everywhere.clear()

    everywhere: ClassVar[list[str]] = []

    @staticmethod
    @hosting.hookimpl
    def pre_invocation_app_level(func_args: dict[str, Any]) -> None:
        Shapes.everywhere.append(f"static {func_args['req']}")

    @classmethod
    @hosting.hookimpl
    def pre_invocation(cls, func_args: dict[str, Any]) -> None:
        cls.everywhere.append(f"class {func_args['req']}")

    @decorated
    @hosting.hookimpl
    def post_invocation(self, func_ret: Any) -> None:
        self.everywhere.append(f"wrapped {func_ret}")

    @hosting.hookimpl(specname="post_invocation_app_level")
    def under_another_name(self, func_ret: Any) -> None:
        self.everywhere.append(f"named {func_ret}")

    @hosting.hookimpl(optionalhook=True)
    def of_a_later_version(self, whatever: Any) -> None:
        self.everywhere.append("never")


def test_methods_of_every_shape_run() -> None:
    """Static, of the class, wrapped, under another name; an optional hook that no spec knows is left alone."""
    target = function(lambda req: req, "F", "shapes")
    assert invoke(loaded({"shapes": Shapes}, target), target, req=1) == 1
    assert Shapes.everywhere == ["static 1", "class 1", "wrapped 1", "named 1"]


NAMES = ["a\nimport os", "a\x85b\u2028c", "{name}", "%s %(name)s", "a'b\"c\\", "é 名", "x" * 5000, "\udc80", "a.b."]


@given(st.sampled_from(NAMES) | st.text(min_size=1), st.booleans())
def test_a_name_is_text_and_nothing_else(name: str, errs: bool) -> None:
    """Whatever an extension and a function are called, nothing of it is run, formatted or lost."""
    assume(not (errs and "\udc80" in name))  # what errs is logged, and a test's log must be text that can be encoded

    def pre_invocation_app_level() -> None:
        if errs:
            raise LookupError("%s {}")

    target = function(lambda: "fine", f"function {name}")
    host = loaded({name: plugin(pre_invocation_app_level=pre_invocation_app_level)}, target)
    assert invoke(host, target) == "fine"
    assert (told(host, name)["error"] is not None) is errs
    assert host._info["AppExtension"] == [name]


def test_a_forgotten_marker() -> None:
    """Where no function is marked, those that look like hooks are named."""
    error = refused(SimpleNamespace(pre_invocation=nothing, startup=nothing, helper=nothing))
    assert error.remedy == "Mark pre_invocation, startup with @hosting.hookimpl."


def test_one_forgotten_marker(site: Site, start: Start) -> None:
    """A function called like a hook beside marked ones never runs: the extension works, and the diagnosis warns."""
    site.extension("subject", PRE + "def post_invocation():\n    pass\n\ndef startup():\n    pass\n")
    host = start(function(nothing))
    assert told(host, "subject")["status"] == "active"
    (problem,) = host.diagnosis()["problems"]
    assert "'post_invocation' is not marked" in problem["message"]
    assert "@hosting.hookimpl" in problem["remedy"]


@pytest.mark.parametrize("name", ["init", "startup", "pre_invocation", "post_invocation_app_level", "configure"])
def test_a_wrong_argument(name: str) -> None:
    """An argument that the hook does not get is refused at load, with what it may take."""
    error = refused(plugin(**{name: compiled("nonsense")}))
    assert repr(name) in error.message
    assert "'nonsense'" in error.message


def test_a_misspelled_argument() -> None:
    """A slip of the finger gets a suggestion."""
    assert refused(plugin(pre_invocation=compiled("func_arg"))).remedy == "Did you mean 'func_args'?"
    assert refused(plugin(pre_invocation=compiled("*, contxt"))).remedy == "Did you mean 'context'?"


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper"])
def test_pluggy_wrappers(option: str) -> None:
    """Wrappers of pluggy are refused: around hooks have names of their own."""
    options: dict[str, Any] = {option: True}
    marked = hosting.hookimpl(**options)(compiled("", body="yield"))
    assert "invocation_app_level" in refused(SimpleNamespace(pre_invocation=marked)).remedy


@pytest.mark.parametrize("prefix", ["def", "async def"])
@pytest.mark.parametrize("name", PLAIN)
def test_a_generator_in_the_wrong_place(name: str, prefix: str) -> None:
    """A generator under the name of a plain hook would never run a line."""
    assert "generator" in refused(plugin(**{name: compiled("", prefix, "yield")})).message


@pytest.mark.parametrize("prefix", ["def", "async def"])
@pytest.mark.parametrize("name", sorted(AROUND_HOOKS))
def test_an_around_hook_without_yield(name: str, prefix: str) -> None:
    """An around hook that is no generator has no second half."""
    assert "must be a generator" in refused(plugin(**{name: compiled("", prefix)})).message


def test_two_functions_for_one_hook() -> None:
    """Two functions that name one hook would hide one another."""
    target = plugin(init=compiled(""))
    target.other = hosting.hookimpl(specname="init")(compiled(""))
    assert "'init' is implemented 2 times" in refused(target).message


def test_specname_names_the_hook() -> None:
    """The ``specname`` of pluggy lets a function have a name of its own."""
    target = SimpleNamespace(anything=hosting.hookimpl(specname="init")(compiled("")))
    assert list(registered(target).hooks) == ["init"]


@pytest.mark.parametrize("name", sorted(APP_HOOKS))
def test_app_level_hooks_in_the_group_for_functions(name: str) -> None:
    """Group 'hosting.functions' is imported on demand, so that a hook for every function has no place in it."""
    body = "yield" if name in AROUND_HOOKS else "pass"
    target = plugin(pre_invocation=compiled(""), **{name: compiled("", body=body)})
    error = refused(target, group=ON_DEMAND)
    assert "hosting.functions" in error.message
    assert "'hosting'" in error.remedy
    assert name in registered(target).hooks


@pytest.mark.parametrize("name", ["init", "configure", "startup", "shutdown"])
def test_lifetime_hooks_in_the_group_for_functions(name: str) -> None:
    """An extension for functions that opt in may be set up and closed; that does not make it an app-level one."""
    extension = registered(plugin(pre_invocation=compiled(""), **{name: compiled("")}), group=ON_DEMAND)
    assert extension.scopes == ("function",)


def test_a_class_is_made_once() -> None:
    """A class is made without arguments, for each host anew, so that two hosts share nothing."""
    made = []

    class Subject:
        def __init__(self, text: str = "default") -> None:
            made.append(self)

        init = hosting.hookimpl(lambda self: None)

    Subject.init.__name__ = "init"
    first, second = (loaded({"subject": Subject}) for _ in range(2))
    assert told(first, "subject")["status"] == told(second, "subject")["status"] == "active"
    assert len(made) == 2


def test_a_class_that_needs_arguments() -> None:
    """A class that cannot be made without arguments says which one is missing, and where settings come from."""

    class Subject:
        def __init__(self, text: str) -> None:
            pass

    error = refused(Subject)
    assert "Subject" in error.message
    assert "'text'" in error.message
    assert "configure" in error.remedy


def test_a_class_that_raises() -> None:
    """What a class raises when it is made is kept with the extension's own traceback."""

    class Subject:
        def __init__(self) -> None:
            raise OSError("no disk")

    host = loaded({"subject": Subject})
    entry = told(host, "subject")
    assert (entry["status"], entry["error"]["phase"]) == ("failed", "registration")
    assert (entry["error"]["type"], entry["error"]["message"]) == ("OSError", "no disk")
    assert "extensions/_registration" not in entry["error"]["traceback"]


def test_methods_of_every_kind() -> None:
    """Static methods and class methods are hooks like others."""

    class Subject:
        @staticmethod
        @hosting.hookimpl
        def init() -> None:
            pass

        @classmethod
        @hosting.hookimpl
        def configure(cls, settings: Any) -> str:
            return f"{cls.__name__} {settings}"

    extension = registered(Subject)
    assert list(extension.hooks) == ["init", "configure"]
    assert extension.hooks["configure"].call({"settings": 1}) == "Subject 1"


def test_order_must_be_an_order() -> None:
    """'order' is a hosting.Order; a list says how to write it."""
    target = plugin(init=compiled(""))
    target.order = ["auth"]
    error = refused(target)
    assert "found list" in error.message
    assert "hosting.Order(" in error.remedy


@pytest.mark.parametrize("names", ["auth", (1,), [None]])
def test_order_is_made_of_names(names: Any) -> None:
    """A single text for a tuple of names is refused where it is written."""
    with pytest.raises(TypeError, match="before is a tuple of extension names"):
        hosting.Order(before=names)


@pytest.mark.parametrize(
    "code",
    [
        PRE + hook("no_such_hook"),
        PRE + hook("startup", arguments="wrong"),
        PRE + hook("configure", "yield"),
        "order = 1\n" + PRE,
    ],
)
def test_registration_is_transactional(site: Site, start: Start, code: str) -> None:
    """An extension that breaks the contract with one hook has none: neither its good hooks nor its order are left."""
    site.extension("subject", "seen = []\n" + code)
    site.extension("other", PRE)
    target = function(nothing)
    host = start(target)
    entry = told(host, "subject")
    assert (entry["status"], entry["hooks"], entry["position"]) == ("failed", [], None)
    assert entry["error"]["phase"] == "registration"
    assert host._info["AppExtension"] == ["other"]
    assert host.diagnosis()["functions"][0]["extensions"] == {"pre_invocation_app_level": ["other"]}
    (problem,) = host.diagnosis()["problems"]
    assert problem["severity"] == "error"
    assert "subject" in problem["message"]
    assert problem["remedy"]


def test_a_property_that_raises() -> None:
    """An object that raises when it is looked at fails alone."""

    class Subject:
        @property
        def trap(self) -> None:
            raise ValueError("trap")

    host = loaded({"subject": Subject(), "other": plugin(init=compiled(""))})
    assert told(host, "subject")["status"] == "failed"
    assert told(host, "other")["status"] == "active"


def test_a_name_is_registered_once() -> None:
    """A second extension of the same name is refused, whatever its capitals, and the first one stays."""
    host = ExtensionHost(environ=ON)
    host.register("subject", plugin(init=compiled("")))
    with pytest.raises(ExtensionError, match="taken"):
        host.register("Subject", plugin(startup=compiled("")))
    host.load([])
    assert told(host, "subject")["hooks"] == ["init"]


@pytest.mark.parametrize("environ", [{}, {**ON, "HOSTING_DISABLE": "subject"}])
def test_registered_by_hand_but_off(environ: dict[str, str]) -> None:
    """The flag and the list of disabled extensions hold for those registered by hand too."""
    host = ExtensionHost(environ=environ)
    host.register("subject", plugin(init=compiled("")))
    host.load([])
    entry = told(host, "subject")
    assert entry["status"] == "disabled"
    assert entry["reason"]


def test_hooks_come_in_lifecycle_order() -> None:
    """Whatever the order in a file, hooks are listed as they are called."""
    extension = registered(plugin(shutdown=compiled(""), pre_invocation=compiled(""), init=compiled("")))
    assert list(extension.hooks) == ["init", "pre_invocation", "shutdown"]


def test_marks() -> None:
    """Both tryfirst and trylast are read off the marker."""
    target = SimpleNamespace(
        init=hosting.hookimpl(tryfirst=True)(compiled("")),
        startup=hosting.hookimpl(trylast=True)(compiled("")),
        shutdown=hosting.hookimpl(compiled("")),
    )
    assert [one.priority for one in registered(target).hooks.values()] == [0, 2, 1]


def test_pluggy_alone_lets_these_through() -> None:
    """Why there are checks of our own: pluggy takes keyword-only parameters and classes that nobody made."""
    manager = pluggy.PluginManager("hosting")
    manager.add_hookspecs(hookspecs)
    manager.register(plugin(pre_invocation=compiled("*, func_args")))
    with pytest.raises(TypeError, match="func_args"):
        manager.hook.pre_invocation(logger=None, context=None, func_args={})
