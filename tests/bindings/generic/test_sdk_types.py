"""Parameters with the SDK types of Azure's packages, in manual runs and in tests of apps."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID

import pytest

from hosting.apps.remedies.causes import remedy_for
from hosting.errors import HostingError
from hosting.host.function_host import FunctionHost
from hosting.testing import event_hub_event, make_host, service_bus_message

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="Azure's packages for messages need uamqp, which has no wheels for Python 3.14"
)

BUS = ("message_id", "delivery_count", "session_id", "subject", "sequence_number", "partition_key", "correlation_id")
MORE_BUS = ("content_type", "to", "reply_to", "reply_to_session_id", "time_to_live", "enqueued_time_utc", "lock_token")
REST_BUS = (
    *("application_properties", "dead_letter_reason", "dead_letter_error_description", "dead_letter_source"),
    *("enqueued_sequence_number", "scheduled_enqueue_time_utc", "locked_until_utc"),
)
HUB = ("partition_key", "offset", "sequence_number", "enqueued_time", "properties", "message_id", "correlation_id")

V2 = f"""
from typing import List

import azure.functions as func
import azurefunctions.extensions.bindings.eventhub as eh
import azurefunctions.extensions.bindings.servicebus as sb

app = func.FunctionApp()
SEEN = {{}}
BUS = {(*BUS, *MORE_BUS, *REST_BUS)}
HUB = {(*HUB, "content_type")}


def bus(name, *messages):
    SEEN[name] = [
        dict({{name: getattr(one, name) for name in BUS}}, type=type(one), body=b"".join(one.body)) for one in messages
    ]


def hub(name, *events):
    SEEN[name] = [
        dict({{name: getattr(one, name) for name in HUB}}, type=type(one), body=b"".join(one.body)) for one in events
    ]


@app.service_bus_queue_trigger("message", connection="BUS", queue_name="orders")
def BusOne(message: sb.ServiceBusReceivedMessage):
    bus("BusOne", message)


@app.service_bus_topic_trigger("messages", connection="BUS", topic_name="t", subscription_name="s", cardinality="many")
async def BusMany(messages: List[sb.ServiceBusReceivedMessage]):
    bus("BusMany", *messages)


@app.event_hub_message_trigger("event", connection="HUB", event_hub_name="h")
async def HubOne(event: eh.EventData):
    hub("HubOne", event)


@app.event_hub_message_trigger("events", connection="HUB", event_hub_name="h", cardinality="many")
def HubMany(events: list[eh.EventData]):
    hub("HubMany", *events)


@app.service_bus_queue_trigger("message", connection="BUS", queue_name="orders")
def BusPlain(message: func.ServiceBusMessage):
    SEEN["BusPlain"] = message


@app.event_hub_message_trigger("events", connection="HUB", event_hub_name="h", cardinality="many")
def HubPlain(events: List[func.EventHubEvent]):
    SEEN["HubPlain"] = events


@app.service_bus_queue_trigger("message", connection="BUS", queue_name="orders")
def BusText(message: str):
    SEEN["BusText"] = message
"""
V1 = """
import azurefunctions.extensions.bindings.servicebus as sb

SEEN = []


def main(message: sb.ServiceBusReceivedMessage):
    SEEN.append(message)
