"""What goes out for what a function returns."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings.http.response import encode_reply

TEXT = (b"content-type", b"text/plain; charset=utf-8")


def test_defaults() -> None:
    """A response without more is plain text in UTF-8, status 200."""
    reply = encode_reply(func.HttpResponse("ä"))
    assert (reply.status, reply.headers, reply.body) == (200, [TEXT], "ä".encode())


def test_mimetype_and_charset() -> None:
    """The charset encodes the text, and is told for text types only."""
    reply = encode_reply(func.HttpResponse("ä", mimetype="text/html", charset="latin-1", status_code=201))
    assert (reply.status, reply.headers, reply.body) == (
        201,
        [(b"content-type", b"text/html; charset=latin-1")],
        b"\xe4",
    )
    assert encode_reply(func.HttpResponse("{}", mimetype="application/json")).headers == [
        (b"content-type", b"application/json")
    ]


def test_content_type_header_wins() -> None:
    """A Content-Type among the headers beats the mimetype."""
    reply = encode_reply(func.HttpResponse("x", headers={"Content-Type": "text/csv"}, mimetype="text/html"))
    assert reply.headers == [(b"content-type", b"text/csv")]


def test_repeated_headers_and_cookies() -> None:
    """All values of a repeated header are sent, cookies too, and the object can be returned again."""
    response = func.HttpResponse("x", headers={"Vary": "a"})
    response.headers.add("Vary", "b")
    response.headers.add("Set-Cookie", "one=1; Path=/")
    response.headers.add("Set-Cookie", "two=2")
    first, second = encode_reply(response), encode_reply(response)
    assert [value for name, value in first.headers if name == b"vary"] == [b"a", b"b"]
    assert [value for name, value in first.headers if name == b"set-cookie"] == [b"one=1; Path=/", b"two=2"]
    assert first.headers == second.headers


def test_framing_headers_are_ours() -> None:
    """What frames a message cannot be set by a function."""
    headers = {"Content-Length": "1", "Transfer-Encoding": "chunked", "Connection": "close"}
    assert encode_reply(func.HttpResponse("xyz", headers=headers)).headers == [TEXT]


@pytest.mark.parametrize("name", ["X Y", "X\r\nSet-Cookie: a", "", "X:", "Ü", "☃"])
def test_header_injection_by_name(name: str) -> None:
    """A header name that is none is refused."""
    with pytest.raises(ValueError, match="invalid name"):
        encode_reply(func.HttpResponse("x", headers={name: "1"}))


@pytest.mark.parametrize("value", ["a\x00b", "a\x0bb", "☃"])
def test_header_injection_by_value(value: str) -> None:
    """A header value that could break its line is refused."""
    with pytest.raises(ValueError, match="response header 'X-A' has a"):
        encode_reply(func.HttpResponse("x", headers={"X-A": value}))


def test_line_breaks_in_a_response_object() -> None:
    """Text that describes a response cannot inject headers either."""
    with pytest.raises(ValueError, match="control character"):
        encode_reply('{"body": "x", "headers": {"a": "1\\r\\nb: 2"}}')


@pytest.mark.parametrize("status", ["abc", None, 99, 600, 100])
def test_status(status: Any) -> None:
    """A status that is no final HTTP status is refused."""
    response = func.HttpResponse("x")
    response._HttpResponse__status_code = status  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="response status"):
        encode_reply(response)


@pytest.mark.parametrize("value", [None, b"x", {"a": 1}, [1], 1, bytearray(b"x")])
def test_unsupported_types(value: Any) -> None:
    """Anything but a response or text is a TypeError, as in Azure's worker."""
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
def test_text(text: str, body: str) -> None:
    """Text that is JSON is re-formatted as Azure's host does it; other text goes out as it is."""
    reply = encode_reply(text)
    assert (reply.status, reply.headers, reply.body.decode()) == (200, [TEXT], body)


def test_response_object() -> None:
    """A JSON object with a body describes a response: status, headers, cookies; keys compare ignoring case."""
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


def test_response_object_status() -> None:
    """``status`` serves as well, and a body of null is empty."""
    reply = encode_reply('{"status": 404, "body": null}')
    assert (reply.status, reply.body) == (404, b"")


@given(
    st.one_of(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(json.dumps),
    )
)
def test_any_text(text: str) -> None:
    """Any text is sent, or refused as what it describes; JSON data survives the re-formatting."""
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
