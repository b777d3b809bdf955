"""What outlives the process: locks that one process at a time holds, and small texts.

They are in files, unless a package of group ``hosting.storage`` brings a place that several machines share.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import quote

from hosting._files import write_atomically
from hosting.errors import HostingError

GROUP = "hosting.storage"
"""Entry points ``factory(services) -> HostStorage | None``; None where what it needs is not configured."""

_SAFE = " -_.$()@~"
_REMEDY = "Make the folder writable, or name another one in XDG_STATE_HOME."

T = TypeVar("T")


class StorageError(HostingError):
    """The host's storage cannot be reached or used; ``remedy`` says what a person can do about it."""


class GarbledError(StorageError, ValueError):
    """What is stored is no text; writing another one puts it right."""


class Lease(ABC):
    """A lock that this process holds."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        """Set when somebody else may hold it."""

    @abstractmethod
    async def release(self) -> None:
        """Give it to whoever wants it. A second call, or one after it was lost, does nothing."""


class HostStorage(ABC):
    """Locks and texts, by path: segments between ``/``, none of them ``.`` or ``..``.

    Every method raises ``StorageError`` when the storage cannot be reached, and may be called again then.
    """

    @abstractmethod
    async def read(self, path: str) -> str | None:
        """Give the text at ``path``; None if there is none.

        Raises:
            GarbledError: what is there is no text in UTF-8.
        """

    @abstractmethod
    async def write(self, path: str, text: str) -> None:
        """Put a text at ``path``, in place of what is there: whoever reads gets the old one or the new one, whole."""

    @abstractmethod
    async def lock(self, path: str) -> Lease | None:
        """Take the lock at ``path``, at once; None if somebody else holds it, in this process or in another one.

        The end of this process frees it, however it ends.
        """

    async def close(self) -> None:  # noqa: B027 - files need no end
        """Let go of what is open. Leases are released before."""


class FileStorage(HostStorage):
    """In files, for the processes of one machine.

    Args:
        folder: where they are; made when it is first used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, path: str) -> str | None:
        file = self._file(path)
        try:
            return await self._do(_read, file)
        except UnicodeDecodeError as error:
            raise GarbledError(f"{file} is not text in UTF-8", remedy="Delete that file.") from error

    async def write(self, path: str, text: str) -> None:
        await self._do(lambda file: _write(file, text), self._file(path))

    async def lock(self, path: str) -> Lease | None:
        return await self._do(_lock, self._file(path, ".lock"))

    def _file(self, path: str, ending: str = "") -> Path:
        parts = PurePosixPath(path).parts
        if not parts or not set(parts).isdisjoint(("/", ".", "..")):
            raise ValueError(f"not a path of the host's storage: {path!r}")
        *folders, name = (quote(part, _SAFE, errors="surrogatepass") for part in parts)
        return self._folder.joinpath(*folders, name + ending)

    async def _do(self, work: Callable[[Path], T], file: Path) -> T:
        """Disks may be slow: the loop goes on meanwhile."""
        try:
            return await asyncio.to_thread(work, file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(
                f"The host's files in {self._folder} cannot be used: {reason}.", remedy=_REMEDY
            ) from error


class _FileLease(Lease):
    """A locked file: the system frees it with the process."""

    def __init__(self, release: Callable[[], object]) -> None:
        super().__init__()
        self._release = release

    async def release(self) -> None:
        await asyncio.to_thread(self._release)


def _read(file: Path) -> str | None:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return None


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, text)


def _lock(file: Path) -> Lease | None:
    from filelock import FileLock, Timeout  # only who has timers needs it

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return _FileLease(lock.release)
