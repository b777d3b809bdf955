"""The panel of the page that shows the host: the tools, each with a form made from its input schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hosting.bindings.panels import Facts, Field, Form, Link, Panel, Part, Table, Text
from hosting_mcp.registry import Registry
from hosting_mcp.results import tool_result
from hosting_mcp.tools import ToolTrigger

_PREFIX = "argument."
_PLAIN = ("string", "number", "integer", "boolean")


class ToolsPanel(Panel):
    """Lists what clients can use, and calls a tool as a client does, with all hooks.

    Args:
        registry: the tools, resources and prompts.
    """

    name = "mcp"
    title = "Tools for agents (MCP)"

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def show(self, query: Mapping[str, str]) -> Sequence[Part]:
        """Return the lists; one tool with ``tool``.

        Raises:
            ValueError: there is no such tool.
        """
        return _tool_parts(self._tool(query)) if "tool" in query else self._lists()

    async def act(self, action: str, values: Mapping[str, str]) -> Sequence[Part]:
        """Call a tool with the values of its form, and return its result.

        Raises:
            ValueError: there is no such tool, an argument is missing, or it is not of its type.
        """
        if action != "call":
            return await super().act(action, values)
        tool = self._tool(values)
        call = await tool.by_hand(json.dumps({"arguments": _arguments(tool, values)}))
        assert tool.run is not None  # only functions that can run are in the registry
        result = await tool.run(call)
        if result.exception is not None:
            return [Text("The function failed", f"{type(result.exception).__name__}: {result.exception}", "bad")]
        return _result_parts(tool_result(result.reply, is_envelope=tool.is_envelope))

    def _tool(self, values: Mapping[str, str]) -> ToolTrigger:
        name = values.get("tool", "")
        found = self._registry.tools.get(name.lower())
        if found is None:
            raise ValueError(f"There is no tool {name!r}.")
        return found

    def _lists(self) -> list[Part]:
        registry = self._registry
        tools = [
            (Link(one.name, {"tool": one.name}), one.entry.get("description"), one.function)
            for one in registry.tools.values()
        ]
        others = [*registry.resources.values(), *registry.templates.values(), *registry.prompts.values()]
        rows = [(one.kind, one.source, one.function) for one in others]
        parts: list[Part] = [Table("Tools", ("Tool", "Description", "Function"), tools, "No tool.")]
        return [*parts, Table("Resources and prompts", ("Kind", "Name", "Function"), rows)] if rows else parts


def _tool_parts(tool: ToolTrigger) -> list[Part]:
    description = tool.entry.get("description")
    facts = {"Tool": tool.name, "Function": tool.function, "Description": description}
    return [
        Facts("", {name: value for name, value in facts.items() if value}),
        Form("Try it", "Call", _fields(tool), "call", {"tool": tool.name}, keeps_values=True),
        Text("Input schema", _readable(tool.schema)),
    ]


def _properties(tool: ToolTrigger) -> Mapping[str, Mapping[str, Any]]:
    """Return the schemas of the arguments by name; a part that is not an object says nothing about its argument."""
    found = tool.schema.get("properties")
    named = found if isinstance(found, Mapping) else {}
    return {str(name): one if isinstance(one, Mapping) else {} for name, one in named.items()}


def _fields(tool: ToolTrigger) -> list[Field]:
    required = tool.schema.get("required") or ()
    return [_field(name, schema, name in required) for name, schema in _properties(tool).items()]


def _field(name: str, schema: Mapping[str, Any], is_required: bool) -> Field:
    kind, hint = schema.get("type"), str(schema.get("description") or "")
    default = schema.get("default")
    value = "" if default is None else default if isinstance(default, str) else json.dumps(default)
    choices = _choices(schema)
    if choices:
        shown = choices if is_required else ("", *choices)
        return Field(_PREFIX + name, name, "choice", value, shown, is_required, hint)
    if kind in ("number", "integer"):
        return Field(_PREFIX + name, name, "number", value, (), is_required, hint)
    if kind == "string":
        return Field(_PREFIX + name, name, "text", value, (), is_required, hint)
    return Field(_PREFIX + name, name, "multiline", value, (), is_required, f"{hint} As JSON.".strip())


def _choices(schema: Mapping[str, Any]) -> Sequence[str]:
    """Return the values to choose from; those of an enumeration that are not texts as JSON."""
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return [one if isinstance(one, str) else json.dumps(one) for one in values]
    return ("true", "false") if schema.get("type") == "boolean" else ()


def _arguments(tool: ToolTrigger, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of a form: those that are empty are left out, unless a required text is."""
    required, found = tool.schema.get("required") or (), {}
    for name, schema in _properties(tool).items():
        text = values.get(_PREFIX + name, "")
        if text or (name in required and schema.get("type") == "string"):
            found[name] = _value(name, schema, text)
    return found


def _value(name: str, schema: Mapping[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if kind == "string" or (isinstance(schema.get("enum"), list) and text in schema["enum"]):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        expected = kind if kind in _PLAIN else "JSON"
        raise ValueError(f"Argument {name!r} is {text[:80]!r}, which is not {expected}: {error}.") from None


def _result_parts(result: Mapping[str, Any]) -> list[Part]:
    """Return the blocks of a result; of what is not text its type and its size."""
    state = "bad" if result.get("isError") else "good"
    title = "Result, an error" if result.get("isError") else "Result"
    parts: list[Part] = [Text(title, _block(one), state) for one in result["content"]]  # type: ignore[arg-type]
    if "structuredContent" in result:
        parts.append(Text("Structured content", _readable(result["structuredContent"])))
    return parts


def _block(block: Mapping[str, Any]) -> str:
    if block.get("type") == "text":
        return str(block.get("text", ""))
    if isinstance(block.get("data"), str):
        return f"{block.get('type')} of type {block.get('mimeType')}, {len(block['data'])} characters of base64"
    return _readable(block)


def _readable(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
