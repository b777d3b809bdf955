"""How the engine talks with the app's functions: what they get, and what their answers mean."""

from __future__ import annotations

import json
from typing import Any

from hosting.bindings import Result
from hosting_durable.engine import batches, turns
from hosting_durable.engine.execution import Execution
from hosting_durable.events import Event
from hosting_durable.settings import DurableSettings
from hosting_durable.stores.messages import Message
from hosting_durable.stores.work import Turn


class Dialect:
    """Texts of JSON, as the SDK 1.x reads and writes them; a subclass has the messages of another SDK."""

    def start_input(self, text: str) -> str:
        """Return the input of an orchestration as the SDK's client sends the JSON of a value."""
        return json.dumps(text)

    def execution(self, turn: Turn, history: list[Event]) -> Execution:
        """Return the state of an execution."""
        return Execution(turn.instance_id, turn.execution, turn.name, history, turn.waits)

    def answer(self, result: Result) -> turns.Answer:
        """Return what an orchestrator said, of the result of its function."""
        return turns.read_answer(result.reply, result.exception)

    def decide(
        self, prepared: turns.Prepared, execution: Execution, answer: turns.Answer, settings: DurableSettings
    ) -> None:
        """Fill in what a turn commits, from what the orchestrator said."""
        turns.decide(prepared, execution, answer, settings)

    def batch_text(self, turn: Turn, messages: list[Message]) -> str:
        """Return the text that an entity gets for a batch of operations."""
        return batches.batch_text(turn, messages)

    def outcome(self, turn: Turn, messages: list[Message], reply: Any) -> batches.Outcome:
        """Return what a batch changes; raises ValueError for what is not the answer of an entity."""
        return batches.outcome(turn, messages, reply)
