"""The OpenAPI document of an app."""

from __future__ import annotations

import hashlib
import inspect
import json
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import hosting
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


def app_with(*functions: str) -> dict[str, str]:
    """An app with functions, each a decorator's arguments and the function's signature."""
    head = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Annotated, Any, Callable, Generic, Literal, TypeVar
import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field
import hosting
from hosting_openapi import Body, Header, Path, Query, Response
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""
    return {"function_app.py": head + "\n".join(functions)}


def function(route: str, signature: str = "", name: str = "main", result: str = "") -> str:
    """A function with parameters, and maybe a result."""
    arrow = f" -> {result}" if result else ""
    return f"@app.route({route})\ndef {name}(req: func.HttpRequest, {signature}){arrow}: ...\n"


TEXT = {"type": "string"}
INT32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
LETTERS = {"type": "string", "pattern": "^[A-Za-z]+$", "minLength": 2, "maxLength": 3}
ROUTES = {
    "'a/{id:int}'": {"/api/a/{id}": [INT32]},
    "'a/{id:int?}'": {"/api/a": [], "/api/a/{id}": [INT32]},
    "'{a:alpha:length(2,3)}/{b=x}/{*rest}'": {
        "/api/{a}": [LETTERS],
        "/api/{a}/{b}": [LETTERS, TEXT],
        "/api/{a}/{b}/{rest}": [LETTERS, TEXT, TEXT],
    },
    "'f/{name}.{extension}'": {"/api/f/{name}.{extension}": [TEXT, TEXT]},
    "r'r/{id:regex(^\\d{{2}}/$)}'": {"/api/r/{id}": [{"type": "string", "pattern": "^\\d{2}/$"}]},
    "'n/{n:range(1,9)}'": {"/api/n/{n}": [{"type": "integer", "minimum": 1, "maximum": 9}]},
    "'g/{g:guid}/{d:datetime}'": {"/api/g/{g}/{d}": [{**TEXT, "format": "uuid"}, {**TEXT, "format": "date-time"}]},
}  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_routes_become_paths(route: str) -> None:
    """Constraints become schemas; what may be left out of the path is a path of its own."""
    document = document_of(app_with(function(f"{route}, methods=['GET']")))
    found = {
        path: [one["schema"] for one in item["get"].get("parameters", [])] for path, item in document["paths"].items()
    }
    assert found == ROUTES[route]


MODELS = """
T = TypeVar("T")
class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(alias="itemName")
class Page(BaseModel, Generic[T]):
    items: list[T]
@dataclass
class Point:
    x: float
    y: float = 0.0
class Problem(BaseModel):
    own: int
class Odd:
    pass
"""


@pytest.mark.parametrize(
    ("signature", "result", "schemas"),
    [
        ("body: Annotated[Item, Body]", "Annotated[Page[Item], Response]", "Item Page_Item_ Problem"),
        ("body: Annotated[Point, Body]", "Annotated[Point, Response(201)]", "Point Problem"),
        ("body: Annotated[Problem, Body]", "", "Problem ProblemDocument"),
        ("body: Annotated[dict[str, list[int]] | None, Body] = None", "Annotated[Any, Response]", "Problem"),
        ("item: Annotated[Item, Query]", "Annotated[bytes, Response(media_type='image/png')]", "Problem"),
        ("odd: Annotated[Odd, Body]", "", ""),
        ("call: Annotated[Callable[[], int], Query]", "", "Problem"),
        ("a: Annotated[Literal['x', 'y'], Query] = 'x', b: Annotated[list[int], Header] = []", "", "Problem"),
    ],
)  # fmt: skip
def test_documents_of_models_are_valid(signature: str, result: str, schemas: str) -> None:
    """Generic models, data classes, aliases, names that are taken, and types that pydantic does not know."""
    document = document_of(app_with(MODELS, function("'main', methods=['POST']", signature, result=result)))
    assert " ".join(document.get("components", {}).get("schemas", {})) == schemas


