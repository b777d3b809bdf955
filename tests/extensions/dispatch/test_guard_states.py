"""Guards that are paused, or whose set-up for a function failed: what their functions do, and what is said of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from hosting.core import OptIn
from hosting.errors import ExtensionError, GuardError
from hosting.extensions import ExtensionHost
from hosting.extensions._chains import GuardPauseError
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
