"""Where an app's keys come from: its file in the state directory, or from outside; and the keys of a running host."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hosting._log import host_logger
from hosting.errors import HostingError
from hosting.server.keys import Keys, keys_file, load_keys
from hosting.server.outside_keys import file_version, outside_store

_CHECK_SECONDS = 1.0

_logger = host_logger("http")


class AppKeys(Protocol):
    """The keys of an app."""

    @property
    def problems(self) -> Sequence[str]:
        """What is odd about them, each one sentence or more."""

    def named(self, name: str) -> str | None:
        """Return the current key of a name; None if there is none."""

    def accepted(self, *names: str) -> Sequence[str]:
        """Return the keys of these names that are accepted now."""


class KeyStore(Protocol):
    """Where the keys of an app come from."""

    @property
    def title(self) -> str:
        """What a person knows it by."""

    @property
    def path(self) -> Path | None:
        """The file or folder; None if there is none."""

    @property
    def remedy(self) -> str:
        """How a key is replaced, where the host only reads; empty where ``hosting keys --rotate`` does it."""

    def load(self) -> AppKeys:
        """Return the keys. Raises HostingError if they cannot be read."""

    def version(self) -> object:
        """Return what changes with the keys; None if that cannot be said."""


class StateFile:
    """The file of an app in the user's state directory.

    Args:
        root: the folder of the app.
    """

    title = "the state directory"
    remedy = ""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.path = keys_file(root)

    def load(self) -> Keys:
        """Return the keys, created now if there are none. Raises HostingError if they cannot be read or written."""
        return load_keys(self._root)

    def version(self) -> object:
        """Return what changes with the file; None if there is none."""
        return file_version(self.path)


class LiveKeys:
    """The keys of a running host: they are read again within a second after their file or folder has changed.

    Azure's host watches mounted keys as well.

    Args:
        store: where they come from.

    Raises:
        HostingError: the keys cannot be read, or the host cannot keep them.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        before = store.version()
        self._keys = store.load()
        self._version = before or store.version()  # the first load may have created the file
        self._checked_at = time.monotonic()

    @property
    def problems(self) -> Sequence[str]:
        """What is odd about the keys."""
        return self._keys.problems

    def accepted(self, *names: str) -> Sequence[str]:
        """Return the keys of these names that are accepted now, previous ones included."""
        now = time.monotonic()
        if now - self._checked_at >= _CHECK_SECONDS:
            self._checked_at = now
            self._read_again()
        return self._keys.accepted(*names)

    def _read_again(self) -> None:
        version = self._store.version()
        if version is None or version == self._version:
            return  # without a file, the keys stay until the host restarts
        self._version = version
        try:
            self._keys = self._store.load()
        except HostingError as error:
            _logger.error("The keys stay as they were. %s", error)


def key_store(root: Path, environ: Mapping[str, str]) -> KeyStore:
    """Return where the keys of an app come from.

    Args:
        root: the folder of the app.
        environ: the app settings.

    Raises:
        SettingsError: a setting about keys cannot be used.
    """
    return outside_store(environ) or StateFile(root)
