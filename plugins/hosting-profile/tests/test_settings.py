"""The settings of an opt-in: which are accepted, and the errors of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_profile.settings import MEASURES, OUTPUTS, Settings, read_settings

NUMBERS = st.integers(1, 10**6)


def test_settings_without_values_are_the_defaults() -> None:
    """An opt-in without settings logs a profile of each invocation."""
    assert read_settings({}) == Settings()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "measure": st.sets(st.sampled_from(MEASURES)).map(lambda names: ["time", *sorted(names)]),
            "output": st.sets(st.sampled_from(OUTPUTS), min_size=1).map(sorted),
            "folder": st.sampled_from(["profiles", "/var/log/profiles"]),
            "keep": NUMBERS,
            "top": NUMBERS,
            "interval": st.floats(0.0001, 1),
            "rate": st.floats(0, 1),
            "slower_than": st.floats(0, 10**6),
        },
    )
)
def test_settings_in_range_are_read(values: dict[str, Any]) -> None:
    """Every valid setting is read as it was written."""
    settings = read_settings(values)
    for name, value in values.items():
        expected = frozenset(value) if isinstance(value, list) else Path(value) if isinstance(value, str) else value
        assert getattr(settings, name) == expected


@pytest.mark.parametrize("name", ["measure", "output"])
def test_single_name_may_replace_a_list(name: str) -> None:
    """A single name may replace a list."""
    value = {"measure": "memory", "output": "header"}[name]
    assert getattr(read_settings({name: value}), name) == frozenset({value})


def test_unknown_setting_is_an_error_with_the_known_ones() -> None:
    """The error has the unknown setting and those that exist."""
    with pytest.raises(ValueError, match=r"unknown setting evry; expected: measure, output"):
        read_settings({"evry": 10})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measure": ["cpu"]}, "measure must be of time, memory, io, not 'cpu'"),
        ({"measure": []}, "measure must be of time, memory, io, and not empty"),
        ({"output": ["log", "mail"]}, "output must be of log, file, header, not 'mail'"),
        ({"rate": 1.5}, "rate must be 0 to 1, not 1.5"),
        ({"rate": float("nan")}, "rate must be 0 to 1, not nan"),
        ({"every": 0}, "every must be 1 or more, not 0"),
        ({"keep": 0}, "keep must be 1 or more, not 0"),
        ({"interval": 0}, "interval must be 0.0001 to 1, not 0"),
        ({"slower_than": -1}, "slower_than must be 0 or more, not -1"),
        ({"rate": 0.5, "every": 2}, "'rate' and 'every' exclude each other"),
        ({"output": ["file"], "measure": ["io"]}, "'measure' must include 'time'"),
    ],
)
def test_value_out_of_range_is_an_error(settings: dict[str, Any], message: str) -> None:
    """The message has the setting, what it may be, and the value."""
    with pytest.raises(ValueError, match=r"^profile: ") as caught:
        read_settings(settings)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"measure": 1},
        {"output": [1]},
        {"folder": 1},
        {"folder": ""},
        {"keep": 1.5},
        {"top": True},
        {"every": "10"},
        {"rate": "1"},
        {"interval": None},
        {"slower_than": True},
    ],
)
def test_value_of_a_wrong_type_is_an_error(settings: dict[str, Any]) -> None:
    """Values are not converted, because another type may be a mistake."""
    with pytest.raises(TypeError, match=f"profile: {next(iter(settings))} must be"):
        read_settings(settings)
