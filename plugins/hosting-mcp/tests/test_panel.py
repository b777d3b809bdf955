"""The panel of the page that shows the host: the tools, a form for each, and what a call returns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp_support import MakePeer

from hosting.bindings.panels import Facts, Form, Link, Panel, Table, Text
from hosting_mcp.provider import ToolProvider

APP = """
SCHEMA = json.dumps([
    {"propertyName": "fruit", "propertyType": "string", "description": "Which.", "isRequired": True},
    {"propertyName": "count", "propertyType": "integer"},
    {"propertyName": "ripe", "propertyType": "boolean"},
    {"propertyName": "size", "propertyType": "string", "enumValues": ["small", "big"]},
    {"propertyName": "tags", "propertyType": "string", "isArray": True},
    {"propertyName": "shop", "propertyType": "object"},
])

ORDER = {"tool_name": "Order", "description": "Orders <b>fruit</b>.", "tool_properties": SCHEMA}

@app.generic_trigger("context", "mcpToolTrigger", **ORDER)
async def order(context: str) -> str:
    arguments = json.loads(context)["arguments"]
    if arguments["fruit"] == "none":
        raise ValueError("no fruit")
    return json.dumps(arguments)

@app.generic_trigger("context", "mcpToolTrigger", tool_name="ping")
def ping(context) -> str:
    return "pong"

@app.generic_trigger("context", "mcpResourceTrigger", uri="fruit://list", resource_name="list")
def listed(context) -> str:
    return "apples"
"""


def panel_of(make_peer: MakePeer) -> Panel:
    """Return the panel of the app's tools."""
    host = make_peer(APP).app.host
    (provider,) = [one for one in host.providers if isinstance(one, ToolProvider)]
    (panel,) = provider.panels()
    return panel


@pytest.mark.anyio
async def test_tools_are_listed_and_each_has_a_form_of_its_schema(make_peer: MakePeer) -> None:
    """Required ones are marked, choices are those of the schema, and what has no simple type is written as JSON."""
    panel = panel_of(make_peer)
    tools, others = await panel.show({})
    assert isinstance(tools, Table)
    assert isinstance(others, Table)
    rows = [
        (Link("Order", {"tool": "Order"}), "Orders <b>fruit</b>.", "order"),
        (Link("ping", {"tool": "ping"}), None, "ping"),
    ]
    assert sorted(tools.rows, key=str) == sorted(rows, key=str)
    assert list(others.rows) == [("resource", "fruit://list", "listed")]
    facts, form, schema = await panel.show({"tool": "ORDER"})
    assert isinstance(facts, Facts)
    assert isinstance(form, Form)
    assert isinstance(schema, Text)
    assert [(one.label, one.kind, one.is_required, tuple(one.choices), one.hint) for one in form.fields] == [
        ("fruit", "text", True, (), "Which."),
        ("count", "number", False, (), ""),
        ("ripe", "choice", False, ("", "true", "false"), ""),
        ("size", "choice", False, ("", "small", "big"), ""),
        ("tags", "multiline", False, (), "As JSON."),
        ("shop", "multiline", False, (), "As JSON."),
    ]
    assert (form.action, form.values, form.keeps_values) == ("call", {"tool": "Order"}, True)
    assert json.loads(schema.text)["required"] == ["fruit"]


@pytest.mark.anyio
async def test_call_has_the_arguments_of_the_form_and_shows_its_result(make_peer: MakePeer) -> None:
    """Values have the types of the schema, empty ones are left out; a failure and a wrong value are said."""
    panel = panel_of(make_peer)
    filled = {"fruit": "true", "count": "3", "ripe": "false", "size": "big", "tags": '["a"]', "shop": ""}
    cases: tuple[tuple[dict[str, str], Any], ...] = (
        (filled, {"fruit": "true", "count": 3, "ripe": False, "size": "big", "tags": ["a"]}),
        ({"fruit": ""}, {"fruit": ""}),
    )
    for values, expected in cases:
        named = {f"argument.{name}": value for name, value in values.items()}
        (result,) = await panel.act("call", {"tool": "order", **named})
        assert isinstance(result, Text)
        assert (json.loads(result.text), result.title, result.state) == (expected, "Result", "good")
    assert await panel.act("call", {"tool": "ping"}) == [Text("Result", "pong", "good")]
    failed = await panel.act("call", {"tool": "Order", "argument.fruit": "none"})
    assert failed == [Text("The function failed", "ValueError: no fruit", "bad")]
    refusals: tuple[tuple[str, dict[str, str], str], ...] = (
        ("call", {"tool": "none"}, "There is no tool 'none'"),
        (
            "call",
            {"tool": "Order", "argument.fruit": "x", "argument.count": "many"},
            "'count' is 'many', which is not integer",
        ),
        ("call", {"tool": "Order", "argument.fruit": "x", "argument.shop": "{"}, "'shop' is '{', which is not JSON"),
        ("list", {}, "cannot do 'list'"),
    )
    for action, values, text in refusals:
        with pytest.raises(ValueError, match=text):
            await panel.act(action, values)
