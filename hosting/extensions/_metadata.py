"""Fast reader of entry points: it reads the files of installed distributions, for a short cold start.

importlib-metadata reads every entry point of every distribution. To import it and to do that takes as long as the rest
of an extension host's start. This reader looks only at folder names and at the groups it is asked for, and finds the
same: of two distributions with one name, the first on the path. Where ``sys.path`` has more than folders (an archive,
or a finder with distributions of its own) it finds nothing, and the caller uses importlib-metadata.
"""

from __future__ import annotations

import os
import pkgutil
import stat
import sys
from collections.abc import Collection, Iterable, Iterator
from email import message_from_string
from email.message import Message
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from hosting._text import canonical_name

METADATA = ("METADATA", "PKG-INFO")
_MAX_BYTES = 1024 * 1024
"""The most of a file that is read: entry points and the headers of metadata are a few kilobytes."""
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""How a file is opened: to open a pipe that nothing writes to must not wait."""


class DistributionInfo(Protocol):
    """Interface of a distribution; each member may raise if the metadata is broken."""

    @property
    def name(self) -> str:
        """The name."""

    @property
    def version(self) -> str:
        """The version."""

    def locate_file(self, path: str, /) -> object:
        """Return the path of a file, given its path in the RECORD."""


def distribution_name(distribution: DistributionInfo) -> str | None:
    """Return a distribution's name; None if its METADATA is missing."""
    try:
        return distribution.name
    except (LookupError, OSError, ValueError):
        return None


def distribution_version(distribution: DistributionInfo) -> str | None:
    """Return a distribution's version; None if its METADATA is missing."""
    try:
        return distribution.version
    except (LookupError, OSError, ValueError):
        return None


class Distribution:
    """An installed distribution; its metadata is read at the first use.

    Args:
        folder: the path of its ``.dist-info`` or ``.egg-info`` folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @cached_property
    def _headers(self) -> Message:
        for file in METADATA:
            content = _read(os.path.join(self._folder, file), cut=True)
            if content is not None:
                text = content.decode(errors="replace").replace("\r\n", "\n")
                return message_from_string(text.partition("\n\n")[0])
        return Message()

    def _header(self, key: str) -> str:
        value = self._headers[key]
        if value is None:
            raise LookupError(f"{self._folder} has no {key}")
        return str(value)

    @property
    def name(self) -> str:
        """The name as its author spells it.

        Raises:
            LookupError: the metadata is missing.
        """
        return self._header("Name")

    @property
    def version(self) -> str:
        """The version.

        Raises:
            LookupError: the metadata is missing.
        """
        return self._header("Version")

    def locate_file(self, path: str, /) -> str:
        """Return the path of a file, given its path in the RECORD."""
        return os.path.join(os.path.dirname(self._folder), path)


class EntryPoint(NamedTuple):
    """One entry point of an installed distribution."""

    name: str
    value: str
    group: str
    dist: Distribution

    def load(self) -> Any:
        """Import and return the object that it names.

        Raises:
            ValueError: its value is not of the form ``module`` or ``module:attribute``.
        """
        module, _, attribute = self.value.partition("[")[0].partition(":")
        return pkgutil.resolve_name(f"{module.strip()}:{attribute.strip()}")


class UnreadableDistribution(NamedTuple):
    """A distribution whose entry points cannot be read."""

    dist: Distribution
    error: Exception


def entry_points(groups: Collection[str]) -> tuple[list[EntryPoint], list[UnreadableDistribution]] | None:
    """Find the entry points of some groups on ``sys.path``.

    Returns:
        The entry points, and the distributions that cannot be read; None where the path has more than folders.
    """
    if any(hasattr(finder, "find_distributions") and not _is_standard(finder) for finder in sys.meta_path):
        return None
    found: list[EntryPoint] = []
    unreadable: list[UnreadableDistribution] = []
    first: dict[str, str] = {}
    for folder in _folders():
        if os.path.isfile(folder):
            return None
        for info in _distributions(folder):
            name = _name_of_folder(info)
            if name not in first or not _has_metadata(first[name]):
                first[name] = info
    for name, info in first.items():
        try:
            found += _checked(_entry_points(info, groups), name)
        except (ValueError, OSError) as error:
            unreadable.append(UnreadableDistribution(Distribution(info), error))
    return found, unreadable


def _folders() -> Iterator[str]:
    """Yield the folders of the path; entries that are not paths are ignored, as importlib-metadata does."""
    for entry in sys.path:
        if isinstance(entry, str | os.PathLike):
            yield os.fspath(entry) or "."


def _has_metadata(info: str) -> bool:
    """Whether a folder is more than an interrupted uninstall has left of it."""
    return any(os.path.isfile(os.path.join(info, file)) for file in METADATA)


def _checked(found: Iterable[EntryPoint], folder_name: str) -> list[EntryPoint]:
    """Return the entry points of one distribution, unless its metadata has the name of another one.

    pip renames a folder that it cannot delete, so that its name begins with a tilde: that is not a distribution.

    Raises:
        ValueError: the name in the metadata is not the folder's: it may be there to pass for another distribution.
    """
    entry_points = list(found)
    name = distribution_name(entry_points[0].dist) if entry_points else None
    if name is None or canonical_name(name) == folder_name:
        return entry_points
    if folder_name.startswith(("~", "-")):
        return []
    raise ValueError(f"its folder is named after {folder_name}, its metadata after {name}")


def _is_standard(finder: Any) -> bool:
    """Whether a finder looks only into the folders of the path: Python's own, or that of importlib-metadata."""
    return finder.__module__ in ("_frozen_importlib_external", "importlib_metadata")


