"""Runs one function at the times of its schedule, in the process that holds the function's lock."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, tzinfo
from typing import NamedTuple

from hosting._asyncio import is_being_cancelled
from hosting.bindings.provider import Invoke
from hosting.bindings.storage import Lease
from hosting.bindings.timer.call import RunReason, make_call
from hosting.bindings.timer.clock import Clock
from hosting.bindings.timer.schedule import Schedule
from hosting.bindings.timer.status import CLOCK_TOLERANCE_SECONDS, Status, initial_status
from hosting.bindings.timer.status_store import StatusStore
from hosting.bindings.timer.zone import format_for_log, format_precise

CLOCK_CHECK_SECONDS = 15.0
"""Seconds after which the clock is looked at again, as somebody may have set it, or the machine may have slept."""

_PAUSE_SECONDS = 0.01
"""Seconds between two runs, in which the host gets to work where each run blocks the loop until the next one is due."""

_logger = logging.getLogger("hosting.triggers.timer")


class TimerOptions(NamedTuple):
    """What a function's binding says, once read."""

    name: str
    schedule: Schedule
    zone: tzinfo
    run_on_startup: bool = False
    monitor: StatusStore | None = None
    """None where nothing is remembered."""
    retries: bool = False
    """Whether the function has a retry policy."""


class Timer:
    """One function's timer. Its runs never overlap, and times that come during a run are made up for by one run.

    Args:
        plan: when, and what is remembered.
        invoke: runs the function.
        clock: tells the time.
        stopping: set when nothing new may begin.
    """

    def __init__(self, plan: TimerOptions, invoke: Invoke, clock: Clock, stopping: asyncio.Event) -> None:
        self._plan = plan
        self._invoke = invoke
        self._clock = clock
        self._stopping = stopping
        self._status = Status(None, None, None)
        self._seen = clock.now()
        self._at_once: RunReason | None = None
        self.running = False
        """Whether the function runs now, or waits to be tried again."""

    @property
    def name(self) -> str:
        """The function's name."""
        return self._plan.name

    async def begin(self) -> None:
        """Find out when the timer is due, and say so.

        Raises:
            HostingError: the status cannot be read.
        """
        plan, now = self._plan, self._clock.now()
        self._seen = now
        stored = await plan.monitor.read() if plan.monitor else None
        self._status, is_late = initial_status(plan.schedule, stored, now)
        if plan.monitor and self._status != stored:
            await plan.monitor.write(self._status)
        if stored is None:
            self._status = self._status._replace(updated=None)
        self._announce()
        self._at_once = None
        if is_late:
            _logger.debug("Function '%s' is past due on startup. Executing now.", plan.name)
            self._at_once = RunReason("IsPastDue", self._status.next)
        elif plan.run_on_startup:
            _logger.debug("Function '%s' is configured to run on startup. Executing now.", plan.name)
            self._at_once = RunReason("RunOnStartup")

    async def run(self, lease: Lease) -> None:
        """Keep to the schedule until the host stops or the lease is lost; a run that has begun is finished.

        After ``begin``; ``lease`` says that this process may.
        """
        if self._at_once is not None and not self._is_over(lease):
            await self._fire(self._clock.now(), self._at_once, lease)
        while (now := await self._due(lease)) is not None:
            await self._fire(now, RunReason(), lease)
            await self._clock.wait(self._stopping, _PAUSE_SECONDS)

    async def _due(self, lease: Lease) -> datetime | None:
        """Wait for the time that the status says, by the time of day; give it, or None if the timer must not run."""
        while not self._is_over(lease):
            now = self._clock.now()
            if (self._seen - now).total_seconds() > CLOCK_TOLERANCE_SECONDS:
                await self._put_back(now)
            self._seen = max(now, self._seen)
            left = (self._status.next - now).total_seconds() if self._status.next else CLOCK_CHECK_SECONDS
            if left <= 0:
                return now
            await self._clock.wait(self._stopping, min(left, CLOCK_CHECK_SECONDS))
        return None

    async def _put_back(self, now: datetime) -> None:
        """What was planned was planned by a wrong clock."""
        _logger.warning(
            "The clock was put back from %s to %s: timer '%s' goes on from there.",
            format_precise(self._seen, self._plan.zone),
            format_precise(now, self._plan.zone),
            self.name,
        )
        self._seen = now
        await self._keep(Status(None, self._plan.schedule.next(now), now))

    async def _fire(self, now: datetime, occasion: RunReason, lease: Lease) -> None:
        """Run the function once, and remember it."""
        plan = self._plan
        status = self._status if plan.monitor else None
        call = make_call(now, plan.zone, plan.schedule, status, is_late=occasion.due is not None)
        self.running = True
        reason, details = f"Timer fired at {format_precise(now, plan.zone)}", occasion.details(plan.zone)
        try:
            # In a task of its own: a function may cancel the one that it runs in.
            result = await asyncio.ensure_future(self._invoke(call, reason=reason, details=details))
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
        except Exception:
            _logger.exception("Error occurred during scheduled invocation for '%s'.", plan.name)
        else:
            if plan.retries and result.exception is not None and self._stopping.is_set():
                return  # its policy was cut short: the next start makes up for it
        finally:
            self.running = False
        if not lease.lost.is_set():  # whoever has the lock by now remembers for itself
            await self._keep(Status(now, plan.schedule.next(now), now))

    async def _keep(self, status: Status) -> None:
        self._status = status
        if self._plan.monitor:
            await self._plan.monitor.write(status)

    def _is_over(self, lease: Lease) -> bool:
        return self._stopping.is_set() or lease.lost.is_set()

    def _announce(self) -> None:
        plan = self._plan
        _logger.debug(
            "The '%s' timer is using the schedule '%s' and the local time zone: '%s'",
            plan.name,
            plan.schedule,
            plan.zone,
        )
        if plan.monitor:
            _logger.debug("Function '%s' initial status: %s", plan.name, self._status.as_json(plan.zone))
        times: list[str] = []
        moment = self._clock.now()
        while len(times) < 5 and (following := plan.schedule.next(moment)):
            times.append(format_for_log(following, plan.zone))
            moment = following
        _logger.info(
            "The next 5 occurrences of the '%s' schedule (%s) will be:\n%s",
            plan.name,
            plan.schedule,
            "\n".join(times),
        )
