"""Listens for all blob triggers of a host: finds blobs, enqueues them, and runs functions from that queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from hosting.bindings import Services, host_logger
from hosting_storage.blobs.announcer import Announcer
from hosting_storage.blobs.files import HOSTS
from hosting_storage.blobs.handler import BlobMessageHandler
from hosting_storage.blobs.messages import queue_name
from hosting_storage.blobs.options import BlobOptions
from hosting_storage.blobs.receipts import Receipts
from hosting_storage.blobs.scan import Scan
from hosting_storage.blobs.scanner import Scanner, described
from hosting_storage.blobs.trigger import SCAN, BlobTrigger
from hosting_storage.queues.listener import QueueListener
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.outage import Outage

_SCAN_END_SECONDS = 3.0
"""How long scans may take to end when the host stops."""

_logger = host_logger("storage.blobs")


class BlobListener:
    """Finds new blobs and runs functions for them. Every host of an app runs functions; one of them scans per function.

    Args:
        triggers: the triggers with functions that run here.
        services: the host's services.
        connections: the clients of the app's storage accounts.
        options: the options of host.json.
    """

    def __init__(
        self, triggers: Sequence[BlobTrigger], services: Services, connections: Connections, options: BlobOptions
    ) -> None:
        self._services = services
        self._connections = connections
        self._options = options
        self._stopping = asyncio.Event()
        self._scans: set[asyncio.Task[None]] = set()
        self._scanners: list[Scanner] = []
        self._scanned_triggers = [trigger for trigger in triggers if trigger.source == SCAN]
        queue = connections.queue_service().get_queue_client(queue_name(services.host_id))
        receipts = Receipts(connections.blob_service().get_container_client(HOSTS), services.host_id)
        self.announcer = Announcer(receipts, queue, lambda: self._queue.nudge())
        by_id = {trigger.function_id: trigger for trigger in triggers}
        handler = BlobMessageHandler(
            by_id, queue, connections, self.announcer.announce, options.queue.max_dequeue_count
        )
        self._outages: dict[str, Outage] = {}
        outage = self._outage(str(queue.account_name))
        self._queue = QueueListener(queue, handler.handle, options.queue, poison=handler.poison, outage=outage)

    def start(self) -> None:
        """Start to scan and to run functions; call it on the event loop."""
        self._queue.start()
        for trigger in self._scanned_triggers:
            scanner = self._scanner(trigger)
            self._scanners.append(scanner)
            self._scans.add(asyncio.create_task(scanner.run(), name=f"blobs of {trigger.name}"))

    def stop(self) -> None:
        """Stop scanning and receiving; running functions continue."""
        self._stopping.set()
        self._queue.stop()

    @property
    def has_ended(self) -> bool:
        """Whether it was stopped, and nothing of it runs any more."""
        return self._queue.has_ended and all(scan.done() for scan in self._scans)

    def health(self) -> dict[str, str]:
        """Return why each scan and the queue do not work; empty text where they do, nothing after ``stop``."""
        if self._stopping.is_set():
            return {}
        scans = {
            description: next(filter(None, (outage.reason(description) for outage in self._outages.values())), "")
            for description in (described(trigger.name) for trigger in self._scanned_triggers)
        }
        return {**scans, **self._queue.health()}

    async def backlog(self) -> dict[str, int]:
        """Return how many blobs wait in the queue, by its name.

        Raises:
            AzureError: the queue cannot be asked.
        """
        return await self._queue.backlog()

    def unread(self, seconds: float) -> list[str]:
        """Return the containers that were not listed to their end within the last ``seconds``."""
        since = time.monotonic() - seconds
        return [scanner.description for scanner in self._scanners if scanner.looked_at < since]

    async def close(self) -> None:
        """Cancel what still runs; its messages are released."""
        self.stop()
        await asyncio.gather(self._queue.close(), self._end_scans())

    def _scanner(self, trigger: BlobTrigger) -> Scanner:
        host, function = self._services.host_id, trigger.function_id
        storage = self._services.storage
        account = self._connections.blob_service(trigger.connection)
        container = account.get_container_client(trigger.pattern.container)
        progress = f"blobscaninfo/{host}/{function}/scanInfo"
        return Scanner(
            trigger.name,
            Scan(container, trigger.pattern, function, storage, progress, self.announcer.announce),
            storage,
            f"locks/{host}/{function}.Listener",
            interval=self._options.scan_interval,
            budget=max(1, self._options.budget // len(self._scanned_triggers)),
            stopping=self._stopping,
            outage=self._outage(str(account.account_name)),
        )

    def _outage(self, account: str) -> Outage:
        return self._outages.setdefault(account, Outage(_logger, f"Storage account '{account}'"))

    async def _end_scans(self) -> None:
        if self._scans:
            _, late = await asyncio.wait(self._scans, timeout=_SCAN_END_SECONDS)
            for task in late:
                task.cancel()