def _distributions(folder: str) -> Iterator[str]:
    """Yield the paths of the ``.dist-info`` and ``.egg-info`` folders in a folder of the path."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if name.lower().endswith((".dist-info", ".egg-info")):
            yield os.path.join(folder, name)
    if folder.lower().endswith(".egg"):
        yield os.path.join(folder, "EGG-INFO")


def _name_of_folder(info: str) -> str:
    """Return a distribution's canonical name, from the name of its folder."""
    folder = os.path.basename(info)
    if folder == "EGG-INFO":
        folder = os.path.basename(os.path.dirname(info))
    name, _, kind = folder.rpartition(".")
    name = name.rpartition("-")[0] or name if kind.lower() == "dist-info" else name.partition("-")[0]
    return canonical_name(name)


def _entry_points(info: str, groups: Collection[str]) -> Iterator[EntryPoint]:
    """Read the entry points of one distribution.

    Raises:
        ValueError: a line of one of the groups is not an entry point, or the file is not UTF-8 text.
    """
    content = _read(f"{info}{os.sep}entry_points.txt")
    if content is None or not any(f"[{group}]".encode() in content for group in groups):
        return
    group, distribution = "", Distribution(info)
    for line in filter(None, map(str.strip, content.decode().splitlines())):
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]")
        elif group in groups and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"entry_points.txt: {line!r} has no '='")
            yield EntryPoint(name.strip(), value.strip(), group, distribution)


def _read(file: str, *, cut: bool = False) -> bytes | None:
    """Return the content of a file; None if it does not exist.

    Args:
        file: its path.
        cut: whether the beginning of a large file is enough.

    Raises:
        OSError: it cannot be read, or is not an ordinary file: a pipe would never end.
        ValueError: it is too large.
    """
    try:
        number = os.open(file, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{os.path.basename(file)} is not an ordinary file")
        if status.st_size > _MAX_BYTES and not cut:
            raise ValueError(f"{os.path.basename(file)} is larger than {_MAX_BYTES} bytes")
        return os.read(number, min(status.st_size, _MAX_BYTES))
    finally:
        os.close(number)
