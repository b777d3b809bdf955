"""The provider of the triggers and bindings of Durable Functions."""

from __future__ import annotations

from hosting.bindings import Input, Provider, Services
from hosting.core import Binding, Function
from hosting_durable.hub import TaskHub


class DurableProvider(Provider):
    """Runs orchestrators, activities and entities, and gives starters their client.

    Attributes:
        hub: the app's task hub; open between ``start`` and ``close``.
    """

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.hub = TaskHub.of(services)

    def input(self, function: Function, binding: Binding) -> Input:
        """Return the client of a starter."""
        return super().input(function, binding)  # the client's module replaces this line

    async def start(self) -> None:
        """Open the task hub and run what is ready."""
        await self.hub.open()

    async def close(self) -> None:
        """Close the task hub."""
        await self.hub.close()
