"""The extension's hooks, called as a host calls them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.functions import Context, HttpRequest

from hosting import Outcome
from hosting_timer import TimerExtension

HTTP: Mapping[str, Any] = {"req": HttpRequest("GET", "http://localhost/api/Greet", body=b"")}
CONTEXT = cast("Context", SimpleNamespace(function_name="Greet"))
LOGGER = logging.getLogger("tests.timer")


def _run(extension: TimerExtension, outcome: Outcome, func_args: Mapping[str, Any] = HTTP) -> Outcome:
    around = extension.invocation_app_level(LOGGER, CONTEXT, func_args)
    next(around)
    with pytest.raises(StopIteration):
        around.send(outcome)
    return outcome


def _appending() -> TimerExtension:
    extension = TimerExtension()
    extension.configure({"append_to_http_response": True})
    return extension


def test_the_time_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each invocation leaves one line with the function's name and its time."""
    caplog.set_level(logging.INFO)
    _run(TimerExtension(), Outcome("hi"))
    assert [re.sub(r"\d+\.\d{6}", "T", message) for message in caplog.messages] == ["Greet took T sec"]


def test_a_failing_function_is_measured_and_still_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The exception stays, and the log tells the time until it was raised."""
    caplog.set_level(logging.INFO)
    error = ValueError("no")
    outcome = _run(_appending(), Outcome(exception=error))
    assert (outcome.result, outcome.exception) == (None, error)
    assert [re.sub(r"\d+\.\d{6}", "T", message) for message in caplog.messages] == ["Greet failed after T sec"]


def test_results_stay_as_they_are_unless_the_app_asks() -> None:
    """Without the setting, a response is the function's own."""
    assert _run(TimerExtension(), Outcome("hi")).result == "hi"


def test_the_time_is_appended_when_the_app_asks() -> None:
    """With the setting, a text response ends in the time."""
    result = _run(_appending(), Outcome("hi")).result
    assert re.fullmatch(r"hi \(TimeElapsed: \d+\.\d{6} sec\)", str(result))


def test_only_http_functions_are_appended_to() -> None:
    """Text that a queue function returns is a message, and reaches its reader unchanged."""
    assert _run(_appending(), Outcome("message"), {"msg": "in"}).result == "message"


def test_two_instances_have_settings_of_their_own() -> None:
    """What one app configures does not reach another app in the same process."""
    _appending()
    assert _run(TimerExtension(), Outcome("hi")).result == "hi"


def test_interleaved_invocations_do_not_meet() -> None:
    """An invocation that began first may end first, and both are measured."""
    extension = _appending()
    arounds = [extension.invocation_app_level(LOGGER, CONTEXT, HTTP) for _ in range(2)]
    outcomes = [Outcome("a"), Outcome("b")]
    for around in arounds:
        next(around)
    for around, outcome in zip(arounds, outcomes, strict=True):
        with pytest.raises(StopIteration):
            around.send(outcome)
    assert [str(outcome.result)[0] for outcome in outcomes] == ["a", "b"]


def test_an_unknown_setting_is_an_error_that_names_it() -> None:
    """A misspelt setting is told, together with the one that exists."""
    with pytest.raises(ValueError, match=r"unknown setting apend; .*append_to_http_response"):
        TimerExtension().configure({"apend": True})


@pytest.mark.parametrize("value", ["true", 1, None])
def test_a_setting_of_a_wrong_type_is_an_error(value: object) -> None:
    """Only true and false are taken."""
    with pytest.raises(TypeError, match="append_to_http_response must be true or false"):
        TimerExtension().configure({"append_to_http_response": value})


def test_no_settings_are_fine() -> None:
    """The host calls configure with nothing where nothing was set."""
    TimerExtension().configure({})


def test_the_entry_point_names_the_class() -> None:
    """Installing the distribution is what activates it."""
    (entry_point,) = entry_points(group="hosting", name="timer")
    assert entry_point.load() is TimerExtension
