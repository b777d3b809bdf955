"""The built-in provider of ``timerTrigger``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from azure.functions import meta

from hosting.apps.timespans import format_timespan, parse_timespan
from hosting.bindings.provider import Invoke, Provider, Trigger
from hosting.bindings.services import Services
from hosting.bindings.storage import Lease
from hosting.bindings.timer.call import TimerCall, make_call
from hosting.bindings.timer.clock import Clock
from hosting.bindings.timer.locks import TimerLocks
from hosting.bindings.timer.schedule import Schedule, ScheduleError, read_schedule
from hosting.bindings.timer.status_store import StatusStore
from hosting.bindings.timer.timer import Timer, TimerOptions
from hosting.bindings.timer.zone import read_zone
from hosting.core import Binding, Function, Problem
from hosting.errors import FunctionLoadError, HostingError, SettingsError

_RECOVERY = "listenerLockRecoveryPollingInterval"
_DEFAULT_POLL_SECONDS = 60.0
_CLOSE_TIMEOUT_SECONDS = 2.0
"""Seconds in which the status of a run that has just ended must be stored when the host stops."""

_logger = logging.getLogger("hosting.triggers.timer")


class TimerTrigger(Trigger):
    """The trigger of one function: tells it of its schedule, as Azure's host does."""

    def __init__(self, plan: TimerOptions, annotation: Any, clock: Clock) -> None:
        self.plan = plan
        self.invoke: Invoke | None = None
        self._annotation = annotation
        self._clock = clock
        self._converter: Any = meta.get_binding_registry().get("timerTrigger")  # type: ignore[no-untyped-call]

    def decode(self, data: TimerCall) -> Any:
        if self._annotation in (str, bytes):
            return data.text if self._annotation is str else data.text.encode()
        return self._converter.decode(meta.Datum(data.text, "json"), trigger_metadata=None)

    def binding_data(self, data: TimerCall) -> Mapping[str, Any]:
        return {"timerTrigger": data.at}

    def attach(self, invoke: Invoke) -> None:
        self.invoke = invoke

    async def by_hand(self, text: str | None) -> TimerCall:
        """A call that is not late, with what is remembered; the text is of no use to a timer."""
        plan = self.plan
        try:
            status = await plan.monitor.read() if plan.monitor else None
        except HostingError as error:
            _logger.warning("Function '%s' is not told of its status: %s", plan.name, error)
            status = None
        return make_call(self._clock.now(), plan.zone, plan.schedule, status)