def test_models_with_one_name_in_two_modules_have_two_schemas() -> None:
    """Their names have the module, as pydantic makes them."""
    model = "from pydantic import BaseModel\nclass Order(BaseModel):\n    {}: int\n"
    files = app_with(
        "import first, second",
        function("'a', methods=['POST']", "body: Annotated[first.Order, Body]", name="a"),
        function("'b', methods=['POST']", "body: Annotated[second.Order, Body]", name="b"),
    )
    document = document_of({**files, "first.py": model.format("x"), "second.py": model.format("y")})
    schemas = document["components"]["schemas"]
    assert [list(schemas[name].get("properties", {})) for name in schemas if "Order" in name] == [["x"], ["y"]]


def test_functions_that_share_a_route_or_a_name_of_an_operation() -> None:
    """The methods of one path may be of several functions; no two operations have one name."""
    document = document_of(
        app_with(
            function("'things', methods=['GET', 'POST']", name="things"),
            function("'things', methods=['PUT']", name="change"),
            function("'other', methods=['GET']", name="things_get"),
            function("'any'", name="any_method"),
            function("'any/body'", "body: Annotated[int, Body]", name="any_body"),
            "@hosting.use('openapi', hidden=True)\n" + function("'hidden'", name="hidden"),
            "@hosting.without('openapi')\n" + function("'out'", name="out"),
            "@hosting.use('openapi', operation_id='renamed', deprecated=True, summary='Gone soon.')\n"
            + function("'old', methods=['GET']", name="old"),
        )
    )
    assert operations(document) == {
        "GET /api/any": "any_method_get",
        "POST /api/any": "any_method_post",
        "POST /api/any/body": "any_body",
        "GET /api/old": "renamed",
        "GET /api/other": "things_get_2",
        "GET /api/things": "things_get",
        "POST /api/things": "things_post",
        "PUT /api/things": "change",
    }
    old = document["paths"]["/api/old"]["get"]
    assert (old["deprecated"], old["summary"]) == (True, "Gone soon.")


class Reports:
    """An extension of the app: a route of its own."""

    @hosting.hookimpl
    def prepare(self, app: hosting.AppHandle) -> None:
        """Add a route that guards do not see."""
        app.add_route("reports/{id:int}", self.report, open=True)

    def report(self, request: hosting.Request) -> str:
        """Read a report."""
        return "a report"


LOCAL = f"@hosting.extension\n{inspect.getsource(Reports)}"


def test_routes_that_extensions_of_the_app_add_are_in_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the document and the page are not, and a route that is open to all needs no sign-in."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: ModuleSpec(name, None))
    host_json = {"extensionHost": {"extensions": {"auth": {"settings": {"issuers": [ISSUER]}}}}}
    files = app_with(LOCAL, function("'a', methods=['GET']"))
    document = document_of(files, host_json)
    assert operations(document) == {"GET /api/a": "main", "GET /api/reports/{id}": "report"}
    get = document["paths"]["/api/reports/{id}"]["get"]
    assert (get["summary"], get.get("security"), get["parameters"][0]["schema"]["type"]) == (
        "Read a report.",
        None,
        "integer",
    )


def test_unmodified_apps_have_a_document() -> None:
    """Functions of the v1 model, and an app that does not import this package."""
    files = {
        "old/__init__.py": 'def main(req):\n    """Read it.\n\n    Or not."""\n    return "x"\n',
        "old/function.json": json.dumps({"bindings": V1}),
        "off/__init__.py": "def main(req):\n    return 'x'\n",
        "off/function.json": json.dumps({"bindings": V1, "disabled": True}),
    }
    document = document_of(files)
    assert operations(document) == {"GET /api/old/{id}": "old_get", "POST /api/old/{id}": "old_post"}
    get = document["paths"]["/api/old/{id}"]["get"]
    assert (get["summary"], get["description"]) == ("Read it.", "Or not.")
    assert get["security"] == [{"function_key": []}, {"function_code": []}]
    assert list(get["responses"]) == ["401", "403", "404", "default"]
    assert get["parameters"][0]["schema"] == {"type": "string", "format": "uuid"}


