"""Installed distributions, read from their metadata: quickly, and whatever lies in the place of a file.

importlib-metadata opens what it finds: a named pipe makes it wait for ever, a file of 20 MB is read whole, and text
that is not UTF-8 raises. This reader looks at folder names first, opens ordinary files only, and limits what it reads.
Archives on ``sys.path``, and finders with distributions of their own, are left to importlib-metadata.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from email import message_from_string
from email.message import Message
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from hosting._text import canonical_name

METADATA = ("METADATA", "PKG-INFO")
MAX_BYTES = 1024 * 1024
"""The most of a file that is read: entry points and the headers of metadata are a few kilobytes."""
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""How a file is opened: to open a pipe that nothing writes to must not wait."""
MAX_LIST_BYTES = 8 * MAX_BYTES
"""The same for lists of files; those of the largest packages have 2 MB."""


class DistributionInfo(Protocol):
    """Interface of a distribution; each member may raise if the metadata is broken."""

    @property
    def name(self) -> str:
        """The name."""

    @property
    def version(self) -> str:
        """The version."""

    def locate_file(self, path: str, /) -> Any:
        """Return the path of a file, given its path in the RECORD."""

    def read_text(self, file: str, /) -> str | None:
        """Return the text of a file of the metadata; None if it does not exist."""


class Installed(NamedTuple):
    """A distribution and the canonical form of the name under which it is found."""

    name: str
    distribution: DistributionInfo


def distribution_name(distribution: DistributionInfo | None) -> str | None:
    """Return a distribution's name; None if its METADATA is missing."""
    try:
        return None if distribution is None else distribution.name
    except (LookupError, OSError, ValueError):
        return None


def distribution_version(distribution: DistributionInfo | None) -> str | None:
    """Return a distribution's version; None if its METADATA is missing."""
    try:
        return None if distribution is None else distribution.version
    except (LookupError, OSError, ValueError):
        return None


def metadata_text(distribution: DistributionInfo, file: str) -> str:
    """Return the text of a file of the metadata; empty if it is missing or cannot be read."""
    try:
        return distribution.read_text(file) or ""
    except (LookupError, OSError, ValueError):
        return ""


