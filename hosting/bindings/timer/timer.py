"""Running a timer's function on schedule, in the process that holds the timer's lock."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo
from typing import NamedTuple

from hosting._asyncio import is_being_cancelled
from hosting._log import host_logger
from hosting.bindings.provider import Invoke
from hosting.bindings.storage import Lease
from hosting.bindings.timer.call import RunReason, make_call
from hosting.bindings.timer.clock import Clock
from hosting.bindings.timer.schedule import Schedule
from hosting.bindings.timer.status import CLOCK_TOLERANCE_SECONDS, Status, initial_status
from hosting.bindings.timer.status_store import StatusStore
from hosting.bindings.timer.zone import format_for_log, format_precise

CLOCK_CHECK_SECONDS = 15.0
"""How often the clock is read while the timer waits, as it may be set, or the machine may sleep."""

_PAUSE_SECONDS = 0.01
"""The shortest pause between two runs, so that the host can work even if each run blocks the event loop for long."""

_logger = host_logger("triggers.timer")


class TimerOptions(NamedTuple):
    """The options of one timer."""

    name: str
    """The function's name."""
    schedule: Schedule
    zone: tzinfo
    """The time zone of the schedule."""
    run_on_startup: bool = False
    status_store: StatusStore | None = None
    """Stores the timer's status; None if it is not monitored."""
    has_retries: bool = False
    """Whether the function has a retry policy."""


class Timer:
    """The timer of one function. Runs never overlap; times that pass during a run are made up for by one run.

    Args:
        options: the timer's options.
        invoke: runs the function.
        clock: returns the time.
        stopping: set when the host stops, so that no run may begin.
    """

    def __init__(self, options: TimerOptions, invoke: Invoke, clock: Clock, stopping: asyncio.Event) -> None:
        self._options = options
        self._invoke = invoke
        self._clock = clock
        self._stopping = stopping
        self._status = Status(None, None, None)
        self._latest = clock.now()
        self._start_reason: RunReason | None = None
        self.running = False
        """Whether the function is running, or waiting for a retry."""

    @property
    def name(self) -> str:
        """The function's name."""
        return self._options.name

    async def prepare(self) -> None:
        """Read the stored status, compute when the timer is due, and log it.

        Raises:
            HostingError: the status cannot be read.
        """
        options, store = self._options, self._options.status_store
        now = self._latest = self._clock.now()
        stored = await store.read() if store else None
        self._status, is_late = initial_status(options.schedule, stored, now)
        if store and self._status != stored:
            await store.write(self._status)
        if stored is None:
            self._status = self._status._replace(updated=None)
        self._log_schedule()
        self._start_reason = self._find_start_reason(is_late)

    def _find_start_reason(self, is_late: bool) -> RunReason | None:
        """Return why the function runs at once, before its schedule says so; None if it does not."""
        if is_late:
            _logger.debug("Function '%s' is past due on startup. Executing now.", self.name)
            return RunReason("IsPastDue", self._status.next)
        if self._options.run_on_startup:
            _logger.debug("Function '%s' is configured to run on startup. Executing now.", self.name)
            return RunReason("RunOnStartup")
        return None

    async def run(self, lease: Lease) -> None:
        """Run the function on schedule until the host stops or the lease is lost; a run that has begun is finished.

        Call ``prepare`` before.

        Args:
            lease: the timer's lock, which this process holds.
        """
        if self._start_reason is not None and not self._must_stop(lease):
            await self._run_once(self._clock.now(), self._start_reason, lease)
        while (now := await self._wait_until_due(lease)) is not None:
            await self._run_once(now, RunReason(), lease)
            await self._clock.wait(self._stopping, _PAUSE_SECONDS)

    async def _wait_until_due(self, lease: Lease) -> datetime | None:
        """Wait until the timer is due and return the current time; None if the timer must stop."""
        while not self._must_stop(lease):
            now = self._clock.now()
            if (self._latest - now).total_seconds() > CLOCK_TOLERANCE_SECONDS:
                await self._reset_after_clock_change(now)
            self._latest = max(now, self._latest)
            left = (self._status.next - now).total_seconds() if self._status.next else CLOCK_CHECK_SECONDS
            if left <= 0:
                return now
            await self._clock.wait(self._stopping, min(left, CLOCK_CHECK_SECONDS))
        return None

    async def _reset_after_clock_change(self, now: datetime) -> None:
        """Compute the next time again: the clock was wrong when it was computed before."""
        _logger.warning(
            "The clock was set back from %s to %s: timer '%s' continues from there.",
            format_precise(self._latest, self._options.zone),
            format_precise(now, self._options.zone),
            self.name,
        )
        self._latest = now
        await self._store(Status(None, self._options.schedule.next(now), now))

    async def _run_once(self, now: datetime, reason: RunReason, lease: Lease) -> None:
        """Run the function once, and store the new status."""
        options = self._options
        status = self._status if options.status_store else None
        call = make_call(now, options.zone, options.schedule, status, is_late=reason.due is not None)
        self.running = True
        sentence, details = f"Timer fired at {format_precise(now, options.zone)}", reason.details(options.zone)
        try:
            # In a separate task, as a function may cancel the task in which it runs.
            result = await asyncio.ensure_future(self._invoke(call, reason=sentence, details=details))
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
        except Exception:
            _logger.exception("Error occurred during scheduled invocation for '%s'.", options.name)
        else:
            if options.has_retries and result.exception is not None and self._stopping.is_set():
                return  # the host's stop ended its retries: the next start makes up for the run
        finally:
            self.running = False
        if not lease.lost.is_set():  # else the process that holds the lock now stores its own status
            await self._store(Status(now, options.schedule.next(now), now))

    async def _store(self, status: Status) -> None:
        self._status = status
        if self._options.status_store:
            await self._options.status_store.write(status)

    def _must_stop(self, lease: Lease) -> bool:
        return self._stopping.is_set() or lease.lost.is_set()

    def _log_schedule(self) -> None:
        options = self._options
        _logger.debug(
            "The '%s' timer is using the schedule '%s' and the local time zone: '%s'",
            options.name,
            options.schedule,
            options.zone,
        )
        if options.status_store:
            _logger.debug("Function '%s' initial status: %s", options.name, self._status.as_json(options.zone))
        times: list[str] = []
        moment = self._clock.now()
        while len(times) < 5 and (following := options.schedule.next(moment)):
            times.append(format_for_log(following, options.zone))
            moment = following
        _logger.info(
            "The next 5 occurrences of the '%s' schedule (%s) will be:\n%s",
            options.name,
            options.schedule,
            "\n".join(times),
        )
