"""Appending a note to results: which results end with it, and which are unchanged."""

from __future__ import annotations

import json

import pytest
from azure.functions import HttpResponse
from hypothesis import given
from hypothesis import strategies as st

from hosting_timer.annotation import annotated

NOTE = " (noted)"
TEXT = st.text().filter(lambda text: not text.lstrip().startswith(("{", "[")))


def _response(result: object) -> HttpResponse:
    assert isinstance(result, HttpResponse)
    return result


@given(TEXT)
def test_text_result_ends_with_the_note(text: str) -> None:
    """A str result that is not JSON is followed by the note."""
    assert annotated(text, NOTE) == text + NOTE


@given(st.dictionaries(st.text(), st.integers()) | st.lists(st.integers()))
def test_json_text_is_unchanged(value: object) -> None:
    """JSON objects and arrays stay valid JSON, as a str or as a text response."""
    text = json.dumps(value)
    assert annotated(text, NOTE) is None
    assert annotated(HttpResponse(text), NOTE) is None


@given(
    st.text(min_size=1).filter(lambda text: not text.lstrip().startswith(("{", "["))), st.sampled_from(range(200, 204))
)
def test_text_response_ends_with_the_note_and_keeps_everything_else(text: str, status: int) -> None:
    """Status, media type and charset are kept, and the body is followed by the note."""
    original = HttpResponse(text, status_code=status, mimetype="text/html", charset="utf-8")
    changed = _response(annotated(original, NOTE))
    assert changed.get_body().decode() == text + NOTE
    assert (changed.status_code, changed.mimetype, changed.charset) == (status, "text/html", "utf-8")
    assert original.get_body().decode() == text


def test_repeated_headers_of_a_response_are_kept() -> None:
    """Every cookie that the function set is kept."""
    original = HttpResponse("hi", headers={"X-One": "1"})
    original.headers.add("Set-Cookie", "a=1")
    original.headers.add("Set-Cookie", "b=2")
    changed = _response(annotated(original, NOTE))
    assert changed.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert changed.headers["X-One"] == "1"


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "utf-16"])
def test_note_is_encoded_in_the_charset_of_the_response(charset: str) -> None:
    """A client that decodes by the declared charset reads the whole text."""
    changed = _response(annotated(HttpResponse("é", charset=charset), NOTE))
    assert changed.get_body().decode(charset) == "é" + NOTE


def test_content_type_header_comes_before_the_mimetype() -> None:
    """The header decides, because it is what the client receives."""
    header = {"Content-Type": "text/plain; charset=utf-16"}
    changed = _response(annotated(HttpResponse("é".encode("utf-16"), headers=header, mimetype="image/png"), NOTE))
    assert changed.get_body().decode("utf-16") == "é" + NOTE
    assert annotated(HttpResponse("x", headers={"Content-Type": "application/xml"}), NOTE) is None


def test_content_length_of_the_function_is_updated() -> None:
    """A Content-Length that the function set is the new length."""
    changed = _response(annotated(HttpResponse("hi", headers={"Content-Length": "2"}), NOTE))
    assert changed.headers["Content-Length"] == str(len("hi" + NOTE))


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(b"\x89PNG", mimetype="image/png"),
        HttpResponse('"text"', mimetype="application/json"),
        HttpResponse(b"\xff\xfe\xfd", mimetype="text/plain"),
        HttpResponse("text", headers={"Content-Encoding": "gzip"}),
        HttpResponse("text", headers={"Content-Type": "text/plain; charset=nonsense"}),
        HttpResponse(status_code=204),
        HttpResponse("text", status_code=304),
        HttpResponse(""),
    ],
    ids=[
        "binary",
        "json",
        "not text after all",
        "compressed",
        "unknown charset",
        "no content",
        "not modified",
        "empty",
    ],
)
def test_response_that_is_not_text_is_unchanged(response: HttpResponse) -> None:
    """Bodies that a note would damage, or that must be empty, are unchanged."""
    assert annotated(response, NOTE) is None


@pytest.mark.parametrize("result", [None, b"bytes", 3, {"a": 1}, object()])
def test_results_of_other_types_are_unchanged(result: object) -> None:
    """Only text and responses are annotated."""
    assert annotated(result, NOTE) is None
