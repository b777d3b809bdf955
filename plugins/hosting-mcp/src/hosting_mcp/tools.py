"""Tools: their triggers, the schemas of their arguments, and functions that block."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from hosting.core import Binding, Function
from hosting_mcp.calls import Call, argument_texts, call_by_hand
from hosting_mcp.declarations import Declaration, without_none
from hosting_mcp.jsonrpc import INVALID_PARAMS, RpcError
from hosting_mcp.triggers import McpTrigger


class ToolTrigger(McpTrigger):
    """Runs a function for each call of its tool.

    Args:
        function: the function.
        binding: its trigger.
        added: called when the function can run.

    Raises:
        AppLoadError: a property cannot be used.
    """

    kind = "tool"

    def __init__(self, function: Function, binding: Binding, added: Callable[[ToolTrigger], None]) -> None:
        super().__init__(function, binding, added)
        declaration = Declaration(function, binding)
        self.name = self.source = declaration.required("toolName")
        self.is_envelope = declaration.flag("useResultSchema")
        self.schema = _input_schema(declaration)
        self._required: Sequence[str] = tuple(self.schema.get("required") or ())
        self.entry = without_none(
            name=self.name,
            title=declaration.text("title"),
            description=declaration.text("description"),
            inputSchema=self.schema,
            outputSchema=declaration.schema("outputSchema"),
            meta=declaration.json_object("metadata"),
        )
        unblock(function)

    def decode(self, data: Call) -> str:
        """Return the JSON of the call, which the SDK's decorator takes apart."""
        return data.text

    def binding_data(self, data: Call) -> Mapping[str, Any]:
        """Return the values for expressions such as ``{mcptoolargs.name}``."""
        return {
            **self._binding_data(data, "mcptoolcontext"),
            "mcptoolargs": argument_texts(data.what["arguments"]),
        }

    def log_fields(self, data: Call) -> Mapping[str, Any]:
        """Return the name of the tool."""
        return {"mcp_tool": self.name}

    async def by_hand(self, text: str | None) -> Call:
        """Return the call of a manual run: its input is a JSON object with the arguments.

        Raises:
            ValueError: it is not, or a required argument is missing.
        """
        call = call_by_hand(f"Function '{self.function}'", text, name=self.name)
        missing = self._missing(call.what["arguments"])
        if missing:
            names = ", ".join(missing)
            raise ValueError(f"Function '{self.function}' needs arguments that its input does not have: {names}.")
        return call

    def check_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Check that all required arguments are there; their types are not checked, as in Azure.

        Raises:
            RpcError: some are missing or null.
        """
        missing = self._missing(arguments)
        if missing:
            names = ", ".join(missing)
            raise RpcError(
                INVALID_PARAMS, f"One or more required tool properties are missing values. Please provide: {names}"
            )

    def _missing(self, arguments: Mapping[str, Any]) -> list[str]:
        return [name for name in self._required if arguments.get(name) is None]


def _input_schema(declaration: Declaration) -> dict[str, Any]:
    if declaration.flag("useWorkerInputSchema"):
        schema = declaration.schema("inputSchema")
        if schema is None:
            raise declaration.wrong("inputSchema", "is missing, and useWorkerInputSchema is true")
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise declaration.wrong("inputSchema", "has 'required' that is not an array of names")
        return schema
    properties = declaration.json_array("toolProperties")
    named = {str(one.get("propertyname") or "").strip(): one for one in properties}
    named.pop("", None)
    return {
        "type": "object",
        "properties": {name: _property_schema(one) for name, one in named.items()},
        "required": [name for name, one in named.items() if one.get("isrequired") is True],
    }


def _property_schema(declared: Mapping[str, Any]) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": _json_type(declared.get("propertytype"))}
    if declared.get("enumvalues"):
        kind["enum"] = declared["enumvalues"]
    if declared.get("isarray") is True:
        kind = {"type": "array", "items": kind}
    return {**kind, "description": declared.get("description") or ""}


def _json_type(declared: Any) -> str:
    """Return the type of JSON Schema; ``float`` is none, and ``McpPropertyType.FLOAT`` says it."""
    return "number" if declared == "float" else str(declared or "string")


def unblock(function: Function) -> None:
    """Let the pool of threads run a ``def`` tool, which the SDK's decorator hides in an async function.

    Otherwise a tool that blocks would block the event loop, and with it every other function.
    """
    wrapped = getattr(function.call, "__wrapped__", None)
    if not function.is_async or wrapped is None or inspect.iscoroutinefunction(wrapped):
        return
    code = getattr(function.call, "__code__", None)
    if code is None or "azure" not in code.co_filename or code.co_name != "wrapper":
        return
    function.call, function.is_async = in_thread(function.call, function.name), False


def in_thread(call: Callable[..., Awaitable[Any]], name: str) -> Callable[..., Any]:
    """Return a function that runs a coroutine function that awaits nothing."""

    @functools.wraps(call)
    def run(*args: Any, **kwargs: Any) -> Any:
        coroutine: Any = call(*args, **kwargs)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        coroutine.close()
        raise RuntimeError(f"function '{name}' is a def that returns an awaitable; declare it with async def")

    return run
