"""Imports against requirements, for apps and extensions alike."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from packaging.utils import canonicalize_name

from hosting.apps.requirements import RequirementLine
from hosting.check.source.modules import Import, Source
from hosting.check.source.packages import Installed, spelled

Standing = Literal["missing", "carried", "unknown"]


class Unlisted(NamedTuple):
    """An import that no requirement names.

    ``missing``: it is installed, or everything listed is, and nothing listed brings it. ``carried``: a listed package
    depends on what brings it. ``unknown``: it is not installed, and neither is everything that is listed.
    """

    module: str
    standing: Standing
    owner: str
    """The distribution that brings it; its own name where that is not known."""
    file: str
    line: int


def unlisted(
    sources: Iterable[Source], own: Collection[str], listed: Sequence[RequirementLine], installed: Installed
) -> Iterator[Unlisted]:
    """Find each module that is imported and not listed, where it is imported first.

    Args:
        sources: the files.
        own: first names of the modules that the project has itself.
        listed: the requirements.
        installed: where to look up who brings what.
    """
    names = {one.name for one in listed}
    seen: set[str] = set()
    told: set[str] = set()
    for source in sources:
        for one in source.imports:
            if one.top in own or one.top in sys.stdlib_module_names or one.name in seen:
                continue
            seen.add(one.name)
            found = _judge(one, names, listed, installed)
            if found is not None and found[1] not in told:
                told.add(found[1])
                yield Unlisted(installed.shown(one.name), *found, source.relative, one.line)


def _judge(
    one: Import, names: Collection[str], listed: Sequence[RequirementLine], installed: Installed
) -> tuple[Standing, str] | None:
    if any(spelled(one.name, name) for name in names):
        return None
    own_name = str(canonicalize_name(one.top))
    owners = installed.providers(one.name) or frozenset({own_name} if installed.has(own_name) else ())
    if owners & set(names):
        return None
    if owners:
        carried = owners & installed.needed_by(entry.requirement for entry in listed)
        return ("carried" if carried else "missing"), min(carried or owners)
    absent = [name for name in names if not installed.has(name)]
    there = importlib.util.find_spec(one.top) is not None
    return ("unknown" if absent and not there else "missing"), own_name
