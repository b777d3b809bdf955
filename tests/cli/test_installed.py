"""Commands of installed packages: listed from metadata, imported when called, and never in place of hosting's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

from hosting._commands import BUILT_IN_COMMANDS
from hosting.cli.installed import Commands, RootGroup
from hosting.cli.main import main
from hosting.extensions import ExtensionHost
from tests.support.sites import Site

CODE = """
import click
@click.command()
@click.argument("name")
@click.option("--loud", is_flag=True)
def greet(name, loud):
    '''Greet a person.'''
    click.echo(f"hello {name}" + "!" * loud)
@click.group()
def tools(): ...
tools.add_command(greet)
text = "not a command"
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a folder with two packages that offer commands."""
    site = Site(tmp_path)
    (tmp_path / "commands_of_tests.py").write_text(CODE)
    (tmp_path / "broken_commands_of_tests.py").write_text("raise LookupError('no such table')")
    module = "commands_of_tests"
    site.install(
        "first",
        commands={
            "greet": f"{module}:greet",
            "tools": f"{module}:tools",
            "start": f"{module}:greet",
            "both": f"{module}:greet",
            "text": f"{module}:text",
            "gone": f"{module}:gone",
            "broken": "broken_commands_of_tests:greet",
        },
    )
    site.install("second", commands={"both": f"{module}:greet"})
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in (module, "broken_commands_of_tests"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return site


def run(*arguments: str) -> Ended:
    """Run the command line in this process, as if it were new."""

    @click.group(cls=RootGroup, commands=Commands("hosting.cli", *BUILT_IN_COMMANDS))
    def root() -> None: ...

    done = CliRunner(env={"COLUMNS": "200"}).invoke(root, arguments, prog_name="hosting")
    error = "" if done.exception is None else f"{done.exception}"
    return Ended(done.exit_code, done.output, error)


def test_commands_are_listed_without_being_imported(packages: Site) -> None:
    """Help has each command with its package, and says which ones cannot run."""
    text = " ".join(run("--help").out.split())
    assert "greet From first 1.0." in text
    assert "The command 'start' of first 1.0 does not run: hosting has a command of this name." in text
    assert "The command 'both' does not run: it is offered by first 1.0 and second 1.0." in text
    assert "commands_of_tests" not in sys.modules


CALLS: dict[str, tuple[list[str], str, int, str]] = {
    "command": (["greet", "Ada", "--loud"], "", 0, "hello Ada!\n"),
    "group": (["tools", "greet", "Ada"], "", 0, "hello Ada\n"),
    "its help": (["greet", "--help"], "", 0, "Greet a person."),
    "wrong usage": (["greet"], "", 2, "Missing argument 'NAME'"),
    "allowed": (["greet", "Ada"], "first", 0, "hello Ada\n"),
    "blocked": (
        ["greet", "Ada"],
        "second",
        1,
        "blocked: HOSTING_ALLOW does not name that package.\n  Add first to",
    ),
    "two, of which one is allowed": (["both", "Ada"], "second", 0, "hello Ada\n"),
    "two": (["both", "Ada"], "", 1, "it is offered by first 1.0 and second 1.0.\n  Uninstall all but one"),
    "not a command": (
        ["text"],
        "",
        1,
        "'text' of first 1.0 is not a Click command: commands_of_tests:text is of type str",
    ),
    "no attribute": (["gone"], "", 1, "'gone' of first 1.0 cannot be imported: AttributeError"),
    "import fails": (["broken"], "", 1, "'broken' of first 1.0 cannot be imported: LookupError: no such table"),
    "unknown": (["gret"], "", 2, "No such command 'gret'"),
}


@pytest.mark.parametrize("case", CALLS)
def test_command_of_a_package_is_called_or_says_why_not(
    packages: Site, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """The message names the command, the package and the remedy."""
    arguments, allowed, code, expected = CALLS[case]
    monkeypatch.setenv("HOSTING_ALLOW", allowed)
    done = run(*arguments)
    assert (done.code, expected in done.out + done.err) == (code, True), done


def test_own_command_comes_first_and_reads_no_metadata(packages: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """``hosting start`` is hosting's, whatever a package offers."""
    monkeypatch.setattr(Commands, "installed", property(lambda self: pytest.fail("it reads metadata")))
    assert "Commands of installed" not in run("start", "--help").out


def test_error_of_a_package_command_is_printed_as_one_of_hosting(
    packages: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its HostingError is one message with exit code 1, as for hosting's own commands."""
    with pytest.raises(SystemExit) as ended:
        main(["text"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("Error: The command 'text' of first 1.0 is not a Click command")


def test_diagnosis_lists_the_commands_and_those_that_cannot_run(packages: Site) -> None:
    """The document has them whether extensions are switched on or not."""
    document = json.loads(json.dumps(ExtensionHost(environ={"HOSTING_ALLOW": ""}).diagnosis()))
    listed = {(one["name"], one["distribution"]): one["status"] for one in document["commands"]}
    assert listed["greet", "first"] == "available"
    assert (listed["start", "first"], listed["both", "first"], listed["both", "second"]) == (
        "shadowed",
        "duplicate",
        "duplicate",
    )
    assert [one["severity"] for one in document["problems"] if "'start'" in one["message"]] == ["warning"]
