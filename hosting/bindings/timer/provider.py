"""The built-in provider of ``timerTrigger``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from azure.functions import meta

from hosting._log import host_logger
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

_POLL_SETTING = "listenerLockRecoveryPollingInterval"
_DEFAULT_POLL_SECONDS = 60.0
_CLOSE_TIMEOUT_SECONDS = 2.0
"""How long ``close`` waits for the status of a run that has just ended to be stored."""

_logger = host_logger("triggers.timer")


class TimerTrigger(Trigger):
    """The timer trigger of one function.

    Args:
        options: the timer's options.
        annotation: the annotation of the trigger's parameter; None if it has none.
        clock: returns the time.
    """

    def __init__(self, options: TimerOptions, annotation: Any, clock: Clock) -> None:
        self.options = options
        self.invoke: Invoke | None = None
        """Runs the function; None if it cannot run."""
        self._annotation = annotation
        self._clock = clock
        self._converter: Any = meta.get_binding_registry().get("timerTrigger")  # type: ignore[no-untyped-call]

    def decode(self, data: TimerCall) -> Any:
        """Return the schedule and its status in the type of the parameter: JSON text, or the SDK's object."""
        if self._annotation in (str, bytes):
            return data.text if self._annotation is str else data.text.encode()
        return self._converter.decode(meta.Datum(data.text, "json"), trigger_metadata=None)

    def binding_data(self, data: TimerCall) -> Mapping[str, Any]:
        """Return the local time as ``{timerTrigger}``, as in Azure's host."""
        return {"timerTrigger": data.time}

    async def figures(self) -> Mapping[str, Any]:
        """Return the schedule, and when the timer is due next."""
        due = self.options.schedule.next(self._clock.now())
        return {"schedule": str(self.options.schedule), "next": "never" if due is None else due.isoformat()}

    def attach(self, invoke: Invoke) -> None:
        """Store ``invoke``."""
        self.invoke = invoke

    async def by_hand(self, text: str | None) -> TimerCall:
        """Return the data of a run now, with the stored status; a timer ignores the text."""
        options = self.options
        try:
            status = await options.status_store.read() if options.status_store else None
        except HostingError as error:
            _logger.warning("Function '%s' runs without its status: %s", options.name, error)
            status = None
        return make_call(self._clock.now(), options.zone, options.schedule, status)


