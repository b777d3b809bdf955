"""Orchestrations in tests of apps: the real engine in memory, with a clock that jumps over waiting.

The entry-point group ``hosting.testing`` names ``DurableForTests``, so that the host of ``make_host`` has the method
``orchestrate``.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

from hosting.bindings import Services
from hosting.testing import ProviderForTests
from hosting.testing.providers import HostMethod
from hosting_durable.errors import DurableError
from hosting_durable.events import moment
from hosting_durable.http.documents import history_document
from hosting_durable.http.requests import parsed
from hosting_durable.hub import TaskHub
from hosting_durable.model import Instance
from hosting_durable.provider import DurableProvider
from hosting_durable.settings import read_settings
from hosting_durable.status import Status
from hosting_durable.stores import SqliteDatabase

Events: TypeAlias = Mapping[str, Any] | Iterable[tuple[timedelta, str, Any]]
"""The data of events by their names, all raised at the start; or a time after the start, a name and data for each."""

_MICROSECONDS = 1_000_000


class OrchestrationFailed(DurableError):
    """An orchestration of a test has failed; the message is its output."""


class OrchestrationStuck(DurableError):
    """An orchestration of a test waits for an event that the test does not raise, or is suspended."""


@dataclass(frozen=True, slots=True)
class Orchestration:
    """An orchestration of a test, when it has ended.

    Args:
        instance_id: its ID.
        status: its state, such as ``Completed``.
        output: what the orchestrator returned; for a failed or terminated one the text that says why.
        custom_status: what the orchestrator has set last; None if nothing.
        elapsed: the time from its start to its end, by the clock of the test.
        history: its events, as the management API shows them, with inputs and results.
    """

    instance_id: str
    status: str
    output: Any
    custom_status: Any
    elapsed: timedelta
    history: tuple[Mapping[str, Any], ...]


class JumpingClock:
    """The time of the task hub of a test: it goes on as usual, and jumps while nothing but time is waited for."""

    def __init__(self) -> None:
        self._jumped = 0
        self.drivers: list[asyncio.Event] = []
        """What runs orchestrations at the moment; each is set when nothing is left to wait for."""

    def __call__(self) -> int:
        """Return the microseconds since 1970."""
        return time.time_ns() // 1000 + self._jumped

    def skip(self, due: int | None) -> bool:
        """Jump to the next thing that is due; return whether the engine looks for work again at once.

        Args:
            due: when that is, in microseconds since 1970; None if there is nothing.
        """
        if not self.drivers:
            return False
        if due is None:
            for one in self.drivers:
                one.set()
            return False
        self._jumped += max(due - self(), 0)
        return True


class DurableForTests(DurableProvider, ProviderForTests):
    """Durable Functions in ``hosting.testing``: the state is in memory, and waiting takes no time."""

    def __init__(self, services: Services) -> None:
        self._clock = JumpingClock()
        # No other host of the test takes an orchestration of another version, which would be waited for without end.
        settings = replace(read_settings(services), fails_other_versions=True)
        hub = TaskHub(SqliteDatabase(None, clock=self._clock), settings)
        super().__init__(services, hub)
        self.engine.skip = self._clock.skip

    def methods(self) -> Mapping[str, HostMethod]:
        """Return the method of the host."""
        return {"orchestrate": self.orchestrate}

    async def orchestrate(
        self,
        name: str,
        input: Any = None,  # noqa: A002 - the name in the SDK
        *,
        events: Events = (),
        instance_id: str | None = None,
        version: str | None = None,
        raises: bool = True,
    ) -> Orchestration:
        """Start an orchestration, run it to its end, and return it. Timers, retries and polling take no time.

        Args:
            name: the name of the orchestrator.
            input: its input, as ``client_input`` of the SDK's ``start_new``.
            events: the data of events by their names, raised at the start; or a list of events, each with the time
                after the start at which it is raised, its name and its data. The orchestrator gets the data as it is;
                the SDK's ``raise_event`` sends it as a text of JSON, so pass ``json.dumps(data)`` for that.
            instance_id: its ID; by default a new one.
            version: its version; by default that of host.json.
            raises: whether an orchestration that fails is an error of the test.

        Raises:
            OrchestrationFailed: it failed.
            OrchestrationStuck: it waits for an event that ``events`` does not have.
            DurableError: the ID is in use, or not valid.
        """
        text = None if input is None else self.engine.dialect.start_input(_dumps(input))
        stuck = asyncio.Event()
        started = self._clock()
        identity = await self.hub.start_orchestration(name, text, instance_id, version)
        for after, event, data in _scheduled(events):
            await self._raise_later(identity, event, data, started + int(after.total_seconds() * _MICROSECONDS))
        self._clock.drivers.append(stuck)
        self.hub.database.wake()
        try:
            instance = await self._wait(identity, stuck)
        finally:
            self._clock.drivers.remove(stuck)
        if raises and instance.status is Status.FAILED:
            raise OrchestrationFailed(instance.output or "The orchestration failed.")
        return _orchestration(instance, self._clock() - started)

    async def _raise_later(self, instance_id: str, name: str, data: Any, due: int) -> None:
        text = None if data is None else _dumps(data)
        await self.hub.raise_event(instance_id, name, text, due=moment(due))

    async def _wait(self, instance_id: str, stuck: asyncio.Event) -> Instance:
        """Wait for the end, or until nothing is left that could lead to it."""
        ended = asyncio.ensure_future(self.hub.wait_for_completion(instance_id))
        hopeless = asyncio.ensure_future(stuck.wait())
        try:
            await asyncio.wait({ended, hopeless}, return_when=asyncio.FIRST_COMPLETED)
            instance = await self.hub.get_instance(instance_id, with_history=True)
            if not instance.status.is_finished:
                raise _stuck(instance)
            return instance
        finally:
            ended.cancel()
            hopeless.cancel()
            await asyncio.gather(ended, hopeless, return_exceptions=True)


def _scheduled(events: Events) -> Iterable[tuple[timedelta, str, Any]]:
    if isinstance(events, Mapping):
        return [(timedelta(0), name, data) for name, data in events.items()]
    return events


def _stuck(instance: Instance) -> OrchestrationStuck:
    what = "is suspended" if instance.status is Status.SUSPENDED else "waits for an event that the test does not raise"
    return OrchestrationStuck(
        f"The orchestration '{instance.name}' ({instance.instance_id}) {what}.",
        remedy="Pass events={NAME: DATA}, or a list with the time of each event; case matters in names.",
    )


def _orchestration(instance: Instance, microseconds: int) -> Orchestration:
    return Orchestration(
        instance.instance_id,
        instance.status.value,
        parsed(instance.output),
        parsed(instance.custom_status),
        timedelta(microseconds=microseconds),
        tuple(history_document(instance.history, shows_input=True, shows_outputs=True)),
    )


def _dumps(value: Any) -> str:
    """Return the JSON of a value; objects with ``to_json`` are written as the SDK writes them."""
    return json.dumps(value, default=_custom)


def _custom(value: Any) -> dict[str, Any]:
    kind = type(value)
    if not hasattr(kind, "to_json"):
        raise TypeError(f"{kind.__name__} is neither JSON nor a class with to_json and from_json")
    return {"__class__": kind.__name__, "__module__": kind.__module__, "__data__": kind.to_json(value)}