class TimerProvider(Provider):
    """Runs the timers of an app, each of them in one of the processes that serve the app.

    Args:
        services: host.json, the settings, and the storage for locks and status.
        clock: tells the time.
    """

    def __init__(self, services: Services, clock: Clock | None = None) -> None:
        super().__init__(services)
        self._clock = clock or Clock()
        self._locks = TimerLocks(services)
        self._retry = self._pause_between_tries()
        self._stopping = asyncio.Event()
        self._triggers: list[TimerTrigger] = []
        self._timers: dict[Timer, asyncio.Task[None]] = {}
        self._opening: asyncio.Task[None] | None = None

    def trigger(self, function: Function, binding: Binding) -> TimerTrigger:
        try:
            zone = read_zone(self.services.settings)
            schedule = read_schedule(_schedule_text(binding), zone)
            is_monitored = _is_on(binding, "useMonitor", default=True)
            startup = _is_on(binding, "runOnStartup", default=False)
        except (ScheduleError, SettingsError) as error:
            remedy = error.remedy
            raise FunctionLoadError(
                f"Function '{function.name}': {error.args[0]}", remedy=remedy, file=function.file
            ) from error
        self._warn(function, schedule)
        if is_monitored and schedule.is_frequent:
            _logger.debug("UseMonitor changed to false based on schedule frequency. (%s)", function.name)
            is_monitored = False
        monitor = StatusStore(self.services, function.name, zone) if is_monitored else None
        plan = TimerOptions(function.name, schedule, zone, startup, monitor, function.retry is not None)
        trigger = TimerTrigger(plan, function.annotations.get(binding.name), self._clock)
        self._triggers.append(trigger)
        return trigger

    async def start(self) -> None:
        """Try for the locks in the background: the host does not wait for its storage."""
        timers = [
            Timer(trigger.plan, trigger.invoke, self._clock, self._stopping)
            for trigger in self._triggers
            if trigger.invoke is not None
        ]
        if timers:
            self._opening = asyncio.create_task(self._open(timers))

    async def stop(self) -> None:
        self._stopping.set()

    async def close(self) -> None:
        """Let what ended just now be remembered; a run that still goes on is made up for at the next start."""
        self._stopping.set()
        if self._opening is not None:
            await _settle(self._opening)
        for timer, task in self._timers.items():
            if timer.running:
                task.cancel()
        if self._timers:
            await _settle(*self._timers.values())

    async def _open(self, timers: list[Timer]) -> None:
        leases = await asyncio.gather(*(self._locks.acquire(timer.name) for timer in timers))
        elsewhere = [timer.name for timer, lease in zip(timers, leases, strict=True) if lease is None]
        if elsewhere and not self._locks.trouble:
            _logger.info(
                "Another process runs %s on schedule; every %s this one looks whether it has ended.",
                ", ".join(f"'{name}'" for name in elsewhere),
                format_timespan(self._retry),
            )
        for timer, lease in zip(timers, leases, strict=True):
            self._timers[timer] = asyncio.create_task(self._serve(timer, lease))

    async def _serve(self, timer: Timer, lease: Lease | None) -> None:
        """Run a timer while this process holds its lock, and try for the lock while it does not."""
        while True:
            if lease is not None:
                await self._lead(timer, lease)
            if await self._clock.wait(self._stopping, self._retry):
                return
            lease = await self._locks.acquire(timer.name)

    async def _lead(self, timer: Timer, lease: Lease) -> None:
        try:
            if await self._begun(timer):
                await timer.run(lease)
        except Exception:
            _logger.exception("The timer of function '%s' failed; it is tried again.", timer.name)
        finally:
            await self._locks.release(lease)

    async def _begun(self, timer: Timer) -> bool:
        try:
            await timer.begin()
        except Exception as error:  # noqa: BLE001 - the storage may be another package's
            self._locks.report_failure(error)
            return False
        self._locks.report_success()
        return True

    def _warn(self, function: Function, schedule: Schedule) -> None:
        warnings = list(schedule.warnings)
        if schedule.next(self._clock.now()) is None:
            warnings.append("it never comes")
        for surprise in warnings:
            self.services.problems.append(
                Problem(
                    "warning",
                    f"Function '{function.name}': its schedule may not be what is meant: {surprise}.",
                    "Azure reads it in the same way; write it otherwise if that is not meant.",
                    function.file,
                    function=function.name,
                )
            )

    def _pause_between_tries(self) -> float:
        """How long a process waits that does not hold a lock; Azure's setting for it, a minute by default."""
        text = self.services.section("singleton").get(_RECOVERY)
        seconds = _DEFAULT_POLL_SECONDS if text is None else parse_timespan(str(text))
        if seconds:
            return seconds
        self.services.problems.append(
            Problem(
                "warning",
                f"host.json: singleton.{_RECOVERY}: expected a time span, found {text!r}.",
                "Write one such as 00:01:00, which is used now.",
            )
        )
        return _DEFAULT_POLL_SECONDS


def _schedule_text(binding: Binding) -> str:
    text = binding.get("schedule")
    if not isinstance(text, str) or not text.strip():
        found = "nothing" if text is None else repr(text)
        raise ScheduleError(
            f"'schedule' of its timer: expected a text, found {found}.", "Write one such as '0 */5 * * * *'."
        )
    return text


def _is_on(binding: Binding, name: str, *, default: bool) -> bool:
    found = binding.get(name)
    if found is None:
        return default
    text = str(found).strip().lower()
    if text not in ("true", "false", "1", "0"):
        raise ScheduleError(f"'{name}' of its timer: expected true or false, found {found!r}.", "Write one of the two.")
    return text in ("true", "1")


async def _settle(*tasks: asyncio.Task[None]) -> None:
    """Wait for tasks that are about to end, and end them if they do not."""
    _, late = await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
