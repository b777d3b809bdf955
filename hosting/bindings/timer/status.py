"""The stored status of a timer: when it last ran, and when it is due next."""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from hosting.bindings.timer.schedule import Schedule

CLOCK_TOLERANCE_SECONDS = 60.0
"""How far a clock may be set back until times that were computed before are considered wrong."""

_NEVER_RAN = "0001-01-01T00:00:00+00:00"
_NEVER_DUE = "9999-12-31T23:59:59+00:00"


class Status(NamedTuple):
    """A timer's status; times are in UTC.

    Content and form are those of Azure's host, so that each host can continue where the other stopped.
    """

    last: datetime | None
    """When the timer last ran; None if it has not run with this schedule."""
    next: datetime | None
    """When the timer is due; None for never."""
    updated: datetime | None
    """The time from which ``next`` was computed."""

    def as_json(self, zone: tzinfo) -> dict[str, str]:
        """Return the status as functions receive it and as it is stored, in local time."""
        return {
            "Last": _format(self.last, zone) or _NEVER_RAN,
            "Next": _format(self.next, zone) or _NEVER_DUE,
            "LastUpdated": _format(self.updated, zone) or _NEVER_RAN,
        }


def read_status(text: str, zone: tzinfo) -> Status:
    """Parse a stored status.

    Args:
        text: the JSON text.
        zone: the time zone of times without an offset.

    Raises:
        ValueError: the text is not a status.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    return Status(*(_parse(content.get(key), zone) for key in ("Last", "Next", "LastUpdated")))


def initial_status(schedule: Schedule, stored: Status | None, now: datetime) -> tuple[Status, bool]:
    """Return a timer's status at its start, and whether it is past due, as Azure's host computes them.

    If the schedule has changed since the status was stored, missed runs are not made up for. They are not either if the
    stored times are in the future, because the clock was wrong then.

    Args:
        schedule: the timer's schedule.
        stored: the stored status; None if there is none.
        now: the current time, in UTC.
    """
    if stored is None:
        return Status(None, schedule.next(now), now), False
    base = stored.last or stored.updated or now
    if (base - now).total_seconds() > CLOCK_TOLERANCE_SECONDS:
        return Status(None, schedule.next(now), now), False
    expected = schedule.next(base)
    if stored.next != expected:
        if expected is not None and now > expected:
            expected, base = schedule.next(now), now
        stored = Status(None, expected, base)
    return stored, stored.next is not None and now > stored.next


def _format(moment: datetime | None, zone: tzinfo) -> str | None:
    return moment.astimezone(zone).isoformat() if moment else None


def _parse(text: Any, zone: tzinfo) -> datetime | None:
    """Return a time in UTC; None for the first and the last year, which mean never."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a time")
    moment = datetime.fromisoformat(text)
    if not 1 < moment.year < datetime.max.year:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
