"""HTTP streams with Azure's FastAPI extension: bodies are read and sent piece by piece, in one process."""

from __future__ import annotations

import importlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import HTTPException

from hosting.apps.web import web_extension
from hosting.bindings.http.response import HttpReply
from hosting.bindings.http.streams import Streams
from hosting.core import Function
from tests.conftest import PATIENCE, MakeApp, Serve, Served, launch

MEBI = 1024 * 1024
SIZE = int(os.environ.get("HOSTING_STREAM_MEBIBYTES", "64")) * MEBI
BOUND = 32 * MEBI
"""How much a host may grow while it streams, whatever the size of the stream."""

CODE = """
import asyncio, logging, os
import azure.functions as func
from azurefunctions.extensions.http.fastapi import (
    FileResponse, HTMLResponse, JSONResponse, ORJSONResponse, PlainTextResponse, RedirectResponse, Request, Response,
    StreamingResponse, UJSONResponse,
)
from fastapi import HTTPException
from pydantic import BaseModel

app = func.FunctionApp(http_auth_level="ANONYMOUS")
gate = asyncio.Event()

class Item(BaseModel):
    name: str
    price: float = 1.5

@app.route("items/{id:int}/{*rest}")
async def items(req: Request) -> Response:
    return JSONResponse({"params": dict(req.path_params), "query": dict(req.query_params), "url": str(req.url),
                         "method": req.method, "agent": req.headers["user-agent"]})

@app.route("upload", methods=["POST"])
async def upload(req: Request) -> JSONResponse:
    size = 0
    async for chunk in req.stream():
        if not size:
            logging.warning("first chunk %r", chunk[:5])
        size += len(chunk)
    return JSONResponse({"size": size})

@app.route("form", methods=["POST"])
async def form(req: Request) -> JSONResponse:
    form = await req.form()
    return JSONResponse({key: value if isinstance(value, str) else value.filename for key, value in form.items()})

@app.route("download")
async def download(req: Request) -> StreamingResponse:
    async def body():
        block = bytes(65536)
        for _ in range(int(req.query_params["size"]) // len(block)):
            yield block
    return StreamingResponse(body(), media_type="application/octet-stream")

@app.route("steps")
async def steps(req: Request) -> StreamingResponse:
    async def body():
        yield "one "
        await gate.wait()
        logging.warning("second step")
        yield "two"
    return StreamingResponse(body())

@app.route("open")
async def open_(req: Request) -> str:
    gate.set()
    return "opened"

@app.route("events")
async def events(req: Request) -> StreamingResponse:
    async def body():
        try:
            for number in range(10**9):
                yield f"data: {number}\\n\\n"
                await asyncio.sleep(0.01)
        finally:
            logging.warning("events end")
    return StreamingResponse(body(), media_type="text/event-stream")

@app.route("echo", methods=["POST"])
async def echo(req: Request) -> StreamingResponse:
    return StreamingResponse(req.stream())

@app.route("sync")
def sync(req: Request) -> StreamingResponse:
    return StreamingResponse(f"{number}," for number in range(3))

@app.route("breaks")
async def breaks(req: Request) -> StreamingResponse:
    async def body():
        yield "begin"
        raise ValueError("in the middle")
    return StreamingResponse(body())

@app.route("numbers")
async def numbers(req: Request) -> StreamingResponse:
    return StreamingResponse(iter([7]))

@app.route("fails")
async def fails(req: Request) -> Response:
    raise ValueError("a secret")

@app.route("refuses")
async def refuses(req: Request) -> Response:
    raise HTTPException(403, "not you", {"x-why": req.query_params.get("why", "because")})

@app.route("accents")
async def accents(req: Request) -> Response:
    return Response("text", headers={"x-name": req.query_params["name"]})

@app.route("gives/{what}")
async def gives(req: Request):
    return {
        "response": lambda: Response(b"\\x00", media_type="image/png", status_code=201),
        "html": lambda: HTMLResponse("<p>"),
        "json": lambda: JSONResponse({"a": 1}),
        "orjson": lambda: ORJSONResponse({"a": 1}),
        "ujson": lambda: UJSONResponse({"a": 1}),
        "text": lambda: PlainTextResponse("text"),
        "redirect": lambda: RedirectResponse("/there"),
        "file": lambda: FileResponse(os.path.join(os.path.dirname(__file__), "host.json")),
        "stream": lambda: StreamingResponse(iter(["a", "b"])),
        "str": lambda: "text",
        "dict": lambda: {"a": 1},
        "list": lambda: [1, 2],
        "bool": lambda: True,
        "int": lambda: 7,
        "float": lambda: 1.5,
        "model": lambda: Item(name="x"),
        "none": lambda: None,
        "sdk": lambda: func.HttpResponse("plain", status_code=202),
        "nonsense": lambda: object.__new__(type("Odd", (), {"__slots__": ()})),
    }[req.path_params["what"]]()
"""
APP = {"host.json": '{"version": "2.0"}', "function_app.py": CODE}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One host for all tests of this file."""
    root = tmp_path_factory.mktemp("app")
    for name, content in APP.items():
        (root / name).write_text(content)
    running = launch(root, output=tmp_path_factory.mktemp("output") / "output.txt")
    try:
        running.wait_for(r"Listening on (http://\S+)")
        running.url = re.findall(r"Listening on (http://\S+)", running.logs())[0]
        yield running
        assert running.stop() == 0
    finally:
        running.process.kill()


def resident(served: Served) -> int:
    """The host's resident memory in bytes."""
    return int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _watch(served: Served, peak: list[int], done: threading.Event) -> None:
    while not done.wait(0.02):
        peak.append(resident(served))


