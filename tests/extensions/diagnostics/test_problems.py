"""Problems of the diagnosis, whole: severity, message, remedy, file and extension, for each state of an extension."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from hosting.core import Problem
from hosting.extensions._discovery import OFF
from hosting.extensions._model import Extension, Failure
from hosting.extensions.diagnostics.document import (
    SWITCH_ON,
    extension_entries,
    extension_problems,
    missing_problems,
    problem_entry,
    problems_text,
    strict_problems,
    switched_off_problems,
    uncalled_problems,
)

SUBJECT = "Extension 'gate' (dist 1.0)"
FIX = "Fix the extension, or report it to its authors; the traceback is in the log and in 'error'."


def extension(name: str = "gate", **attributes: Any) -> Extension:
    """Return an active extension of a distribution, with a file."""
    made = Extension(name, source=SimpleNamespace(name="dist", version="1.0"), file="/gate.py", status="active")
    for attribute, value in attributes.items():
        setattr(made, attribute, value)
    return made


def failure(phase: str = "invocation", type: str = "ValueError", message: str = "no", **more: Any) -> Failure:  # noqa: A002
    return Failure(phase, type, message, "", **more)


def of_gate(severity: Any, message: str, remedy: str) -> Problem:
    """Return a problem of the extension, with its file."""
    return Problem(severity, message, remedy, "/gate.py", extension="gate")


PROBLEMS: dict[str, tuple[dict[str, Any], Problem]] = {
    "quarantined": (
        {"status": "quarantined", "consecutive_errors": 3},
        of_gate(
            "error",
            f"{SUBJECT} is quarantined: it failed in 3 invocations in a row.",
            "Fix it and restart, or POST /admin/extensions/gate/resume.",
        ),
    ),
    "quarantined with its last error": (
        {"status": "quarantined", "consecutive_errors": 3, "error": failure(hook="pre_invocation")},
        of_gate(
            "error",
            f"{SUBJECT} is quarantined: it failed in 3 invocations in a row; the last time in pre_invocation: "
            "ValueError: no.",
            "Fix it and restart, or POST /admin/extensions/gate/resume.",
        ),
    ),
    "erring guard": (
        {"is_erring": True, "consecutive_errors": 3, "error": failure()},
        of_gate(
            "error",
            "Guard 'gate' (dist 1.0) is erring: it failed in 3 invocations in a row, and denied them; the last time in "
            "invocation: ValueError: no.",
            "Fix it, or what it depends on.",
        ),
    ),
    "erring guard without an error": (
        {"is_erring": True, "consecutive_errors": 3},
        of_gate(
            "error",
            "Guard 'gate' (dist 1.0) is erring: it failed in 3 invocations in a row, and denied them.",
            "Fix it, or what it depends on.",
        ),
    ),
    "guard that is paused and open": (
        {"status": "paused", "is_open": True},
        of_gate(
            "error",
            "Guard 'gate' (dist 1.0) is paused: its functions run without it, for every caller.",
            "POST /admin/extensions/gate/resume.",
        ),
    ),
    "paused": (
        {"status": "paused"},
        of_gate("warning", f"{SUBJECT} is paused.", "POST /admin/extensions/gate/resume."),
    ),
    "blocked": (
        {"status": "blocked", "reason": "the reason"},
        Problem(
            "warning",
            f"{SUBJECT} is not loaded: the reason.",
            "Add dist to HOSTING_ALLOW, or uninstall it.",
            extension="gate",
        ),
    ),
    "failed": (
        {"status": "failed", "error": failure("import", "LookupError", "gone")},
        of_gate(
            "error",
            f"{SUBJECT} is not running: import failed: LookupError: gone",
            "Fix or uninstall it, or disable it: HOSTING_DISABLE=gate.",
        ),
    ),
    "failed for a missing module": (
        {"status": "failed", "error": failure("import", "ModuleNotFoundError", "No module named 'x'")},
        of_gate(
            "error",
            f"{SUBJECT} is not running: import failed: ModuleNotFoundError: No module named 'x'",
            "Install the missing module in the host's environment, or fix the entry point or the import.",
        ),
    ),
    "failed with a remedy of its own": (
        {"status": "failed", "error": failure("import", "ModuleNotFoundError", "no", remedy="Do this.")},
        of_gate("error", f"{SUBJECT} is not running: import failed: ModuleNotFoundError: no", "Do this."),
    ),
    "error of a hook for a function": (
        {"error": failure(hook="pre_invocation", function="F")},
        of_gate("warning", f"{SUBJECT}: pre_invocation failed for function 'F': ValueError: no", FIX),
    ),
    "error of a phase with a remedy": (
        {"error": failure("result", remedy="Do this.")},
        of_gate("warning", f"{SUBJECT}: result failed: ValueError: no", "Do this."),
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_state_of_an_extension_is_one_problem_with_its_remedy(case: str) -> None:
    """It names the extension and its file, for a person and for an editor."""
    attributes, problem = PROBLEMS[case]
    assert extension_problems([extension(**attributes)]) == [problem]


@pytest.mark.parametrize("status", ["active", "idle", "disabled"])
def test_state_without_an_error_is_no_problem(status: Any) -> None:
    """A user may have disabled it."""
    assert extension_problems([extension(status=status)]) == []


def test_warnings_and_notices_follow_the_problem_of_the_state() -> None:
    """Each names the extension, not its file; under --strict a notice alone stops nothing, nor does a pause."""
    warned = extension(status="paused", warnings=(("a warning", "First."),), notices=(("a notice", "Second."),))
    noticed = extension("noticed", notices=(("a notice", "Second."),))
    paused, erring = extension("paused", status="paused"), extension("erring", error=failure())
    assert extension_problems([warned, noticed])[1:] == [
        Problem("warning", f"{SUBJECT}: a warning.", "First.", extension="gate"),
        Problem("warning", f"{SUBJECT}: a notice.", "Second.", extension="gate"),
        Problem("warning", "Extension 'noticed' (dist 1.0): a notice.", "Second.", extension="noticed"),
    ]
    assert [one.extension for one in strict_problems([warned, noticed, paused, erring])] == ["gate"] * 3 + ["erring"]


class Registry(NamedTuple):
    """Extensions of which some are missing."""

    ordered: Sequence[Extension]
    names: Sequence[str] = ("Gate",)
    called_guards: Sequence[str] = ()

    def missing(self) -> Sequence[str]:
        return self.names

    def is_called_guard(self, name: str) -> bool:
        return name in self.called_guards


REMOVE = (
    "Install or fix it, or remove it from extensionHost.required, HOSTING_REQUIRE, extensionHost.guards and "
    "HOSTING_GUARDS."
)
MISSING: dict[str, tuple[Registry, str, str]] = {
    "not installed": (Registry([extension("other")]), "Required extension 'Gate' is not installed.", REMOVE),
    "misspelled": (
        Registry([extension("gates")]),
        "Required extension 'Gate' is not installed.",
        "Did you mean 'gates'?",
    ),
    "guard that is not installed": (Registry([], called_guards=["Gate"]), "Guard 'Gate' is not installed.", REMOVE),
    "required and failed": (
        Registry([extension(status="failed", reason="it raised", is_required=True, error=failure(remedy="Do this."))]),
        "Required extension 'Gate' failed to start: it raised.",
        f"{REMOVE} Do this.",
    ),
    "named guard that is disabled": (
        Registry([extension(status="disabled", is_named_guard=True)]),
        "Required extension 'Gate' is disabled.",
        REMOVE,
    ),
    "guard of its own that is blocked": (
        Registry([extension(status="blocked", reason="not allowed")], called_guards=["Gate"]),
        "Guard 'Gate' is blocked: not allowed.",
        "Add dist to HOSTING_ALLOW, or uninstall it.",
    ),
    "guard of its own that failed": (
        Registry([extension(status="failed", reason="it raised")]),
        "Required extension 'Gate' failed to start: it raised.",
        "Fix it; or, to run its functions unguarded, uninstall it or set HOSTING_DISABLE=gate.",
    ),
    "guard of its own that failed with a remedy": (
        Registry([extension(status="failed", reason="it raised", error=failure(remedy="Do this."))]),
        "Required extension 'Gate' failed to start: it raised.",
        "Do this. Fix it; or, to run its functions unguarded, uninstall it or set HOSTING_DISABLE=gate.",
    ),
    "one of two that runs": (
        Registry([extension(status="failed", reason="it raised", is_required=True), extension("GATE")]),
        "Required extension 'Gate' failed to start: it raised.",
        REMOVE,
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_missing_extension_is_an_error_that_says_why_and_what_to_do(case: str) -> None:
    """Where extensions are off, the remedy is to switch them on, except for one of the app itself."""
    registry, message, remedy = MISSING[case]
    assert missing_problems(registry, enabled=True) == [Problem("error", message, remedy, extension="Gate")]
    assert missing_problems(registry, enabled=False) == [Problem("error", message, SWITCH_ON, extension="Gate")]
    for one in registry.ordered:
        one.is_local = True
    expected = SWITCH_ON if "not installed" in message else remedy
    assert [one.remedy for one in missing_problems(registry, enabled=False)] == [expected]


def test_extensions_that_are_off_are_one_warning_with_their_names() -> None:
    """One that is off for another reason is not named; without a name there is no warning."""
    assert switched_off_problems([extension(reason="other")]) == []
    assert switched_off_problems([extension("a", reason=OFF), extension("b"), extension("c", reason=OFF)]) == [
        Problem(
            "warning",
            "Extensions are switched off. These would run if they were switched on: a, c.",
            "Set PYTHON_ENABLE_WORKER_EXTENSIONS=1, in the environment or in Values of local.settings.json.",
        )
    ]


def test_classes_of_azures_interface_that_nothing_calls_are_one_warning_with_their_names() -> None:
    """Without a class there is no warning."""
    assert uncalled_problems([]) == []
    assert uncalled_problems(["app.A", "app.B"]) == [
        Problem(
            "warning",
            "Extensions are switched off, and the app has classes of Azure's interface: app.A, app.B. They are not "
            "called.",
            SWITCH_ON,
        )
    ]


def test_problem_is_shown_with_its_line_if_it_has_one() -> None:
    """A file alone, or a line alone, is not shown."""
    shown = [
        problem_entry(Problem("warning", "what", "do", file, line))
        for file, line in (("/app.py", 3), ("/app.py", None), (None, 3))
    ]
    assert shown == [
        {"severity": "warning", "message": message, "remedy": "do"} for message in ("/app.py:3: what", "what", "what")
    ]


def test_remedy_of_several_problems_stands_once_below_the_last_of_them() -> None:
    """A problem without a remedy has none."""
    problems = [
        Problem("error", "a", "Do."),
        Problem("error", "b", "Do."),
        Problem("error", "c"),
        Problem("error", "d", "Go."),
    ]
    assert problems_text(problems) == "a\nb\n  Do.\nc\nd\n  Go."


REASONS: dict[str, tuple[dict[str, Any], str]] = {
    "quarantined": ({"status": "quarantined", "consecutive_errors": 3}, "it failed in 3 invocations in a row"),
    "erring": ({"is_erring": True, "consecutive_errors": 3}, "it failed in 3 invocations in a row, and denied them"),
    "paused": ({"status": "paused"}, "paused by POST /admin/extensions/gate/pause"),
    "guard paused": ({"status": "paused", "is_named_guard": True}, "paused by POST /admin/extensions/gate/pause?deny"),
    "guard paused open": (
        {"status": "paused", "is_named_guard": True, "is_open": True},
        "paused by POST /admin/extensions/gate/pause?open",
    ),
    "of Azure's interface": ({"kind": "sdk"}, "inside the others, in order of registration"),
    "of Azure's interface, idle": ({"kind": "sdk", "status": "idle", "reason": "own"}, "own"),
    "any other": ({"reason": "own"}, "own"),
}


@pytest.mark.parametrize("case", REASONS)
def test_entry_of_an_extension_has_the_reason_of_its_state(case: str) -> None:
    """Why it has its position, or why it does not run."""
    attributes, reason = REASONS[case]
    assert extension_entries([extension(**attributes)], [])[0]["reason"] == reason
