"""One execution of an orchestration: what its history says, and what the SDK's answer adds to it.

The SDK of version 1.x returns all actions since the beginning at each turn, without IDs. Both sides count: activities,
sub-orchestrations, timers and operations of entities have the numbers 0, 1, 2 in the order in which they are scheduled.
An attempt after a failure, and the timer before it, take the next number when the failure or the timer is delivered.
That is why at most one completion is delivered in a turn while a task with retries is open: which number comes first
would otherwise depend on the order inside of the turn.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hosting_durable.engine.actions import Action, ActionType, flattened, is_with_retry, retry_delay, takes_id
from hosting_durable.engine.determinism import check_same, missing
from hosting_durable.engine.recorder import Recorder
from hosting_durable.errors import DurableError
from hosting_durable.events import Event, EventType, compact
from hosting_durable.settings import DurableSettings
from hosting_durable.stores.messages import Message
from hosting_durable.stores.work import TurnCommit

COMPLETIONS = frozenset(
    {
        EventType.TASK_COMPLETED,
        EventType.TASK_FAILED,
        EventType.SUB_ORCHESTRATION_COMPLETED,
        EventType.SUB_ORCHESTRATION_FAILED,
        EventType.TIMER_FIRED,
    }
)
_FAILURES = frozenset({EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED})
SCHEDULING = frozenset(
    {
        EventType.TASK_SCHEDULED,
        EventType.SUB_ORCHESTRATION_CREATED,
        EventType.TIMER_CREATED,
        EventType.EVENT_SENT,
    }
)


class Scheduled(NamedTuple):
    """Something that has a number.

    Args:
        kind: the type of the event that recorded it.
        name: the name of the activity, the orchestrator or the operation; empty for a timer.
        root: the number of the first attempt, if it belongs to a task with retries.
    """

    kind: int
    name: str
    root: int | None = None


class Delivery(NamedTuple):
    """What a turn does with the messages.

    Args:
        events: those that are delivered.
        taken: the numbers of the messages that are delivered, or dropped because nothing waits for them any more.
        held: those that nothing waits for yet.
    """

    events: list[Event]
    taken: list[int]
    held: list[Message]


class Execution:
    """The state of one execution, rebuilt from its history and kept up to date by ``apply``.

    Args:
        instance_id: the ID of the orchestration.
        execution_id: the ID of the execution.
        name: the name of the orchestrator.
        history: the events so far.
        waits: the JSON of how many waits are open for each name of an event.
    """

    def __init__(
        self, instance_id: str, execution_id: str, name: str, history: Iterable[Event] = (), waits: str | None = None
    ) -> None:
        self.instance_id, self.execution_id, self.name = instance_id, execution_id, name
        self.length = 0
        """How many events the history has."""
        self.clock = 0
        """The time of the last turn, in microseconds since 1970."""
        self.is_suspended = False
        self.waits: Counter[str] = Counter(json.loads(waits) if waits else {})
        """How many waits are open, by the name of the event."""
        self.fed: list[str] = []
        """The JSON of the events that the SDK gets."""
        self._scheduled: dict[int, Scheduled] = {}
        self._open: set[int] = set()
        self._requests: dict[str, int] = {}
        self._raised: Counter[str] = Counter()
        self._attempts: Counter[int] = Counter()
        self._retrying: set[int] = set()
        self._next = 0
        for one in history:
            self.record(one)

    # History

    def record(self, one: Event) -> None:
        """Take an event into the state."""
        self.length += 1
        kind = one.type
        if kind in SCHEDULING:
            self._record_scheduled(one)
        elif kind in COMPLETIONS:
            self._record_completion(one)
            self.fed.append(one.fed())
        elif kind == EventType.ORCHESTRATOR_STARTED:
            self.clock = one.at
            self.fed.append(one.fed())
        elif kind == EventType.EXECUTION_STARTED:
            self.fed.append(one.fed())
        elif kind == EventType.EVENT_RAISED:
            name = one.content()["Name"]
            if self._requests.pop(name, None) is None:
                self._raised[name] += 1
            self.fed.append(one.fed())
        elif kind in (EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED):
            self.is_suspended = kind == EventType.EXECUTION_SUSPENDED

    def _record_scheduled(self, one: Event) -> None:
        content = one.content()
        root = content.get("RetryOf")
        self._scheduled[one.id] = Scheduled(one.type, str(content.get("Name") or ""), root)
        self._next = max(self._next, one.id + 1)
        if one.type == EventType.EVENT_SENT:
            request = json.loads(content["Input"])
            if not request.get("signal"):
                self._requests[request["id"]] = one.id
                self.fed.append(one.fed())
            return
        self._open.add(one.id)
        if root is not None and one.type != EventType.TIMER_CREATED:
            self._attempts[root] += 1
            self._retrying.add(root)

    def _record_completion(self, one: Event) -> None:
        number = completed_number(one)
        self._open.discard(number)
        scheduled = self._scheduled.get(number)
        if scheduled is not None and scheduled.root is not None and one.type not in _FAILURES:
            self._retrying.discard(scheduled.root)

    @property
    def is_replay(self) -> bool:
        """Whether the code runs again over events of earlier turns."""
        return bool(self.fed)

    # Before the turn

    def deliver(self, messages: Iterable[Message]) -> Delivery:
        """Choose the messages that a turn delivers, in their order.

        Messages that are in neither list stay for the next turn.
        """
        found = Delivery([], [], [])
        waits = +self.waits
        is_single, is_full = bool(self._retrying), False
        for message in messages:
            if message.execution not in (None, self.execution_id):
                found.taken.append(message.number)
                continue
            is_completion = message.event.type in COMPLETIONS or message.event.type == EventType.EVENT_RAISED
            if is_full and is_completion:
                continue
            if self._deliver(message, waits, found) and is_completion:
                is_full = is_single
        return found

    def _deliver(self, message: Message, waits: Counter[str], found: Delivery) -> bool:
        """Deliver, drop or hold a message; return whether it is delivered."""
        one = message.event
        if one.type == EventType.EVENT_RAISED:
            content = one.content()
            if content["Name"] not in self._requests:
                name = waiting_name(content["Name"], waits)
                if name is None:
                    found.held.append(message)
                    return False
                waits[name] -= 1
                one = one if name == content["Name"] else one._replace(body=compact({**content, "Name": name}))
        found.taken.append(message.number)
        if one.type in COMPLETIONS and completed_number(one) not in self._open:
            return False
        found.events.append(one)
        return True

    def context(self, turn_input: str | None, parent: str | None, new: Iterable[Event]) -> str:
        """Return the text that the SDK's orchestrator gets: all events, those of this turn last.

        Args:
            turn_input: the text of the input.
            parent: the ID of the parent; None if it has none.
            new: the events of this turn.
        """
        history = ",".join([*self.fed, *(one.fed() for one in new)])
        return (
            f'{{"history":[{history}],"input":{_as_json(turn_input)},"instanceId":{json.dumps(self.instance_id)},'
            f'"isReplaying":{"true" if self.fed else "false"},"parentInstanceId":{json.dumps(parent)},'
            '"upperSchemaVersion":1,"upperSchemaVersionNew":2,"longRunningTimerIntervalDuration":null,'
            '"maximumShortTimerDuration":null,"defaultHttpAsyncRequestSleepTimeMillseconds":30000}'
        )

    # After the turn

    def apply(self, change: TurnCommit, delivered: list[Event], actions: Any, settings: DurableSettings) -> None:
        """Record what a turn delivered, and schedule what is new in the SDK's list of actions.

        Args:
            change: gets what is scheduled, and the events.
            delivered: the events of this turn, in the order in which the SDK got them.
            actions: the SDK's ``actions``.
            settings: the most actions, the version of sub-orchestrations that have none of their own, and whether
                the history has inputs.

        Raises:
            NonDeterministicError: the list does not begin with what was scheduled before.
            DurableError: there are too many actions, or one that cannot be scheduled.
        """
        flat = flattened(actions)
        if len(flat) > settings.max_actions:
            raise too_many(settings.max_actions)
        recorder = Recorder(change, self.record, settings)
        roots = {number: action for number, action in self._numbered(flat) if is_with_retry(action)}
        for one in delivered:
            recorder.add(one)
            self._follow_up(one, roots, recorder)
        for number, action in self._numbered(flat):
            scheduled = self._scheduled.get(number)
            if scheduled is None:
                recorder.schedule(number, action, number if is_with_retry(action) else None)
            else:
                check_same(number, action, scheduled)
                if action["actionType"] == ActionType.CREATE_TIMER and action.get("isCanceled"):
                    self._cancel(number, change)
        self._check_complete(flat)
        self.waits = self._open_waits(flat)
        change.waits = compact(self.waits) if self.waits else None

    def ended(self, change: TurnCommit) -> None:
        """Give back what the orchestration still has when it ends; orchestrations of the SDK 1.x have nothing."""

    def _numbered(self, flat: Iterable[Action]) -> Iterator[tuple[int, Action]]:
        """Yield the actions that have numbers with them; attempts and their timers have taken some of the numbers."""
        number = 0
        for action in flat:
            if takes_id(action):
                while self._is_follow_up(number):
                    number += 1
                yield number, action
                number += 1

    def _is_follow_up(self, number: int) -> bool:
        scheduled = self._scheduled.get(number)
        return scheduled is not None and scheduled.root is not None and scheduled.root != number

    def _follow_up(self, one: Event, roots: Mapping[int, Action], recorder: Recorder) -> None:
        """Schedule the timer after a failed attempt, and the attempt after the timer."""
        if one.type not in COMPLETIONS:
            return
        scheduled = self._scheduled.get(completed_number(one))
        root = None if scheduled is None else scheduled.root
        if root is None or root not in roots:
            return
        action, count = roots[root], self._attempts[root]
        is_last = count >= int(action["retryOptions"]["maxNumberOfAttempts"])
        if one.type in _FAILURES:
            delay = 0 if is_last else retry_delay(action["retryOptions"], count)
            recorder.schedule_timer(self._next, self.clock + delay, root)
        elif one.type == EventType.TIMER_FIRED and not is_last:
            recorder.schedule(self._next, action, root)

    def _cancel(self, number: int, change: TurnCommit) -> None:
        if number in self._open:
            self._open.discard(number)
            change.cancelled.append(number)

    def _check_complete(self, flat: list[Action]) -> None:
        numbers = {number for number, _ in self._numbered(flat)}
        for number, scheduled in self._scheduled.items():
            if number not in numbers and not self._is_follow_up(number):
                raise missing(number, scheduled)

    def _open_waits(self, flat: list[Action]) -> Counter[str]:
        """Return how many events each name still waits for: all waits, less the events that came."""
        asked = Counter(
            str(action["externalEventName"])
            for action in flat
            if action["actionType"] == ActionType.WAIT_FOR_EXTERNAL_EVENT
        )
        return asked - self._raised


def too_many(most: int) -> DurableError:
    """Return the error about an orchestration that schedules more than is allowed."""
    return DurableError(
        f"Maximum amount of orchestration actions ({most}) has been reached. This value can be configured in host.json "
        "file as MaxOrchestrationActions."
    )


def waiting_name(name: str, waits: Mapping[str, int]) -> str | None:
    """Return the name of an open wait that an event is for; None if there is none.

    The SDK compares names exactly, Azure's extension ignores case: the same spelling comes first, then the only name
    that is the same except for its case.
    """
    if waits.get(name, 0) > 0:
        return name
    alike = [one for one, count in waits.items() if count > 0 and one.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def completed_number(one: Event) -> int:
    """Return the number that a completion is about."""
    content = one.content()
    number: int = content["TimerId"] if one.type == EventType.TIMER_FIRED else content["TaskScheduledId"]
    return number


def _as_json(text: str | None) -> str:
    """Return a text if it is JSON; else the JSON of the text."""
    if text is None:
        return "null"
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text)
    return text