class TimerProvider(Provider):
    """Runs the timers of an app; each timer runs in one of the processes that serve the app.

    Args:
        services: the app's settings, and the storage for locks and status.
        clock: returns the time; the machine's clock by default.
    """

    def __init__(self, services: Services, clock: Clock | None = None) -> None:
        super().__init__(services)
        self._clock = clock or Clock()
        self._locks = TimerLocks(services)
        self._poll_seconds = self._read_poll_interval()
        self._stopping = asyncio.Event()
        self._triggers: list[TimerTrigger] = []
        self._timers: dict[Timer, asyncio.Task[None]] = {}
        self._openings: set[asyncio.Task[None]] = set()

    def trigger(self, function: Function, binding: Binding) -> TimerTrigger:
        """Return the trigger of a function.

        Raises:
            FunctionLoadError: the schedule, the time zone or an option is invalid.
        """
        try:
            zone = read_zone(self.services.settings)
            schedule = read_schedule(_schedule_text(binding), zone)
            is_monitored = _is_on(binding, "useMonitor", default=True)
            run_on_startup = _is_on(binding, "runOnStartup", default=False)
        except (ScheduleError, SettingsError) as error:
            message = f"Function '{function.name}': {error.args[0]}"
            raise FunctionLoadError(message, remedy=error.remedy, file=function.file) from error
        self._warn(function, schedule)
        if is_monitored and schedule.is_frequent:
            _logger.debug("UseMonitor changed to false based on schedule frequency. (%s)", function.name)
            is_monitored = False
        store = StatusStore(self.services, function.name, zone) if is_monitored else None
        options = TimerOptions(function.name, schedule, zone, run_on_startup, store, function.retry is not None)
        trigger = TimerTrigger(options, function.annotations.get(binding.name), self._clock)
        self._triggers.append(trigger)
        return trigger

    async def start(self) -> None:
        """Begin to take the locks, in the background, so that the host does not wait for its storage."""
        timers = [
            Timer(trigger.options, trigger.invoke, self._clock, self._stopping)
            for trigger in self._triggers
            if trigger.invoke is not None
        ]
        if timers:
            opening = asyncio.create_task(self._open(timers, self._stopping, self._timers.values()))
            self._openings.add(opening)
            opening.add_done_callback(self._openings.discard)

    async def resume(self) -> None:
        """Run on schedule again; times that have passed meanwhile are made up for as at a start."""
        self._timers = {timer: task for timer, task in self._timers.items() if not task.done()}
        self._stopping = asyncio.Event()
        await self.start()

    def health(self) -> Mapping[str, str]:
        """Return whether the timers can take their locks and keep their status."""
        listens = self._timers or self._openings
        ended = [timer.name for timer, task in self._timers.items() if task.done() and not self._stopping.is_set()]
        reason = f"they do not run any more: {', '.join(ended)}" if ended else self._locks.failure
        return {"timers": reason} if listens and not self._stopping.is_set() else {}

    async def stop(self) -> None:
        """Start no more runs."""
        self._stopping.set()

    async def close(self) -> None:
        """Wait for the status of finished runs to be stored; an unfinished run is made up for at the next start."""
        self._stopping.set()
        if self._openings:
            await _finish(*self._openings)
        for timer, task in self._timers.items():
            if timer.running:
                task.cancel()
        if self._timers:
            await _finish(*self._timers.values())

    async def _open(self, timers: list[Timer], stopping: asyncio.Event, earlier: Iterable[asyncio.Task[None]]) -> None:
        if earlier := list(earlier):
            await asyncio.wait(earlier)  # of before a drain: they hold the locks until their functions have ended
        leases = await asyncio.gather(*(self._locks.acquire(timer.name) for timer in timers))
        elsewhere = [timer.name for timer, lease in zip(timers, leases, strict=True) if lease is None]
        if elsewhere and not self._locks.failure:
            _logger.info(
                "Another process runs %s on schedule; every %s this one checks whether it has ended.",
                ", ".join(f"'{name}'" for name in elsewhere),
                format_timespan(self._poll_seconds),
            )
        for timer, lease in zip(timers, leases, strict=True):
            self._timers[timer] = asyncio.create_task(self._serve(timer, lease, stopping))

    async def _serve(self, timer: Timer, lease: Lease | None, stopping: asyncio.Event) -> None:
        """Run a timer while this process holds its lock, and else try to take the lock, until the host stops."""
        while True:
            if lease is not None:
                await self._run(timer, lease)
            if await self._clock.wait(stopping, self._poll_seconds):
                return
            lease = await self._locks.acquire(timer.name)

    async def _run(self, timer: Timer, lease: Lease) -> None:
        try:
            if await self._prepare(timer):
                await timer.run(lease)
        except Exception:
            _logger.exception("The timer of function '%s' failed; trying again.", timer.name)
        finally:
            await self._locks.release(lease)

    async def _prepare(self, timer: Timer) -> bool:
        try:
            await timer.prepare()
        except Exception as error:  # noqa: BLE001 - the storage may be another package's
            self._locks.report_failure(error)
            return False
        self._locks.report_success()
        return True

    def _warn(self, function: Function, schedule: Schedule) -> None:
        warnings = list(schedule.warnings)
        if schedule.next(self._clock.now()) is None:
            warnings.append("the timer is never due")
        for warning in warnings:
            self.services.problems.append(
                Problem(
                    "warning",
                    f"Function '{function.name}': its schedule may not mean what you expect: {warning}.",
                    "Azure reads it in the same way. Change the schedule if you want another one.",
                    function.file,
                    function=function.name,
                )
            )

    def _read_poll_interval(self) -> float:
        """Return the seconds between two attempts to take a lock: Azure's setting for it, a minute by default."""
        text = self.services.section("singleton").get(_POLL_SETTING)
        seconds = _DEFAULT_POLL_SECONDS if text is None else parse_timespan(str(text))
        if seconds:
            return seconds
        self.services.problems.append(
            Problem(
                "warning",
                f"host.json: singleton.{_POLL_SETTING}: expected a time span, found {text!r}.",
                "Use a time span such as 00:01:00, which is the default.",
            )
        )
        return _DEFAULT_POLL_SECONDS


def _schedule_text(binding: Binding) -> str:
    text = binding.get("schedule")
    if not isinstance(text, str) or not text.strip():
        actual = "nothing" if text is None else repr(text)
        message = f"'schedule' of its timer: expected a text, found {actual}."
        raise ScheduleError(message, "Write a schedule such as '0 */5 * * * *'.")
    return text


def _is_on(binding: Binding, name: str, *, default: bool) -> bool:
    value = binding.get(name)
    if value is None:
        return default
    text = str(value).strip().lower()
    if text not in ("true", "false", "1", "0"):
        raise ScheduleError(f"'{name}' of its timer: expected true or false, found {value!r}.", "Use one of the two.")
    return text in ("true", "1")


async def _finish(*tasks: asyncio.Task[None]) -> None:
    """Wait for tasks that should end soon, and cancel those that do not."""
    _, late = await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
