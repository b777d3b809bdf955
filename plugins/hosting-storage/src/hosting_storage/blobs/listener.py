"""All blob triggers of a host: finding blobs, the queue of those that were found, and running functions for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from hosting.bindings import Services
from hosting_storage.blobs.announcer import Announcer
from hosting_storage.blobs.files import HOSTS
from hosting_storage.blobs.messages import queue_name
from hosting_storage.blobs.options import BlobOptions
from hosting_storage.blobs.receipts import Receipts
from hosting_storage.blobs.runs import Runs
from hosting_storage.blobs.scan import Scan
from hosting_storage.blobs.trigger import SCAN, BlobTrigger
from hosting_storage.blobs.watch import Watch
from hosting_storage.queues.listener import QueueListener
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.outage import Outage

_ENDING = 3.0
"""Seconds that a look has to end when the host stops."""

_logger = logging.getLogger("hosting.storage.blobs")


class BlobListener:
    """Finds new blobs and runs functions for them. Every host of an app runs functions; one looks for each function.

    Args:
        triggers: those that run.
        services: the host's.
        connections: the clients.
        options: of host.json.
    """

    def __init__(
        self, triggers: Sequence[BlobTrigger], services: Services, connections: Connections, options: BlobOptions
    ) -> None:
        self._services = services
        self._connections = connections
        self._options = options
        self._stopping = asyncio.Event()
        self._looking: set[asyncio.Task[None]] = set()
        self._watched = [trigger for trigger in triggers if trigger.source == SCAN]
        queue = connections.queue_service().get_queue_client(queue_name(services.host_id))
        receipts = Receipts(connections.blob_service().get_container_client(HOSTS), services.host_id)
        self.announcer = Announcer(receipts, queue, lambda: self._queue.nudge())
        by_id = {trigger.function_id: trigger for trigger in triggers}
        runs = Runs(by_id, queue, connections, self.announcer.tell, options.queue.max_dequeue_count)
        self._outages: dict[str, Outage] = {}
        outage = self._outage(str(queue.account_name))
        self._queue = QueueListener(queue, runs.handle, options.queue, poison=runs.poison, outage=outage)

    def start(self) -> None:
        """Begin to look and to run. On the event loop."""
        self._queue.start()
        for trigger in self._watched:
            self._looking.add(asyncio.create_task(self._watch(trigger).run(), name=f"blobs of {trigger.name}"))

    def stop(self) -> None:
        """Look and take nothing more. What runs goes on."""
        self._stopping.set()
        self._queue.stop()

    async def close(self) -> None:
        """End what still runs; its messages are given back."""
        self.stop()
        await asyncio.gather(self._queue.close(), self._end_looking())

    def _watch(self, trigger: BlobTrigger) -> Watch:
        host, function = self._services.host_id, trigger.function_id
        storage = self._services.storage
        account = self._connections.blob_service(trigger.connection)
        container = account.get_container_client(trigger.pattern.container)
        progress = f"blobscaninfo/{host}/{function}/scanInfo"
        return Watch(
            trigger.name,
            Scan(container, trigger.pattern, function, storage, progress, self.announcer.tell),
            storage,
            f"locks/{host}/{function}.Listener",
            every=self._options.look_every,
            budget=max(1, self._options.budget // len(self._watched)),
            stopping=self._stopping,
            outage=self._outage(str(account.account_name)),
        )

    def _outage(self, account: str) -> Outage:
        return self._outages.setdefault(account, Outage(_logger, f"Storage account '{account}'"))

    async def _end_looking(self) -> None:
        if self._looking:
            _, late = await asyncio.wait(self._looking, timeout=_ENDING)
            for task in late:
                task.cancel()
