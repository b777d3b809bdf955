"""Route templates: the paths that they match, the values, and errors."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hosting.bindings.http.template import parse


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("api/Hello", "/api/hello", {}),
        ("api/Hello", "/API/HELLO/", {}),
        ("api/Hello", "/api/hello/x", None),
        ("api/{id}", "/api/Ab", {"id": "Ab"}),
        ("api/{id}", "/api", None),
        ("api/{id}", "/api//", None),
        ("api/{id?}", "/api", {}),
        ("api/{id?}", "/api/", {}),
        ("api/{id=5}", "/api", {"id": "5"}),
        ("api/{id=5}", "/api/6", {"id": "6"}),
        ("api/{a=1}/{b?}", "/api/2/3", {"a": "2", "b": "3"}),
        ("api/{a=1}/{b?}", "/api", {"a": "1"}),
        ("api/{id:int?}", "/api/x", None),
        ("api/{id:int?}", "/api", {}),
        ("api/{*rest}", "/api/a/b/", {"rest": "a/b/"}),
        ("api/{*rest}", "/api", {}),
        ("api/{**rest}", "/api/a//b", {"rest": "a//b"}),
        ("api//{*route}", "/api/x", {"route": "x"}),
        ("/{*route}", "/", {}),
        ("/", "/", {}),
        ("files/{name}.{ext?}", "/files/a.b.c", {"name": "a.b", "ext": "c"}),
        ("files/{name}.{ext?}", "/files/a", {"name": "a"}),
        ("{year}-{month}", "/2024-05", {"year": "2024", "month": "05"}),
        ("{a}/literal/{b}", "/1/LITERAL/2", {"a": "1", "b": "2"}),
        ("x{{y", "/x{y", {}),
        ("{a:length(2,3):alpha=zz}", "/", {"a": "zz"}),
        (r"{a:regex(^\d{{3}}-[a-z]+$)}", "/123-abc", {"a": "123-abc"}),
        (r"{a:regex(^\d{{3}}-[a-z]+$)}", "/12-abc", None),
        ("{a:regex(^(x|y)$)}/z", "/x/z", {"a": "x"}),
    ],
)
def test_template_matches_as_aspnet_does(template: str, path: str, values: dict[str, str] | None) -> None:
    """Literals ignore case, values are unchanged, and absent optional parameters are omitted."""
    assert parse(template).match(path) == values


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("int", "-12", "2147483648"),
        ("int", "2147483647", "1.5"),
        ("long", "9223372036854775807", "9223372036854775808"),
        ("int", "0" * 5000 + "7", "9" * 5000),
        ("range(1,9)", "0009", "1" * 5000),
        ("min(18)", "18", "1" * 60_000),
        ("double", "1,000.5", "1" * 60_000 + "x"),
        ("decimal", "1,000.5", "1" * 60_000 + "x"),
        ("guid", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff"),
        ("alpha", "abcXYZ", "ab1"),
        ("alpha", "a", "ä"),
        ("bool", "TRUE", "yes"),
        ("datetime", "2024-02-29", "2024-02-30"),
        ("datetime", "2024-02-29T10:00:00", "10"),
        ("datetime", "31 Dec 2024", "31 31 2024"),
        ("decimal", "49.99", "1e5"),
        ("double", "1e5", "x"),
        ("float", "-1.5", "1.5.2"),
        ("length(3)", "abc", "ab"),
        ("length(2,3)", "abc", "abcd"),
        ("minlength(2)", "ab", "a"),
        ("maxlength(2)", "ab", "abc"),
        ("min(18)", "18", "17"),
        ("max(18)", "18", "19"),
        ("range(1,9)", "9", "10"),
        ("required", "x", None),
        ("regex(^a+$)", "AAA", "b"),
        ("file", "a.txt", "a"),
        ("nonfile", "a", "a.txt"),
        ("INT", "1", "a"),
    ],
)
def test_constraint_accepts_and_rejects_as_aspnet_does(constraint: str, good: str, bad: str | None) -> None:
    """Each constraint has values of both kinds."""
    template = parse(f"{{x:{constraint}}}")
    assert template.match(f"/{good}") == {"x": good}
    if bad is not None:
        assert template.match(f"/{bad}") is None


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{id:number}", "constraint 'number' is unknown"),
        ("{id:length(3,1)}", "3 is greater than 1"),
        ("{id:length}", "takes an argument"),
        ("{id:int(3)}", "takes no argument"),
        ("{id", "not closed"),
        ("id}", "unbalanced '}'"),
        ("{}", "no valid parameter name"),
        ("{a}{b}", "separated by text"),
        ("{a}/{A}", "occurs twice"),
        ("{*a}/b", "last segment"),
        ("x{*a}", "last segment"),
        ("{a?}x", "end of its segment"),
        ("{a=1?}", "optional as well"),
        ("a?b", "must not contain '?'"),
    ],
)
def test_invalid_template_is_an_error_with_the_reason(template: str, reason: str) -> None:
    """ASP.NET rejects these templates too."""
    with pytest.raises(ValueError, match=reason.replace("?", r"\?")):
        parse(template)


@given(st.text(alphabet="ab{}*?=:/()1,.-", max_size=20), st.text(alphabet="ab/1.-{}", max_size=20))
def test_any_text_is_parsed_or_a_value_error(template: str, path: str) -> None:
    """Matching never fails."""
    try:
        parsed = parse(template)
    except ValueError:
        return
    values = parsed.match("/" + path)
    assert values is None or set(values) <= {parameter.name for parameter in parsed.parameters}


@given(
    text=st.sampled_from(
        ["{a}-{b}", "{a}-{b}-{c}", "{a}-{b}_{c}", "x{a}--{b}", "-{a}_-{b}-", "{a}-_{b}_", "{a}x{b}-X-{c}x"]
    ),
    path=st.text("-_xX", max_size=11),
)
@example("{a}-_{b}_", "X-_-_")
def test_values_in_one_segment_are_as_short_as_possible(text: str, path: str) -> None:
    """The first value takes the rest."""
    pieces = [re.escape(piece) if piece[0] != "{" else "(.+)" for piece in re.findall(r"\{\w\}|[^{}]+", text)]
    expected = re.fullmatch("".join(pieces), path, re.IGNORECASE)
    match = parse(text).match(f"/{path}")
    assert (None if match is None else tuple(match.values())) == (None if expected is None else expected.groups())


@pytest.mark.parametrize("text", ["{year}-{month}-{day}/x", "{a}-{b}-{c}-{d}.txt", "{a}-{b}_{c}.{d}/x"])
def test_path_that_almost_matches_in_many_ways_is_rejected_quickly(text: str) -> None:
    """The time does not grow exponentially."""
    assert parse(text).match("/" + "-" * 8000 + "/y") is None
