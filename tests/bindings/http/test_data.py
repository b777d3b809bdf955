"""The values of a request for expressions."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
import pytest

from hosting.bindings.expressions import Template
from hosting.bindings.http.data import request_data
from hosting.bindings.http.provider import HttpTrigger
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.streams import StreamCall
from hosting.core import Binding, Function


def call(query: str = "", body: Any = b"", headers: dict[str, str] | None = None, **route: str) -> HttpCall:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpCall("POST", f"http://localhost/api/x?{query}", headers or {}, query, route, content)


def filled(text: str, request: HttpCall | StreamCall) -> str:
    return Template.parse(text).fill(request_data(request), "F")


def test_body_query_and_route_have_values() -> None:
    """Nested objects of the body are reached by dots, ignoring case."""
    request = call("size=2", {"Customer": {"Name": "Ada"}, "price": 1.50}, id="7")
    assert filled("{id}-{SIZE}-{customer.name}-{Price}", request) == "7-2-Ada-1.5"


def test_route_value_wins_over_query_and_body() -> None:
    """The query wins over the body, ignoring case."""
    body = {"A": "body", "B": "body", "C": "body"}
    assert filled("{a} {b} {c}", call("b=query&A=query", body, a="route")) == "route query body"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{Query.name}", "Ada"),
        ("{query.NAME}", "Ada"),
        ("{Query.code}", "secret"),
        ("{Headers.x-request-id}", "42"),
        ("{headers.X-Request-Id}", "42"),
        ("{empty}", ""),
    ],
)
def test_query_and_headers_are_available_as_a_whole(text: str, value: str) -> None:
    """A query value may be empty there."""
    assert filled(text, call("name=Ada&code=secret&empty=", headers={"x-request-id": "42"})) == value


def test_value_named_query_or_headers_hides_the_whole() -> None:
    """This is the rule in Azure."""
    assert filled("{Query} {Headers}", call("query=mine", {"headers": "mine"})) == "mine mine"


def test_function_key_is_not_available() -> None:
    """The key must not end up in a path."""
    with pytest.raises(LookupError, match=r"^No value for named parameter 'code'\.$"):
        filled("{code}", call("Code=secret"))


@pytest.mark.parametrize("body", [b"", b"text", b"[1]", b"\xff\xfe", b'"name"'])
def test_body_that_is_not_an_object_has_no_values(body: bytes) -> None:
    """It is not an error."""
    assert set(request_data(call(body=body))) == {"Query", "Headers"}


def test_repeated_query_values_are_joined_without_empty_ones() -> None:
    """The function's request has the same values."""
    assert filled("{a}|{b}", call("a=&A=1&a=&a=2&b=&b=")) == "1,2|"


def test_body_of_a_stream_is_not_read() -> None:
    """Everything else of the request is available."""
    scope = {"query_string": b"size=2", "headers": [(b"x-a", b"3")]}
    assert filled("{id}{size}{Headers.x-a}", StreamCall(scope, _unread, {"id": "1"})) == "123"


async def _unread() -> Any:
    raise AssertionError("the body is the function's")


def test_trigger_returns_the_values_as_binding_data() -> None:
    """The function's other bindings can use them."""
    binding = Binding("req", "httpTrigger", "in")
    function = Function("F", "/app", "/app/f.py", "v2", print, False, (binding,), {"req": func.HttpRequest})
    assert HttpTrigger(function, binding).binding_data(call(id="7"))["id"] == "7"
