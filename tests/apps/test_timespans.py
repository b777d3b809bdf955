"""Time spans of host.json in .NET's format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.apps.timespans import format_timespan, parse_timespan


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:05:00", 300),
        ("1.12:00:00", 129_600),
        ("10", 864_000),
        ("00:00:00.25", 0.25),
        ("1:30", 5400),
        (" 00:00:01 ", 1),
        ("24:00:00", None),
        ("00:60:00", None),
        ("00:00:60", None),
        ("-1", None),
        ("soon", None),
        ("", None),
    ],
)
def test_time_span_is_parsed_to_seconds(text: str, seconds: float | None) -> None:
    """It has days, hours, minutes, seconds and a fraction; a number alone is days; other text is not a time span."""
    assert parse_timespan(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(300, "00:05:00"), (129_600, "1.12:00:00"), (0.25, "00:00:00.2500000"), (59.9999999, "00:00:59.9999999")],
)
def test_seconds_are_formatted_as_dotnet_does(seconds: float, text: str) -> None:
    """Days and a fraction of seven digits are included only if they are not zero."""
    assert format_timespan(seconds) == text


@given(st.integers(0, 10**9))
def test_formatted_time_span_parses_to_the_same_seconds(tenths: int) -> None:
    """The two functions are inverse."""
    assert parse_timespan(format_timespan(tenths / 10)) == pytest.approx(tenths / 10)
