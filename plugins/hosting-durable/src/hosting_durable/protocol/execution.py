"""One execution of an orchestration of the SDK 2.x: its history as the bytes of a request."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

from hosting_durable.engine.execution import COMPLETIONS, SCHEDULING, Delivery, Execution, completed_number
from hosting_durable.events import NO_ID, Event, EventType, compact, event
from hosting_durable.model import EntityId
from hosting_durable.protocol.history import LOCK, RELEASE, HistoryEncoder
from hosting_durable.protocol.messages import Messages
from hosting_durable.stores.entities import operation
from hosting_durable.stores.messages import Message
from hosting_durable.stores.work import Turn, TurnCommit

CARRIED = -3
"""The ID of an event that ``continue_as_new`` has carried over: it comes before those that arrived meanwhile."""

_NOT_FED = frozenset(
    {EventType.ORCHESTRATOR_COMPLETED, EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED}
)  # the engine itself holds events back while an orchestration is suspended


class ProtocolExecution(Execution):
    """The state of one execution whose SDK gives each action its number.

    The SDK also keeps events until something waits for them, and repeats failed tasks itself: there is less to count
    than for the SDK 1.x.

    Args:
        messages: the classes of the protocol.
        turn: the turn.
        history: the events so far.
    """

    def __init__(self, messages: Messages, turn: Turn, history: Iterable[Event] = ()) -> None:
        self._messages = messages
        self._encoder = HistoryEncoder(messages, turn.input)
        self._past: list[bytes] = []
        self._sections: dict[str, list[str]] = {}
        self.is_foreign = False
        """Whether the SDK 1.x has begun it: that one counts from 0, the SDK 2.x from 1."""
        super().__init__(turn.instance_id, turn.execution, turn.name, history)

    @property
    def is_replay(self) -> bool:
        """Whether the code runs again over events of earlier turns."""
        return bool(self._past)

    def record(self, one: Event) -> None:
        """Take an event into the state."""
        self.length += 1
        kind = one.type
        if kind in SCHEDULING:
            self._record_action(one)
        elif kind in COMPLETIONS:
            self._open.discard(completed_number(one))
        elif kind == EventType.ORCHESTRATOR_STARTED:
            self.clock = one.at
        elif kind in (EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED):
            self.is_suspended = kind == EventType.EXECUTION_SUSPENDED
        if kind not in _NOT_FED:
            # A repeated field of a message is the same bytes again and again: nothing is encoded twice.
            self._past.append(
                self._messages.OrchestratorRequest(pastEvents=[self._encoder.encode(one)]).SerializeToString()
            )

    def _record_action(self, one: Event) -> None:
        self.is_foreign = self.is_foreign or one.id == 0
        if one.type != EventType.EVENT_SENT:
            self._open.add(one.id)
            return
        content = one.content()
        if content["InstanceId"].startswith("@") and content["Name"] in (LOCK, RELEASE):
            message = json.loads(content["Input"])
            if content["Name"] == LOCK:
                self._sections[message["id"]] = message["lock"]
            else:
                self._sections.pop(message["id"], None)

    def deliver(self, messages: Iterable[Message]) -> Delivery:
        """Deliver all messages: the start first, then what was carried over; drop what nothing waits for any more."""
        found = Delivery([], [], [])
        for message in sorted(messages, key=_place):
            one = message.event
            found.taken.append(message.number)
            if message.execution not in (None, self.execution_id):
                continue
            if one.type in COMPLETIONS and completed_number(one) not in self._open:
                continue
            found.events.append(one if one.id != CARRIED else one._replace(id=NO_ID))
        return found

    def context(self, turn_input: str | None, parent: str | None, new: Iterable[Event]) -> str:
        """Return the text that the SDK's orchestrator gets: an ``OrchestratorRequest``."""
        request = self._messages.OrchestratorRequest(instanceId=self.instance_id)
        request.executionId.value = self.execution_id
        request.newEvents.extend(map(self._encoder.encode, new))
        return base64.b64encode(b"".join([request.SerializeToString(), *self._past])).decode()

    def ended(self, change: TurnCommit) -> None:
        """Release the locks that the orchestration still has or waits for, for one that was terminated."""
        at = change.turn.now
        for section, entities in self._sections.items():
            content = {"id": section, RELEASE: True, "parent": self.instance_id}
            change.operations += [(EntityId.parse(one), operation(at, **content), 0) for one in entities]


def _place(message: Message) -> int:
    """Return what sorts a message before those of the same inbox."""
    if message.event.type == EventType.EXECUTION_STARTED:
        return 0
    return 1 if message.event.id == CARRIED else 2


def sent(at: int, number: int, target: str, name: str, text: str | None) -> Event:
    """Return the event about a message to another instance."""
    return event(EventType.EVENT_SENT, at, number, InstanceId=target, Name=name, Input=text)


def raised(at: int, name: str, text: str | None, event_id: int = NO_ID) -> Event:
    """Return an event for an orchestration."""
    return Event(EventType.EVENT_RAISED, event_id, at, compact({"Name": name, "Input": text}))
