"""Binding expressions."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings.expressions import Expression, Template, json_data, member, merged

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
NO_BRACES = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=8)


def filled(text: str, values: dict[str, Any] | None = None) -> str:
    return Template.parse(text).fill(values or {}, "Resize")


@given(st.text())
def test_any_text_is_parsed_or_an_error_that_shows_it(text: str) -> None:
    """No other exception is raised."""
    try:
        template = Template.parse(text)
    except ValueError as error:
        shown = str(error)
    else:
        shown = f"Invalid template '{template.text}'. "
        assert all(part for part in template.parts)
    assert f"Invalid template '{text}'. " in shown


@given(st.text())
def test_doubled_braces_are_literal_braces(text: str) -> None:
    """A text with doubled braces only is constant."""
    template = Template.parse(text.replace("{", "{{").replace("}", "}}"))
    assert template.is_constant
    assert template.names == ()
    assert template.fill({}, "F") == text


@given(st.lists(NO_BRACES | NAMES.map(lambda name: Expression((name,)))))
def test_expressions_are_filled_in_between_texts(parts: list[str | Expression]) -> None:
    """The texts are unchanged."""
    written = "".join(part if isinstance(part, str) else f"{{{part.path[0]}}}" for part in parts)
    template = Template.parse(written)
    names = [part.path[0] for part in parts if isinstance(part, Expression)]
    assert template.names == tuple(dict.fromkeys(names))
    assert template.is_constant == (not names)
    values = {name: f"<{name}>" for name in names}
    assert template.fill(values, "F") == "".join(
        part if isinstance(part, str) else values[part.path[0]] for part in parts
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("in/{name", "Missing closing bracket at position 4."),
        ("in/name}", "Missing opening bracket at position 8."),
        ("{{{name}}", "Missing opening bracket at position 9."),
        ("in/{}", "The parameter name at position 4 is empty."),
        ("{a-b}", "The parameter name 'a-b' is invalid."),
        ("{a-b.c}", "The parameter name 'a-b.c' is invalid."),
        ("{a..b}", "The parameter name 'a..b' is invalid."),
        ("{a.}", "The parameter name 'a.' is invalid."),
        ("{:N}", "The parameter name '' is invalid."),
        ("{rand-guid:Q}", "'Q' is not a format of a GUID: expected N, D, B, P or X"),
        ("{sys.RandGuid:Q}", "'Q' is not a format of a GUID: expected N, D, B, P or X"),
        ("{DateTime:q}", "'q' is not a format of a date and time: a single letter must be one of dDfFgGmMoOrRstTuUyY"),
        ("{DateTime:'at}", "''at' is not a format of a date and time: the ' in it is incomplete"),
    ],
)
def test_invalid_template_is_an_error_when_it_is_parsed(text: str, reason: str) -> None:
    """The message has the position or the name."""
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        Template.parse(text)
    assert str(caught.value) == f"Invalid template '{text}'. {reason}"


def test_parts_are_texts_and_expressions() -> None:
    """Texts have single braces; expressions have names and formats."""
    assert Template.parse("a{{b/{name}.{when:yyyy-MM}}}").parts == (
        "a{b/",
        Expression(("name",)),
        ".",
        Expression(("when",), "yyyy-MM"),
        "}",
    )
    assert Template.parse("{Headers.x-id}").parts == (Expression(("Headers", "x-id")),)


@pytest.mark.parametrize("text", ["{id}", "{ID}", "{Id:N}", "{order.ID}", "{Order.id}"])
def test_names_and_properties_ignore_case(text: str) -> None:
    """The format of a text is ignored."""
    assert filled(text, {"Id": "7", "ORDER": {"iD": "7"}}) == "7"


def test_exact_spelling_comes_first() -> None:
    """It matters if two names differ only in case."""
    assert filled("{a}{A}", {"A": 1, "a": 2}) == "21"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{missing}", "No value for named parameter 'missing'."),
        ("{missing.id}", "No value for named parameter 'missing'."),
        ("{order.missing}", "Error while accessing 'missing': property doesn't exist."),
        ("{text.upper}", "Error while accessing 'upper': property doesn't exist."),
        ("{nothing.id}", "Error while accessing 'id': property doesn't exist."),
        ("{sys.missing}", "Error while accessing 'missing': property doesn't exist."),
    ],
)
def test_missing_value_is_an_error_with_the_name(text: str, reason: str) -> None:
    """The invocation fails."""
    with pytest.raises(LookupError) as caught:
        filled(text, {"order": {"id": 7}, "text": "upper", "nothing": None})
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        (7, "7"),
        (10**30, "1" + "0" * 30),
        (True, "True"),
        (False, "False"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-5, "1E-05"),
        (1e14, "100000000000000"),
        (1e15, "1E+15"),
        (-1234567890123456.0, "-1.234567890123456E+15"),
        (1e300, "1E+300"),
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "2024-01-02T03-04-05Z"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (None, ""),
        ({"a": 1}, ""),
        ([1], ""),
    ],
)
def test_values_are_formatted_as_dotnet_does(value: object, text: str) -> None:
    """Numbers, times and GUIDs have a text; an object, a list or null is empty."""
    assert filled("<{value}>", {"value": value}) == f"<{text}>"


def test_format_applies_to_values_of_the_trigger() -> None:
    """The value is a time or a GUID."""
    values = {"when": datetime(2024, 1, 2, tzinfo=UTC), "id": UUID(int=1)}
    assert filled("{when:yyyy/MM}-{id:n}", values) == "2024/01-00000000000000000000000000000001"
    with pytest.raises(ValueError, match="'q' is not a format of a date and time"):
        filled("{when:q}", values)


def test_guid_is_new_for_each_expression() -> None:
    """It has the requested format."""
    first, second, third = filled("{rand-guid} {Rand-Guid:B} {sys.randguid:N}").split()
    assert str(UUID(first)) == first
    assert f"{{{UUID(second)}}}" == second
    assert UUID(third).hex == third
    assert len({UUID(first), UUID(second), UUID(third)}) == 3
    assert UUID(first).version == 4


@pytest.mark.parametrize("name", ["DateTime", "datetime", "sys.UtcNow"])
def test_time_is_the_current_time_in_utc(name: str) -> None:
    """Its default format can be part of a blob's name."""
    before = datetime.now(UTC).replace(microsecond=0)
    written = filled(f"{{{name}}}")
    assert before <= datetime.strptime(written, "%Y-%m-%dT%H-%M-%S%z") <= datetime.now(UTC)
    assert re.fullmatch(r"\d{4}/\d\d\.x", filled(f"{{{name}:yyyy/MM.}}x"))