def test_function_gets_the_extensions_request(served: Served) -> None:
    """It has route parameters, query, method, headers and the whole address."""
    answer = served.get("/API/items/7/a/b?x=1&y=", headers={"user-agent": "tests"}).json()
    assert answer["params"] == {"id": "7", "rest": "a/b"}
    assert answer["query"] == {"x": "1", "y": ""}
    assert (answer["method"], answer["agent"]) == ("GET", "tests")
    assert answer["url"] == f"{served.url.replace('localhost', httpx.URL(served.url).host)}/API/items/7/a/b?x=1&y="


@pytest.mark.parametrize(
    ("what", "status", "kind", "body"),
    [
        ("response", 201, "image/png", b"\x00"),
        ("html", 200, "text/html; charset=utf-8", b"<p>"),
        ("json", 200, "application/json", b'{"a":1}'),
        ("orjson", 200, "application/json", b'{"a":1}'),
        ("ujson", 200, "application/json", b'{"a":1}'),
        ("text", 200, "text/plain; charset=utf-8", b"text"),
        ("redirect", 307, "", b""),
        ("file", 200, "application/json", b'{"version": "2.0"}'),
        ("stream", 200, "", b"ab"),
        ("str", 200, "application/json", b'"text"'),
        ("dict", 200, "application/json", b'{"a":1}'),
        ("list", 200, "application/json", b"[1,2]"),
        ("bool", 200, "application/json", b"true"),
        ("int", 200, "application/json", b"7"),
        ("float", 200, "application/json", b"1.5"),
        ("model", 200, "application/json", b'{"name":"x","price":1.5}'),
        ("none", 200, "application/json", b"null"),
        ("sdk", 202, "text/plain; charset=utf-8", b"plain"),
        ("nonsense", 500, "", b""),
    ],
)
def test_every_result_becomes_a_response(served: Served, what: str, status: int, kind: str, body: bytes) -> None:
    """Every response class is sent as it is, other values as the JSON that FastAPI makes of them."""
    answer = served.get(f"/api/gives/{what}")
    assert (answer.status_code, answer.headers.get("content-type", ""), answer.content) == (status, kind, body)


def test_exception_is_500_and_http_exception_is_the_response(served: Served) -> None:
    """What a function raises is logged, and its 500 does not show it."""
    fails = served.get("/api/fails")
    assert (fails.status_code, fails.content) == (500, b"")
    served.wait_for("ValueError: a secret")
    refuses = served.get("/api/refuses")
    assert (refuses.status_code, refuses.json(), refuses.headers["x-why"]) == (403, {"detail": "not you"}, "because")


