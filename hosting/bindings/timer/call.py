"""One call of a timer's function: what the function is told, and why it is called."""

from __future__ import annotations

import json
from datetime import datetime, tzinfo
from typing import NamedTuple

from hosting.bindings.timer.schedule import Schedule
from hosting.bindings.timer.status import Status
from hosting.bindings.timer.zone import format_precise


class TimerCall(NamedTuple):
    """What triggers an invocation."""

    text: str
    """The JSON that Azure's host sends for it."""
    at: str
    """The time on the wall's clock, for binding expressions."""


def make_call(
    now: datetime, zone: tzinfo, schedule: Schedule, status: Status | None, *, is_late: bool = False
) -> TimerCall:
    """Make the call of ``now``.

    Args:
        now: the time of day, in UTC.
        zone: where the clock hangs.
        schedule: the timer's.
        status: what is remembered of it; None if nothing is.
        is_late: whether it makes up for a time that passed while no host ran.
    """
    document = {
        "Schedule": {"AdjustForDST": schedule.adjusts},
        "ScheduleStatus": status and status.as_json(zone),
        "IsPastDue": is_late,
    }
    return TimerCall(json.dumps(document), f"{now.astimezone(zone):%m/%d/%Y %H:%M:%S}")


class RunReason(NamedTuple):
    """Why a timer runs; without a reason, because its time has come."""

    reason: str = ""
    due: datetime | None = None
    """When it was due, where it is late."""

    def details(self, zone: tzinfo) -> str:
        """What Azure's host logs of it."""
        late = f", OriginalSchedule: {format_precise(self.due, zone)}" if self.due else ""
        return f"UnscheduledInvocationReason: {self.reason}{late}" if self.reason else ""
