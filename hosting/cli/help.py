"""Help pages of the commands: after the options, each has examples and the address of its documentation."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from typing import Any

import click

DOCUMENTATION = "https://hosting.example/docs/"
"""The address of the documentation: ``Documentation`` of ``[project.urls]`` in pyproject.toml, ending with a slash."""


class Command(click.Command):
    """A command with examples and a documentation page.

    Args:
        arguments: as for ``click.Command``.
        examples: command lines that can be copied, such as ``hosting start shop``.
        page: its page of the documentation, a path below ``docs/`` without suffix; the first page by default.
        options: as for ``click.Command``.
    """

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), page: str = "", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = examples
        self.page = page

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on a line of its own, and the link."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Examples"):
            formatter.write("".join(f"  {example}\n" for example in self.examples))
        formatter.write(f"\nDocumentation: {DOCUMENTATION}{self.page and f'{self.page}.html'}\n")


class Group(Command, click.Group):
    """A command that has subcommands."""


class LazyCommands(MutableMapping[str, click.Command]):
    """Subcommands by name, for ``click.Group``: the module of one is imported when the command is used.

    Args:
        package: the package that has a module for each subcommand, and in it the command, both with its name.
        names: the names of the subcommands.
    """

    def __init__(self, package: str, *names: str) -> None:
        self._package = package
        self._commands: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        command = self._commands[name]
        if command is None:
            command = self._commands[name] = getattr(import_module(f"{self._package}.{name}"), name)
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)
