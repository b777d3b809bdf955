"""Looking at an extension without a host."""

from __future__ import annotations

from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting import hookspecs
from hosting.extensions.diagnostics.inspection import inspect_target, known_hooks


class Stamp:
    """A sound extension, and a function that is only called like a hook."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1

    @hosting.hookimpl
    def post_invocation(self, func_ret: Any) -> None:
        raise AssertionError("examining calls no hook")

    def pre_invocation(self) -> None: ...


class Broken:
    @hosting.hookimpl
    def post_invocations(self) -> None: ...


class AppWide:
    @hosting.hookimpl
    def pre_invocation_app_level(self) -> None: ...


def test_a_sound_extension_has_its_hooks() -> None:
    """The class is made once, its hooks are told and not called, and what looks forgotten is warned of."""
    found = inspect_target("stamp", "hosting.functions", Stamp)
    assert (found.hooks, found.error, Stamp.made) == (("post_invocation",), None, 1)
    ((message, _),) = found.warnings
    assert "'pre_invocation' is not marked" in message


@pytest.mark.parametrize(
    ("target", "group", "says"),
    [
        (Broken, "hosting", "unknown hook 'post_invocations'"),
        (AppWide, "hosting.functions", "runs for every function"),
        (object(), "hosting", "no hook implementation"),
    ],
)
def test_what_breaks_the_contract_is_told(target: Any, group: str, says: str) -> None:
    """The error is the host's own, with its remedy."""
    error = inspect_target("stamp", group, target).error
    assert error is not None
    assert says in error.message
    assert error.remedy


def test_a_class_of_azures_interface_is_taken_as_it_is() -> None:
    """The SDK checks its own classes; they have no marked hooks."""
    assert inspect_target("azure", "hosting", func.AppExtensionBase).error is None


def test_the_known_hooks_are_those_of_the_specification() -> None:
    """Every hook is named, in lifecycle order."""
    assert known_hooks() == tuple(name for name, value in vars(hookspecs).items() if hasattr(value, "hosting_spec"))
