"""Guards that are paused, or whose set-up for a function failed: what their functions do, and what is said of it."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from hosting.core import OptIn
from hosting.errors import ExtensionError, GuardError
from hosting.extensions import ExtensionHost
from hosting.extensions._chains import GuardPauseError
from hosting.extensions._model import Extension, Hook
from hosting.extensions._sdk import LEFT_TO_WORKER
from hosting.extensions.dispatch.denial import Denials, Unavailable, denial, is_denied
from hosting.extensions.dispatch.watchdog import late_error
from tests.extensions.dispatch.test_denial import PRE, App, extension, guard, raising
from tests.support.invoking import Context, extension_entry, invoker_of, load_host

SET_UP = ("init_function", "configure_function", "post_function_load", "post_function_load_app_level")


def app_that_uses(name: str) -> App:
    """Return an app with a function that opts in to an extension, so that it is set up for that."""
    app = App(is_async=False)
    app.function.opt_ins = (OptIn(name),)
    return app


async def answer(host: ExtensionHost, app: App) -> Any:
    """Return the function's result, or "denied" if a guard keeps it from running."""
    try:
        return await invoker_of(host, app.function)(Context(), {})
    except GuardError:
        return "denied"


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("hook", SET_UP)
async def test_function_runs_only_if_its_guard_was_set_up_for_it(hook: str, fails: bool) -> None:
    """A guard that could not be set up for a function cannot decide on it."""
    app = app_that_uses("gate")
    set_up = raising(ValueError("gone")) if fails else lambda: None
    host = load_host({"gate": guard(**{hook: set_up, PRE: lambda: None})}, app.function)
    assert await answer(host, app) == ("denied" if fails else "secret")
    assert app.ran == (not fails)
    await host.shutdown()


@pytest.mark.parametrize("hook", SET_UP)
async def test_function_runs_although_the_set_up_of_another_extension_failed(hook: str) -> None:
    """Only a guard denies."""
    app = app_that_uses("timer")
    host = load_host({"timer": extension(**{hook: raising(ValueError("gone")), PRE: lambda: None})}, app.function)
    assert await answer(host, app) == "secret"
    assert extension_entry(host, "timer")["error"]["type"] == "ValueError"
    await host.shutdown()


