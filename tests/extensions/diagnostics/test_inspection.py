"""Inspection of an extension without a host."""

from __future__ import annotations

from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting import hookspecs
from hosting.extensions.diagnostics.inspection import inspect_target, known_hooks


class Stamp:
    """A valid extension with one unmarked function that has the name of a hook."""

    instances = 0

    def __init__(self) -> None:
        type(self).instances += 1

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


def test_inspection_of_a_valid_extension_lists_hooks_and_warnings() -> None:
    """The class is instantiated once, its hooks are listed and not called, and a missing marker is a warning."""
    inspection = inspect_target("stamp", "hosting.functions", Stamp)
    assert (inspection.hooks, inspection.errors, Stamp.instances) == (("post_invocation",), (), 1)
    ((message, _),) = inspection.warnings
    assert "'pre_invocation' is not marked" in message


@pytest.mark.parametrize(
    ("target", "group", "says"),
    [
        (Broken, "hosting", "unknown hook 'post_invocations'"),
        (AppWide, "hosting.functions", "runs for every function"),
        (object(), "hosting", "no hook implementation"),
    ],
)
def test_inspection_of_an_invalid_extension_has_the_hosts_error(target: Any, group: str, says: str) -> None:
    """The error is the host's own, with its remedy."""
    (error,) = inspect_target("stamp", group, target).errors
    assert says in error.message
    assert error.remedy


def test_inspection_of_a_class_of_azures_interface_has_no_error() -> None:
    """The SDK checks its own classes; they have no marked hooks."""
    assert inspect_target("azure", "hosting", func.AppExtensionBase).errors == ()


def test_known_hooks_are_those_of_the_specification_in_order() -> None:
    """Every hook is named, in lifecycle order."""
    assert known_hooks() == tuple(name for name, value in vars(hookspecs).items() if hasattr(value, "hosting_spec"))
