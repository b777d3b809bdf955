"""A task hub: what clients do with orchestrations and entities.

The hub only reads and writes the store; an engine of this process, or of another one on the same store, does the work.
So a command can open a hub of an app that is served elsewhere. All methods are async and belong to one event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from hosting_durable.errors import InstanceExists, UnknownInstance, WrongState
from hosting_durable.events import NO_ID, Event, EventType, compact, microseconds
from hosting_durable.model import (
    Entity,
    EntityId,
    EntityPage,
    EntityQuery,
    Instance,
    InstanceQuery,
    Page,
    check_instance_id,
)
from hosting_durable.settings import DurableSettings
from hosting_durable.status import Status
from hosting_durable.stores import Database, backlog, entities, instances
from hosting_durable.stores.database import Rows
from hosting_durable.stores.messages import put
from hosting_durable.stores.rewinding import rewind
from hosting_durable.tracing import NO_TRACE, Trace

T = TypeVar("T")

_POLL_SECONDS = 5.0
_PURGE_BATCH = 500
"""How many orchestrations are deleted in a transaction: turns of others wait for its end."""


class TaskHub:
    """The orchestrations and entities of an app.

    ``async with make_hub(services) as hub`` opens and closes it; ``DurableProvider.hub`` is one that is open between
    ``start`` and ``close`` of the provider. Opening it does not run anything: that is the engine's affair.

    Args:
        database: where its state is.
        settings: what host.json says about it.
    """

    def __init__(self, database: Database, settings: DurableSettings) -> None:
        self.database = database
        self.settings = settings

    @property
    def name(self) -> str:
        """The name of the task hub."""
        return self.settings.hub_name

    async def open(self) -> None:
        """Connect to the store, and create it on first use.

        Raises:
            StoreError: it cannot be opened.
        """
        await self.database.open()

    async def close(self) -> None:
        """Disconnect from the store."""
        await self.database.close()

    async def __aenter__(self) -> TaskHub:
        await self.open()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    # Orchestrations

    async def start_orchestration(
        self,
        name: str,
        input: str | None = None,  # noqa: A002 - the name in Azure's API
        instance_id: str | None = None,
        version: str | None = None,
        *,
        due: datetime | None = None,
        trace_parent: str = "",
        trace_state: str = "",
        replaceable: Collection[Status] = (),
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Start an orchestration, and return its instance ID. When it returns, the start is in the store.

        The function need not exist: an orchestration of an unknown name starts and fails, as in Azure.

        Args:
            name: the name of the orchestrator.
            input: the text of its input, as it is: the body of the SDK's request, which is JSON that holds a text of
                JSON; or other JSON, as the HTTP API gets it. None for none.
            instance_id: its ID; by default a new one of 32 hex digits. A finished orchestration of that ID is replaced.
            version: its version; by default ``defaultVersion`` of host.json.
            due: when it starts, in UTC; by default at once.
            trace_parent: the ``traceparent`` of who starts it.
            trace_state: the ``tracestate`` of who starts it.
            replaceable: the states in which an orchestration of that ID is replaced; empty for what host.json says.
            tags: its tags, which its history shows; None for none.

        Raises:
            InvalidInstanceId: the ID has characters or a length that are not allowed.
            InstanceExists: there is an orchestration of that ID which is not finished, and host.json does not say
                ``overridableExistingInstanceStates: AnyState``.
        """
        identity = instance_id or uuid4().hex
        check_instance_id(identity)
        chosen, begins = version or self.settings.default_version, 0 if due is None else microseconds(due)
        start = instances.Start(
            identity, uuid4().hex, name, chosen, input, begins, None, trace_parent, trace_state, tags
        )
        replaces_any = self.settings.replaces_any

        def write(rows: Rows) -> None:
            status = instances.status_of(rows, identity)
            if status is not None:
                may_replace = status in replaceable if replaceable else replaces_any or status.is_finished
                if not may_replace:
                    raise InstanceExists(identity, status)
            instances.insert(rows, start)

        await self.database.write(write)
        return identity

    async def get_instance(self, instance_id: str, *, with_history: bool = False) -> Instance:
        """Return an orchestration as it is now.

        Args:
            instance_id: its ID.
            with_history: whether ``Instance.history`` is filled.

        Raises:
            UnknownInstance: there is none with that ID.
        """
        found = await self.database.read(lambda rows: instances.read(rows, instance_id, with_history=with_history))
        if found is None:
            raise UnknownInstance(instance_id)
        return found

    async def query(self, query: InstanceQuery | None = None) -> Page:
        """Return a page of orchestrations, in the order of their start; by default the first page of all."""
        asked = query or InstanceQuery()
        return await self.database.read(lambda rows: instances.query(rows, asked))

    async def wait_for_completion(self, instance_id: str, timeout: float | None = None) -> Instance:  # noqa: ASYNC109
        """Wait until an orchestration is finished, and return it.

        Args:
            instance_id: its ID.
            timeout: the most seconds to wait; None for no limit.

        Raises:
            UnknownInstance: there is none with that ID, or it was purged meanwhile.
            TimeoutError: it was not finished in time.
        """
        async with asyncio.timeout(timeout):
            while True:
                seen = self.database.writes
                instance = await self.get_instance(instance_id)
                if instance.status.is_finished:
                    return instance
                await self.database.wait(seen, _POLL_SECONDS)

    async def raise_event(
        self, instance_id: str, name: str, data: str | None = None, *, due: datetime | None = None
    ) -> None:
        """Send an event to an orchestration. It is kept until the orchestration waits for an event of that name.

        Args:
            instance_id: its ID.
            name: the name of the event. The orchestrator gets it under the spelling that it waits for, if only one of
                those that it waits for is the same except for its case.
            data: the text of its data, as it is: the body of the request. None for none.
            due: when it is sent, in UTC; by default at once.

        Raises:
            UnknownInstance: there is none with that ID.
            WrongState: it is finished.
        """
        at = 0 if due is None else microseconds(due)
        await self._send(instance_id, EventType.EVENT_RAISED, at, Name=name, Input=data)

    async def terminate(self, instance_id: str, reason: str = "") -> None:
        """End an orchestration; its code does not run any more. Its sub-orchestrations go on.

        Args:
            instance_id: its ID.
            reason: why; it becomes the output.

        Raises:
            UnknownInstance: there is none with that ID.
            WrongState: it is finished.
        """
        await self._send(instance_id, EventType.EXECUTION_TERMINATED, Input=reason)

    async def suspend(self, instance_id: str, reason: str = "") -> None:
        """Let an orchestration take no more turns until it is resumed. Activities that run are not stopped.

        Raises:
            UnknownInstance: there is none with that ID.
            WrongState: it is finished, or suspended already.
        """
        await self._send(instance_id, EventType.EXECUTION_SUSPENDED, Reason=reason)

    async def resume(self, instance_id: str, reason: str = "") -> None:
        """Let a suspended orchestration go on.

        Raises:
            UnknownInstance: there is none with that ID.
            WrongState: it is finished, or not suspended.
        """
        await self._send(instance_id, EventType.EXECUTION_RESUMED, Reason=reason)

    async def rewind(self, instance_id: str, reason: str = "") -> None:
        """Let a failed orchestration go on before what made it fail, sub-orchestrations that failed included.

        Raises:
            UnknownInstance: there is none with that ID.
            WrongState: it has not failed.
        """
        await self.database.write(lambda rows: rewind(rows, instance_id, reason))

    async def restart(self, instance_id: str, *, with_new_id: bool = True) -> str:
        """Start an orchestration again with the same name, version and input, and return the ID of the new one.

        Args:
            instance_id: its ID.
            with_new_id: whether it gets a new ID. If not, it replaces the old one, which must be finished.

        Raises:
            UnknownInstance: there is none with that ID.
            InstanceExists: it keeps its ID, and is not finished.
        """
        found = await self.get_instance(instance_id)
        identity = None if with_new_id else instance_id
        return await self.start_orchestration(found.name, found.input, identity, found.version)

    async def purge(self, instance_id: str) -> bool:
        """Delete a finished orchestration with everything that belongs to it; an entity by its ID ``@NAME@KEY``.

        Returns:
            Whether there was one with that ID.

        Raises:
            WrongState: it is not finished.
        """

        def write(rows: Rows) -> bool:
            status = instances.status_of(rows, instance_id)
            if status is not None and not status.is_finished:
                text = f"Instance '{instance_id}' is {status.value}; only finished instances can be purged."
                raise WrongState(instance_id, status, text)
            return instances.delete(rows, [instance_id]) > 0

        return await self.database.write(write)

    async def purge_by(self, query: InstanceQuery) -> int:
        """Delete the finished orchestrations of a query, all its pages, and return how many there were.

        They are deleted in portions, each in a transaction, so that running orchestrations go on meanwhile.

        Args:
            query: which; ``limit`` and ``continuation`` do not count, nor do states that are not final.
        """
        total, count = 0, _PURGE_BATCH
        while count == _PURGE_BATCH:
            count = await self.database.write(lambda rows: instances.purge(rows, query, _PURGE_BATCH))
            total += count
        return total

    # Entities

    async def signal_entity(
        self,
        entity: EntityId,
        operation: str,
        input: str | None = None,  # noqa: A002
        *,
        due: datetime | None = None,
        trace: Trace = NO_TRACE,
    ) -> None:
        """Send an operation to an entity, and do not wait for it. When it returns, the operation is in the store.

        Args:
            entity: its identity; it need not exist.
            operation: the name of the operation.
            input: the text of its input, as it is: the body of the request. None for none.
            due: when it is run, in UTC; by default at once.
            trace: the trace of who sends it.
        """
        content = {"id": str(uuid4()), "op": operation, "signal": True, "input": input}
        content |= {"trace": trace} if trace else {}
        at = 0 if due is None else microseconds(due)

        def write(rows: Rows) -> None:
            entities.send(rows, entity, entities.operation(rows.now(), **content), at)

        await self.database.write(write)

    async def read_entity(self, entity: EntityId) -> Entity | None:
        """Return an entity with its state; None if it does not exist."""
        return await self.database.read(lambda rows: entities.read(rows, entity))

    async def list_entities(self, query: EntityQuery | None = None) -> EntityPage:
        """Return a page of entities, in the order of their IDs; by default the first page of all."""
        asked = query or EntityQuery()
        return await self.database.read(lambda rows: entities.query(rows, asked))

    async def waiting(self) -> Counter[tuple[str, str]]:
        """Return how much waits for a host or runs; see ``stores.backlog``."""
        return await self.database.read(backlog.waiting)

    async def backlog(self) -> dict[str, int]:
        """Return how many orchestrations are neither finished nor suspended, and how many entities have operations."""
        return await self.database.read(instances.counts)

    # Inside

    async def _send(self, instance_id: str, kind: EventType, due: int = 0, **content: str | None) -> None:
        def write(rows: Rows) -> None:
            _check(instance_id, instances.status_of(rows, instance_id), kind)
            put(rows, instance_id, _message(rows, kind, content), due=due)

        await self.database.write(write)


def _message(rows: Rows, kind: EventType, content: dict[str, str | None]) -> Event:
    return Event(kind, NO_ID, rows.now(), compact(content))


def _check(instance_id: str, status: Status | None, kind: EventType) -> None:
    """Raise the error for a message that an orchestration cannot take in its state."""
    if status is None:
        raise UnknownInstance(instance_id)
    if status.is_finished:
        raise WrongState(instance_id, status, f"Instance with ID {instance_id} is gone: either completed or failed")
    is_suspended = status is Status.SUSPENDED
    if kind is EventType.EXECUTION_SUSPENDED and is_suspended:
        raise WrongState(instance_id, status, f"Instance with ID {instance_id} is already suspended.")
    if kind is EventType.EXECUTION_RESUMED and not is_suspended:
        raise WrongState(instance_id, status, f"Instance with ID {instance_id} is not suspended.")
