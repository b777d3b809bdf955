"""What is remembered of a timer from one run to the next: when it ran, and when it was due then."""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from hosting.bindings.timer.schedule import Schedule

CLOCK_TOLERANCE_SECONDS = 60.0
"""Seconds that a clock may be put back without what was planned before being taken for wrong."""

_NEVER_RAN = "0001-01-01T00:00:00+00:00"
_NEVER_DUE = "9999-12-31T23:59:59+00:00"


class Status(NamedTuple):
    """A timer's status; moments in UTC.

    Whatever Azure's host keeps of a timer is in it, in the same form, so that either one goes on where the other was.
    """

    last: datetime | None
    """When it ran last; None if it has not, by this schedule."""
    next: datetime | None
    """When it is due; None for never."""
    updated: datetime | None
    """From when on ``next`` was reckoned."""

    def as_json(self, zone: tzinfo) -> dict[str, str]:
        """The three as a function is told of them, in local time."""
        return {
            "Last": _written(self.last, zone) or _NEVER_RAN,
            "Next": _written(self.next, zone) or _NEVER_DUE,
            "LastUpdated": _written(self.updated, zone) or _NEVER_RAN,
        }


def read_status(text: str, zone: tzinfo) -> Status:
    """Make a status of its JSON text.

    Raises:
        ValueError: it is none.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return Status(*(_read(found.get(key), zone) for key in ("Last", "Next", "LastUpdated")))


def initial_status(schedule: Schedule, stored: Status | None, now: datetime) -> tuple[Status, bool]:
    """What holds when a timer starts, as Azure's host reckons it, and whether the timer is past due.

    A schedule that is not the one of ``stored`` has been edited: what it missed before is not made up for. Nor is
    anything when ``stored`` is from a time to come, because the clock was wrong then.
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


def _written(moment: datetime | None, zone: tzinfo) -> str | None:
    return moment.astimezone(zone).isoformat() if moment else None


def _read(text: Any, zone: tzinfo) -> datetime | None:
    """A moment; None for the ones that stand for none."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no time")
    moment = datetime.fromisoformat(text)
    if not 1 < moment.year < datetime.max.year:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
