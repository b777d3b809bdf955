"""Blob triggers of a host without the rest of it: a real Azurite, real listeners, and functions that are recorded."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from storage_support.apps import TIMEOUT_SECONDS
from storage_support.blobs import Blobs

from hosting.bindings import Result, Services
from hosting.core import Binding, Function
from hosting_storage.blobs.listener import BlobListener
from hosting_storage.blobs.options import BlobOptions
from hosting_storage.blobs.trigger import BlobTrigger
from hosting_storage.queues.options import QueueOptions
from hosting_storage.shared.connections import Connections
from hosting_storage.testing import Azurite

OPTIONS = BlobOptions(QueueOptions(batch_size=8, new_batch_threshold=8, max_polling_interval=0.2), scan_interval=0.1)


def function(name: str = "F", annotations: Mapping[str, Any] | None = None) -> Function:
    """A function of which only the name and the annotations matter."""
    return Function(name, "/app", "/app/function_app.py", "v2", lambda: None, False, annotations=annotations or {})


class Recorded:
    """Takes the place of a function's invocations."""

    def __init__(self, trigger: BlobTrigger) -> None:
        self.trigger = trigger
        self.started = 0
        self.seen: list[Any] = []
        self.data: list[Mapping[str, Any]] = []
        self.told: list[tuple[str, str]] = []
        self.fails: Callable[[Any], bool] = lambda value: False
        self.before: Callable[[], Awaitable[None]] | None = None
        trigger.attach(self)

    async def __call__(
        self, data: Any, trace_parent: str = "", trace_state: str = "", *, reason: str = "", details: str = ""
    ) -> Result:
        self.started += 1
        if self.before is not None:
            await self.before()
        value = self.trigger.decode(data)
        self.seen.append(value)
        self.data.append(self.trigger.binding_data(data))
        self.told.append((reason, details))
        return Result(exception=RuntimeError("failed") if self.fails(value) else None)


class App:
    """An app's account, settings and functions; any number of hosts may serve it, one after the other or together."""

    def __init__(self, azurite: Azurite, **settings: str) -> None:
        unique = uuid.uuid4().hex[:12]
        self.host_id = f"host-{unique}"
        self.container = f"blobs-{unique}"
        self.blobs = Blobs(azurite.connection_string)
        self.environ = {
            "AzureWebJobsStorage": azurite.connection_string,
            "AzureFunctionsWebHost__hostid": self.host_id,
            **settings,
        }

    def put(self, name: str, content: str | bytes = b"", **metadata: str) -> str:
        return self.blobs.put(f"{self.container}/{name}", content, metadata)


class Host:
    """One host of an app. To be made and used on an event loop."""

    def __init__(self, app: App, options: BlobOptions = OPTIONS) -> None:
        self.app = app
        self.services = Services({}, app.environ)
        self.connections = Connections(self.services)
        self.functions: dict[str, Recorded] = {}
        self._options = options
        self._listener: BlobListener | None = None

    def serve(self, name: str = "F", path: str = "{name}", annotation: Any = bytes, **properties: Any) -> Recorded:
        """Give it one more function."""
        place = f"{self.app.container}/{path}" if path else self.app.container
        binding = Binding("blob", "blobTrigger", "in", {"path": place, **properties})
        annotations = {"blob": annotation} if annotation is not None else {}
        found = Recorded(BlobTrigger(function(name, annotations), binding, self.connections))
        self.functions[name] = found
        return found

    @property
    def listener(self) -> BlobListener:
        assert self._listener is not None
        return self._listener

    async def __aenter__(self) -> Host:
        triggers = [found.trigger for found in self.functions.values()]
        self._listener = BlobListener(triggers, self.services, self.connections, self._options)
        self._listener.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.listener.close()
        await self.services.close()
        await self.connections.close()


async def until(look: Callable[[], Any]) -> None:
    """Wait for something to become true."""
    end = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
    while not look():
        assert asyncio.get_running_loop().time() < end, "it did not happen"
        await asyncio.sleep(0.02)


def counted(*functions: Recorded) -> Counter[Any]:
    """How often each value was seen by any of them."""
    return Counter(value for found in functions for value in found.seen)
