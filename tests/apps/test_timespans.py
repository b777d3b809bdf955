"""Time spans of host.json are read and shown as .NET does it."""

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
def test_read(text: str, seconds: float | None) -> None:
    """A span has days, hours, minutes, seconds and a fraction; a bare number is days; anything else is none."""
    assert parse_timespan(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(300, "00:05:00"), (129_600, "1.12:00:00"), (0.25, "00:00:00.2500000"), (59.9999999, "00:00:59.9999999")],
)
def test_shown(seconds: float, text: str) -> None:
    """Days and a fraction of seven digits show where there are any."""
    assert format_timespan(seconds) == text


@given(st.integers(0, 10**9))
def test_round_trip(tenths: int) -> None:
    """What is shown reads as what it was."""
    assert parse_timespan(format_timespan(tenths / 10)) == pytest.approx(tenths / 10)
