"""The service of the Durable Task protocol for clients: each of its methods on the task hub."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from hosting_durable.errors import DurableError, UnknownInstance, WrongState
from hosting_durable.events import EventType, microseconds, moment
from hosting_durable.hub import TaskHub
from hosting_durable.model import Entity, EntityId, EntityQuery, Instance, InstanceQuery
from hosting_durable.protocol.cleaning import release_orphaned_locks, remove_empty
from hosting_durable.protocol.history import HistoryEncoder, optional, put, write_failure
from hosting_durable.protocol.messages import Messages
from hosting_durable.status import STATUSES, Status
from hosting_durable.stores.instances import history_events

_POLL_SECONDS = 5.0
_CHUNK = 100
_PAGE = 100
_FAILURE = re.compile(r"([\w.()]+): (.*)", re.DOTALL)
_FINISHED = frozenset(status for status in Status if status.is_finished)


class TaskHubService:
    """The methods that clients call; those of workers are not served: work comes through the triggers.

    Args:
        hub: the app's task hub.
        messages: the classes of the protocol.
    """

    def __init__(self, hub: TaskHub, messages: Messages) -> None:
        self._hub = hub
        self._messages = messages

    def methods(self) -> dict[str, Callable[[Any], Any]]:
        """Return the methods by their names in the protocol; StreamInstanceHistory is a generator."""
        return {
            "CleanEntityStorage": self._clean,
            "CreateTaskHub": self._create_hub,
            "GetEntity": self._get_entity,
            "GetInstance": self._get,
            "Hello": self._hello,
            "ListInstanceIds": self._list_ids,
            "PurgeInstances": self._purge,
            "QueryEntities": self._query_entities,
            "QueryInstances": self._query,
            "RaiseEvent": self._raise,
            "RestartInstance": self._restart,
            "ResumeInstance": self._resume,
            "RewindInstance": self._rewind,
            "SignalEntity": self._signal,
            "StartInstance": self._start,
            "StreamInstanceHistory": self._history,
            "SuspendInstance": self._suspend,
            "TerminateInstance": self._terminate,
            "WaitForInstanceCompletion": self._wait_for_completion,
            "WaitForInstanceStart": self._wait_for_start,
        }

    async def _hello(self, _request: Any) -> Any:
        return self._messages.empty()

    async def _create_hub(self, _request: Any) -> Any:
        return self._messages.CreateTaskHubResponse()

    # Orchestrations

    async def _start(self, request: Any) -> Any:
        trace = request.parentTraceContext
        identity = await self._hub.start_orchestration(
            request.name,
            optional(request, "input"),
            request.instanceId or None,
            optional(request, "version"),
            due=_time(request, "scheduledStartTimestamp"),
            trace_parent=trace.traceParent,
            trace_state=optional(trace, "traceState") or "",
            replaceable=_statuses(request.orchestrationIdReusePolicy.replaceableStatus),
            tags=dict(request.tags) or None,
        )
        return self._messages.CreateInstanceResponse(instanceId=identity)

    async def _get(self, request: Any) -> Any:
        return await self._state_when(request, lambda _instance: True)

    async def _wait_for_start(self, request: Any) -> Any:
        return await self._state_when(request, lambda instance: instance.status is not Status.PENDING)

    async def _wait_for_completion(self, request: Any) -> Any:
        return await self._state_when(request, lambda instance: instance.status.is_finished)

    async def _state_when(self, request: Any, is_wanted: Callable[[Instance], bool]) -> Any:
        """Return the state of an instance when it is as wanted; that there is none at once."""
        while True:
            seen = self._hub.database.writes
            try:
                instance = await self._hub.get_instance(request.instanceId)
            except UnknownInstance:
                return self._messages.GetInstanceResponse(exists=False)
            if is_wanted(instance):
                state = self._state(instance, with_payloads=request.getInputsAndOutputs)
                return self._messages.GetInstanceResponse(exists=True, orchestrationState=state)
            await self._hub.database.wait(seen, _POLL_SECONDS)

    def _state(self, instance: Instance, *, with_payloads: bool) -> Any:
        state = self._messages.OrchestrationState(instanceId=instance.instance_id, name=instance.name)
        state.orchestrationStatus = STATUSES.index(instance.status)
        state.createdTimestamp.FromMicroseconds(microseconds(instance.created_at))
        state.lastUpdatedTimestamp.FromMicroseconds(microseconds(instance.updated_at))
        if instance.status.is_finished:
            state.completedTimestamp.FromMicroseconds(microseconds(instance.updated_at))
        put(state, version=instance.version, executionId=instance.execution_id, parentInstanceId=instance.parent_id)
        if instance.status is Status.FAILED:
            write_failure(state.failureDetails, _failure(instance.output or ""))
        if with_payloads:
            put(state, input=instance.input, customStatus=instance.custom_status)
            put(state, output=None if instance.status is Status.FAILED else instance.output)
        return state

    async def _query(self, request: Any) -> Any:
        query = request.query
        page = await self._hub.query(
            InstanceQuery(
                prefix=query.instanceIdPrefix.value,
                created_from=_time(query, "createdTimeFrom"),
                created_to=_time(query, "createdTimeTo"),
                statuses=_statuses(query.runtimeStatus),
                limit=query.maxInstanceCount or _PAGE,
                continuation=query.continuationToken.value,
            )
        )
        found = self._messages.QueryInstancesResponse()
        found.orchestrationState.extend(
            self._state(one, with_payloads=query.fetchInputsAndOutputs) for one in page.instances
        )
        put(found, continuationToken=page.continuation or None)
        return found

    async def _list_ids(self, request: Any) -> Any:
        statuses = (_statuses(request.runtimeStatus) or _FINISHED) & _FINISHED
        begin, end = _time(request, "completedTimeFrom"), _time(request, "completedTimeTo")
        query = InstanceQuery(
            statuses=statuses, limit=request.pageSize or _PAGE, continuation=request.lastInstanceKey.value
        )
        page = await self._hub.query(query)
        found = self._messages.ListInstanceIdsResponse()
        found.instanceIds.extend(
            one.instance_id
            for one in page.instances
            if (begin is None or one.updated_at >= begin) and (end is None or one.updated_at < end)
        )
        put(found, lastInstanceKey=page.continuation or None)
        return found

    async def _history(self, request: Any) -> AsyncIterator[Any]:
        """Yield the events of the current execution, some at a time."""
        instance = await self._hub.get_instance(request.instanceId)
        events = await self._hub.database.read(
            lambda rows: history_events(rows, instance.instance_id, instance.execution_id)
        )
        encoder = HistoryEncoder(self._messages, instance.input)
        for begin in range(0, len(events), _CHUNK):
            yield self._messages.HistoryChunk(events=map(encoder.encode, events[begin : begin + _CHUNK]))

    async def _raise(self, request: Any) -> Any:
        await self._hub.raise_event(request.instanceId, request.name, optional(request, "input"))
        return self._messages.RaiseEventResponse()

    async def _terminate(self, request: Any) -> Any:
        for one in await self._family(request.instanceId, is_recursive=request.recursive):
            try:
                await self._hub.terminate(one, optional(request, "output") or "")
            except WrongState:  # it has ended by itself
                continue
        return self._messages.TerminateResponse()

    async def _suspend(self, request: Any) -> Any:
        await self._hub.suspend(request.instanceId, optional(request, "reason") or "")
        return self._messages.SuspendResponse()

    async def _resume(self, request: Any) -> Any:
        await self._hub.resume(request.instanceId, optional(request, "reason") or "")
        return self._messages.ResumeResponse()

    async def _rewind(self, request: Any) -> Any:
        await self._hub.rewind(request.instanceId, optional(request, "reason") or "")
        return self._messages.RewindInstanceResponse()

    async def _restart(self, request: Any) -> Any:
        identity = await self._hub.restart(request.instanceId, with_new_id=request.restartWithNewInstanceId)
        return self._messages.RestartInstanceResponse(instanceId=identity)

    async def _purge(self, request: Any) -> Any:
        match request.WhichOneof("request"):
            case "purgeInstanceFilter":
                chosen = request.purgeInstanceFilter
                begin, end = _time(chosen, "createdTimeFrom"), _time(chosen, "createdTimeTo")
                query = InstanceQuery(created_from=begin, created_to=end, statuses=_statuses(chosen.runtimeStatus))
                count = await self._hub.purge_by(query)
            case "instanceBatch":
                count = sum([await self._hub.purge(one) for one in request.instanceBatch.instanceIds])
            case _:
                count = await self._purge_family(request.instanceId, is_recursive=request.recursive)
        found = self._messages.PurgeInstancesResponse(deletedInstanceCount=count)
        found.isComplete.value = True
        return found

    async def _purge_family(self, instance_id: str, *, is_recursive: bool) -> int:
        try:
            family = await self._family(instance_id, is_recursive=is_recursive)
        except UnknownInstance:  # there is nothing to delete, or it is an entity
            family = [instance_id]
        return sum([await self._hub.purge(one) for one in family])

    async def _family(self, instance_id: str, *, is_recursive: bool) -> list[str]:
        """Return the IDs of an orchestration and of its sub-orchestrations of any depth."""
        instance = await self._hub.get_instance(instance_id, with_history=is_recursive)
        found = [instance_id]
        for one in instance.history:
            if one["EventType"] == EventType.SUB_ORCHESTRATION_CREATED and one["InstanceId"] not in found:
                try:
                    found += await self._family(one["InstanceId"], is_recursive=True)
                except UnknownInstance:
                    continue
        return found

    # Entities

    async def _signal(self, request: Any) -> Any:
        entity = EntityId.parse(request.instanceId)
        due = _time(request, "scheduledTime")
        await self._hub.signal_entity(entity, request.name, optional(request, "input"), due=due)
        return self._messages.SignalEntityResponse()

    async def _get_entity(self, request: Any) -> Any:
        entity = await self._hub.read_entity(EntityId.parse(request.instanceId))
        if entity is None:
            return self._messages.GetEntityResponse(exists=False)
        return self._messages.GetEntityResponse(
            exists=True, entity=self._entity(entity, with_state=request.includeState)
        )

    def _entity(self, entity: Entity, *, with_state: bool) -> Any:
        found = self._messages.EntityMetadata(instanceId=str(entity.id), backlogQueueSize=entity.queue_size)
        found.lastModifiedTime.FromMicroseconds(microseconds(entity.updated_at))
        put(found, lockedBy=entity.locked_by, serializedState=entity.state if with_state else None)
        return found

    async def _query_entities(self, request: Any) -> Any:
        query, prefix = request.query, request.query.instanceIdStartsWith.value
        name, separator, _ = prefix.removeprefix("@").partition("@")
        page = await self._hub.list_entities(
            EntityQuery(
                name=name if separator else "",
                fetch_state=query.includeState,
                updated_from=_time(query, "lastModifiedFrom"),
                updated_to=_time(query, "lastModifiedTo"),
                limit=query.pageSize.value or _PAGE,
                continuation=query.continuationToken.value,
            )
        )
        wanted = f"@{prefix.removeprefix('@')}".lower() if not separator else f"@{name.lower()}@{prefix.split('@')[-1]}"
        found = self._messages.QueryEntitiesResponse()
        found.entities.extend(
            self._entity(one, with_state=query.includeState) for one in page.entities if str(one.id).startswith(wanted)
        )
        put(found, continuationToken=page.continuation or None)
        return found

    async def _clean(self, request: Any) -> Any:
        found = self._messages.CleanEntityStorageResponse()
        if request.releaseOrphanedLocks:
            found.orphanedLocksReleased = await self._hub.database.write(release_orphaned_locks)
        if request.removeEmptyEntities:
            found.emptyEntitiesRemoved = await self._hub.database.write(remove_empty)
        return found


def unserved(name: str) -> DurableError:
    """Return the error about a method that is not served."""
    return DurableError(
        f"hosting-durable does not serve the method {name} of the Durable Task protocol: clients start and control "
        "orchestrations here, and work goes through the triggers of the app."
    )


def _time(message: Any, name: str) -> datetime | None:
    return moment(getattr(message, name).ToMicroseconds()) if message.HasField(name) else None


def _statuses(numbers: Any) -> frozenset[Status]:
    return frozenset(STATUSES[number] for number in numbers)


def _failure(output: str) -> dict[str, str]:
    found = _FAILURE.fullmatch(output)
    return {"ErrorType": found[1], "ErrorMessage": found[2]} if found else {"ErrorMessage": output}