RULES = ["read", "boss"]
ISSUER = {"issuer": "https://login.example/v2.0/", "audiences": ["api"]}


@pytest.mark.parametrize(
    ("settings", "schemes", "security"),
    [
        ({}, [], {}),
        ({"issuers": [ISSUER]}, ["bearer"], {"main": [{"bearer": []}], "ruled": [{"bearer": ["read", "boss"]}]}),
        (
            {"API_KEYS": [{"name": "x", "sha256": "0" * 64}], "anonymous": ["Ruled"], "easy_auth": True},
            ["api_key", "easy_auth"],
            {"main": [{"api_key": []}, {"easy_auth": []}]},
        ),
        ({"issuers": [{**ISSUER, "jwks_uri": "https://k"}, {"issuer": "%T%"}]}, ["bearer", "bearer_2"],
         {"main": [{"bearer": []}, {"bearer_2": []}], "ruled": [{"bearer": RULES}, {"bearer_2": RULES}]}),
    ],
)  # fmt: skip
def test_security_schemes_come_from_the_settings_of_hosting_auth(
    settings: dict[str, Any], schemes: list[str], security: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issuers, API keys and sign-ins are schemes; functions need them with scopes and roles, or are open."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: ModuleSpec(name, None))
    host_json = {"extensionHost": {"extensions": {"auth": {"settings": settings}}}}
    rule = "@hosting.use('auth', scopes=['read'], roles=['boss'])\n"
    functions = [function("'a', methods=['GET']"), rule + function("'b', methods=['GET']", name="ruled")]
    free = "@hosting.use('auth', anonymous=True)\n" + function("'c', methods=['GET']", name="free")
    document = document_of(app_with(*functions, free), host_json)
    assert list(document.get("components", {}).get("securitySchemes", {})) == schemes
    found = {one["get"]["operationId"]: one["get"].get("security") for one in document["paths"].values()}
    assert {name: one for name, one in found.items() if one} == security


def test_hosting_auth_guards_the_functions_and_the_document() -> None:
    """Callers without a key do not learn whether their request is valid; the setting ``open`` opens the document."""
    auth = pytest.importorskip("hosting_auth")
    key = {"name": "shop", "sha256": hashlib.sha256(b"key").hexdigest(), "scopes": ["write"]}
    extensions: dict[str, Any] = {"auth": {"settings": {"api_keys": [key]}}, "openapi": {"settings": {}}}
    rule = "@hosting.use('auth', scopes=['write'])\n"
    files = app_with(rule + function("'a', methods=['POST']", "body: Annotated[int, Body]"))
    for is_open, statuses in ((False, [401, 401, 200]), (True, [200, 200, 200])):
        extensions["openapi"]["settings"]["open"] = is_open
        installed = {"openapi": OpenApi(), "auth": auth.AuthExtension()}
        options: dict[str, Any] = {"host_json": {"extensionHost": {"extensions": extensions}}, "raises": False}
        with make_host(files, extensions=installed, **options) as host:
            assert [host.get(f"/api/{path}").status for path in ("openapi.json", "docs", "docs/start.js")] == statuses
            sent = {"x-api-key": "key"}
            assert [host.post("/api/a", json="x", headers=one).status for one in ({}, sent)] == [401, 422]
            document = host.get("/api/openapi.json", headers=sent).json()
            assert document["paths"]["/api/a"]["post"]["security"] == [{"api_key": ["write"]}]


def test_function_that_cannot_be_loaded_is_left_out() -> None:
    """The others are in the document, whatever is wrong with it."""
    files = {"ok/__init__.py": "def main(req):\n    return ''\n", "ok/function.json": json.dumps({"bindings": V1})}
    for broken in ("{", '{"bindings": []}', '{"bindings": [{"type": "queue", "direction": "out", "name": "q"}]}'):
        document = document_of({**files, "bad/__init__.py": "def main(q): ...", "bad/function.json": broken})
        assert list(document["paths"]) == ["/api/old/{id}"]
