"""What functions return, and what callers get for it; functions that cannot be validated; requests that are streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hosting.errors import AppLoadError
from hosting.testing import Host, make_host
from hosting_openapi import OpenApi
from hosting_openapi.extension import REMEDY

HEAD = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Annotated, Any
import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field, computed_field
from hosting_openapi import Body, Header, Path, Query, Response, problem
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

class Item(BaseModel):
    x: int
    f: float = 1.0

class Renamed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(validation_alias="in", serialization_alias="out")
    @computed_field
    def size(self) -> int:
        return len(self.name)

class Other:
    x = 3

@dataclass
class Point:
    x: float
"""
ABSENT = "func.HttpResponse('{}', status_code=404, mimetype='a/b+json')"
MISMATCH = "The result does not match"


def served(code: str, **options: Any) -> Any:
    files = {"function_app.py": HEAD + code}
    return make_host(files, extensions={"openapi": OpenApi()}, raises=False, **options)


def returning(kind: str, result: str, mark: str = "Response", keyword: str = "def", name: str = "main") -> str:
    arrow = f" -> Annotated[{kind}, {mark}]"
    return f"@app.route('{name}')\n{keyword} {name}(req: func.HttpRequest){arrow}:\n    return {result}\n"


RESULTS = [
    ("Item", "Response", "Item(x=1)", 200, '{"x":1,"f":1.0}'),
    ("Item", "Response(201)", '{"x": 1}', 201, '{"x":1,"f":1.0}'),
    ("list[Item]", "Response", "[Item(x=1), {'x': 2}]", 200, '[{"x":1,"f":1.0},{"x":2,"f":1.0}]'),
    ("Item | None", "Response", "None", 200, "null"),
    ("None", "Response(204)", "None", 204, ""),
    ("Item", "Response", "Other()", 200, '{"x":3,"f":1.0}'),
    ("Item", "Response", '{"y": 1}', 500, MISMATCH),
    ("Item", "Response", "None", 500, MISMATCH),
    ("Item", "Response", "Item.model_construct(x='no')", 500, MISMATCH),
    ("Item", "Response", "Item(x=1, f=float('nan'))", 200, '{"x":1,"f":null}'),
    ("Any", "Response", "object()", 500, MISMATCH),
    ("Point", "Response", "Point(2)", 200, '{"x":2'),
    ("str", "Response", "'text'", 200, '"text"'),
    ("str", "Response(media_type='text/plain')", "'text'", 200, "text"),
    ("bytes", "Response(media_type='image/png')", "b'png'", 200, "png"),
    ("bytes", "Response(media_type='image/png')", "3", 500, MISMATCH),
    ("Renamed", "Response", "Renamed(**{'in': 'ab'})", 200, '{"out":"ab","size":2}'),
    ("Renamed", "Response", "func.HttpResponse('{}', mimetype='application/json')", 200, "{}"),
    ("Item", "Response", "func.HttpResponse('{\"x\":1}', mimetype='application/json')", 200, '{"x":1}'),
    ("Item", "Response", "func.HttpResponse('{}', mimetype='application/json')", 500, MISMATCH),
    ("Item", "Response", "func.HttpResponse('plain')", 200, "plain"),
    ("Item", "Response(others={404: Item})", ABSENT, 500, MISMATCH),
    ("Item", "Response(others={404: 'Gone.'})", "problem(404, 'Gone.')", 404, '"detail": "Gone."'),
    ("Item", "Response", "1 / 0", 500, ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def results() -> Iterator[Host]:
    """One app with two functions for each row, a def and an async def."""
    code = "".join(
        returning(kind, result, mark, keyword, f"{keyword[:1]}{number}")
        for number, (kind, mark, result, _, _) in enumerate(RESULTS)
        for keyword in ("def", "async def")
    )
    with served(code) as host:
        yield host


@pytest.mark.parametrize("number", range(len(RESULTS)), ids=[f"{row[0]} {row[2]}" for row in RESULTS])
@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_result_becomes_the_response_and_is_checked_in_development(results: Host, number: int, keyword: str) -> None:
    """A result that does not match is an error of the server; the log says where, and the caller does not see it."""
    *_, status, text = RESULTS[number]
    name = f"{keyword[:1]}{number}"
    reply = results.get(f"/api/{name}")
    assert (reply.status, text in reply.text) == (status, True), reply.text
    if text == MISMATCH:
        assert any(f"The result of '{name}' is not what it declares: " in line for line in results.messages)


def test_responses_are_not_checked_in_production() -> None:
    """What the function says is a response is sent; the setting says otherwise."""
    production = {"AZURE_FUNCTIONS_ENVIRONMENT": "Production"}
    code = returning("Item", "func.HttpResponse('{}', mimetype='application/json')")
    with served(code, settings=production) as host:
        assert host.get("/api/main").text == "{}"
    checks = {"extensionHost": {"extensions": {"openapi": {"settings": {"check_responses": True}}}}}
    with served(code, settings=production, host_json=checks) as host:
        assert host.get("/api/main").status == 500


OK = "@app.route('ok')\ndef ok(req: func.HttpRequest) -> str:\n    return 'ok'\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("a: Annotated[Item, Body], b: Annotated[Item, Body]", "a and b both get the body; write one model for it"),
        ("id: Annotated[int, Path]", "parameter 'id' is for the path, and the route has no {id}"),
        ("other: Annotated[Other, Query]", "Unable to generate pydantic-core schema"),
    ],
)
def test_function_that_cannot_be_validated_is_named_when_the_app_loads(code: str, message: str) -> None:
    """Each call of it fails, and the other functions are not affected."""
    with served(f"{OK}@app.route('main')\ndef main(req: func.HttpRequest, {code}) -> str:\n    return ''\n") as host:
        assert any("Function 'main' cannot be validated" in line and message in line for line in host.messages)
        (problem,) = [one for one in host.diagnosis()["problems"] if "'main' cannot" in one["message"]]
        line = (host.root / "function_app.py").read_text().splitlines().index("@app.route('main')") + 1
        place = f"{host.root / 'function_app.py'}:{line}: Function 'main' cannot be validated"
        assert problem["message"].startswith(place)
        assert (message in problem["message"], problem["remedy"]) == (True, REMEDY)
        assert (host.get("/api/main").status, host.get("/api/ok").text) == (500, "ok")
        assert list(host.get("/api/openapi.json").json()["paths"]) == ["/api/main", "/api/ok"]


