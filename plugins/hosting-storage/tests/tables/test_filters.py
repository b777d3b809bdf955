"""Values inside OData filters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_storage.tables.filters import equals, marked, resolved


@pytest.mark.parametrize(
    ("before", "value", "after", "expected"),
    [
        ("Name eq '", "O'Brien", "'", "Name eq 'O''Brien'"),
        ("Name eq '", "' or 1 eq 1 or '' eq '", "'", "Name eq ''' or 1 eq 1 or '''' eq '''"),
        (
            "Due lt datetime'",
            "2026-01-01T00:00:00Z",
            "' and A eq 1",
            "Due lt datetime'2026-01-01T00:00:00Z' and A eq 1",
        ),
        ("Age gt ", "30", "", "Age gt 30"),
        ("Age gt ", "-3.5E+7", " and B", "Age gt -3.5e+7 and B"),
        ("Done eq ", "True", "", "Done eq true"),
        ("", "Age gt 3 or Name eq 'x'", "", "Age gt 3 or Name eq 'x'"),
    ],
)
def test_filter_values_are_escaped_in_quotes(before: str, value: str, after: str, expected: str) -> None:
    """A value in quotes is escaped; numbers, booleans and a whole filter stay as they are."""
    assert resolved(f"{before}{marked(value)}{after}") == expected


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("Age gt ", "3 or 1 eq 1", ""),
        ("Age gt ", "", ""),
        ("Age gt ", "datetime'2026-01-01'", ""),
        ("Name eq ''", "x", "''"),
        ("Name eq 'prefix ", "x", "'"),
        ("A eq '' and B eq ", "x", " and C eq ''"),
    ],
)
def test_filter_value_outside_quotes_is_refused(before: str, value: str, after: str) -> None:
    """Any other value outside quotes is refused, with what to write instead."""
    with pytest.raises(ValueError, match=re.escape(repr(value))):
        resolved(f"{before}{marked(value)}{after}")


@given(st.text(), st.text())
def test_filter_value_never_leaves_its_quotes(first: str, second: str) -> None:
    """A text with its quotes doubled is read as the value that it was."""
    text = resolved(f"A eq '{marked(first)}' and B eq '{marked(second)}'")
    literals = re.fullmatch("A eq '((?:[^']|'')*)' and B eq '((?:[^']|'')*)'", text)
    assert literals is not None
    assert [literal.replace("''", "'") for literal in literals.groups()] == [first, second]


def test_key_in_a_filter_is_escaped() -> None:
    """A key inside a filter is escaped as well."""
    assert equals("PartitionKey", "it's") == "PartitionKey eq 'it''s'"