"""
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
BUS_FIELDS: dict[str, Any] = {
    "message_id": "1",
    "delivery_count": 4,
    "session_id": "s",
    "subject": "greeting",
    "sequence_number": 2**40,
    "partition_key": "p",
    "correlation_id": "c",
    "content_type": "text/plain",
    "to": "a",
    "reply_to": "b",
    "reply_to_session_id": "r",
    "dead_letter_reason": "late",
    "dead_letter_error_description": "too late",
    "dead_letter_source": "orders",
    "enqueued_sequence_number": 6,
}
BUS_GIVEN: dict[str, Any] = {
    **BUS_FIELDS,
    "enqueued_time_utc": NOON.isoformat(),
    "scheduled_enqueue_time_utc": "2026-01-31T12:00:00",
    "locked_until_utc": "2026-01-31T13:00:00+01:00",
    "lock_token": str(UUID(int=7)),
    "time_to_live": 1.5,
    "application_properties": {"n": 1, "text": "é", "yes": True, "none": None},
}
BUS_SEEN = {
    **BUS_FIELDS,
    **dict.fromkeys(("enqueued_time_utc", "scheduled_enqueue_time_utc", "locked_until_utc"), NOON),
    "lock_token": UUID(int=7),
    "time_to_live": timedelta(seconds=1.5),
    "application_properties": {
        b"n": 1,
        b"text": "é".encode(),
        b"yes": True,
        b"none": None,
        b"DeadLetterReason": b"late",
        b"DeadLetterErrorDescription": b"too late",
    },
}
HUB_GIVEN = {"partition_key": "p", "offset": "77", "sequence_number": 9, "message_id": "m", "correlation_id": "c"}
HUB_SEEN = {**HUB_GIVEN, "partition_key": b"p", "enqueued_time": NOON, "properties": {b"a": 1}}
HUB_GIVEN |= {"enqueued_time": NOON.isoformat(), "properties": {"a": 1}}

CONTENTS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "text": ("hi", [{"body": b"hi", "delivery_count": 1, "sequence_number": 0}]),
    "no text": ("", [{"body": b""}]),
    "JSON": ('{"a": 1}', [{"body": b'{"a": 1}'}]),
    "message with its properties": (json.dumps({"body": "hi", **BUS_GIVEN}), [{"body": b"hi", **BUS_SEEN}]),
    "message of JSON": ('{"body": {"a": [1]}, "message_id": null}', [{"body": b'{"a": [1]}'}]),
    "body that looks like a message": (
        '{"body": {"body": 1, "subject": "x"}}',
        [{"body": b'{"body": 1, "subject": "x"}'}],
    ),
    "object with another property": ('{"body": 1, "price": 2}', [{"body": b'{"body": 1, "price": 2}'}]),
}
BATCHES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "texts": ('["a", "b"]', [{"body": b"a", "sequence_number": 0}, {"body": b"b", "sequence_number": 1}]),
    "mixed": (
        '["a", {"body": "b", "subject": "x"}, 3]',
        [{"body": b"a"}, {"body": b"b", "subject": "x"}, {"body": b"3"}],
    ),
    "one text": ("hi", [{"body": b"hi"}]),
    "empty list": ("[]", [{"body": b"[]"}]),
}
EVENTS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "text": ("hi", [{"body": b"hi", "sequence_number": 0, "offset": "0"}]),
    "event with its properties": (json.dumps({"body": [1], **HUB_GIVEN}), [{"body": b"[1]", **HUB_SEEN}]),
    "message of Service Bus": ('{"body": 1, "session_id": "s"}', [{"body": b'{"body": 1, "session_id": "s"}'}]),
}
EVENT_BATCHES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "texts": ("[20.5, 21]", [{"body": b"20.5", "offset": "0"}, {"body": b"21", "offset": "1"}]),
}
RUNS = [
    pytest.param(name, text, expected, id=f"{name}: {what}")
    for name, table in (("BusOne", CONTENTS), ("BusMany", BATCHES), ("HubOne", EVENTS), ("HubMany", EVENT_BATCHES))
    for what, (text, expected) in table.items()
]
TYPES = {"Bus": "azure.servicebus", "Hub": "azure.eventhub"}


@pytest.fixture(scope="module")
def host(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionHost]:
    """The host of the app, without anything that triggers its functions."""
    root = tmp_path_factory.mktemp("types")
    (root / "host.json").write_text('{"version": "2.0"}')
    (root / "function_app.py").write_text(V2)
    before = list(sys.path)
    host = FunctionHost(root, environ={})
    host.load()
    yield host
    sys.path[:] = before


async def run(host: FunctionHost, name: str, text: str | None) -> Any:
    await host.manual_runs.start(name, text)
    await asyncio.gather(*host.manual_runs._tasks)
    return seen(host, name)


def seen(host: FunctionHost, name: str) -> Any:
    return next(one for one in host.functions if one.name == name).call.__globals__["SEEN"].pop(name)


@pytest.mark.parametrize(("name", "text", "expected"), RUNS)
async def test_manual_run_gives_the_sdks_object(
    host: FunctionHost, name: str, text: str, expected: list[dict[str, Any]]
) -> None:
    """It has the body and the properties that the text gives, one or many; the others are those of a new message."""
    messages = await run(host, name, text)
    for message, fields in zip(messages, expected, strict=True):
        assert {key: message[key] for key in fields} == fields
        assert message["type"].__module__.startswith(TYPES[name[:3]])


async def test_other_parameters_get_the_same_message(host: FunctionHost) -> None:
    """The input of a manual run means the same for the classes of azure-functions, and for text."""
    message = await run(host, "BusPlain", json.dumps({"body": "hi", **BUS_GIVEN}))
    assert message.get_body() == b"hi"
    assert (message.message_id, message.delivery_count, message.session_id, message.label) == ("1", 4, "s", "greeting")
    assert message.application_properties == {"n": 1, "text": "é", "yes": True, "none": None}
    assert (message.enqueued_time_utc, message.sequence_number, message.lock_token) == (NOON, 2**40, str(UUID(int=7)))
    first, second = await run(host, "HubPlain", json.dumps(["a", {"body": "b", **HUB_GIVEN}]))
    assert (first.get_body(), first.partition_key, first.sequence_number) == (b"a", None, 0)
    assert (second.get_body(), second.partition_key, second.sequence_number) == (b"b", "p", 9)
    assert second.enqueued_time == NOON
    assert await run(host, "BusText", '{"body": "hi", "subject": "x"}') == "hi"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("delivery_count", "4", "a whole number"),
        ("delivery_count", True, "a whole number"),
        ("sequence_number", -1, "a whole number"),
        ("session_id", 4, "a text"),
        ("enqueued_time_utc", "noon", "a time such as 2026-01-31T12:00:00Z"),
        ("lock_token", "1", "a UUID"),
        ("time_to_live", "1", "a number of seconds"),
        ("application_properties", [1], "an object"),
        ("application_properties", {"a": [1]}, "an object"),
    ],
)
async def test_property_of_the_wrong_type_is_refused(host: FunctionHost, field: str, value: Any, expected: str) -> None:
    """The caller of the manual run is told which one, what it is and what was expected."""
    text = json.dumps({"body": "hi", field: value})
    for name, content in (("BusOne", text), ("BusPlain", text), ("BusMany", f'["a", {text}]')):
        with pytest.raises(ValueError, match=f"'{field}' is .*, expected {expected}"):
            await host.manual_runs.start(name, content)


def test_v1_function_gets_the_sdks_object() -> None:
    """Its type comes from function.json, its class from the annotation."""
    trigger = {"name": "message", "type": "serviceBusTrigger", "direction": "in", "queueName": "q", "connection": "B"}
    app = {"Old/function.json": json.dumps({"bindings": [trigger]}), "Old/__init__.py": V1}
    with make_host(app) as host:
        host.invoke("Old", {"body": "hi", "session_id": "s"})
        (message,) = next(iter(host._session.host.functions)).call.__globals__["SEEN"]
    assert (str(message), message.session_id, type(message).__module__) == (
        "hi",
        "s",
        "azure.servicebus._common.message",
    )


def test_testing_gives_the_sdks_object() -> None:
    """The data is text, bytes, a value, a message of a builder, or a real object, alone or in a list."""
    with make_host({"function_app.py": V2}) as host:
        functions = host._session.host

        def invoke(name: str, data: Any) -> Any:
            host.invoke(name, data)
            return seen(functions, name)

        assert [one["body"] for data in ("hi", b"\xff", {"a": 1}, None) for one in invoke("BusOne", data)] == [
            *(b"hi", b"\xff", b'{"a": 1}', b"")
        ]
        (built,) = invoke("BusOne", service_bus_message({"a": 1}, message_id="7", session_id="s", delivery_count=3))
        assert (built["body"], built["message_id"], built["session_id"]) == (b'{"a": 1}', "7", "s")
        assert built["delivery_count"] == 3
        assert [one["body"] for one in invoke("BusMany", ["a", {"body": b"\xff"}, service_bus_message("c")])] == [
            *(b"a", b"\xff", b"c")
        ]
        assert [one["sequence_number"] for one in invoke("BusMany", ["a", "b"])] == [0, 1]
        event = event_hub_event("hi", partition_key="p", sequence_number=5, offset="6", enqueued_time=NOON)
        (heard,) = invoke("HubOne", event)
        assert {name: heard[name] for name in ("body", "partition_key", "sequence_number", "offset")} == {
            "body": b"hi",
            "partition_key": b"p",
            "sequence_number": 5,
            "offset": "6",
        }
        real = heard["type"]("real")
        assert [one["body"] for one in invoke("HubMany", [real, "text"])] == [b"real", b"text"]


SETTLING = """
import azure.functions as func
import azurefunctions.extensions.bindings.servicebus as sb