def test_function_name_is_available() -> None:
    """``{sys.MethodName}`` is the function's name."""
    assert filled("{sys.methodname}/{sys}") == "Resize/"


def test_values_of_the_trigger_hide_built_in_ones() -> None:
    """With a format, the name means the built-in value."""
    values = {"datetime": "mine", "rand-guid": "mine", "SYS": {"methodname": "mine"}}
    assert filled("{DateTime} {rand-guid} {sys.MethodName}", values) == "mine mine mine"
    assert filled("{DateTime:yyyy}", values).isdigit()


def test_values_are_quoted_and_texts_are_not() -> None:
    """A filter or a path has a syntax of its own."""
    template = Template.parse("Name eq '{name}' and Id eq '{sys.MethodName}'")
    assert template.fill({"name": "O'Neil"}, "F", lambda value: value.replace("'", "''")) == (
        "Name eq 'O''Neil' and Id eq 'F'"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_json_data_has_the_properties_of_an_object(document: dict[str, Any]) -> None:
    """Nested objects are included; lists and nulls are not."""
    expected = {key: value for key, value in document.items() if not isinstance(value, list | None)}
    assert json_data(json.dumps(document)) == expected
    assert json_data(json.dumps(document).encode()) == expected


@given(st.text() | st.binary() | JSON.filter(lambda value: not isinstance(value, dict)).map(json.dumps))
def test_json_data_of_another_text_is_empty(text: str | bytes) -> None:
    """The text can be anything that is not a JSON object."""
    data = json_data(text)
    assert not data or isinstance(json.loads(text), dict)


@pytest.mark.parametrize("text", [None, "", b"\xff", '{"a":' * 100_000, '\ufeff{"a": 1}', "{'a': 1}"])
def test_json_data_of_broken_or_deep_json_is_empty(text: str | bytes | None) -> None:
    """Neither is an error."""
    assert json_data(text) == {}


def test_json_constants_become_text() -> None:
    """Some writers put NaN and Infinity into JSON."""
    assert json_data('{"a": NaN, "b": -Infinity}') == {"a": "NaN", "b": "-Infinity"}


@given(st.lists(st.dictionaries(NAMES, st.integers()), max_size=4))
def test_merged_takes_the_last_value_ignoring_case(layers: list[dict[str, int]]) -> None:
    """Names that differ only in case are the same."""
    values = merged(*layers)
    last = {name.lower(): value for layer in layers for name, value in layer.items()}
    assert len(values) == len(last)
    for name, value in last.items():
        assert member(values, name) == member(values, name.upper()) == value
