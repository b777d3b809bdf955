"""Prompts: their triggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from azure.functions import meta

from hosting.core import Binding, Function
from hosting_mcp.calls import Call, argument_texts, call_by_hand
from hosting_mcp.declarations import Declaration, without_none
from hosting_mcp.jsonrpc import INVALID_PARAMS, RpcError
from hosting_mcp.triggers import McpTrigger


class PromptTrigger(McpTrigger):
    """Runs a function each time its prompt is asked for.

    Args:
        function: the function.
        binding: its trigger.
        added: called when the function can run.

    Raises:
        AppLoadError: a property cannot be used.
    """

    kind = "prompt"

    def __init__(self, function: Function, binding: Binding, added: Callable[[PromptTrigger], None]) -> None:
        super().__init__(function, binding, added)
        declaration = Declaration(function, binding)
        self.name = self.source = declaration.required("promptName")
        self.is_envelope = declaration.flag("useResultSchema")
        self.description = declaration.text("description")
        self.arguments = [one for one in declaration.json_array("promptArguments") if one.get("name")]
        self.completions = declaration.json_object("completions") or {}
        self.entry = without_none(
            name=self.name,
            title=declaration.text("title"),
            description=self.description,
            arguments=[_argument(one) for one in self.arguments],
            icons=declaration.json_array("icons") or None,
            meta=declaration.json_object("metadata"),
        )
        self._converter: Any = meta.get_binding_registry().get(binding.type)  # type: ignore[no-untyped-call]

    def decode(self, data: Call) -> Any:
        """Return the SDK's ``PromptInvocationContext``; the JSON where the SDK does not know prompts."""
        if self._converter is None:
            return data.text
        return self._converter.decode(meta.Datum(data.text, "string"), trigger_metadata=None)

    def binding_data(self, data: Call) -> Mapping[str, Any]:
        """Return the values for expressions such as ``{mcppromptargs.topic}``."""
        return {
            **self._binding_data(data, "mcppromptcontext"),
            "mcppromptargs": argument_texts(data.what["arguments"]),
        }

    def log_fields(self, data: Call) -> Mapping[str, Any]:
        """Return the name of the prompt."""
        return {"mcp_prompt": self.name}

    async def by_hand(self, text: str | None) -> Call:
        """Return the call of a manual run: its input is a JSON object with the arguments."""
        return call_by_hand(f"Function '{self.function}'", text, name=self.name)

    def check_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Check that all required arguments are there. Raises RpcError if some are missing."""
        names = [one["name"] for one in self.arguments if one.get("required") is True]
        missing = [name for name in names if arguments.get(name) is None]
        if missing:
            raise RpcError(INVALID_PARAMS, f"Missing required arguments for prompt '{self.name}': {', '.join(missing)}")


def _argument(declared: Mapping[str, Any]) -> dict[str, Any]:
    return without_none(
        name=str(declared["name"]),
        title=declared.get("title"),
        description=declared.get("description"),
        required=declared.get("required") is True,
    )
