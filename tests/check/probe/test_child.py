"""What the probe's child process finds wrong with the object of an entry point."""

from __future__ import annotations

import click
import pytest

from hosting.check.probe.child import _validate_target


@click.command()
def greet() -> None:
    """Greet."""


@pytest.mark.parametrize(
    ("group", "target", "message"),
    [
        ("hosting.commands", greet, ""),
        (
            "hosting.commands",
            print,
            "it names an object of type builtin_function_or_method, which is not a Click command",
        ),
        ("hosting.storage", print, ""),
        ("hosting.storage", 3, "it names an object of type int, which cannot be called"),
    ],
)
def test_object_that_does_not_fit_its_group_is_an_error_of_the_contract(
    group: str, target: object, message: str
) -> None:
    """The message says what was found."""
    found = _validate_target(group, "name", target)
    assert [error["message"] for error in found.get("errors", ())] == ([message] if message else [])
    assert found.get("phase", "") == ("contract" if message else "")
