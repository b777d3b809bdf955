"""Help pages of the commands: after the options, each has examples and the address of its documentation."""

from __future__ import annotations

from collections.abc import Sequence
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
