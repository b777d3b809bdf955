"""Time spans in .NET's format, which host.json uses: ``00:05:00``, ``1.12:00:00``, ``10`` (days)."""

from __future__ import annotations

import re

_SPAN = (
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d{1,7})?))?"
    r"|(?P<only_days>\d+)"
)


def parse_timespan(text: str) -> float | None:
    """Return a time span in seconds, or None if ``text`` is not a time span."""
    match = re.fullmatch(_SPAN, text.strip())
    if match is None:
        return None
    parts = {part: float(value or 0) for part, value in match.groupdict().items()}
    if parts["hours"] >= 24 or parts["minutes"] >= 60 or parts["seconds"] >= 60:
        return None
    days = parts["days"] + parts["only_days"]
    return ((days * 24 + parts["hours"]) * 60 + parts["minutes"]) * 60 + parts["seconds"]


def format_timespan(seconds: float) -> str:
    """Return a time span as .NET prints it; a fraction has seven digits, and is omitted if it is zero.

    Args:
        seconds: the length of the time span, not negative.
    """
    whole, fraction = divmod(round(seconds * 10_000_000), 10_000_000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    text = f"{hour:02}:{minute:02}:{second:02}"
    return (f"{days}." if days else "") + text + (f".{fraction:07}" if fraction else "")
