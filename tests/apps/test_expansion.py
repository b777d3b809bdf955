"""App settings by name, and ``%NAME%`` in binding properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.apps.expansion import AppSettings, expand, expand_properties
from hosting.core import Binding
from hosting.errors import FunctionLoadError

PLAIN = st.text(st.characters(exclude_characters="%"))


@given(before=PLAIN, value=st.text(), after=PLAIN)
def test_a_name_becomes_its_value_and_nothing_else_changes(before: str, value: str, after: str) -> None:
    """The value is put in as it is: what it contains is not looked at again."""
    assert expand(f"{before}%NAME%{after}", AppSettings({"NAME": value})) == f"{before}{value}{after}"


@given(text=PLAIN)
def test_text_without_percent_signs_stays(text: str) -> None:
    """Most properties have nothing to replace."""
    assert expand(text, AppSettings({})) == text


def test_several_names_in_one_text() -> None:
    """A path may be made of several settings."""
    assert expand("%A%/{name}-%B%", AppSettings({"A": "in", "B": "x"})) == "in/{name}-x"


@pytest.mark.parametrize("name", ["section:key", "SECTION__KEY", "Section:Key"])
def test_names_ignore_case_and_two_underscores_are_a_colon(name: str) -> None:
    """As .NET's configuration has it."""
    assert AppSettings({"Section__Key": "x"}).get(name) == "x"


def test_the_exact_spelling_comes_first() -> None:
    """Where the environment has two spellings, the one that was asked for is meant."""
    settings = AppSettings({"NAME": "upper", "name": "lower"})
    assert (settings.get("NAME"), settings.get("name")) == ("upper", "lower")


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("True", True), ("0", False), ("yes", False), ("", False)]
)
def test_a_switch_is_on_for_1_and_true(value: str, expected: bool) -> None:
    """Azure's host takes no other word for yes."""
    assert AppSettings({"S": value}).is_on("S") is expected
    assert not AppSettings({}).is_on("S")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%NAME%", "'%NAME%' does not resolve to a value."),
        ("%%", "'%%' does not resolve to a value."),
        ("100%", "The '%' at position 3 of '100%' does not have a closing '%'"),
    ],
)
def test_what_cannot_be_resolved_is_an_error(text: str, message: str) -> None:
    """An unknown name and a lonely percent sign, in the words of Azure's host."""
    with pytest.raises(FunctionLoadError) as caught:
        expand(text, AppSettings({}))
    assert caught.value.message == message


def test_an_http_route_is_taken_as_it_stands() -> None:
    """Azure does not look up settings in a route; other properties, and routes of other triggers, are expanded."""
    settings = AppSettings({"X": "x"})
    http = Binding("req", "HttpTrigger", "in", {"route": "%X%", "authLevel": "%X%", "methods": ["%X%"]})
    other = Binding("msg", "ownTrigger", "in", {"route": "%X%", "count": 3})
    assert expand_properties(http, settings) == {"route": "%X%", "authLevel": "x", "methods": ["%X%"]}
    assert expand_properties(other, settings) == {"route": "x", "count": 3}
