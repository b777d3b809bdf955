"""The checks of Azure's host for a function's definition."""

from __future__ import annotations

from typing import Any

import pytest

from hosting.app_settings import AppSettings
from hosting.apps.definition import check_name, read_bindings
from hosting.core import Binding
from hosting.errors import FunctionLoadError

TRIGGER = {"type": "httpTrigger", "direction": "in", "name": "req"}
ANSWER = {"type": "http", "direction": "out", "name": "$return"}


def test_binding_keys_and_directions_ignore_case() -> None:
    """The SDK's directions are in capitals; other keys are properties, with app settings filled in."""
    queue = {"Name": "msg", "TYPE": "queueTrigger", "direction": "IN", "queueName": "%Q%", "dataType": "STRING"}
    assert read_bindings([queue, ANSWER], AppSettings({"Q": "orders"})) == (
        Binding("msg", "queueTrigger", "in", {"queueName": "orders", "dataType": "STRING"}),
        Binding("$return", "http", "out", {}),
    )


def test_missing_direction_means_in() -> None:
    """A missing value of .NET's enumeration has this value too."""
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
        ([TRIGGER | {"name": "my__req"}], "The binding name my__req is invalid. Please assign a valid name to the "),
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
def test_invalid_binding_has_the_message_of_azures_host(bindings: Any, message: str) -> None:
    """The message is that of Azure's host, with a remedy."""
    with pytest.raises(FunctionLoadError) as caught:
        read_bindings(bindings, AppSettings({}))
    assert caught.value.message.startswith(message)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["req", "my_req", "_", "_req", "req_", "a1_2_b", "A" * 128, "_" + "a" * 127])
def test_binding_name_with_single_underscores_is_accepted(name: str) -> None:
    """Azure's host accepts underscores since version 4.1038, also at either end."""
    assert read_bindings([TRIGGER | {"name": name}], AppSettings({}))[0].name == name


@pytest.mark.parametrize(
    "name",
    ["", "1st", "a__b", "__req", "req__", "___", "my-req", "a.b", "a b", "ä", "A" * 129, "a\n", "$Return"],
)
def test_binding_name_outside_azures_pattern_is_rejected(name: str) -> None:
    """Two underscores in a row, a digit in front, other characters and too long a name are errors."""
    with pytest.raises(FunctionLoadError, match=r"is invalid\. Please assign a valid name") as caught:
        read_bindings([TRIGGER | {"name": name}], AppSettings({}))
    assert "single underscores" in caught.value.remedy


@pytest.mark.parametrize("name", ["a", "My-Function_1", "A" * 128])
def test_valid_function_name_is_accepted(name: str) -> None:
    """A name is a letter, followed by letters, digits, underscores and dashes."""
    check_name(name)


@pytest.mark.parametrize("name", ["", "1st", "_a", "a.b", "ä", "Host", "A" * 129, "a\n"])
def test_invalid_function_name_is_rejected(name: str) -> None:
    """The name ``host``, a name that is too long, and other characters are errors."""
    with pytest.raises(FunctionLoadError, match="is not a valid function name"):
        check_name(name)
