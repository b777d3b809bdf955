"""Extensions that are refused when they are found or registered: the whole message and its remedy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hosting.core import Problem
from hosting.errors import HostingError
from hosting.extensions import _config
from hosting.extensions._discovery import discover, load_entry_point, may_load
from hosting.extensions._model import GUARDS, Extension
from hosting.extensions._registration import try_register
from hosting.extensions._registry import _guards_nothing
from tests.support.invoking import ON


def entry_point(name: str, value: str, package: str | None, group: str = "hosting", version: str = "1.0") -> Any:
    """Return an entry point of an installed package; one without metadata has no distribution."""
    distribution = None if package is None else SimpleNamespace(name=package, version=version)
    return SimpleNamespace(name=name, value=value, group=group, dist=distribution)


def found(*entry_points: Any, **section: Any) -> dict[str | None, Extension]:
    """Return the extensions that are found, by the value of their entry point."""
    return {one.entry_point: one for one, _ in discover(_config.read(section, ON), entry_points)}


NAMELESS = "a package without metadata"
DUPLICATES: dict[str, tuple[list[tuple[str, str, str | None]], str, str]] = {
    "two packages": (
        [("auth", "second:x", "two"), ("Auth", "first:x", "one")],
        "the name 'Auth' is used by one 1.0 (first:x) and by two 1.0 (second:x); none of them is loaded",
        "Uninstall all but one, or set HOSTING_ALLOW to all distributions that may load, with one or two.",
    ),
    "one package": (
        [("auth", "first:y", "one"), ("auth", "first:x", "one")],
        "the name 'auth' is used by one 1.0 (first:x) and by one 1.0 (first:y); none of them is loaded",
        "Report it to the authors of one: a package may use a name for one entry point only.",
    ),
    "a package without metadata": (
        [("auth", "b:x", "one"), ("auth", "a:x", None)],
        "the name 'auth' is used by a package without metadata (a:x) and by one 1.0 (b:x); none of them is loaded",
        "Uninstall all but one, or set HOSTING_ALLOW to all distributions that may load, with one.",
    ),
    "two packages without metadata": (
        [("auth", "b:x", None), ("auth", "a:x", None)],
        f"the name 'auth' is used by {NAMELESS} (a:x) and by {NAMELESS} (b:x); none of them is loaded",
        "Uninstall all but one.",
    ),
}


@pytest.mark.parametrize("case", DUPLICATES)
def test_extensions_of_one_name_fail_with_each_of_their_packages(case: str) -> None:
    """All say the same, in the order of the packages, in whichever order they are found."""
    installed, message, remedy = DUPLICATES[case]
    for order in (installed, installed[::-1]):
        extensions = found(*(entry_point(*one) for one in order))
        assert len(extensions) == 2
        for one in extensions.values():
            assert (one.status, one.reason) == ("failed", "another package uses its name")
            assert one.error == ("discovery", "DuplicateName", message, "", remedy, None, None, None)


def test_extension_of_a_name_that_a_disabled_one_has_too_is_disabled_with_it() -> None:
    """The configuration names both, so that there is nothing to choose."""
    extensions = found(entry_point("auth", "a:x", "one"), entry_point("Auth", "b:x", "two"), disabled=["AUTH"])
    reason = "disabled in host.json (extensionHost.disabled) or by HOSTING_DISABLE"
    assert {one.entry_point: (one.status, one.reason, one.error) for one in extensions.values()} == {
        "a:x": ("disabled", reason, None),
        "b:x": ("disabled", reason, None),
    }


def test_package_loads_if_its_name_is_allowed_however_it_is_written() -> None:
    """Without a list every package loads; with one, a package without metadata does not."""
    environ = {"HOSTING_ALLOW": "other, My_Auth"}
    one, nameless = entry_point("auth", "a:x", "my.auth"), entry_point("auth", "a:x", None)
    assert [may_load(each, environ) for each in (one, entry_point("x", "x", "third"), nameless)] == [True, False, False]
    assert [may_load(each, {}) for each in (one, nameless)] == [True, True]


@pytest.mark.parametrize("error", [HostingError, type("OtherError", (HostingError,), {})])
def test_entry_point_that_cannot_be_imported_is_an_error_with_the_remedy(error: type[HostingError]) -> None:
    """Whatever its package raises is the cause; the class of the error is the caller's choice."""
    cause = SystemExit("no licence")

    def load() -> None:
        raise cause

    broken = SimpleNamespace(value="first:main", load=load)
    with pytest.raises(error) as raised:
        load_entry_point(broken, "The binding 'first'", error=error)
    assert (type(raised.value), raised.value.__cause__) == (error, cause)
    assert raised.value.message == "The binding 'first' cannot be imported: SystemExit: no licence"
    assert raised.value.remedy == "Reinstall or update the package that contains first:main."


def refusals(extension: Extension, target: Any) -> list[tuple[str, str]]:
    """Return the messages with which a target is refused, each with its remedy."""
    return [(one.message, one.remedy) for one in try_register(extension, target)]


@pytest.mark.parametrize("value", ["yes", 1])
def test_guard_attribute_that_is_not_a_truth_value_is_refused_and_makes_a_guard(value: Any) -> None:
    """What cannot be understood must not open a function."""
    extension = Extension("gate")
    target = SimpleNamespace(guard=value, order=None)
    assert refusals(extension, target)[0] == (
        f"'guard' must be True or False, found {type(value).__name__}",
        "Write guard = True if functions must not run without it, or use another name.",
    )
    assert extension.is_guard


def test_guard_attribute_that_contradicts_the_entry_point_is_refused_and_the_guard_stays_one() -> None:
    """The group of guards is known before the import, so that it counts."""
    extension = Extension("gate", group=GUARDS)
    assert refusals(extension, SimpleNamespace(guard=False))[0] == (
        "it says guard = False, but its entry point is in the group 'hosting.guards'",
        "Move the entry point to the group 'hosting', or remove that line.",
    )
    assert extension.is_guard


def test_order_that_is_no_order_is_refused_before_other_errors() -> None:
    """It is the first thing that the class says."""
    target = SimpleNamespace(order="first", guard="yes")
    assert refusals(Extension("timer"), target)[0] == (
        "'order' must be a hosting.Order, found str",
        "Write: order = hosting.Order(before=(...), after=(...)).",
    )


def test_guard_that_host_json_leaves_no_function_is_an_error_with_both_ways_out() -> None:
    """The message has the names of the functions in order."""
    assert _guards_nothing(Extension("gate"), ["b", "a"]) == Problem(
        "error",
        "Guard 'gate' guards no function: of a, b, extensionHost.extensions.gate.functions in host.json leaves none.",
        "Correct its include and exclude, or disable it: HOSTING_DISABLE=gate.",
        extension="gate",
    )
