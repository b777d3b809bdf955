"""What is said of opt-ins and selections that are probably mistakes: the whole message, remedy and extension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from hosting.authoring import Registrations
from hosting.core import Addition, Binding, Function, Problem
from hosting.extensions import _config
from hosting.extensions._model import Extension, Hook
from hosting.extensions._optin import OptIns
from hosting.extensions._selection import Selection
from tests.support.hooks import hooks
from tests.support.invoking import ON, function, load_host

PATH = "extensionHost.extensions"


def opt_ins(*functions: Function, section: Mapping[str, Any] | None = None, **settings: dict[str, Any]) -> OptIns:
    """Return the opt-ins of an app with these functions, host.json, and calls of hosting.configure."""
    registrations = Registrations()
    registrations.settings.update(settings)
    return OptIns(functions, registrations, _config.read(section, ON))


def f() -> None:
    """Do nothing."""


def active(name: str, *hook_names: str, **attributes: Any) -> Extension:
    """Return an extension that is active, with these hooks."""
    extension = Extension(name, status="active")
    extension.hooks = {hook: Hook(hook, extension, f, ()) for hook in hook_names}
    for attribute, value in attributes.items():
        setattr(extension, attribute, value)
    return extension


FUNCTIONS: dict[str, tuple[Sequence[str], str]] = {
    "one function": (("A",), "Function 'A' uses"),
    "two functions": (("A", "B"), "Functions 'A', 'B' use"),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_unknown_extension_that_functions_use_is_a_warning(case: str) -> None:
    """It is one warning for all functions; a function that names the extension twice is named once."""
    names, subject = FUNCTIONS[case]
    functions = [function(f, name, "profil", "profil") for name in names]
    assert opt_ins(*functions).problems([active("auth")]) == [
        Problem(
            "warning",
            f"{subject} the extension 'profil', which is not installed.",
            "Install the package that has it, or remove that line.",
            extension="profil",
        )
    ]


def test_unknown_extension_with_a_known_name_like_it_gets_that_as_a_suggestion() -> None:
    """A name in another case is known."""
    target = function(f, "A", "profle", "Profile")
    (problem,) = opt_ins(target).problems([active("profile", "pre_invocation")])
    assert (problem.extension, problem.remedy) == ("profle", "Did you mean 'profile'?")


def test_unknown_extension_that_is_configured_or_opted_out_of_is_a_warning() -> None:
    """Each mention says where it is; opt-outs come in the order of their names."""
    target = function(f, "A", opt_outs=frozenset({"three", "two"}))
    problems = opt_ins(target, one={"key": 1}).problems([])
    assert [(one.message, one.extension) for one in problems] == [
        ("hosting.configure configures the extension 'one', which is not installed.", "one"),
        ("Function 'A' opts out of the extension 'three', which is not installed.", "three"),
        ("Function 'A' opts out of the extension 'two', which is not installed.", "two"),
    ]


@pytest.mark.parametrize("case", FUNCTIONS)
def test_use_of_an_app_level_extension_is_a_warning(case: str) -> None:
    """Its hooks run for every function anyway."""
    names, subject = FUNCTIONS[case]
    functions = [function(f, name, "Timer") for name in names]
    assert opt_ins(*functions).problems([active("timer", "pre_invocation_app_level")]) == [
        Problem(
            "warning",
            f"{subject} 'Timer', which is at app level and runs for every function anyway.",
            "Remove that line; to choose functions, set include or exclude in host.json.",
            extension="Timer",
        )
    ]


@pytest.mark.parametrize("key", ["include", "exclude"])
def test_pattern_of_host_json_that_no_function_matches_is_a_warning(key: str) -> None:
    """A pattern that matches one is none."""
    section = {"extensions": {"timer": {"functions": {key: ["Admin*", "rep*"]}}}}
    assert opt_ins(function(f, "report"), section=section).problems([active("timer")]) == [
        Problem(
            "warning",
            f"host.json: {PATH}.timer.functions names 'Admin*', which no function matches.",
            "Correct the name; * and ? are wildcards.",
            extension="timer",
        )
    ]


def test_misspelled_function_in_host_json_gets_the_name_as_a_suggestion() -> None:
    """The functions of the app are what it may mean."""
    section = {"extensions": {"timer": {"functions": {"include": ["reprot"]}}}}
    (problem,) = opt_ins(function(f, "report"), section=section).problems([active("timer")])
    assert problem.remedy == "Did you mean 'report'?"


def test_uses_name_every_place_and_leave_out_what_the_app_brings_itself() -> None:
    """The last of several places counts: required, used, configured in code, configured in host.json."""
    section = {
        "extensions": {"a": {"settings": {}}, "own": {"settings": {}}},
        "required": ["d"],
    }
    found = opt_ins(function(f, "A", "c", "d"), function(f, "B", "c", "Own"), section=section, a={}, b={})
    assert opt_ins(function(f, "A", "c")).uses([]) == {"c": "Function 'A' uses"}
    assert opt_ins(function(f), section=section).uses([]) == {
        "a": "host.json configures",
        "own": "host.json configures",
        "d": "host.json requires",
    }
    assert found.uses([active("own", is_local=True), active("c")]) == {
        "a": "hosting.configure configures",
        "b": "hosting.configure configures",
        "c": "Functions 'A', 'B' use",
        "d": "host.json requires",
    }


def test_host_returns_what_its_functions_use() -> None:
    """Whether it is installed or not, and in whichever case the name is written."""
    host = load_host({"timer": hooks(pre_invocation=lambda: None)}, function(f, "A", "Timer", "gone"))
    assert host.uses() == {"Timer": "Function 'A' uses", "gone": "Function 'A' uses"}


def webhook(name: str, route: str) -> Function:
    """Return a function that stands for the webhook of a binding."""
    binding = Binding("req", "httpTrigger", "in", {"route": route})
    target = Function(name, "/app", "/app/function_app.py", "v2", f, False, (binding,))
    target.route_prefix, target.is_webhook = "", True
    return target


def guard(**attributes: Any) -> Extension:
    """Return an active guard."""
    return active("gate", "pre_invocation", **{"is_named_guard": True, **attributes})


def selection(extension: Extension, *functions: Function, exclude: Sequence[str] = ()) -> Selection:
    """Return which functions an extension is for; host.json may exclude some."""
    section = {"extensions": {extension.name: {"functions": {"exclude": [*exclude]}}}}
    return Selection(functions, [extension], opt_ins(*functions, section=section))


def test_guard_that_nothing_names_for_a_webhook_is_called_for_it_with_a_warning() -> None:
    """The warning has the path of its requests without parameters, and both ways to decide."""
    gate, events = guard(), webhook("events", "runtime/webhooks/events/{*rest}")
    chosen = selection(gate, events)
    assert chosen.selects(gate, events)
    assert chosen.problems() == [
        Problem(
            "warning",
            "Guard 'gate' is called for 'events' too, the requests to /runtime/webhooks/events, though nothing names "
            "them.",
            f"In host.json, add 'events' to include in {PATH}.gate.functions if it is for them, or to exclude if it is "
            "not.",
            extension="gate",
        )
    ]


@pytest.mark.parametrize("status", ["idle", "disabled"])
def test_guard_that_does_not_run_is_no_warning_for_a_webhook(status: Any) -> None:
    """A failed one is: the webhook is denied."""
    gate, events = guard(), webhook("events", "events")
    chosen = selection(gate, events)
    gate.status = status
    assert chosen.problems() == []
    gate.status = "failed"
    assert len(chosen.problems()) == 1


def test_guard_is_kept_from_a_webhook_only_by_its_very_name() -> None:
    """A pattern opens none by accident; the name counts in any case."""
    gate, events = guard(), webhook("events", "events")
    assert selection(gate, events, exclude=["*"]).selects(gate, events)
    by_name = selection(gate, events, exclude=["EVENTS"])
    assert not by_name.selects(gate, events)
    assert by_name.problems() == []


def test_app_level_guard_is_for_a_webhook_without_a_warning() -> None:
    """It is for every function: nothing is imposed."""
    gate, events = active("gate", "pre_invocation_app_level", is_named_guard=True), webhook("events", "events")
    chosen = selection(gate, events)
    assert chosen.selects(gate, events)
    assert chosen.problems() == []


def test_extension_that_is_no_guard_is_not_imposed_on_a_webhook() -> None:
    """Nothing opts in to it."""
    timer, events = active("timer", "pre_invocation"), webhook("events", "events")
    chosen = selection(timer, events)
    assert not chosen.selects(timer, events)
    assert chosen.problems() == []


def test_guard_is_not_for_a_function_that_an_extension_has_added_as_open() -> None:
    """Other added functions are guarded, and other extensions are for the open one."""
    gate = active("gate", "pre_invocation_app_level", is_named_guard=True)
    added = {is_open: function(f, f"open {is_open}") for is_open in (False, True)}
    for is_open, target in added.items():
        target.addition = Addition("docs", is_open=is_open)
    chosen = selection(gate, *added.values())
    assert [chosen.selects(gate, target) for target in added.values()] == [True, False]
    timer = active("timer", "pre_invocation_app_level")
    assert selection(timer, added[True]).selects(timer, added[True])
