"""The app's durable functions as the engine sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hosting.bindings import Invoke
from hosting_durable.tracing import NO_TRACE, Trace


@dataclass(slots=True)
class TurnData:
    """What triggers an orchestrator or an entity.

    Args:
        text: the text that the SDK gets.
        instance_id: the ID of the instance.
        is_replay: whether the code runs again over events of earlier turns.
        trace: the span of the turn; set when the orchestrator runs.
    """

    text: str
    instance_id: str
    is_replay: bool = False
    trace: Trace = NO_TRACE


class ActivityData(NamedTuple):
    """What triggers an activity.

    Args:
        text: the JSON of its input; None for none.
        instance_id: the ID of the orchestration.
    """

    text: str | None
    instance_id: str


class FunctionTable:
    """Functions by the name under which they are registered, ignoring case.

    Args:
        kind: ``orchestrator``, ``activity`` or ``entity``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._functions: dict[str, tuple[str, Invoke]] = {}

    def add(self, name: str, invoke: Invoke) -> None:
        """Add a function."""
        self._functions[name.lower()] = (name, invoke)

    def get(self, name: str) -> Invoke | None:
        """Return what invokes a function; None if there is none of the name."""
        found = self._functions.get(name.lower())
        return None if found is None else found[1]

    @property
    def names(self) -> tuple[str, ...]:
        """The names, as they were registered."""
        return tuple(name for name, _ in self._functions.values())

    def unknown(self, name: str) -> str:
        """Return Azure's message about a name without a function.

        Source: ``DurableTaskExtension.cs`` of Azure's extension, ``GetInvalid…FunctionMessage``.
        """
        names = ", ".join(f"'{one}'" for one, _ in sorted(self._functions.values(), key=lambda item: item[0]))
        known = f"The following are the known {self.kind} functions: {names}."
        none = f"No {self.kind} functions are currently registered!"
        return (
            f"The function '{name}' doesn't exist, is disabled, or is not an {self.kind} function. "
            f"Additional info: {known if names else none}"
        )


class Functions(NamedTuple):
    """The durable functions of an app."""

    orchestrators: FunctionTable
    activities: FunctionTable
    entities: FunctionTable

    @classmethod
    def none(cls) -> Functions:
        """Return empty tables."""
        return cls(FunctionTable("orchestrator"), FunctionTable("activity"), FunctionTable("entity"))

    @property
    def is_empty(self) -> bool:
        """Whether the app has no durable function."""
        return not any(table.names for table in self)
