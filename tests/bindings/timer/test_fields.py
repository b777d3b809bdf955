"""The fields of a CRON expression, by the rules of NCrontab."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings.timer.fields import FieldError, FieldKind, field_kinds, read_field

SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY = field_kinds()


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("*", MONTH, set(range(1, 13))),
        ("7", HOUR, {7}),
        ("007", HOUR, {7}),
        ("1,3,5", MINUTE, {1, 3, 5}),
        ("1-5", MINUTE, {1, 2, 3, 4, 5}),
        ("*/20", SECOND, {0, 20, 40}),
        ("*/10", DAY, {1, 11, 21, 31}),
        ("1-30/10", MINUTE, {1, 11, 21}),
        ("50/4", SECOND, {50, 54, 58}),
        ("0-10/5,30,*/30", MINUTE, {0, 5, 10, 30}),
        ("JAN", MONTH, {1}),
        ("mAr-May", MONTH, {3, 4, 5}),
        ("Mon-fri", WEEKDAY, {1, 2, 3, 4, 5}),
        ("SUN,6", WEEKDAY, {0, 6}),
        ("thursday", WEEKDAY, {4}),
        ("ju", MONTH, {6}),
        ("5-5", HOUR, {5}),
        ("*/+5", HOUR, {0, 5, 10, 15, 20}),
        ("*/99", HOUR, {0}),
    ],
)
def test_field_has_the_values_of_ncrontab(text: str, kind: FieldKind, values: set[int]) -> None:
    """Numbers, names, lists, ranges and steps have the same meaning."""
    assert read_field(text, kind).values == values


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("60", SECOND),
        ("24", HOUR),
        ("0", DAY),
        ("32", DAY),
        ("0", MONTH),
        ("13", MONTH),
        ("7", WEEKDAY),
        ("1-7", WEEKDAY),
        ("L", DAY),
        ("15W", DAY),
        ("LW", DAY),
        ("2#1", WEEKDAY),
        ("5L", WEEKDAY),
        ("?", DAY),
        ("H", MINUTE),
        ("JAN", WEEKDAY),
        ("MON", MONTH),
        ("MONDAYS", WEEKDAY),
        ("", MINUTE),
        (",1", MINUTE),
        ("1,,2", MINUTE),
        ("1,", MINUTE),
        ("-5", MINUTE),
        ("5-", MINUTE),
        ("1-2-3", MINUTE),
        ("/5", MINUTE),
        ("*/", MINUTE),
        ("*/x", MINUTE),
        ("*/2/3", MINUTE),
        ("**", MINUTE),
        ("*-5", MINUTE),
        ("1.5", MINUTE),
        ("٣", MINUTE),
        ("²", MINUTE),
    ],
)
def test_text_that_ncrontab_rejects_is_an_error(text: str, kind: FieldKind) -> None:
    """Some of them are valid in other kinds of CRON."""
    with pytest.raises(FieldError, match=f"is not a valid {kind.name}: "):
        read_field(text, kind)


@pytest.mark.parametrize(
    ("text", "kind", "surprise"),
    [
        ("22-2", HOUR, "'22-2' means 2 to 22: a range does not wrap around"),
        ("FRI-mon", WEEKDAY, "'FRI-mon' means 1 to 5: a range does not wrap around"),
        ("*/0", MINUTE, "the step of '*/0' counts as 1"),
        ("1-5/-3", MINUTE, "the step of '1-5/-3' counts as 1"),
    ],
)
def test_field_that_is_easily_misunderstood_has_a_warning(text: str, kind: FieldKind, surprise: str) -> None:
    """It has the same values as in NCrontab."""
    assert read_field(text, kind).warnings == (surprise,)


def test_error_has_the_allowed_values_and_a_hint() -> None:
    """The hint is for the syntax of other kinds of CRON."""
    with pytest.raises(FieldError) as refused:
        read_field("7", WEEKDAY)
    assert str(refused.value) == (
        "'7' is not a valid day of the week: expected 0 to 6, or SUN, MON, TUE, WED, THU, FRI, SAT"
    )
    assert refused.value.hint == "Write 0 for Sunday."
    with pytest.raises(FieldError) as refused:
        read_field("L", DAY)
    assert "28-31" in refused.value.hint


@given(st.sampled_from(field_kinds()), st.data())
def test_any_list_of_values_is_parsed(kind: FieldKind, data: st.DataObject) -> None:
    """The plain text of the field has the same values."""
    numbers = data.draw(st.lists(st.integers(kind.low, kind.high), min_size=1))
    field = read_field(",".join(map(str, numbers)), kind)
    assert field.values == set(numbers)
    assert read_field(field.text, kind).values == set(numbers)
    assert field.is_any == (len(set(numbers)) == kind.high - kind.low + 1)


@given(st.text("0123456789*/-,LWmonJAN#?@ ", max_size=8), st.sampled_from(field_kinds()))
def test_any_text_is_a_field_or_an_error(text: str, kind: FieldKind) -> None:
    """The values are in the field's range."""
    try:
        values = read_field(text, kind).values
    except FieldError:
        return
    assert values
    assert values <= set(range(kind.low, kind.high + 1))
