"""The panel of the page that shows the host: orchestrations and entities, one of them with its history."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence

from hosting.bindings.panels import Cell, Facts, Field, Form, Link, Panel, Part, Status, Table, Text, Timeline
from hosting.bindings.panels import State as Standing
from hosting_durable.engine import Functions
from hosting_durable.errors import UnknownInstance
from hosting_durable.http.requests import parsed
from hosting_durable.hub import TaskHub
from hosting_durable.model import Entity, EntityId, EntityQuery, Instance, InstanceQuery
from hosting_durable.status import Status as State
from hosting_durable.timeline import bars

PAGE_ROWS = 50
"""How many orchestrations, and how many entities, are shown at once."""
_STANDINGS: Mapping[State, Standing] = {
    State.COMPLETED: "good",
    State.FAILED: "bad",
    State.TERMINATED: "bad",
    State.CANCELED: "bad",
}
_ANY = "any"
_Action = Callable[[Mapping[str, str]], Awaitable[Sequence[Part]]]


class DurablePanel(Panel):
    """Shows the orchestrations and the entities of a task hub, and controls them.

    Args:
        hub: the task hub, open.
        functions: the app's durable functions.
        start_input: returns the input of an orchestration as the SDK's client sends the JSON of a value.
    """

    name = "durable"
    title = "Orchestrations and entities"

    def __init__(self, hub: TaskHub, functions: Functions, start_input: Callable[[str], str]) -> None:
        self._hub = hub
        self._functions = functions
        self._start_input = start_input
        self._actions: Mapping[str, _Action] = {
            "start": self._start,
            "raise": self._raise,
            "suspend": self._suspend,
            "resume": self._resume,
            "terminate": self._terminate,
            "purge": self._purge,
        }

    async def show(self, query: Mapping[str, str]) -> Sequence[Part]:
        """Return the lists; one orchestration with ``instance``, one entity with ``entity``.

        Raises:
            UnknownInstance: there is no such orchestration or entity.
            InvalidInstanceId: it is not the ID of an entity.
            ValueError: the status to look for is not one.
        """
        if "instance" in query:
            return _instance_parts(await self._hub.get_instance(query["instance"], with_history=True))
        if "entity" in query:
            entity = await self._hub.read_entity(EntityId.parse(query["entity"]))
            if entity is None:
                raise UnknownInstance(query["entity"])
            return _entity_parts(entity)
        return [*await self._orchestrations(query), await self._entities(query), self._start_form()]

    async def act(self, action: str, values: Mapping[str, str]) -> Sequence[Part]:
        """Start, control or delete an orchestration; ``instance`` says which.

        Raises:
            DurableError: the orchestration cannot do it in its state, or there is none.
            ValueError: a value is missing, or is not JSON.
        """
        known = self._actions.get(action)
        return await (super().act(action, values) if known is None else known(values))

    async def _orchestrations(self, query: Mapping[str, str]) -> Sequence[Part]:
        wanted = {name: query.get(name, "") for name in ("status", "name", "prefix")}
        asked = InstanceQuery(
            prefix=wanted["prefix"],
            statuses=_statuses(wanted["status"]),
            name=wanted["name"],
            limit=PAGE_ROWS,
            continuation=query.get("after", ""),
            newest_first=True,
        )
        page = await self._hub.query(asked)
        more = Link("Older ones", {**wanted, "after": page.continuation}) if page.continuation else None
        columns = ("Instance", "Orchestrator", "Status", "Created", "Updated")
        rows = [_row(one) for one in page.instances]
        return [_filter(wanted), Table("Orchestrations, the newest first", columns, rows, "No orchestration.", more)]

    async def _entities(self, query: Mapping[str, str]) -> Part:
        page = await self._hub.list_entities(
            EntityQuery(fetch_state=False, limit=PAGE_ROWS, continuation=query.get("entities", ""))
        )
        more = Link("More entities", {**query, "entities": page.continuation}) if page.continuation else None
        rows = [
            (_entity_link(one.id), one.updated_at, one.queue_size, _instance_link(one.locked_by))
            for one in page.entities
        ]
        return Table("Entities", ("Entity", "Last operation", "Waiting", "Locked by"), rows, "No entity.", more)

    def _start_form(self) -> Form:
        fields = (
            Field("name", "Orchestrator", "choice", choices=sorted(self._functions.orchestrators.names)),
            Field("input", "Input, as JSON", "multiline"),
            Field("instance", "Instance ID", hint="A new one if it is empty."),
        )
        return Form("Start an orchestration", "Start", fields, "start")

    async def _start(self, values: Mapping[str, str]) -> Sequence[Part]:
        text = _json("the input", values.get("input", ""))
        given = None if text is None else self._start_input(text)
        started = await self._hub.start_orchestration(values.get("name", ""), given, values.get("instance") or None)
        return [Facts("", {"Started": _instance_link(started)})]

    async def _raise(self, values: Mapping[str, str]) -> Sequence[Part]:
        event = values.get("event", "")
        if not event:
            raise ValueError("The event has no name.")
        await self._hub.raise_event(_instance(values), event, _json("the data of the event", values.get("data", "")))
        return _done(f"Sent {event}.")

    async def _suspend(self, values: Mapping[str, str]) -> Sequence[Part]:
        await self._hub.suspend(_instance(values), values.get("reason", ""))
        return _done("Suspending: it takes no more turns.")

    async def _resume(self, values: Mapping[str, str]) -> Sequence[Part]:
        await self._hub.resume(_instance(values), values.get("reason", ""))
        return _done("Resuming.")

    async def _terminate(self, values: Mapping[str, str]) -> Sequence[Part]:
        await self._hub.terminate(_instance(values), values.get("reason", ""))
        return _done("Terminating: its sub-orchestrations go on.")

    async def _purge(self, values: Mapping[str, str]) -> Sequence[Part]:
        if not await self._hub.purge(_instance(values)):
            raise UnknownInstance(_instance(values))
        return _done("Deleted, with its history.")


def _statuses(text: str) -> frozenset[State]:
    if text in ("", _ANY):
        return frozenset()
    found = next((one for one in State if one.value.lower() == text.lower()), None)
    if found is None:
        raise ValueError(f"{text!r} is not a status. Choose from: {', '.join(one.value for one in State)}.")
    return frozenset({found})


def _filter(wanted: Mapping[str, str]) -> Form:
    statuses = (_ANY, *(one.value for one in State))
    fields = (
        Field("status", "Status", "choice", wanted["status"], statuses),
        Field("name", "Orchestrator", value=wanted["name"]),
        Field("prefix", "Instance ID begins with", value=wanted["prefix"]),
    )
    return Form("", "Show", fields)


def _row(one: Instance) -> tuple[Cell, ...]:
    return Link(one.instance_id, {"instance": one.instance_id}), one.name, _status(one), one.created_at, one.updated_at


def _status(one: Instance) -> Status:
    return Status(one.status.value, _STANDINGS.get(one.status, "waiting"))


def _instance_link(instance_id: str | None) -> Link | None:
    return None if instance_id is None else Link(instance_id, {"instance": instance_id})


def _entity_link(entity: EntityId) -> Link:
    return Link(str(entity), {"entity": str(entity)})


def _instance_parts(one: Instance) -> list[Part]:
    facts = {
        "Instance": one.instance_id,
        "Orchestrator": one.name,
        "Version": one.version,
        "Status": _status(one),
        "Created": one.created_at,
        "Updated": one.updated_at,
        "Started by": _instance_link(one.parent_id),
    }
    texts = (("Input", one.input), ("Custom status", one.custom_status), ("Output", one.output))
    return [
        Facts("", {name: value for name, value in facts.items() if value is not None}),
        *_forms(one),
        Timeline("Timeline", bars(one, _status(one))),
        *(Text(title, _readable(text)) for title, text in texts if text is not None),
    ]


def _entity_parts(one: Entity) -> list[Part]:
    facts: dict[str, Cell] = {
        "Entity": str(one.id),
        "Last operation": one.updated_at,
        "Waiting operations": one.queue_size,
    }
    if one.locked_by is not None:
        facts["Locked by"] = _instance_link(one.locked_by)
    return [Facts("", facts), Text("State", _readable(one.state or "null"))]


def _forms(one: Instance) -> list[Form]:
    """Return what an orchestration can be asked to do in its state."""
    which = {"instance": one.instance_id}
    if one.status.is_finished:
        sure = f"Delete {one.instance_id} with its history?"
        return [Form("", "Purge", action="purge", values=which, confirm=sure)]
    reason = Field("reason", "Reason")
    is_suspended = one.status is State.SUSPENDED
    event = Field("event", "Name", is_required=True), Field("data", "Data, as JSON", "multiline")
    return [
        Form("", "Resume" if is_suspended else "Suspend", action="resume" if is_suspended else "suspend", values=which),
        Form("Terminate", "Terminate", (reason,), "terminate", which, f"Terminate {one.instance_id}?"),
        Form("Raise an event", "Raise", event, "raise", which),
    ]


def _readable(text: str) -> str:
    """Return a text of JSON with line breaks; JSON in JSON, as the SDK sends an input, as what it holds."""
    value = parsed(text)
    if isinstance(value, str):
        value = parsed(value)
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _json(what: str, text: str) -> str | None:
    """Return a text of JSON as it is; None for an empty one."""
    if not text.strip():
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{text[:80]!r} is not JSON for {what}: {error}. A text has quotes: "text".') from None
    return text


def _instance(values: Mapping[str, str]) -> str:
    return values.get("instance", "")


def _done(text: str) -> Sequence[Part]:
    return [Text("", text, "good")]
