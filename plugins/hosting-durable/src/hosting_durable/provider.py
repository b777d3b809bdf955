"""The provider of the triggers and bindings of Durable Functions."""

from __future__ import annotations

from collections.abc import Sequence

from hosting.bindings import Input, Provider, Services, Trigger
from hosting.bindings.panels import Panel
from hosting.core import Binding, Function
from hosting_durable.client import ClientBindings
from hosting_durable.engine import Engine, Functions
from hosting_durable.hub import TaskHub
from hosting_durable.hubs import make_hub
from hosting_durable.panel import DurablePanel
from hosting_durable.protocol.edge import ProtocolEdge
from hosting_durable.protocol.remote_hub import RemoteTaskHub
from hosting_durable.protocol.worker import ProtocolWorker
from hosting_durable.triggers import ActivityTrigger, DurableTrigger, registered_name


class DurableProvider(Provider):
    """Runs orchestrators, activities and entities, and gives starters their client.

    Attributes:
        hub: the app's task hub; open between ``start`` and ``close``.
        functions: the app's durable functions.
        engine: what runs them; there is none if a backend of the Durable Task protocol does.
    """

    def __init__(self, services: Services, hub: TaskHub | None = None) -> None:
        super().__init__(services)
        self.hub = make_hub(services) if hub is None else hub
        self.functions = Functions.none()
        self._clients = ClientBindings(services, self.hub)
        self._runner: Engine | ProtocolWorker
        if isinstance(self.hub, RemoteTaskHub):
            self._runner = ProtocolWorker(self.hub.backend, self.functions, self.hub.settings)
            self._protocol = ProtocolEdge(self.hub, None, self._clients)
        else:
            self._runner = self.engine = Engine(self.hub, self.functions)
            self._protocol = ProtocolEdge(self.hub, self.engine, self._clients)

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        """Return the trigger of an orchestrator, an activity or an entity."""
        tables = self.functions
        self._protocol.use(function, binding)
        match binding.type.lower():
            case "activitytrigger":
                name = registered_name(function, binding, "activity")
                return ActivityTrigger(binding, tables.activities, name, self.hub)
            case "orchestrationtrigger":
                name = registered_name(function, binding, "orchestration")
                return DurableTrigger(binding, tables.orchestrators, name, self.hub)
            case "entitytrigger":
                name = registered_name(function, binding, "entityName")
                return DurableTrigger(binding, tables.entities, name, self.hub)
            case _:
                return super().trigger(function, binding)

    def input(self, function: Function, binding: Binding) -> Input:
        """Return the client of a starter."""
        if self._protocol.use(function, binding):
            self._clients.check_hub(function, binding)
            return self._protocol.input()
        return self._clients.input(function, binding)

    def panels(self) -> Sequence[Panel]:
        """Return the panel of the page that shows the host."""
        return [DurablePanel(self.hub, self.functions, self._start_input)]

    def _start_input(self, text: str) -> str:
        return text if isinstance(self.hub, RemoteTaskHub) else self.engine.dialect.start_input(text)

    async def start(self) -> None:
        """Open the task hub and run what is ready."""
        await self.hub.open()
        await self._clients.start()
        await self._protocol.start()
        if not self.functions.is_empty:
            self._runner.start()

    async def stop(self) -> None:
        """Begin no more turns and activities; what runs goes on."""
        self._runner.stop()

    async def resume(self) -> None:
        """Begin turns and activities again."""
        if not self.functions.is_empty:
            self._runner.resume()

    async def backlog(self) -> dict[str, int]:
        """Return how many orchestrations go on, and how many entities have operations to do.

        An orchestration that waits for a timer or an event goes on. One that is suspended does not, before it is
        resumed.

        Raises:
            StoreError: the store cannot be read.
        """
        return {} if self.functions.is_empty else await self.hub.backlog()

    async def close(self) -> None:
        """End what still runs, and close the task hub."""
        await self._runner.close()
        await self._clients.close()
        await self._protocol.close()
        await self.hub.close()
