"""Entry points read from the files themselves, for a start that has no time for more.

A library reads every entry point of every distribution; importing it and doing that costs a cold start as much as the
rest of an extension host. Here only names of folders and the groups that are asked for are looked at. It finds what
importlib-metadata finds: of two distributions with one name the first on the path counts. Where the path has more than
folders (an archive, a finder that brings distributions of its own) it finds nothing at all, and the library is asked.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Collection, Iterator
from email import message_from_string
from email.message import Message
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from hosting._text import canonical_name

METADATA = ("METADATA", "PKG-INFO")


class Described(Protocol):
    """What is asked of a distribution; each may raise where its metadata is broken."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    def locate_file(self, path: str, /) -> object: ...


def name_of(distribution: Described) -> str | None:
    """The name; None where the distribution lost its METADATA."""
    try:
        return distribution.name
    except (LookupError, OSError, ValueError):
        return None


def version_of(distribution: Described) -> str | None:
    """The version; None where the distribution lost its METADATA."""
    try:
        return distribution.version
    except (LookupError, OSError, ValueError):
        return None


class Distribution:
    """An installed distribution; its metadata is read when somebody asks for it."""

    def __init__(self, place: str) -> None:
        self._place = place

    @cached_property
    def _headers(self) -> Message:
        for file in METADATA:
            text = _read(os.path.join(self._place, file))
            if text is not None:
                return message_from_string(text.partition("\n\n")[0])
        return Message()

    def _header(self, key: str) -> str:
        value = self._headers[key]
        if value is None:
            raise LookupError(f"{self._place} has no {key}")
        return str(value)

    @property
    def name(self) -> str:
        """The name as its author spells it.

        Raises:
            LookupError: the metadata is lost.
        """
        return self._header("Name")

    @property
    def version(self) -> str:
        """The version.

        Raises:
            LookupError: the metadata is lost.
        """
        return self._header("Version")

    def locate_file(self, path: str, /) -> str:
        """Where a file of the distribution is."""
        return os.path.join(os.path.dirname(self._place), path)


class EntryPoint(NamedTuple):
    """One entry point."""

    name: str
    value: str
    group: str
    dist: Distribution

    def load(self) -> Any:
        """Import what it names.

        Raises:
            ValueError: its value is not of the form ``module`` or ``module:attribute``.
        """
        module, _, attribute = self.value.partition("[")[0].partition(":")
        return pkgutil.resolve_name(f"{module.strip()}:{attribute.strip()}")


class Unreadable(NamedTuple):
    """A distribution whose entry points cannot be read."""

    dist: Distribution
    error: Exception


def entry_points(groups: Collection[str]) -> tuple[list[EntryPoint], list[Unreadable]] | None:
    """Find the entry points of some groups on ``sys.path``; None where the path has more than folders."""
    if any(hasattr(finder, "find_distributions") and not _is_standard(finder) for finder in sys.meta_path):
        return None
    found: list[EntryPoint] = []
    unreadable: list[Unreadable] = []
    seen: set[str] = set()
    for folder in _folders():
        if os.path.isfile(folder):
            return None
        for place in _distributions(folder):
            name = _key(place)
            if name in seen:
                continue
            seen.add(name)
            try:
                found += _of(place, groups)
            except (ValueError, OSError) as error:
                unreadable.append(Unreadable(Distribution(place), error))
    return _without_leftovers(found), unreadable


def _folders() -> Iterator[str]:
    """The entries of the path; Python's import ignores what is no text, importlib-metadata only what is no path."""
    for entry in sys.path:
        if isinstance(entry, str | os.PathLike):
            yield os.fspath(entry) or "."


def _without_leftovers(found: list[EntryPoint]) -> list[EntryPoint]:
    """Drop what an interrupted uninstall left: a folder of another name with the metadata of one that is there."""
    first: dict[str, Distribution] = {}
    return [one for one in found if first.setdefault(name_of(one.dist) or str(id(one.dist)), one.dist) is one.dist]


def _is_standard(finder: Any) -> bool:
    """Python's own, and the one that importlib-metadata puts in its place: both look into the folders of the path."""
    return finder.__module__ in ("_frozen_importlib_external", "importlib_metadata")


def _distributions(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if name.lower().endswith((".dist-info", ".egg-info")):
            yield os.path.join(folder, name)
    if folder.lower().endswith(".egg"):
        yield os.path.join(folder, "EGG-INFO")


def _key(place: str) -> str:
    """The distribution's name as names compare, from the name of its folder."""
    folder = os.path.basename(place)
    if folder == "EGG-INFO":
        folder = os.path.basename(os.path.dirname(place))
    name, _, kind = folder.rpartition(".")
    name = name.rpartition("-")[0] or name if kind.lower() == "dist-info" else name.partition("-")[0]
    return canonical_name(name)


def _of(place: str, groups: Collection[str]) -> Iterator[EntryPoint]:
    """Read one distribution's.

    Raises:
        ValueError: a line of one of the groups is no entry point, or the file is no text.
    """
    text = _read(os.path.join(place, "entry_points.txt"))
    if text is None or not any(f"[{group}]" in text for group in groups):
        return
    group, distribution = "", Distribution(place)
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]")
        elif group in groups and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"entry_points.txt: {line!r} has no '='")
            yield EntryPoint(name.strip(), value.strip(), group, distribution)


def _read(file: str) -> str | None:
    try:
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
