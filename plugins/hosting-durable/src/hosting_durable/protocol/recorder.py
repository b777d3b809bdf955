"""Scheduling what an orchestrator of the SDK 2.x asks for: the event of the history, and the work that it starts."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from hosting_durable.engine.recorder import Recorder, check_child_id
from hosting_durable.errors import DurableError
from hosting_durable.events import EventType, compact, event
from hosting_durable.model import EntityId
from hosting_durable.protocol.execution import raised, sent
from hosting_durable.protocol.history import LOCK, OPERATION, RELEASE, optional
from hosting_durable.stores.entities import operation
from hosting_durable.stores.instances import Start


class ProtocolRecorder(Recorder):
    """Adds events to a turn's commit, and what they start, of the actions of the protocol."""

    def act(self, action: Any) -> None:
        """Schedule an ``OrchestratorAction``.

        Raises:
            DurableError: it cannot be scheduled, or this engine does not know it.
        """
        kind = action.WhichOneof("orchestratorActionType")
        found: Any = getattr(action, kind) if kind else None
        match kind:
            case "scheduleTask":
                self.schedule_activity(action.id, found.name, optional(found, "input"), **_tags(found))
            case "createSubOrchestration":
                self._start_child(action.id, found)
            case "createTimer":
                self.schedule_timer(action.id, found.fireAt.ToMicroseconds(), None)
            case "sendEvent":
                self._send(action.id, found)
            case "sendEntityMessage":
                self._send_to_entity(action.id, found)
            case _:
                raise DurableError(
                    f"The orchestrator has returned an action of the type {kind!r}, which is not known here.",
                    remedy="Update hosting-durable, or use the azure-functions-durable that it was made for.",
                )

    def _start_child(self, number: int, action: Any) -> None:
        turn, text = self.turn, optional(action, "input")
        identity = action.instanceId or f"{turn.execution}:{number}"
        check_child_id(identity, turn)
        version = optional(action, "version") or self.settings.default_version
        self.add(
            event(
                EventType.SUB_ORCHESTRATION_CREATED,
                self.at,
                number,
                Name=action.name,
                Version=version,
                InstanceId=identity,
                Input=self.shown(text),
                **_tags(action),
            )
        )
        parent = (turn.instance_id, turn.execution, turn.name, number)
        tags = dict(action.tags) or None
        start = Start(identity, uuid4().hex, action.name, version, text, 0, parent, *self.change.trace, tags=tags)
        self.change.children.append(start)

    def _send(self, number: int, action: Any) -> None:
        target, text = action.instance.instanceId, optional(action, "data")
        self.add(sent(self.at, number, target, action.name, text))
        self.change.sent.append((target, raised(self.at, action.name, text)))

    def _send_to_entity(self, number: int, action: Any) -> None:
        kind = action.WhichOneof("EntityMessageType")
        found = getattr(action, kind)
        match kind:
            case "entityLockRequested":
                content = {"id": found.criticalSectionId, LOCK: list(found.lockSet), "position": 0, **self._sender()}
                self._to_entity(number, found.lockSet[0], LOCK, content)
            case "entityUnlockSent":
                content = {"id": found.criticalSectionId, RELEASE: True, "parent": self.turn.instance_id}
                self._to_entity(number, found.targetInstanceId.value, RELEASE, content)
            case _:
                self._entity_operation(number, found, is_signal=kind == "entityOperationSignaled")

    def _entity_operation(self, number: int, found: Any, *, is_signal: bool) -> None:
        content = {"id": found.requestId, "op": found.operation, "signal": is_signal, "input": optional(found, "input")}
        due = found.scheduledTime.ToMicroseconds() if found.HasField("scheduledTime") else 0
        self._to_entity(number, found.targetInstanceId.value, OPERATION, {**content, **self._sender()}, due)

    def _to_entity(self, number: int, target: str, name: str, content: dict[str, Any], due: int = 0) -> None:
        entity = EntityId.parse(target)
        self.add(sent(self.at, number, str(entity), name, compact(content)))
        self.change.operations.append((entity, operation(self.at, **content), due))

    def _sender(self) -> dict[str, str]:
        return {"parent": self.turn.instance_id, "parentExecution": self.turn.execution}


def _tags(action: Any) -> dict[str, Any]:
    return {"Tags": dict(action.tags)} if action.tags else {}
