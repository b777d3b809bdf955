"""Subcommands that installed packages add: listed from metadata, and imported when they are called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from hosting._distributions import Distribution, DistributionInfo
from hosting._distributions import installed as installed_distributions
from hosting._text import with_remedy
from hosting.cli.help import Group, LazyCommands
from hosting.errors import HostingError

if TYPE_CHECKING:
    from hosting.extensions import InstalledCommand


class PackageCommand(click.Command):
    """A command of an installed package, before it is imported.

    Args:
        installed: what the metadata says of it.
    """

    def __init__(self, installed: InstalledCommand) -> None:
        super().__init__(installed.name, short_help=f"From {installed.origin}.")
        self.installed = installed

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Import the command, and return the context for its call.

        Raises:
            HostingError: the command may not run, or cannot be imported.
        """
        return self._load().make_context(info_name, args, parent, **extra)

    def _load(self) -> click.Command:
        self.installed.check()
        entry_point = self.installed.entry_point
        from hosting.extensions import load_entry_point

        subject = f"The command '{self.installed.name}' of {self.installed.origin}"
        target = load_entry_point(entry_point, subject)
        if not isinstance(target, click.Command):
            raise HostingError(
                f"{subject} is not a Click command: {entry_point.value} is of type {type(target).__name__}",
                remedy="Report it to the authors of the package: decorate it with @click.command() or @click.group().",
            )
        return target


def _may_have_commands(named: tuple[str, DistributionInfo]) -> bool:
    _, distribution = named
    if not isinstance(distribution, Distribution):
        return True
    try:
        return b"[hosting.commands]" in (distribution.entry_points() or b"")
    except (OSError, ValueError):  # the diagnosis reports it
        return False


class Commands(LazyCommands):
    """The commands of hosting, and after them those of installed packages.

    Metadata is read only for a name that hosting does not have, and to list all commands.
    """

    @property
    def installed(self) -> list[InstalledCommand]:
        """The commands of installed packages as of now, those included that cannot run."""
        if not any(map(_may_have_commands, installed_distributions())):
            return []
        from hosting.extensions import installed_commands, installed_entry_points  # slower than most of the help

        return installed_commands(installed_entry_points(), os.environ)

    def __getitem__(self, name: str) -> click.Command:
        if name in self._commands:
            return super().__getitem__(name)
        found = [one for one in self.installed if one.name == name]
        # Of several with one name, one that may load: it says what is wrong with the others.
        found.sort(key=lambda one: one.status == "blocked")
        return PackageCommand(found[0]) if found else self._commands[name]  # type: ignore[return-value]

    def __iter__(self) -> Iterator[str]:
        listed = (one.name for one in self.installed if one.status in ("available", "duplicate"))
        return iter(dict.fromkeys((*self._commands, *listed)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class RootGroup(Group):
    """The ``hosting`` command, whose help also says which commands of installed packages cannot run."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, and after it the commands that another one keeps from running."""
        super().format_commands(ctx, formatter)
        problems = [one.problem() for one in self.commands.installed] if isinstance(self.commands, Commands) else []
        shown = [problem for problem in problems if problem is not None]
        if shown:
            with formatter.section("Not available"):
                for problem in shown:
                    formatter.write_text(with_remedy(problem.message, problem.remedy))
