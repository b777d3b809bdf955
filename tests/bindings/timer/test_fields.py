"""The fields of a CRON expression, as strict and as loose as NCrontab."""

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
def test_what_a_field_means(text: str, kind: FieldKind, values: set[int]) -> None:
    """Numbers, names, lists, ranges and steps mean what NCrontab makes of them."""
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
def test_what_is_no_field(text: str, kind: FieldKind) -> None:
    """What NCrontab refuses is refused, though other kinds of CRON know it."""
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
def test_surprises(text: str, kind: FieldKind, surprise: str) -> None:
    """What NCrontab reads in an unexpected way is read in that way, and told."""
    assert read_field(text, kind).warnings == (surprise,)


def test_an_error_names_the_values_and_what_to_write() -> None:
    """The message has the text and what may stand there; people who know other kinds of CRON get a hint."""
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
def test_any_list_of_values(kind: FieldKind, data: st.DataObject) -> None:
    """A list of numbers has these numbers, and its plain text has them again."""
    numbers = data.draw(st.lists(st.integers(kind.low, kind.high), min_size=1))
    field = read_field(",".join(map(str, numbers)), kind)
    assert field.values == set(numbers)
    assert read_field(field.text, kind).values == set(numbers)
    assert field.is_any == (len(set(numbers)) == kind.high - kind.low + 1)


@given(st.text("0123456789*/-,LWmonJAN#?@ ", max_size=8), st.sampled_from(field_kinds()))
def test_any_text(text: str, kind: FieldKind) -> None:
    """Whatever the text, it is a field with values in its range, or refused."""
    try:
        values = read_field(text, kind).values
    except FieldError:
        return
    assert values
    assert values <= set(range(kind.low, kind.high + 1))
