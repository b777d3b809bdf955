"""Mistakes in the use of storage: each has one clear message, and everything else runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient
from storage_support.apps import TIMEOUT_SECONDS, MakeApp, Serve, run_hosting
from storage_support.ports import reserved_ports

from hosting.errors import SettingsError
from hosting.host.function_host import FunctionHost
from hosting.testing import Server
from hosting_storage.testing import SERVICES, Azurite, connection_string, run_azurite

RunHosting = Callable[..., "CompletedProcess[str]"]
HEAD = """
import json, logging
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("fine")
def Fine(req: func.HttpRequest) -> str:
    return "fine"
"""
HOST_JSON = '{"version": "2.0", "extensions": {"queues": {"maxPollingInterval": "00:00:00.2"}}}'
DEVELOPMENT = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
API = "2021-12-02"


def files(*code: str, host_json: str = HOST_JSON) -> dict[str, str]:
    return {"function_app.py": HEAD + "".join(code), "host.json": host_json}


def status(server: Server, function: str) -> list[str]:
    """Return the errors of a function."""
    errors: list[str] = server.get(f"/admin/functions/{function}/status").json().get("errors", [])
    return errors


def eventually(read: Callable[[], Any]) -> Any:
    """Call ``read`` until its value is true, and return the value."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not (value := read()):
        assert time.monotonic() < end, f"still {value!r}"
        time.sleep(0.05)
    return value


def unused() -> str:
    return f"q{uuid4().hex}"


KEY = "c2VjcmV0c2VjcmV0"
BAD_CONNECTIONS = [
    "",
    "   ",
    "nonsense",
    "=",
    ";;;",
    "AccountName=x",
    f"AccountKey={KEY}",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0c2VjcmV0=A;EndpointSuffix=core.windows.net",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0c2VjcmV0!;EndpointSuffix=core.windows.net",
    "UseDevelopmentStorage=maybe",
    "https://a.queue.core.windows.net",
    "\x00\ud7ff",
]
USES = """
@app.queue_trigger("msg", "orders", "C{n}")
def Queue{n}(msg: func.QueueMessage) -> None: ...

@app.blob_trigger("blob", "images/{{name}}", "C{n}")
def Blob{n}(blob: func.InputStream) -> None: ...

@app.route("queue{n}")
@app.queue_output("out", "orders", "C{n}")
def QueueOut{n}(req: func.HttpRequest, out: func.Out[str]) -> str: ...

@app.route("blob{n}")
@app.blob_input("blob", "images/x", "C{n}")
def BlobIn{n}(req: func.HttpRequest, blob: bytes) -> str: ...

@app.route("table{n}")
@app.table_input("rows", "C{n}", "Guests")
def Table{n}(req: func.HttpRequest, rows: str) -> str: ...
"""


def test_invalid_connections_put_their_functions_in_error_without_the_key(
    make_app: MakeApp, serve: Serve, azurite: Azurite
) -> None:
    """An invalid connection puts the functions that use it in error, by name and without its key."""
    settings = {f"C{n}": text for n, text in enumerate(BAD_CONNECTIONS) if "\x00" not in text}
    app = make_app(files(*(USES.format(n=name[1:]) for name in [*settings, "C99"])))
    server = serve(app, env={**settings, "AzureWebJobsStorage": azurite.connection_string})
    assert server.get("/api/fine").text == "fine"
    for name in [*settings, "C99"]:
        for use in ("Queue", "Blob", "QueueOut", "BlobIn", "Table"):
            function = f"{use}{name[1:]}"
            (error,) = status(server, function)
            setting = "AzureWebJobsC99" if name == "C99" else name
            assert error.startswith(f"The '{function}' function is in error: "), error
            assert f"'{setting}'" in error
    assert server.stop() == 0
    assert "c2VjcmV0" not in server.logs()
    assert "Traceback" not in server.logs()


def test_function_with_one_invalid_binding_does_not_run(make_app: MakeApp, serve: Serve, azurite: Azurite) -> None:
    """A function with one invalid binding among valid ones does not run; the others of its queue do."""
    queue = unused()
    code = f"""
@app.queue_trigger("msg", "{queue}", "AzureWebJobsStorage")
@app.table_output("out", "Nowhere", "Guests")
def Bad(msg: func.QueueMessage, out: func.Out[str]) -> None:
    logging.error("bad ran")

@app.queue_trigger("msg", "{queue}", "AzureWebJobsStorage")
def Good(msg: func.QueueMessage) -> None:
    logging.info("good got %s", msg.get_body().decode())

@app.route("put")
@app.queue_output("out", "{queue}", "AzureWebJobsStorage")
def Put(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set("it")
    return "put"
"""
    server = serve(make_app(files(code)), env={"AzureWebJobsStorage": azurite.connection_string})
    assert "AzureWebJobsNowhere" in status(server, "Bad")[0]
    assert server.get("/api/put").text == "put"
    server.wait_for("good got it")
    assert server.stop() == 0
    assert "bad ran" not in server.logs()


