"""The OpenAPI document of an app."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from hosting.testing import make_host
from hosting_openapi import OpenApi

SHOP = (Path(__file__).parent / "shop.py").read_text("utf-8")
V1 = [
    {"type": "httpTrigger", "direction": "in", "name": "req", "route": "old/{id:guid}", "methods": ["get", "post"]},
    {"type": "http", "direction": "out", "name": "$return"},
]


def document_of(files: dict[str, str], host_json: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """The document that an app serves, which must be valid."""
    with make_host(files, extensions={"openapi": OpenApi()}, host_json=host_json, **options) as host:
        reply = host.get("/api/openapi.json")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    document: dict[str, Any] = json.loads(reply.body)
    OpenAPIV31SpecValidator(document).validate()
    return document


def operations(document: dict[str, Any]) -> dict[str, str]:
    """The names of the operations, by method and path."""
    return {
        f"{method.upper()} {path}": operation["operationId"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_document_describes_the_app() -> None:
    """Routes, parameters, models, docstrings and responses are in it; functions without HTTP are not."""
    document = document_of({"function_app.py": SHOP})
    assert operations(document) == {
        "PUT /api/categories": "save",
        "GET /api/orders": "find",
        "POST /api/orders": "place",
        "DELETE /api/orders/{order}": "cancel",
        "GET /api/orders/{order}": "show",
        "GET /api/plain": "plain_without_name",
        "GET /api/plain/{name}": "plain",
    }
    place = document["paths"]["/api/orders"]["post"]
    assert (place["summary"], place["description"], place["tags"]) == (
        "Place an order.",
        "It is *delivered*.",
        ["orders"],
    )
    assert place["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Order"}
    assert list(place["responses"]) == ["201", "400", "415", "422"]
    assert {one["name"]: one["in"] for one in document["paths"]["/api/orders"]["get"]["parameters"]} == {
        "limit": "query", "tag": "query", "x-tenant": "header"
    }  # fmt: skip
    names = "Card Category-Input Category-Output Invoice Line Order Placed Problem"
    assert " ".join(document["components"]["schemas"]) == names
    assert "security" not in place
