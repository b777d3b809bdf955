"""What the triggers of tools, resources and prompts have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from hosting.bindings import Invoke, Trigger
from hosting.core import Binding, Function
from hosting_mcp.calls import Call
from hosting_mcp.results import ResultOutput


class McpTrigger(Trigger):
    """Runs a function each time a client asks for what it offers.

    Args:
        function: the function.
        binding: its trigger.
        added: called with the trigger when the function can run.
    """

    kind: ClassVar[str]
    """What it offers: ``tool``, ``resource`` or ``prompt``."""

    source: str
    """What clients call it: a name or a URI."""

    entry: dict[str, Any]
    """What is in the list that clients get."""

    def __init__(self, function: Function, binding: Binding, added: Callable[[Any], None]) -> None:
        self.function = function.name
        self.run: Invoke | None = None
        self._parameter = binding.name
        self._output = ResultOutput(binding.type)
        self._added = added

    @property
    def implicit_output(self) -> ResultOutput:
        """Takes what the function returns."""
        return self._output

    async def figures(self) -> Mapping[str, Any]:
        """Return what clients see of it in its list, under its kind: ``tool``, ``resource`` or ``prompt``."""
        return {"source": self.source, self.kind: self.entry}

    def attach(self, invoke: Invoke) -> None:
        """Offer it to clients."""
        self.run = invoke
        self._added(self)

    def _binding_data(self, data: Call, context: str) -> dict[str, Any]:
        """Return the values for expressions that each kind has; ``context`` is the name of the one with the request."""
        return {self._parameter: data.text, context: data.text, "mcpsessionid": data.client.session_id}
