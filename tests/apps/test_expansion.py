"""App settings by name, and ``%NAME%`` in binding properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.app_settings import AppSettings
from hosting.apps.expansion import expand, expand_properties
from hosting.core import Binding
from hosting.errors import FunctionLoadError

PLAIN = st.text(st.characters(exclude_characters="%"))


@given(before=PLAIN, value=st.text(), after=PLAIN)
def test_name_is_replaced_by_its_value_only_once(before: str, value: str, after: str) -> None:
    """The value is inserted unchanged: a percent sign in it has no meaning."""
    assert expand(f"{before}%NAME%{after}", AppSettings({"NAME": value})) == f"{before}{value}{after}"


@given(text=PLAIN)
def test_text_without_percent_signs_is_unchanged(text: str) -> None:
    """Most properties have nothing to replace."""
    assert expand(text, AppSettings({})) == text


def test_several_names_in_a_text_are_replaced() -> None:
    """A path can consist of several settings."""
    assert expand("%A%/{name}-%B%", AppSettings({"A": "in", "B": "x"})) == "in/{name}-x"


@pytest.mark.parametrize("name", ["section:key", "SECTION__KEY", "Section:Key"])
def test_setting_names_ignore_case_and_equate_two_underscores_with_a_colon(name: str) -> None:
    """The rules are those of .NET's configuration."""
    assert AppSettings({"Section__Key": "x"}).get(name) == "x"


def test_exact_spelling_comes_before_other_spellings() -> None:
    """If the environment has two spellings, the requested one is found."""
    settings = AppSettings({"NAME": "upper", "name": "lower"})
    assert (settings.get("NAME"), settings.get("name")) == ("upper", "lower")


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("True", True), ("0", False), ("yes", False), ("", False)]
)
def test_switch_is_on_for_1_and_true_only(value: str, expected: bool) -> None:
    """Azure's host accepts no other values."""
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
def test_unresolvable_text_is_an_error_with_the_message_of_azures_host(text: str, message: str) -> None:
    """The errors are an unknown name and a percent sign without its partner."""
    with pytest.raises(FunctionLoadError) as caught:
        expand(text, AppSettings({}))
    assert caught.value.message == message


def test_http_route_is_not_expanded() -> None:
    """Azure does not replace settings in a route; other properties, and routes of other triggers, are expanded."""
    settings = AppSettings({"X": "x"})
    http = Binding("req", "HttpTrigger", "in", {"route": "%X%", "authLevel": "%X%", "methods": ["%X%"]})
    other = Binding("msg", "ownTrigger", "in", {"route": "%X%", "count": 3})
    assert expand_properties(http, settings) == {"route": "%X%", "authLevel": "x", "methods": ["%X%"]}
    assert expand_properties(other, settings) == {"route": "x", "count": 3}
