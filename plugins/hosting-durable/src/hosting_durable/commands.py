"""``hosting durable``: look at the orchestrations of an app, and start, control and delete them.

The commands read and write the app's store. They do not run any function: a running host does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from hosting.bindings import Services
from hosting.errors import HostingError
from hosting_durable.errors import InstanceExists, UnknownInstance, WrongState
from hosting_durable.http.documents import entity_document, history_document, status_document
from hosting_durable.http.requests import is_json, parsed
from hosting_durable.hub import TaskHub
from hosting_durable.hubs import make_hub, start_input
from hosting_durable.model import EntityId, EntityQuery, Instance, InstanceQuery
from hosting_durable.status import Status

T = TypeVar("T")
Decorated = Callable[..., Any]

_PAYLOADS = frozenset({"Input", "Result"})
_STATUSES = {status.value.lower(): status for status in Status}


@click.group()
def durable() -> None:
    """Show and control the orchestrations of an app.

    The commands work on the store of an app, whether or not a host runs. A host that runs, or the next one that starts,
    does the work.
    """


def _common(function: Decorated) -> Decorated:
    """Add the options that all commands have."""
    folder = click.Path(path_type=Path, file_okay=False)
    add_json = click.option("--json", "as_json", is_flag=True, help="Print JSON (default: text for people).")
    help_text = "The app's folder (default: the current folder)."
    return add_json(click.option("--app-dir", type=folder, metavar="DIR", default=Path(), help=help_text)(function))


@durable.command("list")
@click.option("--status", "statuses", multiple=True, metavar="STATUS", help="Only in this state; may be repeated.")
@click.option("--prefix", default="", metavar="TEXT", help="Only IDs that begin with this.")
@click.option("--name", default="", metavar="NAME", help="Only of this orchestrator, or entity.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The most to print.")
@click.option("--entities", is_flag=True, help="List entities instead of orchestrations.")
@_common
def list_command(
    statuses: tuple[str, ...], prefix: str, name: str, limit: int, entities: bool, app_dir: Path, as_json: bool
) -> None:
    """List orchestrations, the oldest first."""
    if entities:
        _list_entities(name, limit, app_dir, as_json)
        return
    query = InstanceQuery(prefix=prefix, name=name, limit=limit, statuses=frozenset(map(_status, statuses)))
    page = _with_hub(app_dir, lambda hub: hub.query(query))
    if as_json:
        _print_json([status_document(one) for one in page.instances])
        return
    rows = [(one.instance_id, one.name, one.status.value, _time(one.created_at)) for one in page.instances]
    _print_table(("ID", "ORCHESTRATOR", "STATUS", "STARTED"), rows)
    if page.continuation:
        click.echo(f"There are more than {limit}: raise --limit, or narrow the list.", err=True)


def _list_entities(name: str, limit: int, app_dir: Path, as_json: bool) -> None:
    page = _with_hub(app_dir, lambda hub: hub.list_entities(EntityQuery(name=name, limit=limit)))
    if as_json:
        _print_json([entity_document(one, shows_state=True) for one in page.entities])
        return
    rows = [(str(one.id), _shortened(one.state or ""), _time(one.updated_at)) for one in page.entities]
    _print_table(("ID", "STATE", "CHANGED"), rows)


@durable.command()
@click.argument("instance_id", metavar="ID")
@_common
def show(instance_id: str, app_dir: Path, as_json: bool) -> None:
    """Show an orchestration with its history, or an entity by its ID @NAME@KEY."""
    if instance_id.startswith("@"):
        _show_entity(instance_id, app_dir, as_json)
        return
    found = _with_hub(app_dir, lambda hub: hub.get_instance(instance_id, with_history=True))
    if as_json:
        _print_json(status_document(found, shows_history=True, shows_outputs=True))
        return
    for label, value in _fields(found):
        click.echo(f"{label:<14} {value}")
    for event in history_document(found.history, shows_input=True, shows_outputs=True):
        click.echo(f"  {_line(event)}")


def _show_entity(instance_id: str, app_dir: Path, as_json: bool) -> None:
    entity = _with_hub(app_dir, lambda hub: hub.read_entity(EntityId.parse(instance_id)))
    if entity is None:
        raise HostingError(f"There is no entity {instance_id}.", remedy="List them: hosting durable list --entities")
    if as_json:
        _print_json(entity_document(entity, shows_state=True))
        return
    for label, value in (
        ("Entity", entity.id),
        ("Changed", _time(entity.updated_at)),
        ("State", entity.state),
        ("Waiting", f"{entity.queue_size} operations"),
        ("Locked by", entity.locked_by),
    ):
        if value is not None:
            click.echo(f"{label:<14} {value}")


def _check_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Return the name of an orchestrator or an event; raises BadParameter for a blank one."""
    if not value.strip():
        raise click.BadParameter("it is empty.")
    return value


@durable.command()
@click.argument("name", callback=_check_name)
@click.option("--input", "text", metavar="JSON", help="The input (default: none).")
@click.option("--id", "instance_id", metavar="ID", help="The ID of the orchestration (default: a new one).")
@_common
def start(name: str, text: str | None, instance_id: str | None, app_dir: Path, as_json: bool) -> None:
    """Start the orchestrator NAME, and print the ID of the orchestration."""
    given = None if text is None else _json("--input", text)

    async def work(hub: TaskHub) -> str:
        return await hub.start_orchestration(name, None if given is None else start_input(hub, given), instance_id)

    started = _with_hub(app_dir, work)
    if as_json:
        _print_json({"id": started})
        return
    click.echo(started)


