"""Imports compared with requirements, for apps and extensions alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from packaging.utils import canonicalize_name

from hosting.apps.requirements import RequirementLine
from hosting.check.source.modules import Import, Source
from hosting.check.source.packages import InstalledPackages, has_name_of

Status = Literal["missing", "indirect", "unknown"]


class UnlistedImport(NamedTuple):
    """An import that no requirement provides.

    ``missing``: no requirement depends on the package either. ``indirect``: the package is a dependency of a listed
    one. ``unknown``: a listed package that is not installed may provide it, or depend on it.
    """

    module: str
    status: Status
    owner: str
    """The distribution that provides the module; the module's own name if that is not known."""
    file: str
    line: int


def find_unlisted_imports(
    sources: Iterable[Source],
    is_own: Callable[[Import], bool],
    listed: Sequence[RequirementLine],
    installed: InstalledPackages,
) -> Iterator[UnlistedImport]:
    """Yield one import for each distribution that is needed but not listed: the first one.

    Args:
        sources: the files.
        is_own: whether an import is of one of the project's own modules, or of one that it brings along.
        listed: the requirements.
        installed: the packages in this environment.
    """
    names = {one.name for one in listed}
    seen: set[str] = set()
    reported: set[str] = set()
    for source in sources:
        for one in source.imports:
            if one.name in seen or one.top in sys.stdlib_module_names or is_own(one):
                continue
            seen.add(one.name)
            found = _classify(one, names, listed, installed)
            if found is not None and found[1] not in reported:
                reported.add(found[1])
                yield UnlistedImport(installed.short_name(one.name), *found, source.relative, one.line)


def _classify(
    one: Import, names: Collection[str], listed: Sequence[RequirementLine], installed: InstalledPackages
) -> tuple[Status, str] | None:
    """Return status and owner of an import; None if it is listed."""
    if any(has_name_of(one.name, name) for name in names):
        return None
    own_name = str(canonicalize_name(one.top))
    owners = installed.providers(one.name) or frozenset({own_name} if installed.has(own_name) else ())
    if owners & set(names):
        return None
    if installed.is_namespace(one.name):
        return None
    indirect = owners & installed.closure(entry.requirement for entry in listed)
    if indirect:
        return "indirect", min(indirect)
    not_installed = any(not installed.has(name) for name in names)
    return ("unknown" if not_installed else "missing"), min(owners or {own_name})
