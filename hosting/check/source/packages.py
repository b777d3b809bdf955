"""Installed distributions: which of them provides a module, and what each depends on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hosting._distributions import (
    DistributionInfo,
    distribution_name,
    files_of,
    installed,
    modules_of,
    requirements_of,
)

_NAMESPACES = frozenset({"azure", "google"})
"""Well-known packages that distributions share, whichever of them are installed."""


class InstalledPackages:
    """The distributions of the environment in which this command runs, read at first use."""

    def providers(self, name: str) -> frozenset[str]:
        """Return the distributions that provide the module ``name``, such as ``azure.functions``.

        Several distributions may share a top-level name, as those of Azure do: then their files decide.
        """
        sharing = frozenset(map(canonicalize_name, self._by_module.get(name.partition(".")[0], ())))
        parts = name.split(".")
        for count in range(len(parts), 1, -1) if len(sharing) > 1 else ():
            path = "/".join(parts[:count])
            owners = frozenset(one for one in sharing if any(_is_in(file, path) for file in self._files(one)))
            if owners:
                return owners
        return sharing

    def short_name(self, name: str) -> str:
        """Return a module's top-level name; its first two parts if several distributions share the first."""
        top, _, rest = name.partition(".")
        is_shared = top in _NAMESPACES or len(self._by_module.get(top, ())) > 1
        return f"{top}.{rest.partition('.')[0]}" if is_shared and rest else top

    def is_namespace(self, name: str) -> bool:
        """Return whether a name is a package without code of its own, such as ``azure``, that distributions share."""
        sharing = self._by_module.get(name, ())
        code = {f"{name}/__init__.py", f"{name}.py"}
        return name in _NAMESPACES or (len(sharing) > 1 and not any(code & set(self._files(one)) for one in sharing))

    def closure(self, requirements: Iterable[Requirement]) -> frozenset[str]:
        """Return the names of required distributions and of all their direct and indirect dependencies.

        The dependencies of a distribution that is not installed are unknown, and left out.
        """
        found: set[str] = set()
        waiting = [_name_and_extras(one) for one in requirements]
        while waiting:
            name, extras = waiting.pop()
            if name not in found or extras:
                found.add(name)
                dependencies = map(_name_and_extras, _requirements(self._installed.get(name), extras))
                waiting += [dependency for dependency in dependencies if dependency[0] not in found]
        return frozenset(found)

    def has(self, name: str) -> bool:
        """Return whether a distribution is installed."""
        return canonicalize_name(name) in self._installed

    @cached_property
    def _installed(self) -> dict[str, DistributionInfo]:
        return dict(installed())

    @cached_property
    def _by_module(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for one in self._installed.values():
            for module in modules_of(one):
                found[module].append(distribution_name(one) or "")
        return found

    def _files(self, name: str) -> list[str]:
        found = self._installed.get(canonicalize_name(name))
        return [] if found is None else files_of(found)


def has_name_of(module: str, distribution_name: str) -> bool:
    """Return whether a distribution is named like a module, as ``azure-storage-blob`` like ``azure.storage.blob``."""
    parts = module.split(".")
    return any(canonicalize_name("-".join(parts[:count])) == distribution_name for count in range(1, len(parts) + 1))


def _name_and_extras(requirement: Requirement) -> tuple[str, frozenset[str]]:
    return str(canonicalize_name(requirement.name)), frozenset(requirement.extras)


def _is_in(file: str, path: str) -> bool:
    return file.startswith((f"{path}/", f"{path}.py", f"{path}.cpython", f"{path}.abi3"))


def _requirements(distribution: DistributionInfo | None, extras: frozenset[str]) -> list[Requirement]:
    needed = []
    for text in requirements_of(distribution):
        try:
            one = Requirement(text)
        except InvalidRequirement:
            continue
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            needed.append(one)
    return needed
