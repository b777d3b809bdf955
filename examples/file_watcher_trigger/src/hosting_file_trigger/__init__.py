"""A trigger that runs a function for each file that is created or changed in a folder."""

import asyncio
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from watchfiles import awatch

from hosting.bindings import Invoke, Provider, Services, Trigger, host_logger
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError

logger = host_logger("triggers.file")


class FileTrigger(Trigger):
    def __init__(self, function: Function, binding: Binding, services: Services) -> None:
        self.invoke: Invoke | None = None
        self.folder = services.root / binding.get("path")
        self._storage = services.storage
        self._place = f"files/{services.host_id}/{function.name}"
        self._tried: dict[str, str] = {}
        self._type = function.annotations.get(binding.name)

    def attach(self, invoke: Invoke) -> None:
        self.invoke = invoke

    def decode(self, data: str) -> Any:
        file = self.folder / data
        return file.read_text() if self._type is str else file.read_bytes() if self._type is bytes else file

    def binding_data(self, data: str) -> dict[str, Any]:
        return {"fileTrigger": data, "name": Path(data).stem, "ext": Path(data).suffix[1:]}

    async def watch(self, invoke: Invoke, stopping: asyncio.Event) -> None:
        lease = await self._storage.lock(f"locks/{self._place}")
        if lease is None:  # another process is watching
            return await asyncio.sleep(1)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Also looks without a notification: files may have existed before, and notifications can be lost.
            async for _ in awatch(self.folder, stop_event=stopping, rust_timeout=500, yield_on_timeout=True):
                files = [entry for entry in os.scandir(self.folder) if entry.is_file()]
                for name, version in sorted((file.name, str(file.stat().st_mtime_ns)) for file in files):
                    if stopping.is_set() or lease.lost.is_set():
                        return None
                    if self._tried.get(name) != version:
                        await self._run(invoke, name, version)
        finally:
            await lease.release()

    async def _run(self, invoke: Invoke, name: str, version: str) -> None:
        receipt = f"{self._place}/{name}"
        if await self._storage.read(receipt) != version:
            result = await invoke(name, reason=f"New file detected: '{name}'.")
            if result.exception is None:  # otherwise the file is read again after its next change or the next start
                await self._storage.write(receipt, version)
        self._tried[name] = version


class FileProvider(Provider):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._triggers: list[FileTrigger] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    def trigger(self, function: Function, binding: Binding) -> FileTrigger:
        if not isinstance(binding.get("path"), str):
            raise FunctionLoadError(f"Function '{function.name}': its fileTrigger has no path.")
        self._triggers.append(FileTrigger(function, binding, self.services))
        return self._triggers[-1]

    async def start(self) -> None:
        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it logs each change
        self._tasks += [asyncio.create_task(self._watch(trigger, self._stopping)) for trigger in self._triggers]

    async def stop(self) -> None:
        self._stopping.set()

    async def resume(self) -> None:
        self._stopping = asyncio.Event()
        await self.start()

    async def close(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(3):  # a receipt may still have to be written
                await asyncio.gather(*self._tasks)

    async def _watch(self, trigger: FileTrigger, stopping: asyncio.Event) -> None:
        while trigger.invoke and not stopping.is_set():
            try:
                await trigger.watch(trigger.invoke, stopping)
            except Exception:
                logger.exception("Cannot watch the folder %s. Retrying in 5 s.", trigger.folder)
                await asyncio.sleep(5)
