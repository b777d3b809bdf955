"""Which distribution an import comes from, and what that distribution needs itself."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from importlib_metadata import PackageNotFoundError, distribution, packages_distributions
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


class Installed:
    """What is installed where this command runs, read as far as it is asked for."""

    def providers(self, name: str) -> frozenset[str]:
        """The distributions that bring the module ``name`` (with its dots); none if it is not installed.

        Several distributions may share a first name, as those of Azure do: their files tell.
        """
        sharing = frozenset(map(canonicalize_name, self._by_module.get(name.partition(".")[0], ())))
        parts = name.split(".")
        for count in range(len(parts), 1, -1) if len(sharing) > 1 else ():
            path = "/".join(parts[:count])
            owners = frozenset(one for one in sharing if any(_is_in(file, path) for file in self._files(one)))
            if owners:
                return owners
        return sharing

    def shown(self, name: str) -> str:
        """A module's first name, or its first two where distributions share the first."""
        return ".".join(name.split(".")[: 2 if len(self._by_module.get(name.partition(".")[0], ())) > 1 else 1])

    def needed_by(self, requirements: Iterable[Requirement]) -> frozenset[str]:
        """What comes along with requirements, however deep, themselves included; those not installed end the search."""
        found: set[str] = set()
        waiting = [(str(canonicalize_name(one.name)), frozenset(one.extras)) for one in requirements]
        while waiting:
            name, extras = waiting.pop()
            if name not in found or extras:
                found.add(name)
                waiting += [
                    (str(canonicalize_name(one.name)), frozenset(one.extras))
                    for one in _requirements(name, extras)
                    if canonicalize_name(one.name) not in found
                ]
        return frozenset(found)

    def has(self, name: str) -> bool:
        """Whether a distribution is there."""
        return _distribution(name) is not None

    @cached_property
    def _by_module(self) -> dict[str, list[str]]:
        return {module: list(names) for module, names in packages_distributions().items()}

    def _files(self, name: str) -> list[str]:
        found = _distribution(name)
        return [str(file).replace("\\", "/") for file in (found.files or [] if found else [])]


def spelled(name: str, line: str) -> bool:
    """Whether a requirement has the name of a module, as ``azure-storage-blob`` has that of ``azure.storage.blob``."""
    parts = name.split(".")
    return any(canonicalize_name("-".join(parts[:count])) == line for count in range(1, len(parts) + 1))


def _is_in(file: str, path: str) -> bool:
    return file.startswith((f"{path}/", f"{path}.py", f"{path}.cpython", f"{path}.abi3"))


def _requirements(name: str, extras: frozenset[str]) -> list[Requirement]:
    found = _distribution(name)
    needed = []
    for text in (found.requires or []) if found else []:
        try:
            one = Requirement(text)
        except InvalidRequirement:
            continue
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            needed.append(one)
    return needed


def _distribution(name: str) -> Any:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None
