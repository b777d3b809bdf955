"""The panel of the page that shows the host, over the real engine: lists, one orchestration, what can be done to it."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df  # type: ignore[import-untyped]
import pytest
from durable_support.hosts import HostFolder

from hosting.bindings.panels import Cell, Facts, Form, Link, Part, Table, Text, Timeline
from hosting.bindings.panels import Status as Shown
from hosting_durable import DurableError, EntityId, Status
from hosting_durable.panel import PAGE_ROWS, DurablePanel
from hosting_durable.provider import DurableProvider

SECONDS = 20.0
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads")


def order(context: Any) -> Generator[Any, Any, Any]:
    context.set_custom_status({"step": "waiting"})
    timer = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    event = context.wait_for_external_event("Go")
    yield context.task_any([timer, event])
    timer.cancel()
    paid = yield context.call_activity("pay", context.get_input())
    part = yield context.call_sub_orchestrator("ship", None, "ship-1")
    try:
        yield context.call_activity("broken", "x")
    except Exception:  # noqa: BLE001 - what activities raise
        return [paid, part]


def ship(context: Any) -> Generator[Any, Any, Any]:
    context.signal_entity(df.EntityId("Counter", "one"), "add", 1)
    yield context.call_activity("pay", "ship")
    return "shipped"


def make_app() -> df.DFApp:
    app: Any = df.DFApp()
    for one in (order, ship):
        app.orchestration_trigger("context")(one)

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def pay(x: str) -> str:
        return f"paid {x}"

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def broken(x: str) -> str:
        raise ValueError("no more")

    @app.entity_trigger("context", entity_name="Counter")  # type: ignore[untyped-decorator]
    def counter(context: Any) -> None:
        context.set_state(context.get_state(lambda: 0) + context.get_input())

    return app


def panel_of(provider: DurableProvider) -> DurablePanel:
    """Return the only panel of a provider."""
    (panel,) = provider.panels()
    assert isinstance(panel, DurablePanel)
    return panel


def table(parts: Any, title: str) -> list[list[Any]]:
    """Return the rows of a table, each cell as its text."""
    (found,) = [one for one in parts if isinstance(one, Table) and one.title.startswith(title)]
    return [[_text(one) for one in row] for row in found.rows]


def _text(value: Cell) -> Any:
    return value.text if isinstance(value, Link | Shown) else value


def buttons(parts: Any) -> list[str]:
    """Return what can be done."""
    return [one.action for one in parts if isinstance(one, Form)]


def texts(parts: Any) -> dict[str, str]:
    """Return the texts by title."""
    return {one.title: one.text for one in parts if isinstance(one, Text)}


@pytest.mark.anyio
async def test_orchestration_is_started_looked_at_controlled_and_deleted(folder: HostFolder) -> None:
    """Each button does what the hub does, and only what the state allows; the timeline has what the history has."""
    async with folder.open(make_app()) as provider:
        panel, hub = panel_of(provider), provider.hub
        first = await panel.show({})
        assert table(first, "Orchestrations") == table(first, "Entities") == []
        (start,) = [one for one in first if isinstance(one, Form) and one.action == "start"]
        assert start.fields[0].choices == ["order", "ship"]

        (done,) = await panel.act("start", {"name": "order", "input": '"apples"', "instance": "order-1"})
        assert isinstance(done, Facts)
        assert done.facts["Started"] == Link("order-1", {"instance": "order-1"})
        while not (await hub.get_instance("order-1")).custom_status:
            await hub.database.wait(hub.database.writes, 0.05)
        open_parts = await panel.show({"instance": "order-1"})
        assert buttons(open_parts) == ["suspend", "terminate", "raise"]
        assert texts(open_parts) == {"Input": "apples", "Custom status": '{\n  "step": "waiting"\n}'}
        (waits,) = [one for one in open_parts if isinstance(one, Timeline)]
        assert [(one.kind, one.end, one.status.text) for one in waits.bars] == [
            ("orchestration", None, "Running"),
            ("timer", None, "Waits"),
        ]

        await panel.act("suspend", {"instance": "order-1"})
        while (await hub.get_instance("order-1")).status is not Status.SUSPENDED:
            await hub.database.wait(hub.database.writes, 0.05)
        assert buttons(await panel.show({"instance": "order-1"})) == ["resume", "terminate", "raise"]
        await panel.act("resume", {"instance": "order-1"})
        await panel.act("raise", {"instance": "order-1", "event": "Go", "data": "[1]"})
        await hub.wait_for_completion("order-1", SECONDS)

        parts: Any = await panel.show({"instance": "order-1"})
        assert buttons(parts) == ["purge"]
        assert json.loads(texts(parts)["Output"]) == ["paid apples", "shipped"]
        (timeline,) = [one for one in parts if isinstance(one, Timeline)]
        assert [(one.label, one.kind, one.status.text, one.status.state) for one in timeline.bars] == [
            ("order", "orchestration", "Completed", "good"),
            ("timer", "timer", "Not awaited", ""),
            ("suspended", "suspended", "", ""),
            ("resumed", "resumed", "", ""),
            ("Go", "event received", "", ""),
            ("pay", "activity", "Completed", "good"),
            ("ship", "sub-orchestration", "Completed", "good"),
            ("broken", "activity", "Failed", "bad"),
        ]
        assert all(one.end is not None and one.start <= one.end for one in timeline.bars)
        assert "no more" in timeline.bars[-1].detail

        while not await hub.read_entity(EntityId("counter", "one")):
            await hub.database.wait(hub.database.writes, 0.05)
        both = await panel.show({})
        assert [(row[0], row[1], row[2]) for row in table(both, "Orchestrations")] == [
            ("ship-1", "ship", "Completed"),
            ("order-1", "order", "Completed"),
        ]
        assert table(both, "Entities")[0][0] == "@counter@one"
        assert texts(await panel.show({"entity": "@counter@one"})) == {"State": "1"}
        for query, ids in (
            ({"status": "completed", "prefix": "ship"}, ["ship-1"]),
            ({"name": "ORDER"}, ["order-1"]),
            ({"status": "any"}, ["ship-1", "order-1"]),
            ({"status": "Failed"}, []),
        ):
            assert [row[0] for row in table(await panel.show(query), "Orchestrations")] == ids
        await panel.act("purge", {"instance": "order-1"})
        with pytest.raises(DurableError, match="No instance with ID 'order-1' found"):
            await panel.show({"instance": "order-1"})


@pytest.mark.anyio
async def test_what_cannot_be_done_is_said_and_long_lists_have_pages(folder: HostFolder) -> None:
    """A message names what is wrong; the newest come first, each once over all pages."""
    async with folder.open(make_app()) as provider:
        panel = panel_of(provider)
        refusals: tuple[tuple[str, dict[str, str], str], ...] = (
            ("start", {"name": "order", "input": "{"}, "is not JSON for the input"),
            ("start", {"name": "order", "instance": "a/b"}, "must not contain"),
            ("raise", {"instance": "none"}, "The event has no name"),
            ("raise", {"instance": "none", "event": "Go", "data": "x"}, "is not JSON for the data"),
            ("raise", {"instance": "none", "event": "Go"}, "No instance with ID 'none' found"),
            ("suspend", {}, "No instance with ID '' found"),
            ("resume", {"instance": "none"}, "No instance"),
            ("terminate", {"instance": "none"}, "No instance"),
            ("purge", {"instance": "none"}, "No instance"),
            ("rewind", {}, "cannot do 'rewind'"),
        )
        for action, values, text in refusals:
            with pytest.raises((DurableError, ValueError), match=text):
                await panel.act(action, values)
        views: tuple[tuple[dict[str, str], str], ...] = (
            ({"status": "Lost"}, "'Lost' is not a status"),
            ({"instance": "none"}, "No instance"),
            ({"entity": "none"}, "Not the ID of an entity"),
            ({"entity": "@counter@none"}, "No instance with ID '@counter@none' found"),
        )
        for view, text in views:
            with pytest.raises((DurableError, ValueError), match=text):
                await panel.show(view)

        ids = [await provider.hub.start_orchestration("order", None, f"n{n:03}") for n in range(PAGE_ROWS + 3)]
        await panel.act("terminate", {"instance": ids[0], "reason": "enough"})
        seen: list[Any] = []
        query: dict[str, str] | None = {"prefix": "n"}
        while query is not None:
            parts = await panel.show(query)
            seen += [row[0] for row in table(parts, "Orchestrations")]
            query = _next(parts)
        assert seen == sorted(ids, reverse=True)


def _next(parts: Any) -> dict[str, str] | None:
    found: list[Part] = [one for one in parts if isinstance(one, Table) and one.title.startswith("Orch")]
    more = found[0].more  # type: ignore[union-attr]
    return None if more is None else dict(more.query)
