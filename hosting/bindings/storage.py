"""Storage of a host: persistent locks, each held by one process at a time, and small texts.

The storage is a folder of files, unless a package with an entry point in group ``hosting.storage`` provides one that
several machines share.
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
"""The group of entry points with the signature ``(services: Services) -> HostStorage | None``. None means that settings
of the storage are missing."""

_SAFE = " -_.$()@~"
_REMEDY = "Make the folder writable, or set XDG_STATE_HOME to another folder."

T = TypeVar("T")


class StorageError(HostingError):
    """The host's storage cannot be reached or used; ``remedy`` says what to do about it."""


class GarbledError(StorageError, ValueError):
    """The stored data is not text in UTF-8; writing a new text repairs it."""


class Lease(ABC):
    """A lock that this process holds, until it is released or lost."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        """Set when another process may hold the lock, for example because the storage was unreachable for too long. The
        holder must start nothing more then."""

    @abstractmethod
    async def release(self) -> None:
        """Release the lock, so that another process can take it.

        A second call does nothing, nor does a call after the lock was lost.
        """


class HostStorage(ABC):
    """Persistent locks and texts, by path: segments separated by ``/``, none of which is ``.`` or ``..``.

    A lock and a text can have the same path. All methods are async, belong to the event loop of the host, and may be
    called concurrently. Each raises ``StorageError`` if the storage cannot be reached; a later call may succeed.
    """

    @abstractmethod
    async def read(self, path: str) -> str | None:
        """Return the text at ``path``, or None if there is no text.

        Raises:
            StorageError: the storage cannot be reached.
            GarbledError: the data at ``path`` is not text in UTF-8.
            ValueError: ``path`` is not a valid path.
        """

    @abstractmethod
    async def write(self, path: str, text: str) -> None:
        """Store a text at ``path``; it replaces the text that is there.

        A concurrent ``read`` returns either the old or the new text, never a part of one.

        Raises:
            StorageError: the storage cannot be reached.
            ValueError: ``path`` is not a valid path.
        """

    @abstractmethod
    async def lock(self, path: str) -> Lease | None:
        """Try to take the lock at ``path``, without waiting for it.

        A lock that is not released is free again some time after its process has ended, however it ended: at once for
        files, and when the lease runs out for storage that machines share.

        Returns:
            The lock, or None if it is held, by this process or another one.

        Raises:
            StorageError: the storage cannot be reached.
            ValueError: ``path`` is not a valid path.
        """

    async def close(self) -> None:  # noqa: B027 - files need no closing
        """Close clients. The host calls it once, after the leases are released; it does nothing unless overridden."""


class FileStorage(HostStorage):
    """Storage in files, for the processes of one machine.

    Args:
        folder: the folder of the files; created on first use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, path: str) -> str | None:
        """Return the text in a file."""
        file = self._file(path)
        try:
            return await self._do(_read, file)
        except UnicodeDecodeError as error:
            raise GarbledError(f"{file} is not text in UTF-8", remedy="Delete the file.") from error

    async def write(self, path: str, text: str) -> None:
        """Write a file; after a power cut it has the old or the new text."""
        await self._do(lambda file: _write(file, text), self._file(path))

    async def lock(self, path: str) -> Lease | None:
        """Lock a file; the operating system unlocks it when the process ends."""
        return await self._do(_lock, self._file(path, ".lock"))

    def _file(self, path: str, suffix: str = "") -> Path:
        parts = PurePosixPath(path).parts
        if not parts or not set(parts).isdisjoint(("/", ".", "..")):
            raise ValueError(f"not a path of the host's storage: {path!r}")
        *folders, name = (quote(part, _SAFE, errors="surrogatepass") for part in parts)
        return self._folder.joinpath(*folders, name + suffix)

    async def _do(self, work: Callable[[Path], T], file: Path) -> T:
        """Run ``work`` in a thread, as a slow disk must not block the event loop."""
        try:
            return await asyncio.to_thread(work, file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(
                f"The host's files in {self._folder} cannot be used: {reason}.", remedy=_REMEDY
            ) from error


class _FileLease(Lease):
    """The lock of a file."""

    def __init__(self, release: Callable[[], object]) -> None:
        super().__init__()
        self._release = release

    async def release(self) -> None:
        """Unlock the file."""
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
    from filelock import FileLock, Timeout  # only timers and similar triggers need it

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return _FileLease(lock.release)
