"""Timers in simulated time: a clock that tests advance, storage in memory, and functions that record their runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hosting.bindings import Result, Services
from hosting.bindings.storage import HostStorage, Lease, StorageError
from hosting.bindings.timer.call import TimerCall
from hosting.bindings.timer.clock import Clock
from hosting.bindings.timer.provider import TimerProvider, TimerTrigger
from hosting.core import Binding, Function, Retry

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
UNREACHABLE = StorageError("The storage is unreachable.", remedy="Start it.")


class TestClock(Clock):
    """A clock that changes on request: ``advance`` lets time pass, ``set`` changes the displayed time only."""

    __test__ = False

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now
        self.waits = 0
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self.time

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        self.waits += 1
        sleeper = (self._elapsed + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        came = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait({came, sleeper[1]}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            came.cancel()
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
        return event.is_set()

    def set(self, now: datetime) -> None:
        """Set the clock to another time, without letting time pass."""
        self.time = now

    async def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0) -> None:
        """Let time pass, and run everything that is due meanwhile."""
        end = self._elapsed + seconds + 60 * minutes + 3600 * hours
        await settle()
        while self._sleepers and (first := min(self._sleepers, key=lambda one: one[0]))[0] <= end:
            self._go_to(first[0])
            self._sleepers.remove(first)
            first[1].set_result(None)
            await settle()
        self._go_to(end)

    def _go_to(self, elapsed: float) -> None:
        self.time += timedelta(seconds=elapsed - self._elapsed)
        self._elapsed = elapsed


async def settle() -> None:
    """Run everything that needs no time."""
    for _ in range(30):
        await asyncio.sleep(0)


class MemoryLease(Lease):
    def __init__(self, store: MemoryStorage, path: str) -> None:
        super().__init__()
        self._store = store
        self._path = path

    async def release(self) -> None:
        if self._store.leases.get(self._path) is self:
            del self._store.leases[self._path]


@dataclass
class MemoryStorage(HostStorage):
    """Storage that the hosts of a test share; ``failures`` has the exceptions to raise, by method."""

    texts: dict[str, str] = field(default_factory=dict)
    leases: dict[str, MemoryLease] = field(default_factory=dict)
    failures: Mapping[str, Exception] = field(default_factory=dict)

    async def read(self, path: str) -> str | None:
        self._check("read")
        return self.texts.get(path)

    async def write(self, path: str, text: str) -> None:
        self._check("write")
        self.texts[path] = text

    async def lock(self, path: str) -> Lease | None:
        self._check("lock")
        if path in self.leases:
            return None
        self.leases[path] = MemoryLease(self, path)
        return self.leases[path]

    def lose_leases(self) -> None:
        """Let every lease expire, as if another process had the locks."""
        for lease in self.leases.values():
            lease.lost.set()

    def status(self, name: str = "Tick") -> dict[str, str]:
        (path,) = [path for path in self.texts if f"Functions.{name}/" in path]
        status: dict[str, str] = json.loads(self.texts[path])
        return status

    def _check(self, method: str) -> None:
        if method in self.failures:
            raise self.failures[method]


class RecordedRuns:
    """A function that records its runs: ``times``, ``data``, ``reasons`` and ``details``.

    Args:
        clock: the clock of the simulation.
        seconds: how long each run takes.
    """

    def __init__(self, clock: TestClock, *, seconds: float = 0) -> None:
        self.seconds = seconds
        self.error: Exception | None = None
        self.times: list[datetime] = []
        self.data: list[dict[str, Any]] = []
        self.reasons: list[str] = []
        self.details: list[str] = []
        self.ended = 0
        self._clock = clock

    async def __call__(
        self, data: TimerCall, trace_parent: str = "", trace_state: str = "", *, reason: str = "", details: str = ""
    ) -> Result:
        self.times.append(self._clock.now())
        self.data.append(json.loads(data.text))
        self.reasons.append(reason)
        self.details.append(details)
        if self.seconds:
            await self._clock.wait(asyncio.Event(), self.seconds)
        self.ended += 1
        return Result(exception=self.error)

    def clock_times(self) -> list[str]:
        """Return the times of the runs, as ``HH:MM:SS`` in UTC."""
        return [f"{time:%H:%M:%S}" for time in self.times]


def timer_function(name: str = "Tick", *, retry: Retry | None = None, **properties: Any) -> Function:
    binding = Binding("timer", "timerTrigger", "in", properties)
    return Function(name, "/app", "/app/function_app.py", "v2", print, False, (binding,), retry=retry)


class Simulation:
    """A simulated clock, a storage in memory, and hosts that share them."""

    def __init__(self, now: datetime = NOON, **settings: str) -> None:
        self.clock = TestClock(now)
        self.storage = MemoryStorage()
        self.settings = {
            "WEBSITE_TIME_ZONE": "UTC",
            "AzureFunctionsWebHost__hostid": "host",
            **settings,
        }

    def provider(self, host_json: Mapping[str, Any] | None = None) -> TimerProvider:
        services = Services(host_json or {}, self.settings)
        services.storage = self.storage
        return TimerProvider(services, self.clock)

    async def host(self, *functions: Function, **properties: Any) -> tuple[TimerProvider, RecordedRuns]:
        """Start a host with functions, or with one function that has a timer with these properties.

        Returns:
            The host's provider, and the runs of all of its functions.
        """
        provider, calls = self.provider(), RecordedRuns(self.clock)
        for function in functions or (timer_function(**properties),):
            self.trigger(provider, function).attach(calls)
        await provider.start()
        await settle()
        return provider, calls

    def trigger(self, provider: TimerProvider, function: Function) -> TimerTrigger:
        return provider.trigger(function, function.trigger)


async def stop_hosts(*providers: TimerProvider) -> None:
    """Stop hosts, as SIGTERM does if no function is running."""
    for provider in providers:
        await provider.stop()
        await provider.close()
