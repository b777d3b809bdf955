"""Expressions in the properties of bindings."""

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
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever stands in a property is a template, or an error that shows it."""
    try:
        template = Template.parse(text)
    except ValueError as error:
        shown = str(error)
    else:
        shown = f"Invalid template '{template.text}'. "
        assert all(part for part in template.parts)
    assert f"Invalid template '{text}'. " in shown


@given(st.text())
def test_doubled_braces_are_braces(text: str) -> None:
    """A text whose braces are doubled is constant, and means the text with single ones."""
    template = Template.parse(text.replace("{", "{{").replace("}", "}}"))
    assert template.is_constant
    assert template.names == ()
    assert template.fill({}, "F") == text


@given(st.lists(NO_BRACES | NAMES.map(lambda name: Expression((name,)))))
def test_texts_and_expressions_alternate(parts: list[str | Expression]) -> None:
    """Each expression is filled in at its place, and the texts around it stay."""
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
def test_refused(text: str, reason: str) -> None:
    """A template that cannot be read is refused at once, with the place or the name."""
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        Template.parse(text)
    assert str(caught.value) == f"Invalid template '{text}'. {reason}"


def test_parts() -> None:
    """What a pattern is made of: texts as they are meant, paths of names, formats."""
    assert Template.parse("a{{b/{name}.{when:yyyy-MM}}}").parts == (
        "a{b/",
        Expression(("name",)),
        ".",
        Expression(("when",), "yyyy-MM"),
        "}",
    )
    assert Template.parse("{Headers.x-id}").parts == (Expression(("Headers", "x-id")),)


@pytest.mark.parametrize("text", ["{id}", "{ID}", "{Id:N}", "{order.ID}", "{Order.id}"])
def test_names_ignore_case(text: str) -> None:
    """Names and properties inside are found in any case; the format of a text is ignored."""
    assert filled(text, {"Id": "7", "ORDER": {"iD": "7"}}) == "7"


def test_exact_spelling_first() -> None:
    """Where two names differ in case only, the one that is spelled so is taken."""
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
def test_missing_values(text: str, reason: str) -> None:
    """A value that the trigger does not give fails the invocation, and says which."""
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
def test_values_as_texts(value: object, text: str) -> None:
    """Numbers, times and GUIDs are written as .NET writes them; an object, a list or nothing leaves nothing."""
    assert filled("<{value}>", {"value": value}) == f"<{text}>"


def test_formats_of_given_values() -> None:
    """A time or a GUID that the trigger gives takes a format, too."""
    values = {"when": datetime(2024, 1, 2, tzinfo=UTC), "id": UUID(int=1)}
    assert filled("{when:yyyy/MM}-{id:n}", values) == "2024/01-00000000000000000000000000000001"
    with pytest.raises(ValueError, match="'q' is not a format of a date and time"):
        filled("{when:q}", values)


def test_built_in_guid() -> None:
    """Each expression is a new GUID, in the format that is asked for."""
    first, second, third = filled("{rand-guid} {Rand-Guid:B} {sys.randguid:N}").split()
    assert str(UUID(first)) == first
    assert f"{{{UUID(second)}}}" == second
    assert UUID(third).hex == third
    assert len({UUID(first), UUID(second), UUID(third)}) == 3
    assert UUID(first).version == 4


@pytest.mark.parametrize("name", ["DateTime", "datetime", "sys.UtcNow"])
def test_built_in_time(name: str) -> None:
    """The time is that of the invocation, in UTC, fit for the name of a blob."""
    before = datetime.now(UTC).replace(microsecond=0)
    written = filled(f"{{{name}}}")
    assert before <= datetime.strptime(written, "%Y-%m-%dT%H-%M-%S%z") <= datetime.now(UTC)
    assert re.fullmatch(r"\d{4}/\d\d\.x", filled(f"{{{name}:yyyy/MM.}}x"))


def test_built_in_function_name() -> None:
    """An expression may be the function's name."""
    assert filled("{sys.methodname}/{sys}") == "Resize/"


def test_given_values_hide_built_in_ones() -> None:
    """What the trigger gives counts before what is built in, unless a format asks for the built-in one."""
    values = {"datetime": "mine", "rand-guid": "mine", "SYS": {"methodname": "mine"}}
    assert filled("{DateTime} {rand-guid} {sys.MethodName}", values) == "mine mine mine"
    assert filled("{DateTime:yyyy}", values).isdigit()


def test_quoting() -> None:
    """Values are quoted where they go into something that has a syntax, and the text around them is not."""
    template = Template.parse("Name eq '{name}' and Id eq '{sys.MethodName}'")
    assert template.fill({"name": "O'Neil"}, "F", lambda value: value.replace("'", "''")) == (
        "Name eq 'O''Neil' and Id eq 'F'"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), JSON))
def test_properties_of_a_json_object(document: dict[str, Any]) -> None:
    """The properties of an object are given, objects inside included; lists and nulls are not."""
    expected = {key: value for key, value in document.items() if not isinstance(value, list | None)}
    assert json_data(json.dumps(document)) == expected
    assert json_data(json.dumps(document).encode()) == expected


@given(st.text() | st.binary() | JSON.filter(lambda value: not isinstance(value, dict)).map(json.dumps))
def test_other_texts_give_nothing(text: str | bytes) -> None:
    """A text that is no JSON object gives no properties, whatever it is."""
    found = json_data(text)
    assert not found or isinstance(json.loads(text), dict)


@pytest.mark.parametrize("text", [None, "", b"\xff", '{"a":' * 100_000, '\ufeff{"a": 1}', "{'a': 1}"])
def test_odd_texts_give_nothing(text: str | bytes | None) -> None:
    """Nothing, broken JSON and JSON of any depth are no error."""
    assert json_data(text) == {}


def test_what_is_no_number_in_json() -> None:
    """The constants that some writers put into JSON are texts."""
    assert json_data('{"a": NaN, "b": -Infinity}') == {"a": "NaN", "b": "-Infinity"}


@given(st.lists(st.dictionaries(NAMES, st.integers()), max_size=4))
def test_later_layers_count(layers: list[dict[str, int]]) -> None:
    """Of names that differ in case only, the one of the last layer counts."""
    values = merged(*layers)
    last = {name.lower(): value for layer in layers for name, value in layer.items()}
    assert len(values) == len(last)
    for name, value in last.items():
        assert member(values, name) == member(values, name.upper()) == value
