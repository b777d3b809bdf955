"""The executions whose state stays in memory between two turns, so that their history is not read again."""

from __future__ import annotations

from collections import OrderedDict

from hosting_durable.engine.execution import Execution

_MOST = 2000
_MOST_EVENTS = 200_000


class KeptExecutions:
    """The executions that were used last, by the ID of the instance.

    Args:
        known: gets the execution and the turn of each; the thread that claims reads it.
    """

    def __init__(self, known: dict[str, tuple[str, int]]) -> None:
        self._known = known
        self._executions: OrderedDict[str, Execution] = OrderedDict()
        self._events = 0

    def take(self, instance_id: str) -> Execution | None:
        """Return an execution, and keep it no longer; None if it is not kept."""
        self._known.pop(instance_id, None)
        execution = self._executions.pop(instance_id, None)
        if execution is not None:
            self._events -= execution.length
        return execution

    def put(self, execution: Execution, turn: int) -> None:
        """Keep an execution after a turn, instead of those that were used longest ago."""
        self.take(execution.instance_id)
        self._executions[execution.instance_id] = execution
        self._known[execution.instance_id] = (execution.execution_id, turn)
        self._events += execution.length
        while len(self._executions) > _MOST or self._events > _MOST_EVENTS:
            self.take(next(iter(self._executions)))
