"""Manual runs: invocations in the background, with a text in place of what the trigger would bring."""

from __future__ import annotations

import asyncio
from typing import Any

from hosting.bindings.provider import Invoke, Trigger


class ManualRuns:
    """The functions of a host that can be run manually, disabled ones too, as in Azure's host."""

    def __init__(self) -> None:
        self._functions: dict[str, tuple[Trigger, Invoke]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def add(self, name: str, trigger: Trigger, invoke: Invoke) -> None:
        """Add a function by its name."""
        self._functions[name.lower()] = (trigger, invoke)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._functions

    async def start(self, name: str, text: str | None) -> None:
        """Start an invocation; its end is in the log only.

        Args:
            name: the function's name, ignoring case.
            text: stands for what its trigger brings; None for nothing.

        Raises:
            KeyError: there is no such function, or it cannot run.
            ValueError: it cannot be run with this text; the message says why.
        """
        trigger, invoke = self._functions[name.lower()]
        data = await trigger.by_hand(text)
        task = asyncio.ensure_future(invoke(data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