app = func.FunctionApp()
SEEN = {{}}
METHODS = "complete", "abandon", "deadletter", "defer", "renew_message_lock"


@app.service_bus_queue_trigger("message", connection="BUS", queue_name="q", auto_complete_messages=False)
{keyword} Settle(message: sb.ServiceBusReceivedMessage, actions: sb.ServiceBusMessageActions):
    SEEN["Settle"] = isinstance(actions, sb.ServiceBusMessageActions)
    for method in METHODS:
        getattr(actions, method)(message)
    actions.set_session_state("s", b"1")
    actions.release_session("s")
    assert actions.renew_session_lock("s").ToDatetime()
"""


@pytest.mark.parametrize("keyword", ["def", "async def"])
async def test_actions_on_a_message_are_logged(
    keyword: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Their parameter has no binding, as in Azure; nothing is settled in a manual run."""
    caplog.set_level("INFO")
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(SETTLING.format(keyword=keyword))
    host = FunctionHost(tmp_path, environ={})
    host.load()
    assert await run(host, "Settle", json.dumps({"body": "hi", "lock_token": str(UUID(int=7))})) is True
    calls = [record.getMessage() for record in caplog.records if "settles nothing" in record.getMessage()]
    assert len(calls) == 8
    assert calls[0].startswith(f"Function 'Settle' called complete for {UUID(int=7)}.")