@pytest.mark.parametrize(
    ("exception", "status"),
    [
        (HTTPException(403, "not you"), 403),
        (HTTPException(403, "not you", {"x-why": "a\nb"}), 500),
        (ValueError("no"), 500),
    ],
)
def test_status_of_a_failure_is_that_of_its_response(exception: BaseException, status: int) -> None:
    """The line about the invocation has it."""
    importlib.import_module("azurefunctions.extensions.http.fastapi")
    web = web_extension()
    assert web is not None
    streams = Streams(web, Function("f", "/app", "/app/f.py", "v2", lambda: None, is_async=True))
    assert streams.failure_status(exception) == status
    assert (streams.failure(exception) or HttpReply(500, [], b"")).status == status


def test_forms_and_files_are_parsed(served: Served) -> None:
    """Forms and files are read by the extension's request."""
    answer = httpx.post(served.url + "/api/form", data={"a": "1"}, files={"f": ("name.txt", b"text")})
    assert answer.json() == {"a": "1", "f": "name.txt"}


def test_upload_is_read_as_it_arrives(served: Served) -> None:
    """The function has the first chunk before the client has sent the second."""

    def body() -> Iterator[bytes]:
        yield b"early"
        served.wait_for("first chunk b'early'")
        yield b"late"

    assert httpx.post(served.url + "/api/upload", content=body(), timeout=PATIENCE).json() == {"size": 9}


def test_response_is_sent_as_it_is_made(served: Served) -> None:
    """The client has the first chunk before the function makes the second."""
    with httpx.stream("GET", served.url + "/api/steps", timeout=PATIENCE) as answer:
        chunks = answer.iter_text()
        assert next(chunks) == "one "
        assert "second step" not in served.logs()
        assert served.get("/api/open").text == '"opened"'
        assert "".join(chunks) == "two"


def test_server_sent_events_end_with_the_client(served: Served) -> None:
    """Events arrive one by one; when the client disconnects, the function's generator ends."""
    with httpx.stream("GET", served.url + "/api/events", timeout=PATIENCE) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(4)] == ["data: 0", "", "data: 1", ""]
    served.wait_for("events end")


def test_sync_function_streams_from_a_generator(served: Served) -> None:
    """A ``def`` function may stream from an ordinary generator."""
    assert served.get("/api/sync").text == "0,1,2,"


def test_head_has_no_body(served: Served) -> None:
    """HEAD has the headers of GET, and no body."""
    answer = httpx.head(served.url + "/api/gives/json")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "7", b"")


def test_response_that_fails_on_the_way_is_logged_and_cut(served: Served) -> None:
    """The log names the function, and the client can tell that the response is not complete."""
    with pytest.raises(httpx.RemoteProtocolError):
        served.get("/api/breaks")
    served.wait_for(r"The response of function 'breaks' is incomplete\.\nTraceback .*\n  File \".*function_app\.py\"")
    served.wait_for("ValueError: in the middle")


def test_response_with_a_part_that_cannot_be_sent_names_the_function_and_its_line(served: Served) -> None:
    """No frame of the log's traceback is in the app."""
    with pytest.raises(httpx.RemoteProtocolError):
        served.get("/api/numbers")
    line = CODE[: CODE.index('@app.route("numbers")')].count("\n") + 1
    served.wait_for(rf"Function 'numbers' is defined in .*function_app\.py:{line}\.")


def test_request_stream_can_be_the_response(served: Served) -> None:
    """What a function passes on from its request's stream comes back complete, while more is still arriving."""
    body = os.urandom(MEBI)
    answer = httpx.post(served.url + "/api/echo", content=(body for _ in range(4)), timeout=PATIENCE)
    assert answer.content == body * 4


