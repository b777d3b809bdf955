"""One run of a timer's function: the data that the function gets, and the reason for the run."""

from __future__ import annotations

import json
from datetime import datetime, tzinfo
from typing import NamedTuple

from hosting.bindings.timer.schedule import Schedule
from hosting.bindings.timer.status import Status
from hosting.bindings.timer.zone import format_precise


class TimerCall(NamedTuple):
    """The data of one invocation of a timer's function."""

    text: str
    """The JSON text that Azure's host sends to the function."""
    time: str
    """The local time, for binding expressions."""


def make_call(
    now: datetime, zone: tzinfo, schedule: Schedule, status: Status | None, *, is_late: bool = False
) -> TimerCall:
    """Return the data of a run.

    Args:
        now: the current time, in UTC.
        zone: the time zone of the schedule.
        schedule: the timer's schedule.
        status: the timer's stored status; None if it is not monitored.
        is_late: whether the run makes up for an earlier time, at which no host was running.
    """
    document = {
        "Schedule": {"AdjustForDST": schedule.adjusts},
        "ScheduleStatus": status and status.as_json(zone),
        "IsPastDue": is_late,
    }
    return TimerCall(json.dumps(document), f"{now.astimezone(zone):%m/%d/%Y %H:%M:%S}")


class RunReason(NamedTuple):
    """Why a timer's function runs: on schedule by default."""

    reason: str = ""
    """Azure's word for an unscheduled run: ``IsPastDue`` or ``RunOnStartup``; empty for a run on schedule."""
    due: datetime | None = None
    """When a late run was due, in UTC; None for other runs."""

    def details(self, zone: tzinfo) -> str:
        """Return the reason of an unscheduled run as Azure's host logs it; empty for a run on schedule."""
        late = f", OriginalSchedule: {format_precise(self.due, zone)}" if self.due else ""
        return f"UnscheduledInvocationReason: {self.reason}{late}" if self.reason else ""