@pytest.mark.parametrize("rest", [", a: Annotated[int, Query]):", ") -> Annotated[int, Response]:"])
def test_queue_function_has_no_request_and_no_response(rest: str) -> None:
    """The message says so when the app loads."""
    job = "@app.queue_trigger('msg', 'q', 'Storage')\ndef job(msg: func.QueueMessage"
    with served(f"{OK}{job}{rest} ...\n") as host:
        assert any("'job' cannot be validated" in line and "not triggered by HTTP" in line for line in host.messages)


@pytest.mark.parametrize("status", ["999", "'201'", "100", "200, others={'404': Item}"])
def test_response_needs_a_status(status: str) -> None:
    """A wrong one is found when the app loads."""
    with (
        pytest.raises(AppLoadError, match="is not a status from 200 to 599"),
        served(returning("Item", "1", f"Response({status})")),
    ):
        pass


def test_annotation_that_cannot_be_evaluated_is_named() -> None:
    """A model that is imported for type checkers only does not exist at run time."""
    with (
        pytest.raises(AppLoadError, match=r"'main' function cannot be loaded: .* name 'Missing' is not defined"),
        served("@app.route('main')\ndef main(req: func.HttpRequest, body: Annotated[Missing, Body]): ...\n"),
    ):
        pass


STREAMS = """
CREATED = Response(201)
from azurefunctions.extensions.http.fastapi import Request, StreamingResponse
@app.route("main", methods=["POST"])
KEYWORD main(req: Request, number: Annotated[int, Query], item: Annotated[Item, Body]) -> Annotated[Item, CREATED]:
    if number == 9:
        return StreamingResponse(iter([b"a", b"b"]))
    return Item(x=item.x + number)
"""


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_requests_and_responses_of_the_web_extension(keyword: str) -> None:
    """The body of a stream is awaited; a streaming response is passed on."""
    with served(STREAMS.replace("KEYWORD", keyword)) as host:
        placed = host.post("/api/main?number=1", json={"x": 1})
        assert (placed.status, placed.text) == (201, '{"x":2,"f":1.0}')
        assert host.post("/api/main?number=9", json={"x": 1}).body == b"ab"
        for path, content in (("number=1", {"x": "no"}), ("number=x", {"x": 1})):
            refused = host.post(f"/api/main?{path}", json=content)
            assert (refused.status, refused.headers["content-type"]) == (422, "application/problem+json")
