"""What expressions may use of a request."""

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


def test_body_query_and_route() -> None:
    """All three give names, objects in the body by dots, in any case."""
    request = call("size=2", {"Customer": {"Name": "Ada"}, "price": 1.50}, id="7")
    assert filled("{id}-{SIZE}-{customer.name}-{Price}", request) == "7-2-Ada-1.5"


def test_the_route_counts_most() -> None:
    """Of one name in several places the route's counts before the query's before the body's, whatever the case."""
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
def test_query_and_headers(text: str, value: str) -> None:
    """Query and headers are there as a whole; an empty value of the query is one."""
    assert filled(text, call("name=Ada&code=secret&empty=", headers={"x-request-id": "42"})) == value


def test_hidden_query_and_headers() -> None:
    """A value that the caller calls Query or Headers stands in their place, as in Azure."""
    assert filled("{Query} {Headers}", call("query=mine", {"headers": "mine"})) == "mine mine"


def test_the_key_is_no_value() -> None:
    """The key of a function cannot be used by its name."""
    with pytest.raises(LookupError, match=r"^No value for named parameter 'code'\.$"):
        filled("{code}", call("Code=secret"))


@pytest.mark.parametrize("body", [b"", b"text", b"[1]", b"\xff\xfe", b'"name"'])
def test_a_body_that_is_no_object(body: bytes) -> None:
    """Any other body gives no names, and is no error."""
    assert set(request_data(call(body=body))) == {"Query", "Headers"}


def test_repeated_and_empty_values_of_the_query() -> None:
    """Repeated values are joined as in the request that the function gets, empty ones left out."""
    assert filled("{a}|{b}", call("a=&A=1&a=&a=2&b=&b=")) == "1,2|"


def test_a_stream_keeps_its_body() -> None:
    """Of a request that the function reads by itself, everything but the body can be used."""
    scope = {"query_string": b"size=2", "headers": [(b"x-a", b"3")]}
    assert filled("{id}{size}{Headers.x-a}", StreamCall(scope, _unread, {"id": "1"})) == "123"


async def _unread() -> Any:
    raise AssertionError("the body is the function's")


def test_the_trigger_offers_it() -> None:
    """An HTTP trigger gives its request's values to the function's other bindings."""
    binding = Binding("req", "httpTrigger", "in")
    function = Function("F", "/app", "/app/f.py", "v2", print, False, (binding,), {"req": func.HttpRequest})
    assert HttpTrigger(function, binding).binding_data(call(id="7"))["id"] == "7"
