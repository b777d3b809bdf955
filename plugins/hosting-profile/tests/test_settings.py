"""The settings of an opt-in: which are accepted, and the errors of the others."""

from __future__ import annotations

import re
from typing import Any, get_args

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hosting
from hosting.testing import make_host
from hosting_profile import ProfileExtension
from hosting_profile.settings import Measure, Output, ProfileSettings

NUMBERS = st.integers(1, 10**6)
NAME = "profile"


def read(*several: dict[str, Any]) -> dict[str, Any]:
    """Return for each of several opt-ins the error that a host has for it; empty where it is accepted."""
    app = func.FunctionApp()
    for number, settings in enumerate(several):

        @app.function_name(f"f{number}")
        @app.route(f"f{number}")
        @hosting.use(NAME, **settings)
        def f(req: func.HttpRequest) -> str:
            return "x"

    with make_host(app, extensions={NAME: ProfileExtension}) as host:
        lines = [message for message in host.messages if "configure_function" in message or "settings" in message]
    return {
        f"f{number}": next((line for line in lines if f"'f{number}'" in line), "") for number in range(len(several))
    }


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "measure": st.sets(st.sampled_from(get_args(Measure))).map(lambda names: ("time", *sorted(names))),
            "output": st.sets(st.sampled_from(get_args(Output)), min_size=1).map(lambda names: tuple(sorted(names))),
            "folder": st.sampled_from(["profiles", "/var/log/profiles"]),
            "keep": NUMBERS,
            "top": NUMBERS,
            "interval": st.floats(0.0001, 1),
            "rate": st.floats(0, 1),
            "slower_than": st.floats(0, 10**6),
        },
    )
)
def test_settings_in_range_are_kept(values: dict[str, Any]) -> None:
    """Every valid setting is kept as it was written."""
    settings = ProfileSettings(**values)
    assert {name: getattr(settings, name) for name in values} == values


@pytest.mark.parametrize(("name", "value"), [("measure", "memory"), ("output", "header")])
def test_single_name_may_replace_a_list(name: str, value: Any) -> None:
    """A single name may replace a list."""
    assert getattr(ProfileSettings(**{name: value}), name) == (value,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measure": ()}, "measure must not be empty"),
        ({"output": ()}, "output must not be empty"),
        ({"folder": ""}, "folder must not be empty"),
        ({"rate": 1.5}, "rate must be 0 to 1, not 1.5"),
        ({"rate": float("nan")}, "rate must be 0 to 1, not nan"),
        ({"every": 0}, "every must be 1 or more, not 0"),
        ({"keep": 0}, "keep must be 1 or more, not 0"),
        ({"top": 0}, "top must be 1 or more, not 0"),
        ({"interval": 0}, "interval must be 0.0001 to 1, not 0"),
        ({"slower_than": -1}, "slower_than must be 0 or more, not -1"),
        ({"rate": 0.5, "every": 2}, "'rate' and 'every' exclude each other"),
        ({"output": ("file",), "measure": ("io",)}, "'measure' must include 'time'"),
    ],
)
def test_value_out_of_range_is_an_error(settings: dict[str, Any], message: str) -> None:
    """The message has the setting, what it may be, and the value."""
    with pytest.raises(ValueError, match=re.escape(message)):
        ProfileSettings(**settings)


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"measure": ["time", "memory"], "output": "log", "every": 10}, ""),
    ({"evry": 10}, "evry is not a setting"),
    ({"measure": ["cpu"]}, "measure"),
    ({"output": ["log", "mail"]}, "output"),
    ({"measure": 1}, "measure"),
    ({"output": [1]}, "output"),
    ({"folder": 1}, "folder must be text"),
    ({"keep": 1.5}, "keep must be"),
    ({"top": True}, "top must be"),
    ({"every": "10"}, "every must be"),
    ({"rate": "1"}, "rate must be"),
    ({"interval": None}, "interval must be"),
    ({"slower_than": True}, "slower_than must be"),
    ({"rate": 2}, "rate must be 0 to 1, not 2"),
]


def test_opt_in_with_a_setting_that_is_wrong_is_named_and_the_others_are_profiled() -> None:
    """The host names the setting of each function: values of another type are not converted."""
    errors = read(*(settings for settings, _ in FAULTS))
    for (settings, message), error in zip(FAULTS, errors.values(), strict=True):
        assert (message in error, bool(error)) == (True, bool(message)), (settings, error)