class Distribution:
    """An installed distribution; its metadata is read at the first use.

    Args:
        folder: the path of its ``.dist-info`` or ``.egg-info`` folder.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @cached_property
    def _headers(self) -> Message:
        for file in METADATA:
            content = _read(f"{self.folder}{os.sep}{file}", MAX_BYTES, cut=True)
            if content is not None:
                text = content.decode(errors="replace").replace("\r\n", "\n")
                return message_from_string(text.partition("\n\n")[0])
        return Message()

    def _header(self, key: str) -> str:
        value = self._headers[key]
        if value is None:
            raise LookupError(f"{self.folder} has no {key}")
        return str(value)

    @property
    def name(self) -> str:
        """The name as its author spells it.

        Raises:
            LookupError: the metadata is missing.
            OSError: it cannot be read.
        """
        return self._header("Name")

    @property
    def version(self) -> str:
        """The version.

        Raises:
            LookupError: the metadata is missing.
            OSError: it cannot be read.
        """
        return self._header("Version")

    @property
    def requires(self) -> list[str]:
        """The distributions that it depends on, each with its conditions."""
        return [str(one) for one in self._headers.get_all("Requires-Dist", ())]

    def locate_file(self, path: str, /) -> Any:
        """Return the path of a file, given its path in the RECORD."""
        from pathlib import Path

        return Path(self.folder).parent / path

    def read_text(self, file: str, /) -> str | None:
        """Return the text of a file of the metadata; None if it does not exist.

        Raises:
            OSError: it cannot be read, or is not an ordinary file: a pipe would never end.
            ValueError: it is too large, or is not UTF-8 text.
        """
        content = _read(f"{self.folder}{os.sep}{file}", MAX_LIST_BYTES)
        return None if content is None else content.decode()

    def entry_points(self) -> bytes | None:
        """Return the content of entry_points.txt; None if it does not exist.

        Raises:
            OSError: it cannot be read, or is not an ordinary file.
            ValueError: it is too large.
        """
        return _read(f"{self.folder}{os.sep}entry_points.txt", MAX_BYTES)

    @property
    def has_metadata(self) -> bool:
        """Whether the folder is more than an interrupted uninstall has left of it."""
        return any(os.path.isfile(os.path.join(self.folder, file)) for file in METADATA)


def installed() -> list[Installed]:
    """Return the installed distributions; of those with one name the first on ``sys.path``."""
    first: dict[str, DistributionInfo] = {}
    for name, distribution in _found():
        if name not in first or _is_remnant(first[name]):
            first[name] = distribution
    return [Installed(name, distribution) for name, distribution in first.items()]


def find_distribution(name: str) -> DistributionInfo | None:
    """Return the distribution of a name, in any spelling; None if it is not installed."""
    wanted = canonical_name(name)
    last = None
    for found, distribution in _found():
        if found == wanted:
            last = distribution
            if not _is_remnant(distribution):
                break
    return last


def installed_version(name: str) -> str | None:
    """Return the version of a distribution; None if it is not installed, or its metadata cannot be read."""
    return distribution_version(find_distribution(name))


def installed_versions(names: Iterable[str]) -> dict[str, str | None]:
    """Return the version of each distribution; None for one that is not installed, or has no readable metadata."""
    found = dict(installed())
    return {name: distribution_version(found.get(canonical_name(name))) for name in names}


def requirements_of(distribution: DistributionInfo | None) -> list[str]:
    """Return what a distribution depends on, each requirement with its conditions; empty if that is not known."""
    try:
        return list(getattr(distribution, "requires", None) or [])
    except (LookupError, OSError, ValueError):
        return []


def files_of(distribution: DistributionInfo) -> list[str]:
    """Return the files of a distribution, as RECORD or an older list has them; empty if there is none."""
    record = metadata_text(distribution, "RECORD")
    if record:
        return [row[0] for row in csv_rows(record)]
    return metadata_text(distribution, "SOURCES.txt").splitlines()


def csv_rows(text: str) -> list[list[str]]:
    """Return the rows of a RECORD that name a file; empty if it is not a table."""
    import csv

    try:
        return [row for row in csv.reader(text.splitlines()) if row and row[0]]
    except csv.Error:
        return []


def modules_of(distribution: DistributionInfo) -> set[str]:
    """Return the top-level names that a distribution provides for import."""
    import inspect

    declared = metadata_text(distribution, "top_level.txt").split()
    if declared:
        return set(declared)
    names = {
        path.partition("/")[0] if "/" in path else inspect.getmodulename(path) or "" for path in files_of(distribution)
    }
    return {name for name in names if name and "." not in name}


def _is_remnant(distribution: DistributionInfo) -> bool:
    """Whether a distribution is what an interrupted uninstall has left of it."""
    return isinstance(distribution, Distribution) and not distribution.has_metadata


def _found() -> Iterator[tuple[str, DistributionInfo]]:
    """Yield the distributions on the path, also those that an earlier one of the same name hides."""
    for folder in _folders():
        if os.path.isfile(folder):
            yield from _in_archive(folder)
        else:
            yield from ((_name_of_folder(info), Distribution(info)) for info in _distributions(folder))
    for finder in sys.meta_path:
        if hasattr(finder, "find_distributions") and not _is_standard(finder):
            yield from _of_finder(finder)


def _folders() -> Iterator[str]:
    """Yield the folders of the path; entries that are not paths are ignored, as importlib-metadata does."""
    for entry in sys.path:
        if isinstance(entry, str | os.PathLike):
            yield os.fspath(entry) or "."


def _in_archive(path: str) -> Iterator[tuple[str, DistributionInfo]]:
    from importlib_metadata import DistributionFinder, MetadataPathFinder  # few starts need it

    yield from _named(lambda: MetadataPathFinder.find_distributions(DistributionFinder.Context(path=[path])))  # type: ignore[no-untyped-call]


def _of_finder(finder: Any) -> Iterator[tuple[str, DistributionInfo]]:
    from importlib_metadata import DistributionFinder

    yield from _named(lambda: finder.find_distributions(DistributionFinder.Context()))  # type: ignore[no-untyped-call]


def _named(find: Any) -> Iterator[tuple[str, DistributionInfo]]:
    """Yield what a finder finds, by name; one that raises, or has no name, is passed over."""
    try:
        for distribution in find():
            name = distribution_name(distribution)
            if name is not None:
                yield canonical_name(name), distribution
    except Exception:  # noqa: BLE001 - a finder of the app may raise anything
        return


def _is_standard(finder: Any) -> bool:
    """Whether a finder looks only into the folders of the path: Python's own, or that of importlib-metadata."""
    return finder.__module__ in ("_frozen_importlib_external", "importlib_metadata")


def _distributions(folder: str) -> Iterator[str]:
    """Yield the paths of the ``.dist-info`` and ``.egg-info`` folders in a folder of the path."""
    try:
        names: Iterable[str] = os.listdir(folder)
    except OSError:
        return
    prefix = os.path.join(folder, "")
    for name in names:
        if name.lower().endswith((".dist-info", ".egg-info")):
            yield prefix + name
    if folder.lower().endswith(".egg"):
        yield os.path.join(folder, "EGG-INFO")


def _name_of_folder(info: str) -> str:
    """Return a distribution's canonical name, from the name of its folder."""
    parent, _, folder = info.rpartition(os.sep)
    if folder == "EGG-INFO":
        folder = os.path.basename(parent)
    name, _, kind = folder.rpartition(".")
    name = name.rpartition("-")[0] or name if kind.lower() == "dist-info" else name.partition("-")[0]
    return canonical_name(name)


def _read(file: str, limit: int, *, cut: bool = False) -> bytes | None:
    """Return the content of a file; None if it does not exist.

    Args:
        file: its path.
        limit: the most bytes that are read.
        cut: whether the beginning of a larger file is enough.

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
        if status.st_size > limit and not cut:
            raise ValueError(f"{os.path.basename(file)} is larger than {limit} bytes")
        return os.read(number, min(status.st_size, limit))
    finally:
        os.close(number)
