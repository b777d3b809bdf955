"""The provider of ``blobTrigger`` and ``blob``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hosting.bindings import Provider, Services
from hosting.core import Binding, Function, Problem
from hosting_storage.blobs.bindings import BlobInput, BlobOutput
from hosting_storage.blobs.clients import is_download
from hosting_storage.blobs.events import WEBHOOK, answer
from hosting_storage.blobs.listener import BlobListener
from hosting_storage.blobs.messages import BlobVersion
from hosting_storage.blobs.options import read_options
from hosting_storage.blobs.trigger import EVENT_GRID, BlobTrigger
from hosting_storage.shared.connections import Connections

if TYPE_CHECKING:
    from hosting.bindings.http.request import HttpCall
    from hosting.bindings.http.response import HttpReply


class BlobProvider(Provider):
    """Runs functions for new blobs, and reads and writes blobs for bindings."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._options = read_options(services)
        self._connections = Connections(services)
        self._triggers: list[BlobTrigger] = []
        self._listener: BlobListener | None = None
        self._earlier: list[BlobListener] = []
        """Those of before a drain."""

    def trigger(self, function: Function, binding: Binding) -> BlobTrigger:
        """Return a blob trigger; raises FunctionLoadError if its path, source or connection cannot be used."""
        trigger = BlobTrigger(function, binding, self._connections)
        # Fail now rather than at the first blob: the host's own account, and the accounts of poison queues.
        for connection in (None, trigger.connection):
            self._connections.queue_service(connection)
        self._connections.blob_service()
        self._warn_about_downloads(function, binding)
        self._triggers.append(trigger)
        if trigger.source == EVENT_GRID:
            self.services.webhooks[WEBHOOK] = self.answer
        return trigger

    def input(self, function: Function, binding: Binding) -> BlobInput:
        """Return an input; raises FunctionLoadError if its path or connection cannot be used."""
        source = BlobInput(function, binding, self._connections)
        self._warn_about_downloads(function, binding)
        return source

    def output(self, function: Function, binding: Binding) -> BlobOutput:
        """Return an output; raises FunctionLoadError if its path or connection cannot be used."""
        return BlobOutput(function, binding, self._connections)

    async def start(self) -> None:
        """Start to listen for the blobs of all triggers with functions that run here."""
        triggers = [trigger for trigger in self._triggers if trigger.run is not None]
        if not triggers:
            return
        self._listener = BlobListener(triggers, self.services, self._connections, self._options)
        self._listener.start()

    async def stop(self) -> None:
        """Stop scanning and receiving; running functions continue."""
        if self._listener is not None:
            self._listener.stop()

    async def resume(self) -> None:
        """Listen again; invocations of before go on."""
        if self._listener is not None:
            self._earlier = [one for one in (*self._earlier, self._listener) if not one.has_ended]
        await self.start()

    def health(self) -> dict[str, str]:
        """Return for each trigger, and for the queue of all of them, why it does not work; empty text if it does."""
        return {} if self._listener is None else self._listener.health()

    async def backlog(self) -> dict[str, int]:
        """Return how many blobs wait in the queue of the triggers."""
        return {} if self._listener is None else await self._listener.backlog()

    def unread(self, seconds: float) -> list[str]:
        """Return the triggers with containers that were not listed to their end within the last ``seconds``."""
        return [] if self._listener is None else self._listener.unread(seconds)

    async def close(self) -> None:
        """Cancel what still runs, release its messages, and close the clients."""
        listeners = [*self._earlier, *([] if self._listener is None else [self._listener])]
        await asyncio.gather(*(listener.close() for listener in listeners))
        await self._connections.close()

    async def answer(self, call: HttpCall) -> HttpReply:
        """Respond to a request of Event Grid."""
        by_id = {one.function_id.lower(): one for one in self._triggers if one.run and one.source == EVENT_GRID}
        return await answer(call, by_id, self._announce)

    def _warn_about_downloads(self, function: Function, binding: Binding) -> None:
        if is_download(function.annotations.get(binding.name)):
            self.services.problems.append(
                Problem(
                    "warning",
                    f"Function '{function.name}': '{binding.name}' is a new StorageStreamDownloader in each "
                    "invocation. In Azure, an invocation may get one that an earlier invocation has read to its end.",
                    "For Azure, use a BlobClient and call its download_blob().",
                    function.file,
                    function=function.name,
                )
            )

    async def _announce(self, version: BlobVersion) -> bool:
        return self._listener is not None and await self._listener.announcer.announce(version)
