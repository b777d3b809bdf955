"""HTTP responses for the results of functions."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings.http.response import encode_reply

TEXT = (b"content-type", b"text/plain; charset=utf-8")


def test_response_defaults_to_plain_text_and_status_200() -> None:
    """The text is in UTF-8."""
    reply = encode_reply(func.HttpResponse("ä"))
    assert (reply.status, reply.headers, reply.body) == (200, [TEXT], "ä".encode())


def test_charset_encodes_the_text() -> None:
    """The header has the charset for text types only."""
    reply = encode_reply(func.HttpResponse("ä", mimetype="text/html", charset="latin-1", status_code=201))
    assert (reply.status, reply.headers, reply.body) == (
        201,
        [(b"content-type", b"text/html; charset=latin-1")],
        b"\xe4",
    )
    assert encode_reply(func.HttpResponse("{}", mimetype="application/json")).headers == [
        (b"content-type", b"application/json")
    ]


def test_content_type_header_wins_over_the_mimetype() -> None:
    """The header is one of the response's headers."""
    reply = encode_reply(func.HttpResponse("x", headers={"Content-Type": "text/csv"}, mimetype="text/html"))
    assert reply.headers == [(b"content-type", b"text/csv")]


def test_repeated_headers_and_cookies_are_all_sent() -> None:
    """The object can be returned again."""
    response = func.HttpResponse("x", headers={"Vary": "a"})
    response.headers.add("Vary", "b")
    response.headers.add("Set-Cookie", "one=1; Path=/")
    response.headers.add("Set-Cookie", "two=2")
    first, second = encode_reply(response), encode_reply(response)
    assert [value for name, value in first.headers if name == b"vary"] == [b"a", b"b"]
    assert [value for name, value in first.headers if name == b"set-cookie"] == [b"one=1; Path=/", b"two=2"]
    assert first.headers == second.headers


def test_framing_headers_of_a_function_are_dropped() -> None:
    """The server sets these headers."""
    headers = {"Content-Length": "1", "Transfer-Encoding": "chunked", "Connection": "close"}
    assert encode_reply(func.HttpResponse("xyz", headers=headers)).headers == [TEXT]


@pytest.mark.parametrize("name", ["X Y", "X\r\nSet-Cookie: a", "", "X:", "Ü", "☃"])
def test_invalid_header_name_is_an_error(name: str) -> None:
    """A name cannot contain other characters than those of a token."""
    with pytest.raises(ValueError, match="invalid name"):
        encode_reply(func.HttpResponse("x", headers={name: "1"}))


@pytest.mark.parametrize("value", ["a\x00b", "a\x0bb", "☃"])
def test_header_value_with_a_control_character_is_an_error(value: str) -> None:
    """It could begin another line."""
    with pytest.raises(ValueError, match="response header 'X-A' has a"):
        encode_reply(func.HttpResponse("x", headers={"X-A": value}))


def test_header_of_a_response_object_with_a_line_break_is_an_error() -> None:
    """A text that describes a response cannot inject headers either."""
    with pytest.raises(ValueError, match="control character"):
        encode_reply('{"body": "x", "headers": {"a": "1\\r\\nb: 2"}}')


@pytest.mark.parametrize("status", ["abc", None, 99, 600, 100])
def test_status_that_is_not_final_is_an_error(status: Any) -> None:
    """The status is a number from 200 to 599."""
    response = func.HttpResponse("x")
    response._HttpResponse__status_code = status  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="response status"):
        encode_reply(response)


@pytest.mark.parametrize("value", [None, b"x", {"a": 1}, [1], 1, bytearray(b"x")])
def test_other_type_is_a_type_error(value: Any) -> None:
    """Azure's worker accepts a response or text only."""
    with pytest.raises(TypeError, match=type(value).__name__):
        encode_reply(value)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("Hello", "Hello"),
        ("", ""),
        ("null", ""),
        ("true", "True"),
        ('"quoted"', "quoted"),
        ("1.0", "1"),
        ("1.50", "1.5"),
        ("1e100", "1E+100"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("NaN", "NaN"),
        ('{"a": [1, {}], "ä": null}', '{\n  "a": [\n    1,\n    {}\n  ],\n  "ä": null\n}'),
        ("[]", "[]"),
        ("{'a': 1}", "{'a': 1}"),
        ('{"a": 1} x', '{"a": 1} x'),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_text_that_is_json_is_formatted_as_azures_host_does(text: str, body: str) -> None:
    """Other text is sent unchanged."""
    reply = encode_reply(text)
    assert (reply.status, reply.headers, reply.body.decode()) == (200, [TEXT], body)


def test_json_object_with_a_body_describes_a_response() -> None:
    """It has status, headers and cookies; keys ignore case."""
    described = {
        "Body": {"a": 1},
        "statusCode": "202",
        "headers": {"X-A": 1, "Content-Type": "application/json"},
        "cookies": [{"name": "c", "value": "v", "path": "/", "httpOnly": True, "maxAge": 5}],
    }
    reply = encode_reply(json.dumps(described))
    assert (reply.status, reply.body) == (202, b'{\n  "a": 1\n}')
    assert reply.headers == [
        (b"x-a", b"1"),
        (b"content-type", b"application/json"),
        (b"set-cookie", b"c=v; HttpOnly; Max-Age=5; Path=/"),
    ]


def test_response_object_may_use_status_and_a_null_body() -> None:
    """The body is empty then."""
    reply = encode_reply('{"status": 404, "body": null}')
    assert (reply.status, reply.body) == (404, b"")


@given(
    st.one_of(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
            max_leaves=8,
        ).map(json.dumps),
    )
)
def test_any_text_is_sent_or_rejected(text: str) -> None:
    """JSON data is the same after formatting."""
    try:
        reply = encode_reply(text)
    except (ValueError, TypeError, UnicodeEncodeError):
        return
    if text.startswith(("{", "[")) and reply.status == 200 and reply.body:
        try:
            read = json.loads(text)
        except ValueError:
            return
        if not (isinstance(read, dict) and any(key.lower() == "body" for key in read)):
            assert repr(json.loads(reply.body)) == repr(read)
