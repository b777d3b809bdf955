"""Subcommands of ``hosting`` that installed packages add, by metadata alone: nothing is imported here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from hosting._commands import BUILT_IN_COMMANDS
from hosting._distributions import distribution_name, distribution_version
from hosting.core import Problem
from hosting.errors import HostingError
from hosting.extensions._discovery import EntryPoint, may_load
from hosting.extensions._model import COMMANDS

CommandStatus = Literal["available", "blocked", "shadowed", "duplicate"]


class InstalledCommand(NamedTuple):
    """One entry point of the group ``hosting.commands``."""

    name: str
    entry_point: EntryPoint
    status: CommandStatus
    others: tuple[EntryPoint, ...] = ()
    """The entry points of other distributions with the same name."""

    @property
    def origin(self) -> str:
        """The distribution and its version."""
        return _origin(self.entry_point)

    def problem(self) -> Problem | None:
        """Return why it does not run; None if it does, or if a user has blocked it."""
        if self.status == "shadowed":
            message = f"The command '{self.name}' of {self.origin} does not run: hosting has a command of this name."
            return Problem("warning", message, "Use another command of that package, or report it to its authors.")
        if self.status == "duplicate":
            every = " and ".join(sorted((self.origin, *map(_origin, self.others))))
            message = f"The command '{self.name}' does not run: it is offered by {every}."
            return Problem("warning", message, "Uninstall all but one, or set HOSTING_ALLOW to those that may load.")
        return None

    def check(self) -> None:
        """Check that it may run.

        Raises:
            HostingError: it may not; the message says why.
        """
        problem = self.problem()
        if problem is not None:
            raise HostingError(problem.message, remedy=problem.remedy)
        if self.status == "blocked":
            raise HostingError(
                f"The command '{self.name}' of {self.origin} is blocked: HOSTING_ALLOW does not name that package.",
                remedy=f"Add {distribution_name(self.entry_point.dist)} to HOSTING_ALLOW, or remove the variable.",
            )


def installed_commands(entry_points: Iterable[EntryPoint], environ: Mapping[str, str]) -> list[InstalledCommand]:
    """Return the commands of installed packages, by name.

    Args:
        entry_points: those of installed distributions, of any group.
        environ: the environment, which may restrict what loads.
    """
    by_name: dict[str, list[EntryPoint]] = defaultdict(list)
    for entry_point in entry_points:
        if entry_point.group == COMMANDS:
            by_name[entry_point.name].append(entry_point)
    return [_command(name, one, by_name[name], environ) for name in sorted(by_name) for one in by_name[name]]


def _command(name: str, one: EntryPoint, same: list[EntryPoint], environ: Mapping[str, str]) -> InstalledCommand:
    if name in BUILT_IN_COMMANDS:
        return InstalledCommand(name, one, "shadowed")
    if not may_load(one, environ):
        return InstalledCommand(name, one, "blocked")
    others = tuple(other for other in same if other is not one and may_load(other, environ))
    return InstalledCommand(name, one, "duplicate" if others else "available", others)


def _origin(entry_point: EntryPoint) -> str:
    name, version = distribution_name(entry_point.dist), distribution_version(entry_point.dist)
    return f"{name} {version}" if name else f"a package without metadata ({entry_point.value})"
