"""Commands of installed packages: which of them run, and what is said of the others, from metadata alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hosting.core import Problem
from hosting.errors import HostingError
from hosting.extensions import ExtensionHost, installed_entry_points
from hosting.extensions._commands import InstalledCommand, installed_commands
from tests.support.sites import Site


@pytest.fixture
def packages(site: Site) -> Site:
    """Install three packages: two have a command of one name, one a command of a name of hosting's own."""
    site.install("first", commands={"greet": "greeting:main", "both": "first_both"})
    site.install("second", version="2.1", commands={"both": "second_both", "start": "starting:main"})
    site.install("third", hosting={"greet": "an_extension"})
    return site


def commands(allowed: str | None = None) -> dict[tuple[str, str], InstalledCommand]:
    """Return the installed commands by name and package."""
    environ = {} if allowed is None else {"HOSTING_ALLOW": allowed}
    found = installed_commands(installed_entry_points(), environ)
    return {(one.name, one.origin): one for one in found}


def refusal(command: InstalledCommand) -> tuple[str, str]:
    """Return the message and the remedy with which a command is refused."""
    with pytest.raises(HostingError) as raised:
        command.check()
    return raised.value.message, raised.value.remedy


def test_commands_are_listed_by_name_with_their_package_and_status(packages: Site) -> None:
    """Entry points of other groups are none; a name that two packages use is listed twice."""
    assert {key: one.status for key, one in commands().items()} == {
        ("both", "first 1.0"): "duplicate",
        ("both", "second 2.1"): "duplicate",
        ("greet", "first 1.0"): "available",
        ("start", "second 2.1"): "shadowed",
    }
    assert [name for name, _ in commands()] == ["both", "both", "greet", "start"]


def test_available_command_may_run_and_has_no_problem(packages: Site) -> None:
    """Nothing is refused, and no other package is named."""
    command = commands()["greet", "first 1.0"]
    command.check()
    assert (command.problem(), command.others, command.entry_point.value) == (None, (), "greeting:main")


def test_command_with_the_name_of_a_built_in_one_is_refused_with_the_remedy(packages: Site) -> None:
    """It is a warning in the diagnosis and an error when it is called, in the same words."""
    command = commands()["start", "second 2.1"]
    message = "The command 'start' of second 2.1 does not run: hosting has a command of this name."
    remedy = "Use another command of that package, or report it to its authors."
    assert command.problem() == Problem("warning", message, remedy)
    assert refusal(command) == (message, remedy)


def test_commands_of_one_name_are_refused_with_every_package_in_order(packages: Site) -> None:
    """Both say the same, whichever is called."""
    message = "The command 'both' does not run: it is offered by first 1.0 and second 2.1."
    remedy = "Uninstall all but one, or set HOSTING_ALLOW to those that may load."
    for package in ("first 1.0", "second 2.1"):
        command = commands()["both", package]
        assert command.problem() == Problem("warning", message, remedy)
        assert refusal(command) == (message, remedy)


def test_blocked_command_is_refused_with_the_package_to_allow_and_is_no_problem(packages: Site) -> None:
    """The user has decided so; the one of the allowed package runs."""
    found = commands(allowed="second")
    assert {key: one.status for key, one in found.items()} == {
        ("both", "first 1.0"): "blocked",
        ("both", "second 2.1"): "available",
        ("greet", "first 1.0"): "blocked",
        ("start", "second 2.1"): "shadowed",
    }
    assert found["greet", "first 1.0"].problem() is None
    assert refusal(found["greet", "first 1.0"]) == (
        "The command 'greet' of first 1.0 is blocked: HOSTING_ALLOW does not name that package.",
        "Add first to HOSTING_ALLOW, or remove the variable.",
    )


def test_command_of_a_package_without_metadata_is_named_by_what_it_imports() -> None:
    """There is no distribution to name."""
    entry_point = SimpleNamespace(name="lost", value="lost_module:main", group="hosting.commands", dist=None)
    (command,) = installed_commands([entry_point], {})
    assert command.origin == "a package without metadata (lost_module:main)"


def test_diagnosis_has_the_commands_with_package_and_entry_point(packages: Site) -> None:
    """Its list says of each where it comes from; problems has those that do not run, and a shared name once."""
    document = ExtensionHost(environ={}).diagnosis()
    assert next(one for one in document["commands"] if one["name"] == "start") == {
        "name": "start",
        "status": "shadowed",
        "distribution": "second",
        "version": "2.1",
        "entry_point": "starting:main",
    }
    assert [one["message"].split(" does ")[0] for one in document["problems"] if "command" in one["message"]] == [
        "The command 'both'",
        "The command 'start' of second 2.1",
    ]