UNUSABLE: dict[tuple[str, str], tuple[Any, ...]] = {
    ("queues", "batchSize"): ("many", 0, 33, -1, 1.5, True, [1], {"a": 1}, ""),
    ("queues", "maxPollingInterval"): ("00:00:00", 5, "abc", "2"),
    ("queues", "visibilityTimeout"): ("8.00:00:00", -1, "00:00:60", True),
    ("queues", "messageEncoding"): ("utf8", 64, ["none"]),
    ("queues", "maxDequeueCount"): (0, "x"),
    ("queues", "newBatchThreshold"): (-1, "x"),
    ("blobs", "maxDegreeOfParallelism"): (0, "x", []),
    ("blobs", "poisonBlobThreshold"): (0, "x"),
}


@pytest.mark.parametrize(
    ("section", "name", "value"), [(*place, value) for place, values in UNUSABLE.items() for value in values]
)
def test_invalid_value_in_host_json_stops_the_start(make_app: MakeApp, section: str, name: str, value: Any) -> None:
    """An invalid value in host.json stops the start, with its place, what is expected and the value."""
    extensions = {section: {name: value}}
    root = make_app(files(USES.format(n=0), host_json=json.dumps({"version": "2.0", "extensions": extensions})))
    host = FunctionHost(
        root, environ={"C0": "UseDevelopmentStorage=true", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    )
    with pytest.raises(SettingsError) as caught:
        host.load()
    message = str(caught.value)
    assert f"extensions.{section}.{name} must be" in message
    assert repr(value) in message
    assert "host.json" in message


def test_start_with_an_invalid_host_json_exits_with_1(make_app: MakeApp) -> None:
    """Such a start ends with code 1 and a message without a traceback."""
    app = make_app(files(USES.format(n=0), host_json='{"version": "2.0", "extensions": {"queues": {"batchSize": 99}}}'))
    ended = run_hosting("start", app, "--port", "0", env={"C0": "UseDevelopmentStorage=true"})
    assert ended.returncode == 1
    assert "extensions.queues.batchSize must be a whole number from 1 to 32, but is 99" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("command", [("keys", "--json"), ("diag", "--json"), ("check",)])
def test_other_commands_ignore_an_invalid_connection(make_app: MakeApp, tmp_path: Path, command: Sequence[str]) -> None:
    """Commands that only read an app work whatever its storage."""
    env = {"C0": "nonsense", "XDG_STATE_HOME": str(tmp_path)}
    ended = run_hosting(command[0], make_app(files(USES.format(n=0))), *command[1:], env=env)
    assert "Traceback" not in ended.stderr
    if "--json" in command:
        assert json.loads(ended.stdout)


TRIGGERS = """
@app.queue_trigger("msg", "{name}", "AzureWebJobsStorage")
def T{n}(msg: func.QueueMessage) -> None: ...
"""
BAD_QUEUES = [
    "",
    "ab",
    "a" * 64,
    "a--b",
    "-ab",
    "ab-",
    "a_b",
    "a.b",
    "a b",
    "ordérs",
    "a/b",
    "{name}",
    "%MISSING%",
    "$root",
]
BAD_TABLES = ["", "ab", "a" * 64, "1ab", "a-b", "a_b", "tablé", "a b", "%MISSING%"]
BAD_BLOBS = [
    "",
    "/",
    "images",
    "images/",
    "/x",
    "Images/x",
    "im--ages/x",
    "images/x.",
    "images/x\\\\\\\\y",
    "images/" + "x" * 1025,
    "{a",
    "a}/b",
]


def test_invalid_names_put_their_functions_in_error(make_app: MakeApp, serve: Serve, azurite: Azurite) -> None:
    """Names that no queue, table or blob can have put their functions in error, with the name in the message."""
    queues = [TRIGGERS.format(n=n, name=name) for n, name in enumerate(BAD_QUEUES)]
    tables = [
        f'@app.route("t{n}")\n@app.table_output("out", "AzureWebJobsStorage", "{name}")\n'
        f"def Table{n}(req: func.HttpRequest, out: func.Out[str]) -> str: ...\n"
        for n, name in enumerate(BAD_TABLES)
    ]
    blobs = [
        f'@app.route("b{n}")\n@app.blob_output("out", "{name}", "AzureWebJobsStorage")\n'
        f"def Blob{n}(req: func.HttpRequest, out: func.Out[str]) -> str: ...\n"
        for n, name in enumerate(BAD_BLOBS)
    ]
    server = serve(make_app(files(*queues, *tables, *blobs)), env={"AzureWebJobsStorage": azurite.connection_string})
    for kind, names in (("T", BAD_QUEUES), ("Table", BAD_TABLES), ("Blob", BAD_BLOBS)):
        for n, name in enumerate(names):
            (error,) = status(server, f"{kind}{n}")
            assert f"'{kind}{n}'" in error
            assert kind == "Blob" or name.strip("%") in error
    assert server.get("/api/fine").text == "fine"
    assert server.stop() == 0


OUTPUTS = """
@app.route("queue/{name}")
@app.queue_output("out", "{name}", "AzureWebJobsStorage")
def Queue(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set("x")
    return "put"

@app.route("blob/{name}")
@app.blob_output("out", "images/{name}", "AzureWebJobsStorage")
def Blob(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set("x")
    return "put"

@app.route("container/{name}")
@app.blob_output("out", "{name}/x", "AzureWebJobsStorage")
def Container(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set("x")
    return "put"

@app.route("body")
@app.queue_output("out", "{order.queue}", "AzureWebJobsStorage")
def Body(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set("x")
    return "put"
"""


def test_invalid_name_from_a_request_fails_that_request_only(make_app: MakeApp, serve: Serve, azurite: Azurite) -> None:
    """A name from a request is valid for the storage, or fails that one request."""
    server = serve(make_app(files(OUTPUTS)), env={"AzureWebJobsStorage": azurite.connection_string})
    for path, code in (
        (f"queue/{unused()}", 200),
        (f"queue/{unused().upper()}", 200),
        ("queue/a--b", 500),
        ("queue/..%5c..", 500),
        ("queue/" + "x" * 64, 500),
        ("blob/caf%C3%A9.txt", 200),
        ("blob/a%20b%23c", 200),
        ("blob/x.", 500),
        ("blob/x%5Cy", 500),
        (f"container/{unused()}", 200),
        ("container/UPPER", 500),
    ):
        assert (path, server.get(f"/api/{path}").status_code) == (path, code)
    for body, code in (
        ({"order": {"queue": unused()}}, 200),
        ({"order": {"queue": 5}}, 500),
        ({"order": {"queue": None}}, 500),
        ({"order": []}, 500),
        ({}, 500),
        ([], 500),
    ):
        assert (body, httpx.post(f"{server.url}/api/body", json=body).status_code) == (body, code)
    assert server.get("/api/fine").text == "fine"


WRONG = """
class Odd:
    def read(self):
        return 5

values = {"int": 5, "set": {1}, "odd": Odd(), "dict": {"a": 1}, "none": [None], "nested": [["a"]], "bytes": [b"a"]}

@app.route("queue/{kind}")
@app.queue_output("out", "QUEUE", "AzureWebJobsStorage")
def Queue(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set(values[req.route_params["kind"]])
    return "put"

@app.route("blob/{kind}")
@app.blob_output("out", "images/x", "AzureWebJobsStorage")
def Blob(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set(values[req.route_params["kind"]])
    return "put"

@app.route("table/{kind}")
@app.table_output("out", "AzureWebJobsStorage", "Wrong")
def Table(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set(values[req.route_params["kind"]])
    return "put"

@app.route("large/{size}")
@app.queue_output("out", "QUEUE", "AzureWebJobsStorage")
def Large(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set("x" * int(req.route_params["size"]))
    return "put"
"""


def test_output_value_that_cannot_be_stored_fails_its_invocation(
    make_app: MakeApp, serve: Serve, azurite: Azurite
) -> None:
    """A value that an output does not accept fails its invocation, and nothing of it is written."""
    queue = unused()
    server = serve(
        make_app(files(WRONG.replace("QUEUE", queue))), env={"AzureWebJobsStorage": azurite.connection_string}
    )
    failing = {
        "queue": ("int", "set", "odd", "none", "nested", "bytes"),
        "blob": ("int", "set", "odd", "dict", "none", "nested"),
        "table": ("int", "set", "odd", "dict", "none", "nested", "bytes"),
    }
    for output, kinds in failing.items():
        for kind in kinds:
            assert (output, kind, server.get(f"/api/{output}/{kind}").status_code) == (output, kind, 500)
    assert server.get("/api/large/48000").status_code == 200
    assert server.get("/api/large/70000").status_code == 500
    with QueueClient.from_connection_string(azurite.connection_string, queue, api_version=API) as client:
        assert client.get_queue_properties().approximate_message_count == 1
    assert server.get("/api/fine").text == "fine"


LISTENS = """
@app.queue_trigger("msg", "QUEUE", "AzureWebJobsStorage")
def Listens(msg: func.QueueMessage) -> None:
    logging.info("got %r", msg.get_body())

@app.queue_trigger("msg", "QUEUE-poison", "AzureWebJobsStorage")
def Poison(msg: func.QueueMessage) -> None:
    logging.info("poison %r", msg.get_body())
"""


def test_messages_that_are_not_base64_become_poison(make_app: MakeApp, serve: Serve, azurite: Azurite) -> None:
    """Messages that are not Base64 become poison at once; all others are handled, empty and binary ones too."""
    queue = unused()
    with QueueClient.from_connection_string(azurite.connection_string, queue, api_version=API) as client:
        client.create_queue()
        for text in ("not Base64!", "abc", "=", "aGk=", "", "//8=", "aGk=\n", "a G k ="):
            client.send_message(text)
        server = serve(
            make_app(files(LISTENS.replace("QUEUE", queue))), env={"AzureWebJobsStorage": azurite.connection_string}
        )
        for expected in (r"got b'hi'", r"got b''", r"got b'\\xff\\xff'"):
            server.wait_for(expected)
        eventually(lambda: client.get_queue_properties().approximate_message_count == 0)
        eventually(lambda: server.logs().count("got b'hi'") == 3)
    server.wait_for("is not Base64")
    assert server.stop() == 0
    assert "Traceback" not in server.logs()


EVERYTHING = """
@app.queue_trigger("msg", "orders", "AzureWebJobsStorage")
@app.blob_output("out", "images/{queueTrigger}.txt", "AzureWebJobsStorage")
def Orders(msg: func.QueueMessage, out: func.Out[str]) -> None:
    out.set(msg.get_body().decode())

@app.blob_trigger("blob", "images/{name}.txt", "AzureWebJobsStorage")
@app.table_output("out", "AzureWebJobsStorage", "Done", partition_key="p", row_key="{name}")
def Images(blob: func.InputStream, out: func.Out[str]) -> None:
    out.set(json.dumps({"Text": blob.read().decode()}))

@app.timer_trigger("timer", "0 0 0 1 1 *", run_on_startup=True)
def Tick(timer: func.TimerRequest) -> None:
    logging.info("ticked")

@app.route("put/{name}")
@app.queue_output("out", "orders", "AzureWebJobsStorage")
def Put(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set(req.route_params["name"])
    return "put"
"""


def test_host_without_its_storage_serves_and_works_once_it_is_there(
    make_app: MakeApp, serve: Serve, tmp_path: Path
) -> None:
    """A host without its storage starts, logs what to do, and works once it is there, after each outage."""
    host_json = json.dumps({**json.loads(HOST_JSON), "singleton": {"listenerLockRecoveryPollingInterval": "00:00:01"}})
    app = make_app(files(EVERYTHING, host_json=host_json))
    with reserved_ports() as ports:
        text = connection_string(dict(zip(SERVICES, ports, strict=True)))
        server = serve(app, env={"AzureWebJobsStorage": text, **DEVELOPMENT})
        assert server.get("/api/fine").text == "fine"
        server.wait_for("Is Azurite running")
        assert server.get("/api/put/early").status_code == 500
        for name in ("first", "second"):
            with run_azurite(tmp_path, "--skipApiVersionCheck", ports=ports):
                eventually(lambda: server.get(f"/api/put/{name}").status_code == 200)  # noqa: B023
                with TableClient.from_connection_string(text, "Done") as done:
                    eventually(lambda: name in rows_of(done))  # noqa: B023
                server.wait_for("ticked")
        assert server.stop() == 0


def rows_of(table: TableClient) -> set[str]:
    try:
        return {one["RowKey"] for one in table.list_entities()}
    except Exception:  # noqa: BLE001 - there is no table yet
        return set()


def test_deleted_queue_is_found_again_after_an_output_creates_it(
    make_app: MakeApp, serve: Serve, azurite: Azurite
) -> None:
    """A queue that is deleted during a host's run is polled again, and an output creates it again."""
    queue = unused()
    code = LISTENS.replace("QUEUE", queue) + OUTPUTS
    server = serve(make_app(files(code)), env={"AzureWebJobsStorage": azurite.connection_string, **DEVELOPMENT})
    with QueueClient.from_connection_string(azurite.connection_string, queue, api_version=API) as client:
        for count in (1, 2):
            assert server.get(f"/api/queue/{queue}").text == "put"
            eventually(lambda: server.logs().count("got b'x'") == count)  # noqa: B023
            client.delete_queue()
    assert server.stop() == 0
    assert "Traceback" not in server.logs()
