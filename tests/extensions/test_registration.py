"""Registration: an extension that breaks the contract is refused as a whole, with a message that says the fix."""

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
from tests.support.invoking import ON, extension_entry, function, invoke, load_host
from tests.support.sites import PRE, Site, hook

PLAIN = sorted(spec_arguments().keys() - AROUND_HOOKS)


def plugin(**hooks: Callable[..., Any]) -> SimpleNamespace:
    """Return an object with these functions as hook implementations."""
    return SimpleNamespace(**{name: hosting.hookimpl(implementation) for name, implementation in hooks.items()})


def registered_extension(target: Any, group: str = "hosting") -> Extension:
    """Return the extension that registration builds from an entry point's object."""
    extension = Extension("subject", group=group)
    register(extension, target)
    return extension


def registration_error(target: Any, group: str = "hosting") -> ExtensionError:
    """Return the error that refuses the object; nothing of it stays registered."""
    extension = Extension("subject", group=group)
    with pytest.raises(ExtensionError) as caught:
        register(extension, target)
    assert extension.hooks == {}
    assert extension.order == hosting.Order()
    assert caught.value.remedy
    return caught.value


def do_nothing() -> None:
    """Take no arguments and do nothing."""


def compile_function(signature: str, prefix: str = "def", body: str = "pass") -> Callable[..., Any]:
    """Return a function with this signature."""
    namespace: dict[str, Any] = {}
    exec(f"{prefix} implementation({signature}):\n    {body}", namespace)
    return namespace["implementation"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", sorted(spec_arguments()))
@pytest.mark.parametrize("prefix", ["def", "async def"])
def test_hook_with_all_its_arguments_is_registered(name: str, prefix: str) -> None:
    """Each hook of the specification is accepted with its full signature, as def and as async def."""
    arguments = spec_arguments()[name]
    body = "yield" if name in AROUND_HOOKS else "pass"
    implementation = registered_extension(plugin(**{name: compile_function(", ".join(arguments), prefix, body)})).hooks[
        name
    ]
    assert implementation.positional == arguments
    assert implementation.is_async == (prefix == "async def")


@given(st.data())
def test_hook_with_any_subset_of_its_arguments_gets_exactly_these(data: st.DataObject) -> None:
    """The arguments may be in any order, positional or keyword-only, with defaults or without."""
    name = data.draw(st.sampled_from(PLAIN))
    given_arguments = {argument: f"the {argument}" for argument in spec_arguments()[name]}
    wanted = data.draw(st.permutations(sorted(given_arguments)))[: data.draw(st.integers(0, len(given_arguments)))]
    split = data.draw(st.integers(0, len(wanted)))
    extra = data.draw(st.booleans())
    positional = [*wanted[:split], *(["own=1"] if extra else [])]
    keywords = [f"{one}={data.draw(st.booleans())}" for one in wanted[split:]]
    signature = ", ".join([*positional, *(["*", *keywords] if keywords else [])])
    function = compile_function(signature, body="return locals()")
    arguments = registered_extension(plugin(**{name: function})).hooks[name].call(given_arguments)
    assert {key: value for key, value in arguments.items() if key != "own"} == {one: f"the {one}" for one in wanted}


def test_hook_parameter_with_a_default_gets_the_hooks_argument() -> None:
    """A default is used only for parameters that are the author's own."""
    implementation = registered_extension(
        plugin(post_invocation=compile_function("own=1, func_ret=None", body="return own, func_ret"))
    )
    assert implementation.hooks["post_invocation"].call({"func_ret": "result"}) == (1, "result")


def test_hook_with_kwargs_gets_the_arguments_that_it_does_not_name() -> None:
    """``**kwargs`` takes the hook's other arguments, as authors of Azure's interface expect."""
    implementation = registered_extension(
        plugin(configure_function=compile_function("settings, *args, **kwargs", body="return kwargs"))
    )
    arguments = {"function_name": "F", "settings": {}}
    assert implementation.hooks["configure_function"].call(arguments) == {"function_name": "F"}


def test_hook_with_keyword_only_parameters_gets_them_in_an_invocation(start: Start) -> None:
    """pluggy never fills keyword-only parameters; here they reach the hook."""
    seen: list[Any] = []
    extension = plugin(pre_invocation_app_level=lambda *, func_args: seen.append(func_args))
    target = function(lambda req: req)
    assert invoke(load_host({"subject": extension}, target), target, req=1) == 1
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
def test_unknown_hook_is_refused_with_a_suggestion(name: str, suggestion: str) -> None:
    """A marked function that is not in the specification would never be called."""
    error = registration_error(plugin(init=compile_function(""), **{name: compile_function("")}))
    assert name in error.message
    assert error.remedy.startswith(suggestion)


def test_unknown_hook_marked_optionalhook_is_accepted() -> None:
    """A hook marked ``optionalhook`` is for another version of the specification."""
    target = plugin(init=compile_function(""))
    target.not_yet_there = hosting.hookimpl(optionalhook=True)(compile_function(""))
    assert list(registered_extension(target).hooks) == ["init"]


def test_object_without_hooks_is_refused() -> None:
    """A module without hooks is refused, and so is an object that cannot have any."""
    assert "no hook" in registration_error(ModuleType("empty")).message
    assert "no hook" in registration_error(do_nothing).message
    assert "module, object or class" in registration_error(None).remedy


class Timed:
    """A decorator that is a class and keeps the marker of the function it decorates."""

    def __init__(self, decorated: Callable[..., Any]) -> None:
        functools.update_wrapper(self, decorated)
        self.decorated = decorated

    def __call__(self, *args: Any) -> Any:
        return self.decorated(*args)


@pytest.mark.parametrize("decorator", [Timed, functools.cache])
def test_marked_object_that_is_not_a_function_is_refused(decorator: Callable[..., Any]) -> None:
    """pluggy ignores it silently; here it is an error, also beside valid hooks."""
    subject = plugin(pre_invocation=compile_function(""))
    subject.post_invocation = decorator(hosting.hookimpl(lambda: None))
    assert "'post_invocation' is marked as a hook, but is not a function" in registration_error(subject).message


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class HookShapes:
    """Hooks as static method, class method, wrapped function, and under another name."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.everywhere.clear()

    everywhere: ClassVar[list[str]] = []

    @staticmethod
    @hosting.hookimpl
    def pre_invocation_app_level(func_args: dict[str, Any]) -> None:
        HookShapes.everywhere.append(f"static {func_args['req']}")

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


def test_hooks_of_every_kind_of_method_run() -> None:
    """An optional hook that is not in the specification is ignored."""
    target = function(lambda req: req, "F", "shapes")
    assert invoke(load_host({"shapes": HookShapes}, target), target, req=1) == 1
    assert HookShapes.everywhere == ["static 1", "class 1", "wrapped 1", "named 1"]


NAMES = ["a\nimport os", "a\x85b\u2028c", "{name}", "%s %(name)s", "a'b\"c\\", "é 名", "x" * 5000, "\udc80", "a.b."]


@given(st.sampled_from(NAMES) | st.text(min_size=1), st.booleans())
def test_names_with_special_characters_are_neither_run_nor_formatted(name: str, fails: bool) -> None:
    """Whatever the names of an extension and a function contain, they are kept as text."""
    assume(not (fails and "\udc80" in name))  # the error is logged, and the log of a test must be encodable

    def pre_invocation_app_level() -> None:
        if fails:
            raise LookupError("%s {}")

    target = function(lambda: "fine", f"function {name}")
    host = load_host({name: plugin(pre_invocation_app_level=pre_invocation_app_level)}, target)
    assert invoke(host, target) == "fine"
    assert (extension_entry(host, name)["error"] is not None) is fails
    assert host._info["AppExtension"] == [name]


def test_extension_with_only_unmarked_hooks_is_refused_with_their_names() -> None:
    """Where no function is marked, the error names those that have the name of a hook."""
    error = registration_error(SimpleNamespace(pre_invocation=do_nothing, startup=do_nothing, helper=do_nothing))
    assert error.remedy == "Mark pre_invocation, startup with @hosting.hookimpl."


def test_unmarked_hook_beside_marked_ones_is_a_warning(site: Site, start: Start) -> None:
    """The extension works, and the diagnosis warns of the function that never runs."""
    site.extension("subject", PRE + "def post_invocation():\n    pass\n\ndef startup():\n    pass\n")
    host = start(function(do_nothing))
    assert extension_entry(host, "subject")["status"] == "active"
    (problem,) = host.diagnosis()["problems"]
    assert "'post_invocation' is not marked" in problem["message"]
    assert "@hosting.hookimpl" in problem["remedy"]


@pytest.mark.parametrize("name", ["init", "startup", "pre_invocation", "post_invocation_app_level", "configure"])
def test_hook_with_an_unknown_argument_is_refused_with_the_possible_ones(name: str) -> None:
    """An argument that the hook does not get is refused at load, and the error names those that it gets."""
    error = registration_error(plugin(**{name: compile_function("nonsense")}))
    assert repr(name) in error.message
    assert "'nonsense'" in error.message


def test_hook_with_a_misspelled_argument_is_refused_with_a_suggestion() -> None:
    """A misspelled argument is refused with a suggestion."""
    assert registration_error(plugin(pre_invocation=compile_function("func_arg"))).remedy == "Did you mean 'func_args'?"
    assert registration_error(plugin(pre_invocation=compile_function("*, contxt"))).remedy == "Did you mean 'context'?"


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper"])
def test_pluggy_wrapper_is_refused(option: str) -> None:
    """Around hooks have names of their own, and pluggy's wrappers are not used."""
    options: dict[str, Any] = {option: True}
    marked = hosting.hookimpl(**options)(compile_function("", body="yield"))
    assert "invocation_app_level" in registration_error(SimpleNamespace(pre_invocation=marked)).remedy


@pytest.mark.parametrize("prefix", ["def", "async def"])
@pytest.mark.parametrize("name", PLAIN)
def test_generator_as_a_plain_hook_is_refused(name: str, prefix: str) -> None:
    """A generator under the name of a plain hook would never run a line."""
    assert "generator" in registration_error(plugin(**{name: compile_function("", prefix, "yield")})).message


@pytest.mark.parametrize("prefix", ["def", "async def"])
@pytest.mark.parametrize("name", sorted(AROUND_HOOKS))
def test_around_hook_without_yield_is_refused(name: str, prefix: str) -> None:
    """An around hook must be a generator."""
    assert "must be a generator" in registration_error(plugin(**{name: compile_function("", prefix)})).message


def test_two_functions_for_one_hook_are_refused() -> None:
    """Two functions that implement the same hook would hide one another."""
    target = plugin(init=compile_function(""))
    target.other = hosting.hookimpl(specname="init")(compile_function(""))
    assert "'init' is implemented 2 times" in registration_error(target).message


def test_specname_sets_the_hook_of_a_function_with_another_name() -> None:
    """pluggy's ``specname`` lets a function have a name of its own."""
    target = SimpleNamespace(anything=hosting.hookimpl(specname="init")(compile_function("")))
    assert list(registered_extension(target).hooks) == ["init"]


@pytest.mark.parametrize("name", sorted(APP_HOOKS))
def test_app_level_hook_in_the_function_group_is_refused(name: str) -> None:
    """Group 'hosting.functions' is imported on demand, so that hooks for every function do not belong there."""
    body = "yield" if name in AROUND_HOOKS else "pass"
    target = plugin(pre_invocation=compile_function(""), **{name: compile_function("", body=body)})
    error = registration_error(target, group=ON_DEMAND)
    assert "hosting.functions" in error.message
    assert "'hosting'" in error.remedy
    assert name in registered_extension(target).hooks


@pytest.mark.parametrize("name", ["init", "configure", "startup", "shutdown"])
def test_lifecycle_hooks_in_the_function_group_are_accepted(name: str) -> None:
    """An extension for functions that opt in may have init and shutdown, and does not become an app-level one."""
    extension = registered_extension(
        plugin(pre_invocation=compile_function(""), **{name: compile_function("")}), group=ON_DEMAND
    )
    assert extension.scopes == ("function",)


def test_extension_class_is_instantiated_once_per_host() -> None:
    """Two hosts share no instance."""
    instances = []

    class Subject:
        def __init__(self, text: str = "default") -> None:
            instances.append(self)

        init = hosting.hookimpl(lambda self: None)

    Subject.init.__name__ = "init"
    first, second = (load_host({"subject": Subject}) for _ in range(2))
    assert extension_entry(first, "subject")["status"] == extension_entry(second, "subject")["status"] == "active"
    assert len(instances) == 2


def test_extension_class_that_needs_arguments_is_refused() -> None:
    """The error names the missing argument and says how settings are passed."""

    class Subject:
        def __init__(self, text: str) -> None:
            pass

    error = registration_error(Subject)
    assert "Subject" in error.message
    assert "'text'" in error.message
    assert "configure" in error.remedy


def test_extension_class_that_raises_fails_with_its_own_traceback() -> None:
    """An exception of the constructor is kept with the extension's own traceback."""

    class Subject:
        def __init__(self) -> None:
            raise OSError("no disk")

    host = load_host({"subject": Subject})
    entry = extension_entry(host, "subject")
    assert (entry["status"], entry["error"]["phase"]) == ("failed", "registration")
    assert (entry["error"]["type"], entry["error"]["message"]) == ("OSError", "no disk")
    assert "extensions/_registration" not in entry["error"]["traceback"]


def test_static_and_class_methods_are_hooks() -> None:
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

    extension = registered_extension(Subject)
    assert list(extension.hooks) == ["init", "configure"]
    assert extension.hooks["configure"].call({"settings": 1}) == "Subject 1"


def test_order_of_another_type_is_refused_with_an_example() -> None:
    """'order' must be a hosting.Order; the error for a list shows how to write it."""
    target = plugin(init=compile_function(""))
    target.order = ["auth"]
    error = registration_error(target)
    assert "found list" in error.message
    assert "hosting.Order(" in error.remedy


@pytest.mark.parametrize("names", ["auth", (1,), [None]])
def test_order_with_a_string_instead_of_a_tuple_raises_type_error(names: Any) -> None:
    """A single string in place of a tuple of names is refused where it is written."""
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
def test_extension_with_one_bad_hook_leaves_nothing_registered(site: Site, start: Start, code: str) -> None:
    """Neither its good hooks nor its order are kept."""
    site.extension("subject", "seen = []\n" + code)
    site.extension("other", PRE)
    target = function(do_nothing)
    host = start(target)
    entry = extension_entry(host, "subject")
    assert (entry["status"], entry["hooks"], entry["position"]) == ("failed", [], None)
    assert entry["error"]["phase"] == "registration"
    assert host._info["AppExtension"] == ["other"]
    assert host.diagnosis()["functions"][0]["extensions"] == {"pre_invocation_app_level": ["other"]}
    (problem,) = host.diagnosis()["problems"]
    assert problem["severity"] == "error"
    assert "subject" in problem["message"]
    assert problem["remedy"]


def test_extension_whose_property_raises_fails_alone() -> None:
    """An object that raises when its attributes are read fails, and others load."""

    class Subject:
        @property
        def trap(self) -> None:
            raise ValueError("trap")

    host = load_host({"subject": Subject(), "other": plugin(init=compile_function(""))})
    assert extension_entry(host, "subject")["status"] == "failed"
    assert extension_entry(host, "other")["status"] == "active"


def test_second_extension_of_a_name_is_refused_and_the_first_stays() -> None:
    """Names that differ only in case are the same name."""
    host = ExtensionHost(environ=ON)
    host.register("subject", plugin(init=compile_function("")))
    with pytest.raises(ExtensionError, match="taken"):
        host.register("Subject", plugin(startup=compile_function("")))
    host.load([])
    assert extension_entry(host, "subject")["hooks"] == ["init"]


@pytest.mark.parametrize("environ", [{}, {**ON, "HOSTING_DISABLE": "subject"}])
def test_registered_extension_respects_the_flag_and_the_disabled_list(environ: dict[str, str]) -> None:
    """Both apply to extensions that code registers too."""
    host = ExtensionHost(environ=environ)
    host.register("subject", plugin(init=compile_function("")))
    host.load([])
    entry = extension_entry(host, "subject")
    assert entry["status"] == "disabled"
    assert entry["reason"]


def test_hooks_are_listed_in_lifecycle_order() -> None:
    """Hooks are listed in the order in which they are called, whatever their order in the file."""
    extension = registered_extension(
        plugin(shutdown=compile_function(""), pre_invocation=compile_function(""), init=compile_function(""))
    )
    assert list(extension.hooks) == ["init", "pre_invocation", "shutdown"]


def test_tryfirst_and_trylast_are_read_from_the_marker() -> None:
    """Both marks of pluggy are recognised."""
    target = SimpleNamespace(
        init=hosting.hookimpl(tryfirst=True)(compile_function("")),
        startup=hosting.hookimpl(trylast=True)(compile_function("")),
        shutdown=hosting.hookimpl(compile_function("")),
    )
    assert [one.priority for one in registered_extension(target).hooks.values()] == [0, 2, 1]


def test_pluggy_alone_accepts_what_registration_refuses() -> None:
    """pluggy accepts keyword-only parameters and classes without an instance, which is why registration checks them."""
    manager = pluggy.PluginManager("hosting")
    manager.add_hookspecs(hookspecs)
    manager.register(plugin(pre_invocation=compile_function("*, func_args")))
    with pytest.raises(TypeError, match="func_args"):
        manager.hook.pre_invocation(logger=None, context=None, func_args={}, invocation=None)
