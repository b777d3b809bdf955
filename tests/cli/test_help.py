"""The help of every command: what a terminal of 80 columns shows of it."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from hosting.cli.help import DOCUMENTATION, Command
from hosting.cli.main import cli
from tests.conftest import ROOT

WIDTH = 80


def _commands(command: click.Command, path: str = "hosting") -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _commands(inner, f"{path} {name}")


COMMANDS = dict(_commands(cli))


def _help(path: str) -> str:
    done = CliRunner(env={"COLUMNS": str(WIDTH)}).invoke(cli, [*path.split()[1:], "--help"], prog_name="hosting")
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("path", COMMANDS)
def test_help_fits_80_columns(path: str) -> None:
    """No line is longer than a terminal is wide, where it would be broken in the middle of a word."""
    assert [line for line in _help(path).splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("path", COMMANDS)
def test_help_cuts_off_no_summary(path: str) -> None:
    """A list of commands shows each summary whole: a sentence that ends with a full stop."""
    for line in re.findall(r"^  \w+  +(\S.*)$", _help(path).partition("Commands:")[2].partition("\n\n")[0], re.M):
        assert line.endswith(".")
        assert not line.endswith("...")


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_has_help_that_says_its_default(path: str) -> None:
    """Each option says what it does, and what happens without it; ``--version`` and its ``--json`` are actions."""
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option) and path != "hosting":
            assert re.search(r"\(default: .+\)\.$", option.help or ""), option.name
        elif isinstance(option, click.Option):
            assert (option.help or "").endswith("."), option.name


@pytest.mark.parametrize("path", COMMANDS)
def test_help_names_every_argument(path: str) -> None:
    """What stands for an argument in the usage line is explained below it."""
    text = re.sub(r"\s+", " ", _help(path).partition("\n")[2])
    for argument in COMMANDS[path].params:
        if isinstance(argument, click.Argument) and not isinstance(argument.type, click.Choice):
            assert argument.make_metavar(click.Context(COMMANDS[path])).strip("[]") in text


@pytest.mark.parametrize("path", COMMANDS)
def test_help_has_an_example_that_the_command_accepts(path: str) -> None:
    """Below the options there is at least one example, and those that run ``hosting`` parse without an error."""
    command = COMMANDS[path]
    assert isinstance(command, Command)
    assert command.examples
    for example in command.examples:
        assert f"\n  {example}\n" in _help(path)
        called = re.search(r"hosting ([^>)]*)", example)
        if called and "COMMAND" not in example:
            _parse(cli, shlex.split(called[1]))


def _parse(command: click.Command, words: list[str]) -> None:
    while isinstance(command, click.Group):
        _, inner, words = command.resolve_command(click.Context(command), words)
        assert inner is not None
        command = inner
    command.parse_args(click.Context(command), words)


@pytest.mark.parametrize("path", COMMANDS)
def test_help_ends_with_a_link_to_a_page_that_exists(path: str) -> None:
    """The last line is the address of a page of the documentation."""
    last = _help(path).splitlines()[-1]
    assert last.startswith(f"Documentation: {DOCUMENTATION}")
    page = last.removeprefix(f"Documentation: {DOCUMENTATION}").removesuffix(".html") or "index"
    assert (ROOT / "docs" / f"{page}.md").is_file()


def test_links_of_help_begin_with_the_documentation_of_the_project() -> None:
    """The address that help texts link to is that of pyproject.toml."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    assert urls["Documentation"] == DOCUMENTATION
