"""The triggers of durable functions: what the SDK gets, and what it returns to the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.functions import OrchestrationContext, meta

from hosting.bindings import Invoke, Output, Trigger
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from hosting_durable.engine.functions import ActivityData, FunctionTable, TurnData
from hosting_durable.hub import TaskHub
from hosting_durable.tracing import current_trace


class Reply(Output):
    """Returns what a durable function returns to the engine.

    Args:
        converter: the SDK's converter of the trigger's type.
    """

    replies = True

    def __init__(self, converter: Any) -> None:
        self._converter = converter

    def encode(self, value: Any) -> Any:
        """Return the text that Azure's worker would send; raises ValueError for a value that is not for JSON."""
        datum = self._converter.encode(value, expected_type=None)
        return None if datum is None else datum.value


class _TurnContext(OrchestrationContext):
    """The argument of an orchestrator, which notes in which span its function runs: on a thread, or in the task."""

    def __init__(self, data: TurnData) -> None:
        super().__init__(data.text)
        self._data = data

    @property
    def body(self) -> str:
        """The text; the SDK reads it first of all."""
        self._data.trace = current_trace()
        text: str = super().body
        return text


class DurableTrigger(Trigger):
    """The trigger of an orchestrator or an entity; the engine runs it.

    Args:
        binding: the trigger's binding.
        table: the functions of its kind.
        name: the name under which it is registered.
        hub: the task hub.
    """

    def __init__(self, binding: Binding, table: FunctionTable, name: str, hub: TaskHub) -> None:
        self._hub = hub
        self._table = table
        self._name = name
        self._converter: Any = meta.get_binding_registry().get(binding.type)  # type: ignore[no-untyped-call]
        self._output = Reply(self._converter)

    @property
    def implicit_output(self) -> Output:
        """What takes the result."""
        return self._output

    def decode(self, data: Any) -> Any:
        """Return the argument of the SDK's wrapper; a manual run passes the text itself."""
        text = data.text if isinstance(data, TurnData) else data
        decoded = self._converter.decode(meta.Datum(text, "string"), trigger_metadata={})
        # The converters of another version of the SDK return something else.
        is_known = isinstance(data, TurnData) and type(decoded) is OrchestrationContext
        return _TurnContext(data) if is_known else decoded

    def binding_data(self, data: Any) -> Mapping[str, Any]:
        """Return the ID of the instance."""
        return {"instanceId": data.instance_id} if isinstance(data, TurnData) else {}

    async def figures(self) -> Mapping[str, Any]:
        """Return the hub, and how much waits or runs for the function on all hosts."""
        found = await self._hub.waiting()
        return {"source": f"task hub {self._hub.name}", "waiting": found[self._table.kind, self._name.lower()]}

    def attach(self, invoke: Invoke) -> None:
        """Register the function with the engine."""
        self._table.add(self._name, invoke)

    async def by_hand(self, text: str | None) -> Any:
        """Refuse: without its history an orchestrator has nothing to do."""
        raise ValueError(
            f"Durable {self._table.kind} functions do not support direct invocation. Start an orchestration or signal "
            "an entity with the durable client, or with the API below /runtime/webhooks/durabletask."
        )


class ActivityTrigger(DurableTrigger):
    """The trigger of an activity."""

    def __init__(self, binding: Binding, table: FunctionTable, name: str, hub: TaskHub) -> None:
        super().__init__(binding, table, name, hub)
        self._parameter = binding.name

    def decode(self, data: Any) -> Any:
        """Return the input, as the SDK decodes it; a text that is not JSON is the input itself."""
        text = data.text if isinstance(data, ActivityData) else data
        return self._converter.decode(meta.Datum("null" if text is None else text, "string"), trigger_metadata={})

    def binding_data(self, data: Any) -> Mapping[str, Any]:
        """Return the ID of the orchestration, and the input as text."""
        if not isinstance(data, ActivityData):
            return {}
        return {"instanceId": data.instance_id, self._parameter: data.text, "data": data.text}

    async def by_hand(self, text: str | None) -> Any:
        """Return the text: it is the input."""
        return text


def registered_name(function: Function, binding: Binding, key: str) -> str:
    """Return the name under which a durable function is registered.

    Args:
        function: the function.
        binding: its trigger.
        key: the property with the name, which by default is that of the function.

    Raises:
        FunctionLoadError: it cannot have that name.
    """
    name = str(binding.get(key) or function.name)
    if key == "orchestration" and name.startswith("@"):
        raise FunctionLoadError(
            f"Function '{function.name}': Orchestration names must not start with @.",
            remedy="Rename it.",
            file=function.file,
        )
    return name
