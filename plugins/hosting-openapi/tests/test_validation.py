"""What functions get from requests, and what callers get for requests that are not valid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosting.testing import Host, make_host
from hosting_openapi import OpenApi

ORDER = {"customer": "Ada", "lines": [{"sku": "tea", "quantity": 2}], "payment": {"kind": "invoice"}}
JSON = "application/json"
SHOP = (Path(__file__).parent / "shop.py").read_text("utf-8")


@pytest.fixture(scope="module")
def shop() -> Iterator[Host]:
    """The app of the tests with the extension."""
    with make_host({"function_app.py": SHOP}, extensions={"openapi": OpenApi()}, raises=False) as host:
        yield host


def body(**changes: Any) -> str:
    return json.dumps({**ORDER, **changes})


def errors(reply: Any) -> list[tuple[str, str, str]]:
    """Where the errors of a problem document are, with their kind."""
    found = reply.json().get("errors", [])
    return [(one.get("name", one["in"]), one["pointer"], one["type"]) for one in found]


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "text"),
    [
        ("POST", "orders", body(), 201, '"payment":{"kind":"invoice","days":30},"note":null,"id":1}'),
        ("POST", "orders", body(lines=[{"sku": "tea", "quantity": 2.0}], more=1), 201, '"quantity":2}'),
        ("POST", "orders", body(lines=[{"sku": "x", "quantity": 10**30}]), 201, '"quantity":1' + "0" * 30),
        ("POST", "orders", body(note="NaN is no number, nor is Infinity"), 201, "NaN is no"),
        ("POST", "orders", body(customer="Zoë \U0001f600"), 201, "Zoë \U0001f600"),
        ("GET", "orders", "", 200, '[{"sku":"none","quantity":20}]'),
        ("GET", "orders?limit=7&tag=a&tag=b&other=1&code=k", "", 200, '[{"sku":"none","quantity":7},{"sku":"a",'),
        ("GET", "orders/3", "", 200, '{"sku":"tea","quantity":3}'),
        ("GET", "orders/30", "", 404, "There is no such order."),
        ("DELETE", "orders/3", "", 204, ""),
        ("PUT", "categories", '{"name":"a","children":[{"name":"b"}]}', 200, '"children":[{"name":"b","children":[]}]'),
        ("PUT", "categories", "", 200, "null"),
        ("PUT", "categories", "null", 200, "null"),
        ("PUT", "categories?dry=true", '{"name":"a"}', 200, "null"),
        ("GET", "plain", "", 200, "plain"),
    ],
)
def test_valid_requests_reach_the_function(
    shop: Host, method: str, path: str, content: str, status: int, text: str
) -> None:
    """The function gets values of its types, and what it returns is the response."""
    headers = {"content-type": "application/json; charset=UTF-8"} if content else {}
    reply = shop.request(method, f"/api/{path}", body=content, headers=headers)
    assert (reply.status, text in reply.text) == (status, True), reply.text


SKU, LINE = "#/lines/0/sku", "#/lines/0/quantity"
DEEP = '{"name":"a","children":[{"name":"b","children":[{}]}]}'


@pytest.mark.parametrize(
    ("path", "content", "found"),
    [
        ("POST orders", "", [("body", "#", "missing")]),
        ("POST orders", "[]", [("body", "#", "model_type")]),
        ("POST orders", body(customer=None), [("body", "#/customer", "string_type")]),
        ("POST orders", body(lines=[{"sku": "a", "quantity": "5"}]), [("body", LINE, "int_type")]),
        ("POST orders", body(lines=[{"sku": "a", "quantity": 1.5}]), [("body", LINE, "int_type")]),
        ("POST orders", body(lines=[{"sku": "a", "quantity": True}]), [("body", LINE, "int_type")]),
        ("POST orders", body(lines=[{"quantity": 0}]), [("body", SKU, "missing"), ("body", LINE, "greater_than")]),
        ("POST orders", body(payment={"kind": "gold"}), [("body", "#/payment", "union_tag_invalid")]),
        ("POST orders", body(payment={"kind": "card"}), [("body", "#/payment/number", "missing")]),
        ("POST orders", body(note=[]), [("body", "#/note", "string_type"), ("body", "#/note", "int_type")]),
        ("PUT categories", DEEP, [("body", "#/children/0/children/0/name", "missing")]),
        ("PUT categories?dry=perhaps", "", [("dry", "#", "bool_parsing")]),
        ("PUT categories?dry=true&dry=false", "", [("dry", "#", "repeated")]),
        ("PUT categories?dry=x", '{"name":1}', [("body", "#/name", "string_type"), ("dry", "#", "bool_parsing")]),
        ("GET orders?limit=0", "", [("limit", "#", "greater_than_equal")]),
        ("GET orders?limit=5&limit=6", "", [("limit", "#", "repeated")]),
        ("GET orders?limit=", "", [("limit", "#", "int_parsing")]),
        ("GET orders/x", "", [("number", "#", "int_parsing")]),
        ("GET orders/0", "", [("number", "#", "greater_than_equal")]),
    ],
)  # fmt: skip
def test_invalid_requests_get_a_problem_document_with_pointers(
    shop: Host, path: str, content: str, found: list[tuple[str, str, str]]
) -> None:
    """All errors are in one document, each with its place, and none with the value that was sent."""
    method, _, route = path.partition(" ")
    reply = shop.request(method, f"/api/{route}", body=content, headers={"content-type": JSON} if content else {})
    assert (reply.status, reply.headers["content-type"]) == (422, "application/problem+json")
    assert errors(reply) == found
    assert (reply.json()["title"], reply.json()["status"]) == ("Unprocessable Content", 422)


@pytest.mark.parametrize(
    ("content_type", "content", "status", "detail"),
    [
        (JSON, b"{", 400, "The body is not JSON: EOF while parsing"),
        (JSON, b"\xff\xfe", 400, "The body is not JSON"),
        (JSON, b'{"customer": "\xc3"}', 400, "The body is not JSON"),
        (JSON, b'{"customer": NaN}', 400, "it has NaN"),
        (JSON, b'{"customer": [-Infinity]}', 400, "it has -Infinity"),
        (JSON, body().encode("utf-16"), 400, "The body is not JSON"),
        (JSON, b"\xef\xbb\xbf" + body().encode(), 400, "The body is not JSON"),
        (JSON, b"[" * 100_000, 400, "The body is not JSON"),
        (JSON, b"[" * 100_000 + b"NaN", 400, "recursion limit exceeded"),
        (JSON, b'{"customer": ' + b"9" * 5000 + b"}", 400, "number out of range"),
        (JSON, b'{"customer": "\\ud800"}', 400, "The body is not JSON"),
        ("text/plain", body().encode(), 415, "'text/plain'; expected 'application/json'"),
        ("application/x-www-form-urlencoded", b"a=b", 415, "expected 'application/json'"),
        ("application/json; charset=latin-1", body().encode(), 415, "'latin-1'; JSON must be UTF-8"),
        ("application/json; charset=utf-16", body().encode("utf-16"), 415, "JSON must be UTF-8"),
        ("APPLICATION/JSON;CHARSET=\"UTF-8\"", body().encode(), 201, None),
        ("application/vnd.shop+json", body().encode(), 201, None),
        ("", body().encode(), 201, None),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read(shop: Host, content_type: str, content: bytes, status: int, detail: str) -> None:
    """A body that is not JSON, or says that it is something else, is neither passed on nor an error of the server."""
    headers = {"content-type": content_type} if content_type else {}
    reply = shop.post("/api/orders", body=content, headers=headers)
    assert reply.status == status
    if detail is not None:
        assert detail in reply.json()["detail"]


def test_large_bodies_are_validated_and_their_errors_counted(shop: Host) -> None:
    """A document has 50 errors at most, and none where it would take seconds to list them."""
    assert shop.post("/api/orders", body=body(customer="x" * 10_000_000), headers={"content-type": JSON}).status == 201
    some, many = (shop.post("/api/orders", json={**ORDER, "lines": [{}] * count}) for count in (30, 600))
    assert (len(errors(some)), some.json()["detail"]) == (50, "60 parts of the request are not valid.")
    assert (errors(many), many.json()["detail"]) == ([], "1200 parts of the request are not valid.")
