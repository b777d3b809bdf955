"""hosting-openapi in Azure's worker: validation, responses, the document and the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import azure.functions as func
import pytest
from hosting_openapi import Body, OpenApi, Query, Response
from pydantic import BaseModel

import hosting
from tests.support.azure_worker import azure_worker, call_as_worker

extension = OpenApi
"""What the worker of these tests has installed, under the name ``marking``."""


class Order(BaseModel):
    """What is ordered."""

    sku: str
    quantity: int = 1


@pytest.fixture(autouse=True)
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set a process up as Azure's worker does, with the extension installed."""
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0"}))
    with azure_worker(tmp_path, monkeypatch, __name__, "extension") as folder:
        yield folder


def request(body: str = "", query: str = "") -> func.HttpRequest:
    headers = {"Content-Type": "application/json"}
    return func.HttpRequest("POST", f"https://app/api/orders{query}", headers=headers, body=body.encode())


def place(
    req: func.HttpRequest, order: Annotated[Order, Body], times: Annotated[int, Query] = 1
) -> Annotated[Order, Response(201)]:
    """Place an order."""
    return Order(sku=order.sku, quantity=order.quantity * times)


async def place_async(
    req: func.HttpRequest, order: Annotated[Order, Body], times: Annotated[int, Query] = 1
) -> Annotated[Order, Response(201)]:
    return place(req, order, times)


def check_validation(function: Any, name: str) -> None:
    """Call a function with a request that is valid, and with one that is not."""
    placed = call_as_worker(function, name, req=request('{"sku": "tea", "quantity": 2}', "?times=2"))
    assert (placed.status_code, placed.mimetype) == (201, "application/json")
    assert json.loads(placed.get_body()) == {"sku": "tea", "quantity": 4}
    refused = call_as_worker(function, name, req=request('{"quantity": "x"}', "?times=x"))
    assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    found = [(one["in"], one["pointer"]) for one in json.loads(refused.get_body())["errors"]]
    assert found == [("body", "#/sku"), ("body", "#/quantity"), ("query", "#")]


def test_functions_of_the_v2_model_are_validated_and_the_document_is_a_function_of_the_app() -> None:
    """The worker's own registry accepts the functions, without the parameters and the result that it cannot know."""
    app = hosting.extend(func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION))
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
    app.route("orders", methods=["POST"])(place)
    blueprint.route("later", methods=["POST"])(place_async)
    app.register_functions(blueprint)
    built = {one.get_function_name(): one for one in app.get_functions()}
    runtime = pytest.importorskip("azure_functions_runtime.functions")
    pytest.importorskip("azure_functions_runtime.bindings.meta").load_binding_registry()
    protos = SimpleNamespace(BindingInfo=SimpleNamespace(inout=2, out=1, undefined=None))
    for one in built.values():
        assert runtime.Registry().add_indexed_function(one, protos).requires_context
    functions = {name: one.get_user_function() for name, one in built.items()}
    assert functions.keys() == {"place", "place_async", "openapi", "openapi_page", "openapi_file"}
    check_validation(functions["place"], "place")
    check_validation(functions["place_async"], "place_async")
    for name, route, level in (
        ("openapi", "openapi.json", "function"),
        ("openapi_page", "docs", "function"),
        ("openapi_file", "docs/{file}", "anonymous"),
    ):
        trigger: Any = built[name].get_trigger()
        assert (trigger.route, str(trigger.auth_level.value)) == (route, level)
    document = json.loads(call_as_worker(functions["openapi"], "openapi", req=request()).get_body())
    assert list(document["paths"]) == ["/api/later", "/api/orders"]
    operation = document["paths"]["/api/orders"]["post"]
    assert operation["security"] == [{"function_key": []}, {"function_code": []}]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Order"}


@pytest.mark.parametrize("function", [place, place_async])
def test_functions_of_the_v1_model_are_validated(function: Any) -> None:
    """There the document is not served, since nothing can be added to the folders."""
    check_validation(hosting.extend(function), function.__name__)
