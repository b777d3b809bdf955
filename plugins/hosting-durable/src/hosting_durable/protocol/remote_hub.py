"""A task hub whose engine is a backend of the Durable Task protocol: each operation is a call of one of its methods."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from hosting_durable.errors import BackendError, InstanceExists, UnknownInstance, WrongState
from hosting_durable.events import microseconds, moment
from hosting_durable.hub import TaskHub
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
from hosting_durable.protocol.backend import Backend
from hosting_durable.protocol.decoding import decode_history
from hosting_durable.protocol.history import failure_text, optional, put, read_failure
from hosting_durable.settings import DurableSettings
from hosting_durable.status import STATUSES, Status
from hosting_durable.tracing import NO_TRACE, Trace

_WAIT_SECONDS = 30.0
_MOST = 1000


class RemoteTaskHub(TaskHub):
    """The orchestrations and entities of an app that a backend keeps and runs.

    Args:
        backend: the backend.
        settings: what host.json says.
    """

    def __init__(self, backend: Backend, settings: DurableSettings) -> None:
        self.backend = backend
        self.settings = settings

    async def open(self) -> None:
        """Open the channel to the backend."""
        await self.backend.open()

    async def close(self) -> None:
        """Close the channel to the backend."""
        await self.backend.close()

    # Orchestrations

    async def start_orchestration(
        self,
        name: str,
        input: str | None = None,  # noqa: A002
        instance_id: str | None = None,
        version: str | None = None,
        *,
        due: datetime | None = None,
        trace_parent: str = "",
        trace_state: str = "",
        replaceable: Collection[Status] = (),
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Start an orchestration, and return its instance ID; as in ``TaskHub``."""
        identity = instance_id or uuid4().hex
        check_instance_id(identity)
        request = self.backend.messages.CreateInstanceRequest(instanceId=identity, name=name)
        put(request, input=input, version=version or self.settings.default_version)
        request.tags.update(tags or {})
        _put_time(request, "scheduledStartTimestamp", due)
        states = replaceable or (Status if self.settings.replaces_any else ())
        request.orchestrationIdReusePolicy.replaceableStatus.extend(_numbers(states))
        if trace_parent:
            request.parentTraceContext.traceParent = trace_parent
            put(request.parentTraceContext, traceState=trace_state or None)
        try:
            await self.backend.send("StartInstance", request)
        except BackendError as error:
            if error.code != "ALREADY_EXISTS":
                raise
            raise InstanceExists(identity, (await self.get_instance(identity)).status) from error
        return identity

    async def get_instance(self, instance_id: str, *, with_history: bool = False) -> Instance:
        """Return an orchestration as it is now; as in ``TaskHub``."""
        found = await self.backend.call("GetInstance", instanceId=instance_id, getInputsAndOutputs=True)
        if not found.exists:
            raise UnknownInstance(instance_id)
        events: list[Any] = []
        if with_history:
            request = self.backend.messages.StreamInstanceHistoryRequest(instanceId=instance_id)
            stream = self.backend.method("StreamInstanceHistory")(request, metadata=self.backend.metadata)
            async for chunk in stream:
                events += chunk.events
        return _instance(found.orchestrationState, events)

    async def query(self, query: InstanceQuery | None = None) -> Page:
        """Return a page of orchestrations; as in ``TaskHub``, in the order of the backend."""
        asked = query or InstanceQuery()
        request = self.backend.messages.QueryInstancesRequest()
        request.query.maxInstanceCount = asked.limit
        request.query.fetchInputsAndOutputs = True
        request.query.runtimeStatus.extend(_numbers(asked.statuses))
        put(request.query, instanceIdPrefix=asked.prefix or None, continuationToken=asked.continuation or None)
        _put_time(request.query, "createdTimeFrom", asked.created_from)
        _put_time(request.query, "createdTimeTo", asked.created_to)
        found = await self.backend.send("QueryInstances", request)
        states = map(_instance, found.orchestrationState)
        named = (one for one in states if not asked.name or one.name.lower() == asked.name.lower())
        return Page(tuple(named), found.continuationToken.value)

    async def wait_for_completion(self, instance_id: str, timeout: float | None = None) -> Instance:  # noqa: ASYNC109
        """Wait until an orchestration is finished, and return it; as in ``TaskHub``."""
        request = self.backend.messages.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
        async with asyncio.timeout(timeout):
            while True:
                try:
                    found = await self.backend.send("WaitForInstanceCompletion", request, _WAIT_SECONDS)
                except BackendError as error:
                    if error.code != "DEADLINE_EXCEEDED":
                        raise
                else:
                    if not found.exists:
                        raise UnknownInstance(instance_id)
                    return _instance(found.orchestrationState)

    async def raise_event(
        self, instance_id: str, name: str, data: str | None = None, *, due: datetime | None = None
    ) -> None:
        """Send an event to an orchestration; as in ``TaskHub``, but at once."""
        await self._control(instance_id, lambda status: status.is_finished, "is gone: either completed or failed")
        request = self.backend.messages.RaiseEventRequest(instanceId=instance_id, name=name)
        put(request, input=data)
        await self.backend.send("RaiseEvent", request)

    async def terminate(self, instance_id: str, reason: str = "") -> None:
        """End an orchestration; as in ``TaskHub``."""
        await self._control(instance_id, lambda status: status.is_finished, "is gone: either completed or failed")
        request = self.backend.messages.TerminateRequest(instanceId=instance_id)
        put(request, output=reason)
        await self.backend.send("TerminateInstance", request)

    async def suspend(self, instance_id: str, reason: str = "") -> None:
        """Let an orchestration take no more turns until it is resumed; as in ``TaskHub``."""
        await self._control(instance_id, lambda status: status.is_finished, "is gone: either completed or failed")
        await self._control(instance_id, lambda status: status is Status.SUSPENDED, "is already suspended.")
        request = self.backend.messages.SuspendRequest(instanceId=instance_id)
        put(request, reason=reason)
        await self.backend.send("SuspendInstance", request)

    async def resume(self, instance_id: str, reason: str = "") -> None:
        """Let a suspended orchestration go on; as in ``TaskHub``."""
        await self._control(instance_id, lambda status: status.is_finished, "is gone: either completed or failed")
        await self._control(instance_id, lambda status: status is not Status.SUSPENDED, "is not suspended.")
        request = self.backend.messages.ResumeRequest(instanceId=instance_id)
        put(request, reason=reason)
        await self.backend.send("ResumeInstance", request)

    async def rewind(self, instance_id: str, reason: str = "") -> None:
        """Let a failed orchestration go on before what made it fail; as in ``TaskHub``, if the backend does that."""
        text = "cannot be rewound: the rewind operation is only supported on failed orchestration instances."
        await self._control(instance_id, lambda status: status is not Status.FAILED, text)
        request = self.backend.messages.RewindInstanceRequest(instanceId=instance_id)
        put(request, reason=reason)
        await self.backend.send("RewindInstance", request)

    async def restart(self, instance_id: str, *, with_new_id: bool = True) -> str:
        """Start an orchestration again, and return the ID of the new one; as in ``TaskHub``."""
        found = await self.get_instance(instance_id)
        identity = None if with_new_id else instance_id
        finished = [status for status in Status if status.is_finished]
        return await self.start_orchestration(found.name, found.input, identity, found.version, replaceable=finished)

    async def purge(self, instance_id: str) -> bool:
        """Delete a finished orchestration, and return whether there was one; as in ``TaskHub``."""
        try:
            text = "is not finished; only finished instances can be purged."
            await self._control(instance_id, lambda status: not status.is_finished, text)
        except UnknownInstance:
            return False
        found = await self.backend.call("PurgeInstances", instanceId=instance_id, isOrchestration=True)
        return bool(found.deletedInstanceCount)

    async def purge_by(self, query: InstanceQuery) -> int:
        """Delete the finished orchestrations of a query, and return how many there were; as in ``TaskHub``."""
        request = self.backend.messages.PurgeInstancesRequest()
        request.purgeInstanceFilter.runtimeStatus.extend(_numbers(query.statuses))
        _put_time(request.purgeInstanceFilter, "createdTimeFrom", query.created_from)
        _put_time(request.purgeInstanceFilter, "createdTimeTo", query.created_to)
        count: int = (await self.backend.send("PurgeInstances", request)).deletedInstanceCount
        return count

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
        """Send an operation to an entity, and do not wait for it; as in ``TaskHub``."""
        request = self.backend.messages.SignalEntityRequest(instanceId=str(entity), name=operation)
        request.requestId = str(uuid4())
        if trace:
            request.parentTraceContext.traceParent = trace.parent
        put(request, input=input)
        _put_time(request, "scheduledTime", due)
        await self.backend.send("SignalEntity", request)

    async def read_entity(self, entity: EntityId) -> Entity | None:
        """Return an entity with its state; None if it does not exist."""
        found = await self.backend.call("GetEntity", instanceId=str(entity), includeState=True)
        return _entity(found.entity) if found.exists and found.entity.HasField("serializedState") else None

    async def list_entities(self, query: EntityQuery | None = None) -> EntityPage:
        """Return a page of entities; as in ``TaskHub``, in the order of the backend."""
        asked = query or EntityQuery()
        request = self.backend.messages.QueryEntitiesRequest()
        request.query.includeState, request.query.includeTransient = asked.fetch_state, True
        request.query.pageSize.value = asked.limit
        prefix = f"@{asked.name.lower()}@" if asked.name else None
        put(request.query, instanceIdStartsWith=prefix, continuationToken=asked.continuation or None)
        _put_time(request.query, "lastModifiedFrom", asked.updated_from)
        _put_time(request.query, "lastModifiedTo", asked.updated_to)
        found = await self.backend.send("QueryEntities", request)
        return EntityPage(tuple(map(_entity, found.entities)), found.continuationToken.value)

    async def waiting(self) -> Counter[tuple[str, str]]:
        """Return how many orchestrations go on, and how many entities have operations; activities are not counted."""
        going = frozenset(status for status in Status if not status.is_finished and status is not Status.SUSPENDED)
        found: Counter[tuple[str, str]] = Counter()
        asked: InstanceQuery | None = InstanceQuery(statuses=going, limit=_MOST)
        while asked is not None:
            page = await self.query(asked)
            found.update(("orchestrator", one.name.lower()) for one in page.instances)
            asked = replace(asked, continuation=page.continuation) if page.continuation else None
        wanted: EntityQuery | None = EntityQuery(fetch_state=False, limit=_MOST)
        while wanted is not None:
            entities = await self.list_entities(wanted)
            found.update(("entity", one.id.name) for one in entities.entities if one.queue_size)
            wanted = replace(wanted, continuation=entities.continuation) if entities.continuation else None
        return found

    async def backlog(self) -> dict[str, int]:
        """Return how many orchestrations are neither finished nor suspended, and how many entities have operations."""
        names, found = {"orchestrator": "orchestrations", "entity": "entities"}, await self.waiting()
        return {name: sum(count for (one, _), count in found.items() if one == kind) for kind, name in names.items()}

    # Inside

    async def _control(self, instance_id: str, is_wrong: Callable[[Status], bool], text: str) -> None:
        """Raise WrongState for an orchestration in a state in which it cannot do what is asked."""
        status = (await self.get_instance(instance_id)).status
        if is_wrong(status):
            raise WrongState(instance_id, status, f"Instance with ID {instance_id} {text}")


def _instance(state: Any, events: Iterable[Any] = ()) -> Instance:
    status = STATUSES[state.orchestrationStatus]
    output = optional(state, "output")
    if status is Status.FAILED and state.HasField("failureDetails"):
        output = failure_text(read_failure(state.failureDetails))
    return Instance(
        state.instanceId,
        optional(state, "executionId") or "",
        state.name,
        optional(state, "version"),
        status,
        optional(state, "input"),
        output,
        optional(state, "customStatus"),
        moment(state.createdTimestamp.ToMicroseconds()),
        moment(state.lastUpdatedTimestamp.ToMicroseconds()),
        optional(state, "parentInstanceId"),
        decode_history(events),
    )


def _entity(found: Any) -> Entity:
    return Entity(
        EntityId.parse(found.instanceId),
        optional(found, "serializedState"),
        moment(found.lastModifiedTime.ToMicroseconds()),
        optional(found, "lockedBy"),
        found.backlogQueueSize,
    )


def _put_time(message: Any, name: str, value: datetime | None) -> None:
    if value is not None:
        getattr(message, name).FromMicroseconds(microseconds(value))


def _numbers(statuses: Iterable[Status]) -> list[int]:
    return sorted(STATUSES.index(one) for one in statuses)
