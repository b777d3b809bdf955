"""Hooks that are refused when they are registered: each whole message with its remedy, and all of them at once."""

from __future__ import annotations

from typing import Any

import pytest

import hosting
from hosting.errors import ExtensionError
from hosting.extensions._hooks import spec_arguments
from hosting.extensions._model import ON_DEMAND, Extension
from hosting.extensions._registration import register, try_register
from tests.support.hooks import hooks


class CallableObject:
    @hosting.hookimpl
    def pre_invocation(self) -> None: ...

    post_invocation = hosting.hookimpl(type("Called", (), {"__call__": lambda self: None})())


class Twice:
    @hosting.hookimpl
    def pre_invocation(self) -> None: ...

    @hosting.hookimpl(specname="pre_invocation")
    def another(self) -> None: ...


class Wrapper:
    @hosting.hookimpl(wrapper=True)
    def pre_invocation(self) -> Any:
        yield


class Unmarked:
    def pre_invocation(self) -> None: ...

    def init(self) -> None: ...


class NeedsArguments:
    def __init__(self, key: str) -> None: ...


def generator() -> Any:
    yield


REFUSED: dict[str, tuple[Any, str, str]] = {
    "unknown hook": (
        hooks(pre_invokation=lambda: None),
        "unknown hook 'pre_invokation'",
        "Did you mean 'pre_invocation'?",
    ),
    "unknown argument": (
        hooks(response_sent=lambda zzz: None),
        "hook 'response_sent' has a parameter 'zzz', which is not one of the hook's arguments",
        "Known names: {response_sent}.",
    ),
    "misspelled argument": (
        hooks(pre_invocation=lambda contxt: None),
        "hook 'pre_invocation' has a parameter 'contxt', which is not one of the hook's arguments",
        "Did you mean 'context'?",
    ),
    "argument of a hook without any": (
        hooks(init=lambda app: None),
        "hook 'init' has a parameter 'app', which is not one of the hook's arguments",
        "The hook has no arguments.",
    ),
    "generator": (
        hooks(pre_invocation=generator),
        "hook 'pre_invocation' is a generator, which would never run",
        "Remove its 'yield', or call it 'invocation' or 'invocation_app_level'.",
    ),
    "around hook without a yield": (
        hooks(invocation=lambda: None),
        "hook 'invocation' must be a generator",
        "It must have one 'outcome = yield'.",
    ),
    "wrapper of pluggy": (
        Wrapper,
        "hook 'pre_invocation' is a pluggy wrapper",
        "Write a plain generator called 'invocation' or 'invocation_app_level', marked @hosting.hookimpl.",
    ),
    "two functions for one hook": (
        Twice,
        "hook 'pre_invocation' is implemented 2 times",
        "Keep one function for it; 'specname' makes a function implement the hook of another name.",
    ),
    "object that is not a function": (
        CallableObject,
        "'post_invocation' is marked as a hook, but is not a function: found Called",
        "Mark a function that calls it.",
    ),
    "no hook": (
        object(),
        "it has no hook implementation",
        "The entry point must name the module, object or class that has the functions marked @hosting.hookimpl.",
    ),
    "unmarked hooks alone": (
        Unmarked,
        "it has no hook implementation",
        "Mark init, pre_invocation with @hosting.hookimpl.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_hook_has_a_message_and_a_remedy(case: str) -> None:
    """Nothing of the extension is registered."""
    target, message, remedy = REFUSED[case]
    extension = Extension("one")
    (error,) = try_register(extension, target)
    arguments = ", ".join(spec_arguments()["response_sent"])
    assert (error.message, error.remedy) == (message, remedy.format(response_sent=arguments))
    assert (extension.hooks, extension.file) == ({}, None)
    with pytest.raises(ExtensionError) as raised:
        register(extension, target)
    assert raised.value.message == message


def test_app_level_hook_of_an_extension_to_opt_in_to_is_refused_with_both_ways_out() -> None:
    """Its group says that only some functions have it."""
    (error,) = try_register(Extension("one", group=ON_DEMAND), hooks(pre_invocation_app_level=lambda: None))
    assert error.message == (
        "hook 'pre_invocation_app_level' runs for every function, but the group 'hosting.functions' is for functions "
        "that opt in"
    )
    assert error.remedy == "Move the entry point to group 'hosting', or implement the hook without '_app_level'."


def test_class_that_needs_arguments_is_refused_with_what_to_do() -> None:
    """An extension's class is created without arguments."""
    with pytest.raises(ExtensionError) as raised:
        try_register(Extension("one"), NeedsArguments)
    assert raised.value.message == (
        "class NeedsArguments cannot be instantiated without arguments: missing a required argument: 'key'"
    )
    assert raised.value.remedy == (
        "Give each parameter of its __init__ a default value; settings are passed to 'configure'."
    )


def test_all_that_is_wrong_is_returned_in_the_order_of_the_lifecycle() -> None:
    """An unknown hook comes first; the valid one does not make the extension valid."""
    target = hooks(pre_invocation=generator, init=lambda app: None, zzz=lambda: None, configure=lambda: None)
    assert [error.message.split("'")[1] for error in try_register(Extension("one"), target)] == [
        "zzz",
        "init",
        "pre_invocation",
    ]


def test_unmarked_hook_beside_a_marked_one_is_a_warning_of_the_extension() -> None:
    """Where its name is unmistakable: 'init' may be anything."""

    class Partly(Unmarked):
        @hosting.hookimpl
        def post_invocation(self) -> None: ...

    extension = Extension("one")
    assert try_register(extension, Partly) == []
    assert extension.warnings == (
        ("'pre_invocation' is not marked as a hook and never runs", "Mark it with @hosting.hookimpl, or rename it."),
    )
    assert extension.file == __file__
