"""Times and GUIDs in .NET's formats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings.formats import format_guid, format_time

MOMENT = datetime(2009, 6, 5, 13, 4, 7, 89_000, UTC)
BERLIN = timezone(timedelta(hours=2))
NEWFOUNDLAND = timezone(-timedelta(hours=3, minutes=30))
SPECIFIERS = "dfFghHKmMstyz"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (None, "2009-06-05T13-04-07Z"),
        (" ", "2009-06-05T13-04-07Z"),
        ("yyyy-MM-dd", "2009-06-05"),
        ("yy.M.d", "09.6.5"),
        ("y|yyy|yyyyy", "9|2009|02009"),
        ("ddd dddd dddddd", "Fri Friday Friday"),
        ("MMM MMMM", "Jun June"),
        ("h:m:s t|hh:mm:ss tt", "1:4:7 P|01:04:07 PM"),
        ("H|HH|HHH", "13|13|13"),
        ("ss.f|ss.ff|ss.fff|ss.fffffff", "07.0|07.08|07.089|07.0890000"),
        ("ss.F|ss.FF|ss.FFF|ss.FFFFFFF", "07|07.08|07.089|07.089"),
        ("K|z|zz|zzz", "Z|+0|+00|+00:00"),
        ("g gg", "A.D. A.D."),
        ("'at' HH \"o'clock\"", "at 13 o'clock"),
        (r"\d\\H", r"d\13"),
        ("%d", "5"),
        ("yyyyMMddTHHmmss", "20090605T130407"),
        ("Q q: W", "Q q: W"),
        ("d", "06/05/2009"),
        ("D", "Friday, 05 June 2009"),
        ("f", "Friday, 05 June 2009 13:04"),
        ("F", "Friday, 05 June 2009 13:04:07"),
        ("g", "06/05/2009 13:04"),
        ("G", "06/05/2009 13:04:07"),
        ("m", "June 05"),
        ("o", "2009-06-05T13:04:07.0890000Z"),
        ("r", "Fri, 05 Jun 2009 13:04:07 GMT"),
        ("s", "2009-06-05T13:04:07"),
        ("t", "13:04"),
        ("T", "13:04:07"),
        ("u", "2009-06-05 13:04:07Z"),
        ("y", "2009 June"),
    ],
)
def test_time_is_formatted_as_dotnet_does(form: str | None, text: str) -> None:
    """Standard formats of one letter and custom formats have the result of the invariant culture."""
    assert format_time(MOMENT, form) == text


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (UTC, "Z|+0|+00|+00:00"),
        (BERLIN, "+02:00|+2|+02|+02:00"),
        (NEWFOUNDLAND, "-03:30|-3|-03|-03:30"),
        (None, "|+0|+00|+00:00"),
    ],
)
def test_time_zone_is_formatted_as_an_offset(zone: timezone | None, text: str) -> None:
    """UTC is a letter, and a time without a zone has no offset."""
    assert format_time(MOMENT.replace(tzinfo=zone), "K|z|zz|zzz") == text


@pytest.mark.parametrize("form", ["q", "x", "'", "yyyy'", 'yyyy"MM', "yyyy\\", "HH%", "ffffffff"])
def test_invalid_format_of_a_time_is_an_error(form: str) -> None:
    """It is an unknown letter or an unbalanced quote."""
    with pytest.raises(ValueError, match="is not a format of a date and time"):
        format_time(MOMENT, form)


@given(st.datetimes(min_value=datetime(1000, 1, 1)))
def test_time_has_the_same_text_as_in_python(moment: datetime) -> None:
    """The formats are those that Python has too."""
    assert format_time(moment, "yyyy-MM-ddTHH:mm:ss.ffffff") == moment.isoformat(timespec="microseconds")
    assert format_time(moment, "hh tt ddd MMM yy") == moment.strftime("%I %p %a %b %y")


@given(st.text(min_size=2, max_size=12))
def test_characters_without_a_meaning_are_kept(text: str) -> None:
    """They stand for themselves."""
    literal = "".join(character for character in text if character not in SPECIFIERS + "'\"\\%")
    if len(literal) > 1 and literal.strip():
        assert format_time(MOMENT, literal) == literal


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (None, "00112233-4455-6677-8899-aabbccddeeff"),
        ("", "00112233-4455-6677-8899-aabbccddeeff"),
        ("d", "00112233-4455-6677-8899-aabbccddeeff"),
        ("N", "00112233445566778899aabbccddeeff"),
        ("B", "{00112233-4455-6677-8899-aabbccddeeff}"),
        ("P", "(00112233-4455-6677-8899-aabbccddeeff)"),
        ("X", "{0x00112233,0x4455,0x6677,{0x88,0x99,0xaa,0xbb,0xcc,0xdd,0xee,0xff}}"),
    ],
)
def test_guid_is_formatted_as_dotnet_does(form: str | None, text: str) -> None:
    """The five formats ignore case."""
    guid = UUID("00112233-4455-6677-8899-aabbccddeeff")
    assert format_guid(guid, form) == text
    assert format_guid(guid, form and form.swapcase()) == text


@pytest.mark.parametrize("form", ["q", "NN", "-"])
def test_invalid_format_of_a_guid_is_an_error(form: str) -> None:
    """The message lists the five formats."""
    with pytest.raises(ValueError, match="expected N, D, B, P or X"):
        format_guid(UUID(int=0), form)