def test_testing_supplies_actions() -> None:
    """A test has them without supplying them, and can supply its own; other parameters still need a binding."""
    code = SETTLING.format(keyword="def")
    with make_host({"function_app.py": code}) as host:
        assert len([text for text in host.invoke("Settle", "hi").messages if "settles nothing" in text]) == 8
        own = MagicMock()
        host.invoke("Settle", "hi", inputs={"actions": own})
        assert own.complete.call_count == 1
    for wrong in ("actions: int", "actions: sb.ServiceBusMessageActions, more: sb.ServiceBusMessageActions"):
        app = {"function_app.py": code.replace("actions: sb.ServiceBusMessageActions", wrong)}
        with pytest.raises(HostingError, match="without a binding"), make_host(app):
            pass


COSMOS = """
import azure.functions as func
import azurefunctions.extensions.bindings.cosmosdb as cosmos

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
SEEN = {}


@app.route("items")
@app.cosmos_db_input("container", connection="COSMOS", database_name="%DATABASE%", container_name="items")
def Items(req: func.HttpRequest, container: cosmos.ContainerProxy):
    return f"{type(container).__module__} {container.container_link}"


@app.service_bus_queue_trigger("message", connection="BUS", queue_name="q")
@app.cosmos_db_input("database", connection="COSMOS", database_name="shop", container_name=None)
@app.cosmos_db_input("client", connection="COSMOS", database_name=None, container_name=None)
async def Both(message: str, database: cosmos.DatabaseProxy, client: cosmos.CosmosClient):
    SEEN.setdefault("Both", []).append((database, client))


@app.service_bus_queue_trigger("message", connection="BUS", queue_name="q")
@app.cosmos_db_input("client", connection="MISSING", database_name=None, container_name=None)
def Missing(message: str, client: cosmos.CosmosClient):
    raise NotImplementedError
"""


