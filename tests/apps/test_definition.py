"""What Azure's host refuses in a function before any code of it is imported."""

from __future__ import annotations

from typing import Any

import pytest

from hosting.apps.definition import check_name, read_bindings
from hosting.apps.expansion import AppSettings
from hosting.core import Binding
from hosting.errors import FunctionLoadError

TRIGGER = {"type": "httpTrigger", "direction": "in", "name": "req"}
ANSWER = {"type": "http", "direction": "out", "name": "$return"}


def test_bindings_of_both_models_read_the_same() -> None:
    """Directions ignore case, as the SDK's upper-case ones need; the rest are properties, settings filled in."""
    queue = {"Name": "msg", "TYPE": "queueTrigger", "direction": "IN", "queueName": "%Q%", "dataType": "STRING"}
    assert read_bindings([queue, ANSWER], AppSettings({"Q": "orders"})) == (
        Binding("msg", "queueTrigger", "in", {"queueName": "orders", "dataType": "STRING"}),
        Binding("$return", "http", "out", {}),
    )


def test_the_direction_is_in_unless_it_says_otherwise() -> None:
    """As for a missing value of .NET's enumeration."""
    assert read_bindings([{"type": "httpTrigger", "name": "req"}], AppSettings({}))[0].direction == "in"


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (None, "At least one binding must be declared."),
        ([], "At least one binding must be declared."),
        ({}, "'bindings': expected a list of objects, found an object"),
        (["req"], "'bindings': expected a list of objects, found a list"),
        ([ANSWER], "No trigger binding specified. A function must have a trigger input binding."),
        (
            [TRIGGER, TRIGGER | {"name": "b"}],
            "Multiple trigger bindings defined (req, b). A function can only have a single trigger binding.",
        ),
        ([TRIGGER | {"name": "my_req"}], "The binding name my_req is invalid. Please assign a valid name to the "),
        ([TRIGGER | {"name": None}], "The binding name  is invalid. Please assign a valid name to the binding."),
        ([{"name": "req"}], "Binding 'req' is invalid. Bindings must specify a Type."),
        ([TRIGGER, ANSWER | {"name": "REQ"}], "Multiple bindings with name 'REQ' discovered. Binding names must be "),
        ([TRIGGER | {"direction": "up"}], "'up' is not a valid binding direction."),
        ([TRIGGER | {"direction": "InOut"}], "binding 'req': \"inout\" bindings are not supported"),
        ([TRIGGER, ANSWER | {"direction": "in"}], "$return bindings must specify a direction of 'out'."),
        ([TRIGGER, {"type": "http", "name": "res"}], "Http binding can only be used for output."),
        ([TRIGGER | {"authLevel": "%NOBODY%"}], "'%NOBODY%' does not resolve to a value."),
    ],
)
def test_a_definition_in_error_is_told_in_the_host_s_words(bindings: Any, message: str) -> None:
    """The text that Azure's host gives, and what to do about it."""
    with pytest.raises(FunctionLoadError) as caught:
        read_bindings(bindings, AppSettings({}))
    assert caught.value.message.startswith(message)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["a", "My-Function_1", "A" * 128])
def test_names_that_azure_takes(name: str) -> None:
    """Letters, digits, underscores and dashes after a letter."""
    check_name(name)


@pytest.mark.parametrize("name", ["", "1st", "_a", "a.b", "ä", "Host", "A" * 129, "a\n"])
def test_names_that_azure_refuses(name: str) -> None:
    """The host's own name and everything that is no plain identifier."""
    with pytest.raises(FunctionLoadError, match="is not a valid function name"):
        check_name(name)
