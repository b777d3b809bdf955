"""HTTP requests as functions get them: path, headers, query and body by the rules of Azure's host."""

from __future__ import annotations

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings.http.request import (
    HttpCall,
    decode_path,
    decode_request,
    parse_headers,
    parse_query,
    trace_context,
)


def call(*, query: str = "", body: bytes = b"", headers: dict[str, str] | None = None) -> func.HttpRequest:
    return decode_request(HttpCall("post", "http://localhost/api/x", headers or {}, query, {"id": "1"}, body))


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "1,2"}),
        ("a=1&A=2", {"a": "1,2"}),
        ("x=&y", {}),
        ("x=&x=1", {"x": "1"}),
        ("name=Ada+L%C3%B6v%26", {"name": "Ada Löv&"}),
        ("a=b=c", {"a": "b=c"}),
        ("a;b=1", {"a;b": "1"}),
        ("a=100%", {"a": "100%"}),
        ("", {}),
    ],
)
def test_repeated_query_keys_are_joined_and_empty_values_dropped(query: str, params: dict[str, str]) -> None:
    """Keys ignore case; the first spelling is used."""
    assert parse_query(query) == params


@given(st.text(max_size=40))
def test_any_query_is_parsed(query: str) -> None:
    """No value is empty."""
    assert all(parse_query(query).values())


def test_repeated_headers_are_joined_by_commas() -> None:
    """An empty value is kept if it is the only one."""
    raw = [(b"x-a", b"1"), (b"x-a", b"2"), (b"x-empty", b""), (b"x-b", b""), (b"x-b", b"3"), (b"x-a", b"")]
    assert parse_headers(raw) == {"x-a": "1,2", "x-empty": "", "x-b": "3"}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        ("Löv €".encode(), "Löv €"),
        ("Löv".encode("latin-1"), "Löv"),
        (b"\xff\xfe", "\xff\xfe"),
        ("Löv".encode() + b"\xe9", "LÃ¶v\xe9"),
    ],
)
def test_header_value_is_utf_8_or_else_latin_1(raw: bytes, text: str) -> None:
    """Each value is decoded by itself, repeated or not."""
    assert parse_headers([(b"x-a", raw), (b"x-b", "é".encode())]) == {"x-a": text, "x-b": "é"}
    assert parse_headers([(b"x-a", raw), (b"x-a", raw)]) == {"x-a": f"{text},{text}"}


PARENT = f"00-{'1' * 32}-{'2' * 16}-01"


@pytest.mark.parametrize(
    "parent", [PARENT, PARENT.replace("-01", "-ff"), f"01{PARENT[2:]}", f"cc{PARENT[2:]}-more", f"cc{PARENT[2:]}-"]
)
def test_trace_context_is_passed_on(parent: str) -> None:
    """A well-formed ``traceparent`` comes with its ``tracestate``, which may be missing."""
    assert trace_context({"traceparent": parent, "tracestate": "k=v"}) == (parent, "k=v")
    assert trace_context({"traceparent": parent}) == (parent, "")


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        PARENT[:-1],
        f"{PARENT}-more",
        f" {PARENT}",
        f"{PARENT}\n",
        f"{PARENT},{PARENT}",
        f"ff{PARENT[2:]}",
        f"0{PARENT}",
        f"cc{PARENT[2:]}more",
        PARENT.replace("1" * 32, "0" * 32),
        PARENT.replace("2" * 16, "0" * 16),
        PARENT.replace("1" * 32, "A" * 32),
        PARENT.replace("1" * 32, "g" * 32),
        PARENT.replace("1" * 32, "\u0661" * 32),
        PARENT.replace("-01", "-0x"),
        PARENT.replace("-", "_"),
    ],
)
def test_malformed_trace_context_counts_as_absent(parent: str) -> None:
    """Without a well-formed ``traceparent``, ``tracestate`` is ignored as well."""
    assert trace_context({"traceparent": parent, "tracestate": "k=v"}) == ("", "")
    assert trace_context({"tracestate": "k=v"}) == ("", "")


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/a%20b", "/a b"),
        (b"/a+b", "/a+b"),
        (b"/caf%C3%A9", "/café"),
        (b"/a%2Fb%2fc", "/a%2Fb%2fc"),
        (b"/a%ffb", "/a%ffb"),
        (b"/a%zz", "/a%zz"),
        (b"/a/../b", "/b"),
        (b"/a/./b/%2e%2e/c", "/a/c"),
        (b"/../..", "/"),
        (b"/a/b/..", "/a/"),
        (b"/a%00", None),
    ],
)
def test_path_is_decoded_as_aspnet_does(raw: bytes, path: str | None) -> None:
    """Encoded slashes stay encoded, and dot segments are resolved."""
    assert decode_path({"path": raw.decode("latin-1"), "raw_path": raw}) == path


def test_request_is_the_sdks_object() -> None:
    """The method is in capitals, parameters are read-only, and headers ignore case."""
    request = call(query="q=1", headers={"content-type": "text/plain"}, body=b"hello")
    assert isinstance(request, func.HttpRequest)
    assert (request.method, request.get_body(), request.headers["Content-Type"]) == ("POST", b"hello", "text/plain")
    assert (dict(request.params), dict(request.route_params)) == ({"q": "1"}, {"id": "1"})
    with pytest.raises(TypeError):
        request.params["q"] = "2"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_get_json_of_an_invalid_body_has_the_error_of_azure(body: bytes) -> None:
    """The message is that of Azure's worker."""
    with pytest.raises(ValueError, match="HTTP request does not contain valid JSON data"):
        call(body=body).get_json()


def test_form_is_parsed_by_its_content_type() -> None:
    """Both content types of forms work."""
    request = call(body=b"a=1&b=2", headers={"content-type": "application/x-www-form-urlencoded"})
    assert request.form["b"] == "2"
