"""Fast reader of entry points, for a short cold start.

importlib-metadata reads every entry point of every distribution. To import it and to do that takes as long as the rest
of an extension host's start. This reader looks only at the groups it is asked for, and finds the same: of two
distributions with one name, the first on the path.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from hosting._distributions import Distribution, DistributionInfo, distribution_name, installed
from hosting._text import canonical_name


class EntryPoint(NamedTuple):
    """One entry point of an installed distribution."""

    name: str
    value: str
    group: str
    dist: DistributionInfo

    def load(self) -> Any:
        """Import and return the object that it names.

        Raises:
            ValueError: its value is not of the form ``module`` or ``module:attribute``.
        """
        module, _, attribute = self.value.partition("[")[0].partition(":")
        return pkgutil.resolve_name(f"{module.strip()}:{attribute.strip()}")


class UnreadableDistribution(NamedTuple):
    """A distribution whose entry points cannot be read."""

    dist: DistributionInfo
    error: Exception


def entry_points(groups: Collection[str]) -> tuple[list[EntryPoint], list[UnreadableDistribution]]:
    """Return the entry points of some groups on ``sys.path``, and the distributions that cannot be read."""
    found: list[EntryPoint] = []
    unreadable: list[UnreadableDistribution] = []
    for name, distribution in installed():
        try:
            found += _checked(list(_entry_points(distribution, groups)), name)
        except Exception as error:
            unreadable.append(UnreadableDistribution(distribution, error))
    return found, unreadable


def _checked(entry_points: list[EntryPoint], folder_name: str) -> list[EntryPoint]:
    """Return the entry points of one distribution, unless its metadata has the name of another one.

    pip renames a folder that it cannot delete, so that its name begins with a tilde: that is not a distribution.

    Raises:
        ValueError: the name in the metadata is not the folder's: it may be there to pass for another distribution.
    """
    name = distribution_name(entry_points[0].dist) if entry_points else None
    if name is None or canonical_name(name) == folder_name:
        return entry_points
    if folder_name.startswith(("~", "-")):
        return []
    raise ValueError(f"its folder is named after {folder_name}, its metadata after {name}")


def _entry_points(distribution: DistributionInfo, groups: Collection[str]) -> Iterator[EntryPoint]:
    """Read the entry points of one distribution.

    Raises:
        ValueError: a line of one of the groups is not an entry point, or the file is not UTF-8 text.
    """
    content = _content(distribution)
    if content is None or not any(f"[{group}]".encode() in content for group in groups):
        return
    group = ""
    for line in filter(None, map(str.strip, content.decode().splitlines())):
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]")
        elif group in groups and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"entry_points.txt: {line!r} has no '='")
            yield EntryPoint(name.strip(), value.strip(), group, distribution)


def _content(distribution: DistributionInfo) -> bytes | None:
    if isinstance(distribution, Distribution):
        return distribution.entry_points()
    text = distribution.read_text("entry_points.txt")  # its size is the affair of whatever found it
    return None if text is None else text.encode()