class Account(BaseHTTPRequestHandler):
    """Answers as a Cosmos DB account of one region does when it is asked for its regions."""

    def do_GET(self) -> None:
        assert isinstance(self.server, ThreadingHTTPServer)
        regions = [{"name": "here", "databaseAccountEndpoint": f"http://127.0.0.1:{self.server.server_port}/"}]
        account = {"id": "a", "writableLocations": regions, "readableLocations": regions}
        body = json.dumps({**account, "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write nothing."""


@pytest.fixture
def account() -> Iterator[str]:
    """The connection string of a Cosmos DB account on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Account) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"AccountEndpoint=http://127.0.0.1:{server.server_port}/;AccountKey=a2V5;"
        server.shutdown()


async def test_cosmos_inputs_are_clients_of_the_setting(
    account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """HTTP functions run, others can be run manually; a client is kept for the next invocation of its function."""
    monkeypatch.setenv("COSMOS", account)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(COSMOS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    host = FunctionHost(tmp_path, environ={"COSMOS": account, "DATABASE": "shop"})
    host.load()
    assert not [problem for problem in host.problems if problem.function == "Items"]
    for _ in range(2):
        await host.manual_runs.start("Both", "hi")
    await host.manual_runs.start("Missing", "hi")
    await asyncio.gather(*host.manual_runs._tasks)
    (database, client), again = seen(host, "Both")
    assert (database.database_link, type(client).__module__) == ("dbs/shop", "azure.cosmos.cosmos_client")
    assert again == (database, client)
    assert "MISSING does not exist" in caplog.text


def test_testing_supplies_clients_as_objects() -> None:
    """A stand-in is passed as it is; a text cannot become a client, and the message says so."""
    with make_host({"function_app.py": COSMOS}, settings={"DATABASE": "shop"}) as host:

        class Container:
            container_link = "dbs/a/colls/b"

        assert host.get("/api/items", inputs={"container": Container()}).text.endswith("dbs/a/colls/b")
        with pytest.raises(TypeError, match=r"'Items': parameter 'container' takes a ContainerProxy: pass a client"):
            host.get("/api/items", inputs={"container": "text"})
        with pytest.raises(LookupError, match="pass inputs="):
            host.get("/api/items")


@pytest.mark.parametrize(
    ("decorator", "annotation", "expected"),
    [
        ("service_bus_queue_trigger('m', connection='B', queue_name='q')", "azure.servicebus.ServiceBusReceivedMessage",
         "ServiceBusReceivedMessage from azurefunctions.extensions.bindings.servicebus"),
        ("service_bus_queue_trigger('m', connection='B', queue_name='q', cardinality='many')",
         "list[azure.servicebus.ServiceBusReceivedMessage]",
         "ServiceBusReceivedMessage from azurefunctions.extensions.bindings.servicebus"),
        ("event_hub_message_trigger('m', connection='B', event_hub_name='h')", "azure.eventhub.EventData",
         "EventData from azurefunctions.extensions.bindings.eventhub"),
        ("cosmos_db_input('m', connection='B', database_name='d', container_name='c')", "azure.cosmos.ContainerProxy",
         "ContainerProxy from azurefunctions.extensions.bindings.cosmosdb"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_installed", [True, False])
def test_class_of_the_sdk_itself_has_the_remedy_to_use_azures_package(
    monkeypatch: pytest.MonkeyPatch, decorator: str, annotation: str, expected: str, is_installed: bool
) -> None:
    """Azure's worker refuses it as well; if the package is not installed, the command that installs it follows."""
    if not is_installed:
        monkeypatch.setattr("hosting.apps.signature.installed_version", lambda name: None)
    is_input = "input" in decorator
    first, parameter = ("@app.queue_trigger('q', 'q', 'Q')\n", "q: str, ") if is_input else ("", "")
    code = (
        "import azure.cosmos, azure.eventhub, azure.servicebus\nimport azure.functions as func\n"
        f"app = func.FunctionApp()\n{first}@app.{decorator}\ndef F({parameter}m: {annotation}): ...\n"
    )
    with (
        pytest.raises(HostingError, match="does not match its Python annotation") as caught,
        make_host({"function_app.py": code}),
    ):
        pass
    package = expected.rpartition(".")[2]
    install = f" Install it with: pip install --pre azurefunctions-extensions-bindings-{package}"
    assert caught.value.remedy == f"Import {expected}.{'' if is_installed else install}"


@pytest.mark.parametrize("package", ["servicebus", "eventhub", "cosmosdb"])
def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """The import fails; the remedy names the distribution to install."""
    monkeypatch.setattr("hosting.apps.remedies.imports._submodules", lambda package: ["blob"])
    module = f"azurefunctions.extensions.bindings.{package}"
    remedy = remedy_for(ModuleNotFoundError(f"No module named {module!r}", name=module), tmp_path)
    assert f"(usually azurefunctions-extensions-bindings-{package}) to requirements.txt" in remedy
