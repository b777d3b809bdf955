"""The built-in provider of ``warmupTrigger``: runs when ``/admin/warmup`` is first asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from azure.functions.warmup import WarmUpContext

from hosting.bindings.provider import Invoke, Provider, Result, Trigger
from hosting.bindings.services import Services
from hosting.core import Binding, Function


class WarmupTrigger(Trigger):
    """The function that warms up the process."""

    def __init__(self) -> None:
        self.run: Invoke | None = None

    def decode(self, data: Any) -> WarmUpContext:
        return WarmUpContext()

    def attach(self, invoke: Invoke) -> None:
        self.run = invoke


class WarmupProvider(Provider):
    """Runs every warm-up function of the app, once in the life of the process."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._triggers: list[WarmupTrigger] = []
        self._runs: asyncio.Future[list[Result]] | None = None

    def trigger(self, function: Function, binding: Binding) -> WarmupTrigger:
        trigger = WarmupTrigger()
        self._triggers.append(trigger)
        return trigger

    async def warm_up(self) -> bool:
        """Run them, the first time; wait for them, every time.

        Returns:
            Whether all of them succeeded.
        """
        if self._runs is None:
            runs = [trigger.run(None) for trigger in self._triggers if trigger.run is not None]
            self._runs = asyncio.ensure_future(asyncio.gather(*runs))
        # Who asks may go away; the others still wait.
        return all(result.exception is None for result in await asyncio.shield(self._runs))