def test_large_bodies_are_never_in_memory_as_a_whole(served: Served) -> None:
    """A large upload and a large download, at once, do not grow the host's memory by their size."""
    block = bytes(MEBI)
    before = resident(served)
    peak: list[int] = [before]
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(served, peak, done))
    received: list[int] = []

    def download() -> None:
        with httpx.stream("GET", f"{served.url}/api/download?size={SIZE}", timeout=PATIENCE) as answer:
            received.append(sum(len(chunk) for chunk in answer.iter_bytes()))

    loader = threading.Thread(target=download)
    watch.start()
    loader.start()
    sent = httpx.post(served.url + "/api/upload", content=(block for _ in range(SIZE // MEBI)), timeout=PATIENCE)
    loader.join()
    done.set()
    watch.join()
    assert (sent.json(), received) == ({"size": SIZE}, [SIZE])
    assert max(peak) - before < BOUND


def test_client_that_does_not_read_makes_the_function_wait(served: Served) -> None:
    """The host's memory does not grow meanwhile."""
    before = resident(served)
    with socket.create_connection(("localhost", httpx.URL(served.url).port or 0)) as client:
        client.sendall(f"GET /api/download?size={SIZE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.recv(100)
        time.sleep(0.5)
        assert served.get("/api/gives/int").text == "7"
        assert resident(served) - before < BOUND


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("req: func.HttpRequest", 'the type "httpTrigger" of binding req does not match'),
        ("req: Request) -> func.HttpResponse:  # (", 'does not match the binding type "http"'),
    ],
)
def test_app_with_the_extension_has_its_classes_everywhere(
    make_app: MakeApp, tmp_path: Path, bad: str, told: str
) -> None:
    """An annotation with the SDK's class is an error, as in Azure; the remedy says so."""
    code = "import azure.functions as func\nfrom azurefunctions.extensions.http.fastapi import Request\n"
    code += f"app = func.FunctionApp()\n@app.route('x')\nasync def x({bad}):\n    ...\n"
    running = launch(make_app({**APP, "function_app.py": code}), output=tmp_path / "output.txt")
    assert running.wait() == 1
    assert told in running.logs()
    assert "The app imports a web extension" in running.logs()


def test_fastapi_without_the_extension_changes_nothing(make_app: MakeApp, serve: Serve) -> None:
    """An ordinary function gets the SDK's request."""
    code = "import azure.functions as func, fastapi\napp = func.FunctionApp(http_auth_level='ANONYMOUS')\n"
    code += "@app.route('x')\ndef x(req: func.HttpRequest) -> str:\n    return type(req).__name__\n"
    assert serve(make_app({**APP, "function_app.py": code})).get("/api/x").text == "HttpRequest"


def test_stream_is_sent_to_its_end_within_the_grace_period(make_app: MakeApp, serve: Serve) -> None:
    """A stream that does not end in time is cut, with exit code 0."""
    served = serve(make_app(APP), "--grace", "30")
    with httpx.stream("GET", served.url + "/api/steps", timeout=PATIENCE) as answer:
        chunks = answer.iter_text()
        assert next(chunks) == "one "
        with httpx.Client(timeout=PATIENCE) as client:
            opener = client.build_request("GET", served.url + "/api/open")
            client.send(opener)
        assert served.stop() == 0
        assert "".join(chunks) == "two"
    served = serve(make_app(APP), "--grace", "0.3")
    with httpx.stream("GET", served.url + "/api/events", timeout=PATIENCE) as answer:
        assert next(answer.iter_lines()) == "data: 0"
        assert served.stop() == 0
    assert "Traceback" not in served.logs()


def test_stream_counts_for_limits_until_it_ends(make_app: MakeApp, serve: Serve) -> None:
    """A request counts for host.json's limits until its stream has ended or its client has disconnected."""
    limits = '{"version": "2.0", "extensions": {"http": {"maxOutstandingRequests": 1}}}'
    served = serve(make_app({"host.json": limits, "function_app.py": CODE}))
    for path, chunks in (("events", 1), ("sync", 3)):
        with httpx.stream("GET", f"{served.url}/api/{path}", timeout=PATIENCE) as first:
            assert first.status_code == 200
            for _, _chunk in zip(range(chunks), first.iter_raw(), strict=False):
                assert path == "sync" or served.get("/api/open").status_code == 429
        end = time.monotonic() + PATIENCE
        while served.get("/api/open").status_code != 200:
            assert time.monotonic() < end, served.logs()


@pytest.mark.parametrize(("path", "header"), [("accents?name=L%C3%B6v", "x-name"), ("refuses?why=L%C3%B6v", "x-why")])
def test_response_header_that_is_not_ascii_is_refused_and_logged(served: Served, path: str, header: str) -> None:
    """As for a function with the SDK's response: 500, and the log names the header."""
    answer = served.get(f"/api/{path}")
    assert (answer.status_code, header in answer.headers) == (500, False)
    served.wait_for(f"response header '{header}' has a value that is not ASCII: 'Löv'")