@durable.command("raise")
@click.argument("instance_id", metavar="ID")
@click.argument("event", callback=_check_name)
@click.option("--data", "text", metavar="JSON", help="The data of the event (default: none).")
@_common
def raise_command(instance_id: str, event: str, text: str | None, app_dir: Path, as_json: bool) -> None:
    """Send EVENT to an orchestration, which gets the data as the HTTP API sends it."""
    data = None if text is None else _json("--data", text)
    _with_hub(app_dir, lambda hub: hub.raise_event(instance_id, event, data))
    _done(as_json, f"Sent {event} to {instance_id}.", id=instance_id, event=event)


@durable.command()
@click.argument("instance_id", metavar="ID")
@click.option("--reason", default="", metavar="TEXT", help="Why; it becomes the output (default: nothing).")
@_common
def terminate(instance_id: str, reason: str, app_dir: Path, as_json: bool) -> None:
    """End an orchestration. Its sub-orchestrations go on."""
    _with_hub(app_dir, lambda hub: hub.terminate(instance_id, reason))
    _done(as_json, f"Terminating {instance_id}: a running host does it.", id=instance_id)


@durable.command()
@click.argument("instance_id", metavar="ID")
@_common
def purge(instance_id: str, app_dir: Path, as_json: bool) -> None:
    """Delete a finished orchestration with its history, or an entity by its ID @NAME@KEY."""
    if not _with_hub(app_dir, lambda hub: hub.purge(instance_id)):
        raise _unknown(UnknownInstance(instance_id))
    _done(as_json, f"Deleted {instance_id}.", id=instance_id)


@durable.command()
@click.argument("instance_id", metavar="ID")
@_common
def export(instance_id: str, app_dir: Path, as_json: bool) -> None:
    """Print everything about an orchestration as JSON: its texts as they are stored, and each event of its history."""
    del as_json  # an export is JSON anyway
    found = _with_hub(app_dir, lambda hub: hub.get_instance(instance_id, with_history=True))
    _print_json(
        {
            "instanceId": found.instance_id,
            "executionId": found.execution_id,
            "name": found.name,
            "version": found.version,
            "runtimeStatus": found.status.value,
            "input": found.input,
            "output": found.output,
            "customStatus": found.custom_status,
            "createdTime": found.created_at.isoformat(),
            "lastUpdatedTime": found.updated_at.isoformat(),
            "parentInstanceId": found.parent_id,
            "history": [dict(event) for event in found.history],
        }
    )


def _with_hub(app_dir: Path, work: Callable[[TaskHub], Awaitable[T]]) -> T:
    """Run something with the open hub of an app.

    Raises:
        HostingError: the folder has no app, the store cannot be used, or the request cannot be fulfilled.
    """

    async def run() -> T:
        async with make_hub(Services.of_app(app_dir)) as hub:
            return await work(hub)

    try:
        return asyncio.run(run())
    except UnknownInstance as error:
        raise _unknown(error) from error
    except WrongState as error:
        raise HostingError(error.message, remedy=f"See: hosting durable show {error.instance_id}") from error
    except InstanceExists as error:
        raise HostingError(error.message, remedy="Choose another ID, or terminate and purge that one.") from error


def _unknown(error: UnknownInstance) -> HostingError:
    return HostingError(error.message, remedy="List them: hosting durable list")


def _status(text: str) -> Status:
    found = _STATUSES.get(text.lower())
    if found is None:
        known = ", ".join(status.value for status in Status)
        raise click.BadParameter(f"{text!r} is not a state. Choose from: {known}.", param_hint="--status")
    return found


def _json(option: str, text: str) -> str:
    """Return a text of JSON, as it is."""
    try:
        json.loads(text)
    except ValueError as error:
        example = "Quote texts twice in a shell: '\"text\"'."
        raise click.BadParameter(f"{text!r} is not JSON: {error}. {example}", param_hint=option) from None
    return text


def _fields(found: Instance) -> Iterator[tuple[str, Any]]:
    yield "Orchestration", found.instance_id
    yield "Orchestrator", found.name + (f" (version {found.version})" if found.version else "")
    yield "Status", found.status.value
    yield "Started", _time(found.created_at)
    yield "Changed", _time(found.updated_at)
    for label, text in (
        ("Input", _inner(found.input)),
        ("Custom status", found.custom_status),
        ("Output", found.output),
    ):
        if text is not None:
            yield label, _shortened(text)
    if found.parent_id:
        yield "Parent", found.parent_id


def _line(event: dict[str, Any]) -> str:
    shown = {key: value for key, value in event.items() if key not in ("Timestamp", "EventType", "ScheduledTime")}
    parts = [str(shown.pop("FunctionName", "") or shown.pop("Name", "") or "")]
    parts += [f"{key}={_shortened(_text(event, key))}" for key, value in shown.items() if value is not None]
    return f"{event['Timestamp'][:19]}Z  {event['EventType']:<20} {' '.join(filter(None, parts))}".rstrip()


def _text(event: dict[str, Any], key: str) -> str:
    """Return a value of an event; payloads as JSON, without the text that the SDK makes of a first input."""
    value = event[key]
    if event["EventType"] == "ExecutionStarted" and key == "Input":
        return _inner(json.dumps(value, ensure_ascii=False)) or ""
    return value if isinstance(value, str) and key not in _PAYLOADS else json.dumps(value, ensure_ascii=False)


def _inner(text: str | None) -> str | None:
    """Return the JSON that an input holds: the SDK sends it as a text of JSON."""
    value = parsed(text)
    return value if isinstance(value, str) and is_json(value) else text


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:97]}..."


def _time(time: Any) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}Z"


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _print_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _done(as_json: bool, text: str, **document: str) -> None:
    if as_json:
        _print_json(document)
    else:
        click.echo(text)