async def test_paused_guard_denies_or_opens_as_the_word_says_and_an_opening_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each change from denied to open is an error in the log; a repeated one is not."""
    app = App(is_async=False)
    host = load_host({"gate": guard(**{PRE: lambda: None})}, app.function)
    seen = []
    for word in ("deny", "open", "open", "deny", "open"):
        host.pause("Gate", word)
        seen.append((await answer(host, app), extension_entry(host, "gate")["status"]))
    assert seen == [
        ("denied", "paused"),
        ("secret", "paused"),
        ("secret", "paused"),
        ("denied", "paused"),
        ("secret", "paused"),
    ]
    lines = [(one.levelno, one.getMessage()) for one in caplog.records if "is paused" in one.getMessage()]
    text = "Guard 'gate' is paused: its functions run without it, for every caller."
    assert lines == [(logging.ERROR, text)] * 2
    host.resume("gate")
    host.pause("gate", "open")
    assert len([one for one in caplog.records if "is paused" in one.getMessage()]) == 3
    await host.shutdown()


REFUSED: dict[str, tuple[str, Any, str, str]] = {
    "guard without a word": (
        "Gate",
        "",
        "'Gate' is a guard",
        "Add ?deny to keep its functions from running, or ?open to run them without it.",
    ),
    "word for another extension": (
        "timer",
        "open",
        "'timer' is not a guard: its functions run while it is paused",
        "Omit ?open.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_pause_with_a_word_out_of_place_is_refused_and_changes_nothing(case: str) -> None:
    """The remedy has the word."""
    name, word, message, remedy = REFUSED[case]
    host = load_host({"gate": guard(**{PRE: lambda: None}), "timer": extension(**{PRE: lambda: None})})
    with pytest.raises(GuardPauseError) as raised:
        host.pause(name, word)
    assert (raised.value.message, raised.value.remedy) == (message, remedy)
    assert [extension_entry(host, one)["status"] for one in ("gate", "timer")] == ["active", "active"]


def test_pause_and_resume_of_an_unknown_extension_say_where_they_are_listed() -> None:
    """In the same words."""
    host = load_host({})
    for switch in (host.pause, host.resume):
        with pytest.raises(ExtensionError) as raised:
            switch("absent")
        assert raised.value.message == "no extension 'absent' is loaded"
        assert raised.value.remedy == "GET /admin/host/extensions lists them."


def gate(*names: str, **attributes: Any) -> Extension:
    """Return an active guard with these hooks."""
    made = Extension("gate", status="active")
    made.is_named_guard = True
    made.hooks = {name: Hook(name, made, lambda: None, ()) for name in names}
    for attribute, value in attributes.items():
        setattr(made, attribute, value)
    return made


DENIALS: dict[str, tuple[BaseException, bool, str, int, str]] = {
    "raises": (
        ValueError("secret"),
        True,
        "Guard 'gate' did not let function 'F' run: its hook pre_invocation raised ValueError.",
        500,
        "The log of the extension has the error.",
    ),
    "exceeds its budget": (
        late_error(1.0),
        True,
        "Guard 'gate' did not let function 'F' run: its hook pre_invocation raised TimeoutError.",
        503,
        "The log of the extension has the error.",
    ),
    "exceeds its budget after the function": (
        late_error(1.0),
        False,
        "Guard 'gate' withholds the result of function 'F': its hook pre_invocation raised TimeoutError.",
        500,
        "The log of the extension has the error.",
    ),
    "does not run": (
        Unavailable("it is paused"),
        True,
        "Function 'F' cannot run without its guard 'gate': it is paused.",
        503,
        "",
    ),
}


@pytest.mark.parametrize("case", DENIALS)
def test_denial_names_guard_and_function_and_nothing_of_the_error(case: str) -> None:
    """What the guard raised is its cause, what the function raised its context."""
    exception, is_way_in, message, status, remedy = DENIALS[case]
    of_function = LookupError("the function")
    hook = Hook("pre_invocation", gate(), lambda: None, ())
    error = denial(hook, exception, of_function, "F", "one", is_way_in=is_way_in)
    assert (error.message, error.status, error.remedy) == (message, status, remedy)
    assert (error.guard, error.invocation_id) == ("gate", "one")
    assert (error.__cause__, error.__context__) == (exception, of_function)
    assert (is_denied(error), is_denied(exception), is_denied(None)) == (True, False, False)


STATES: dict[str, tuple[dict[str, Any], str]] = {
    "active": ({}, ""),
    "idle": ({"status": "idle"}, ""),
    "paused": ({"status": "paused"}, "it is paused"),
    "paused and open": ({"status": "paused", "is_open": True}, ""),
    "failed": ({"status": "failed"}, "it is failed"),
    "disabled": ({"status": "disabled"}, "it is disabled"),
    "left to Azure's worker": (
        {"status": "idle", "reason": LEFT_TO_WORKER},
        "Azure's worker calls it, and ignores its errors",
    ),
}


@pytest.mark.parametrize("case", STATES)
def test_guard_that_does_not_run_has_a_hook_that_denies_with_the_reason(case: str) -> None:
    """It is the same one each time, and counts as a call of the guard's own hook that would decide."""
    attributes, reason = STATES[case]
    guard_of_f = gate("init", "invocation", **attributes)
    target = App(is_async=False).function
    chosen: Any = SimpleNamespace(selects=lambda extension, function: True)
    denials = Denials()
    found = denials.hooks([guard_of_f], target, chosen, ())
    assert found == denials.hooks([guard_of_f], target, chosen, ())
    assert len(found) == bool(reason)
    for hook in found:
        assert (hook.name, hook.extension, hook.positional) == (PRE, guard_of_f, ())
        assert hook.statistics is guard_of_f.hooks["invocation"].statistics
        with pytest.raises(Unavailable, match=reason):
            hook.call({})


def test_guard_denies_a_function_that_it_is_for_or_was_not_set_up_for() -> None:
    """One that is not selected is excluded by the failure of its set-up; other functions run."""
    target, gone = App(is_async=False).function, gate(status="failed")
    nothing: Any = SimpleNamespace(selects=lambda extension, function: False)
    assert Denials().hooks([gone], target, nothing, ()) == []
    running = gate()
    (hook,) = Denials().hooks([running], target, nothing, [(running, target)])
    with pytest.raises(Unavailable, match="its set-up for this function failed"):
        hook.call({})
