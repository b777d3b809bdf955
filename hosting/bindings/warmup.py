"""The built-in provider of ``warmupTrigger``: its functions run at the first request to ``/admin/warmup``."""

from __future__ import annotations

import asyncio
from typing import Any

from azure.functions.warmup import WarmUpContext

from hosting.bindings.provider import Invoke, Provider, Result, Trigger
from hosting.bindings.services import Services
from hosting.core import Binding, Function


class WarmupTrigger(Trigger):
    """The trigger of a warm-up function."""

    def __init__(self) -> None:
        self.run: Invoke | None = None
        """Runs the function; None if it cannot run."""

    def decode(self, data: Any) -> WarmUpContext:
        """Return the SDK's context object; a warm-up has no data."""
        return WarmUpContext()

    def attach(self, invoke: Invoke) -> None:
        """Store ``invoke`` as ``run``."""
        self.run = invoke


class WarmupProvider(Provider):
    """Runs the warm-up functions of the app, once in a process."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._triggers: list[WarmupTrigger] = []
        self._runs: asyncio.Future[list[Result]] | None = None

    def trigger(self, function: Function, binding: Binding) -> WarmupTrigger:
        """Return the trigger of a warm-up function."""
        trigger = WarmupTrigger()
        self._triggers.append(trigger)
        return trigger

    async def warm_up(self) -> bool:
        """Run the warm-up functions at the first call, and wait for them at each call.

        Returns:
            Whether all of them succeeded.
        """
        if self._runs is None:
            runs = [trigger.run(None) for trigger in self._triggers if trigger.run is not None]
            self._runs = asyncio.ensure_future(asyncio.gather(*runs))
        # A caller that is cancelled must not cancel the functions: other callers wait for them too.
        return all(result.exception is None for result in await asyncio.shield(self._runs))
