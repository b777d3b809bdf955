"""Hosts with blob triggers only: a real Azurite, real listeners, and functions whose invocations are recorded."""

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

LAST = b"the last blob"
OPTIONS = BlobOptions(QueueOptions(batch_size=8, new_batch_threshold=8, max_polling_interval=0.2), scan_interval=0.1)


def function(name: str = "F", annotations: Mapping[str, Any] | None = None) -> Function:
    """Return a function with a name and annotations."""
    return Function(name, "/app", "/app/function_app.py", "v2", lambda: None, False, annotations=annotations or {})


class Recorder:
    """Records the invocations of a function in place of running it."""

    def __init__(self, trigger: BlobTrigger) -> None:
        self.trigger = trigger
        self.started = 0
        self.values: list[Any] = []
        self.data: list[Mapping[str, Any]] = []
        self.reasons: list[tuple[str, str]] = []
        """The reason and the details of each invocation."""
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
        self.values.append(value)
        self.data.append(self.trigger.binding_data(data))
        self.reasons.append((reason, details))
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
        """Write a blob to the app's container, and return its ETag."""
        return self.blobs.put(f"{self.container}/{name}", content, metadata)


class Host:
    """One host of an app; create and use it on an event loop."""

    def __init__(self, app: App, options: BlobOptions = OPTIONS) -> None:
        self.app = app
        self.services = Services({}, app.environ)
        self.connections = Connections(self.services)
        self.functions: dict[str, Recorder] = {}
        self._options = options
        self._listener: BlobListener | None = None

    def serve(self, name: str = "F", path: str = "{name}", annotation: Any = bytes, **properties: Any) -> Recorder:
        """Add a function, and return its recorder."""
        pattern = f"{self.app.container}/{path}" if path else self.app.container
        binding = Binding("blob", "blobTrigger", "in", {"path": pattern, **properties})
        annotations = {"blob": annotation} if annotation is not None else {}
        recorder = Recorder(BlobTrigger(function(name, annotations), binding, self.connections))
        self.functions[name] = recorder
        return recorder

    @property
    def listener(self) -> BlobListener:
        assert self._listener is not None
        return self._listener

    async def __aenter__(self) -> Host:
        triggers = [recorder.trigger for recorder in self.functions.values()]
        self._listener = BlobListener(triggers, self.services, self.connections, self._options)
        self._listener.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.listener.close()
        await self.services.close()
        await self.connections.close()


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition is true."""
    end = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < end, "the condition did not become true"
        await asyncio.sleep(0.02)


def count_values(*recorders: Recorder) -> Counter[Any]:
    """Return how often each value was passed to any of the functions."""
    return Counter(value for recorder in recorders for value in recorder.values)


async def run_last_blob(app: App, *recorders: Recorder) -> None:
    """Write one more blob, wait until it has run for each recorder, and forget it: earlier blobs have run by then."""
    app.put("last.txt", LAST)
    await until(lambda: all(LAST in recorder.values for recorder in recorders))
    for recorder in recorders:
        recorder.values.remove(LAST)
