"""Settings: what is taken, and what is told of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_profile.settings import MEASURES, OUTPUTS, Settings, read_settings

NUMBERS = st.integers(1, 10**6)


def test_no_settings_are_fine() -> None:
    """A function that only says the extension's name gets a profile of each invocation in the log."""
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
def test_what_is_in_range_is_taken(given_settings: dict[str, Any]) -> None:
    """Every setting arrives as it was written."""
    found = read_settings(given_settings)
    for name, value in given_settings.items():
        expected = frozenset(value) if isinstance(value, list) else Path(value) if isinstance(value, str) else value
        assert getattr(found, name) == expected


@pytest.mark.parametrize("name", ["measure", "output"])
def test_one_name_needs_no_list(name: str) -> None:
    """A single name may stand alone."""
    value = {"measure": "memory", "output": "header"}[name]
    assert getattr(read_settings({name: value}), name) == frozenset({value})


def test_an_unknown_setting_is_an_error_that_names_it() -> None:
    """A misspelt setting is told, together with those that there are."""
    with pytest.raises(ValueError, match=r"unknown setting evry; expected: measure, output"):
        read_settings({"evry": 10})


@pytest.mark.parametrize(
    ("settings", "says"),
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
def test_a_value_out_of_range_is_an_error(settings: dict[str, Any], says: str) -> None:
    """The message names the setting, what it may be and what was found."""
    with pytest.raises(ValueError, match=r"^profile: ") as caught:
        read_settings(settings)
    assert says in str(caught.value)


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
def test_a_value_of_a_wrong_type_is_an_error(settings: dict[str, Any]) -> None:
    """Nothing is converted that could be a mistake."""
    with pytest.raises(TypeError, match=f"profile: {next(iter(settings))} must be"):
        read_settings(settings)
