"""Manual runs of functions of every trigger that the SDK has: they get the SDK's own objects."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from hosting.host.function_host import FunctionHost

APP = '''
import json
from typing import List

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp()
SEEN = {}


def saw(name, *values):
    SEEN[name] = values


@app.service_bus_queue_trigger("msg", connection="BUS", queue_name="orders")
def BusOne(msg: func.ServiceBusMessage) -> None:
    saw("BusOne", type(msg).__name__, msg.get_body(), msg.delivery_count, msg.enqueued_time_utc.tzname(),
        len(msg.message_id), msg.user_properties, msg.metadata["DeliveryCount"])


@app.service_bus_topic_trigger("msgs", connection="BUS", topic_name="t", subscription_name="s", cardinality="many")
def BusMany(msgs: List[func.ServiceBusMessage]) -> None:
    saw("BusMany", [(type(msg).__name__, msg.get_body(), msg.sequence_number, msg.user_properties) for msg in msgs])


@app.event_hub_message_trigger("event", connection="HUB", event_hub_name="h")
def HubOne(event: func.EventHubEvent) -> None:
    saw("HubOne", type(event).__name__, event.get_body(), event.sequence_number, event.offset,
        event.enqueued_time.tzname(), event.iothub_metadata, event.metadata["SequenceNumber"])


@app.event_hub_message_trigger("events", connection="HUB", event_hub_name="h", cardinality=func.Cardinality.MANY)
def HubMany(events: List[func.EventHubEvent]) -> None:
    saw("HubMany", [(type(event).__name__, event.get_body(), event.sequence_number) for event in events])


@app.kafka_trigger("event", topic="prices", broker_list="KAFKA")
def KafkaOne(event: func.KafkaEvent) -> None:
    saw("KafkaOne", type(event).__name__, event.get_body(), event.topic, event.partition, event.offset, event.key,
        event.headers)


@app.kafka_trigger("events", topic="prices", broker_list="KAFKA", cardinality="many")
def KafkaMany(events: List[func.KafkaEvent]) -> None:
    saw("KafkaMany", [(type(event).__name__, event.get_body(), event.topic, event.offset) for event in events])


@app.cosmos_db_trigger("documents", connection="COSMOS", database_name="d", container_name="c")
def Cosmos(documents: func.DocumentList) -> None:
    saw("Cosmos", type(documents).__name__, [(type(one).__name__, one.to_dict()) for one in documents])


@app.sql_trigger("changes", table_name="t", connection_string_setting="SQL")
def Sql(changes: str) -> None:
    saw("Sql", changes)


@app.mysql_trigger("changes", table_name="t", connection_string_setting="MYSQL")
def MySql(changes: func.MySqlRowList) -> None:
    saw("MySql", type(changes).__name__, [(type(row).__name__, row["Id"]) for row in changes])


@app.event_grid_trigger("event")
def Grid(event: func.EventGridEvent) -> None:
    saw("Grid", type(event).__name__, event.id, event.subject, event.event_time.year, event.get_json())


@app.event_grid_trigger("event")
def Cloud(event: func.CloudEvent) -> None:
    saw("Cloud", type(event).__name__, event.id, event.source)


@app.generic_trigger("msg", type="rabbitMQTrigger", queueName="q")
def Rabbit(msg) -> None:
    saw("Rabbit", msg)


@app.generic_trigger("msg", type="redisPubSubTrigger", channel="c")
def Redis(msg: bytes) -> None:
    saw("Redis", msg)


@app.dapr_topic_trigger("sub", pub_sub_name="p", topic="t", route="r")
def Dapr(sub) -> None:
    saw("Dapr", sub)


@app.assistant_skill_trigger("task", function_description="adds a task")
def Skill(task: str) -> str:
    saw("Skill", task)
    return "added"


@app.mcp_tool()
@app.mcp_tool_property(arg_name="name", description="whom to greet")
def Tool(name: str) -> str:
    """Greet."""
    saw("Tool", name)
    return f"Hello, {name}"


@app.mcp_resource_trigger("context", uri="file://a", resource_name="a")
def Resource(context: str) -> str:
    saw("Resource", context)
    return "text"


@app.activity_trigger("city")
def Activity(city):
    saw("Activity", city)
    return f"Hello, {city}"


@app.activity_trigger("order")
def ActivityOfJson(order):
    saw("ActivityOfJson", order)


@app.activity_trigger("city")
def ActivityOfText(city: str):
    saw("ActivityOfText", city)


@app.activity_trigger("city")
def ActivityOfBareText(city: str):
    saw("ActivityOfBareText", city)


@app.activity_trigger("city")
def ActivityOfNumber(city: int):
    saw("ActivityOfNumber", city)


@app.orchestration_trigger("context")
def Orchestrator(context):
    saw("Orchestrator", type(context).__name__, context.instance_id, context.get_input(expected_type=dict))
    return (yield context.call_activity("Activity", "Oslo"))


@app.entity_trigger("context")
def Counter(context):
    total = context.get_state(lambda: 0) + context.get_input(expected_type=int)
    saw("Counter", type(context).__name__, context.entity_name, context.operation_name, total)
    context.set_state(total)


@app.warm_up_trigger("warm")
def Warm(warm) -> None:
    saw("Warm", type(warm).__name__)
'''

STARTED = {
    "EventId": -1,
    "IsPlayed": False,
    "Timestamp": "2024-01-02T03:04:05.678901Z",
}
CONTEXT = {
    "history": [
        {"EventType": 12, **STARTED},
        {"EventType": 0, **STARTED, "Name": "Orchestrator", "Input": '{"a": 1}', "Version": None},
    ],
    "instanceId": "42",
    "isReplaying": False,
    "parentInstanceId": None,
    "input": '{"a": 1}',
}
ENTITY = {
    "self": {"name": "counter", "key": "a"},
    "state": "3",
    "exists": True,
    "batch": [{"name": "add", "input": '"4"', "signal": False}],
}

INPUTS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "BusOne": ("hi", ("ServiceBusMessage", b"hi", 1, "UTC", 32, {}, 1)),
    "BusMany": (
        '["a", {"b": 1}]',
        ([("ServiceBusMessage", b"a", 0, {}), ("ServiceBusMessage", b'{"b": 1}', 1, {})],),
    ),
    "HubOne": ("hi", ("EventHubEvent", b"hi", 0, "0", "UTC", {}, 0)),
    "HubMany": ("[1, 2]", ([("EventHubEvent", b"1", 0), ("EventHubEvent", b"2", 1)],)),
    "KafkaOne": ("hi", ("KafkaEvent", b"hi", "prices", 0, 0, None, [])),
    "KafkaMany": ("hi", ([("KafkaEvent", b"hi", "prices", 0)],)),
    "Cosmos": ('[{"id": "1"}]', ("DocumentList", [("Document", {"id": "1"})])),
    "Sql": ('[{"Operation": 0}]', ('[{"Operation": 0}]',)),
    "MySql": ('{"Id": 7}', ("MySqlRowList", [("MySqlRow", 7)])),
    "Grid": (
        '{"id": "1", "subject": "s", "eventTime": "2024-01-02T03:04:05Z", "data": {"a": 1}}',
        ("EventGridEvent", "1", "s", 2024, {"a": 1}),
    ),
    "Cloud": ('{"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}', ("CloudEvent", "1", "/s")),
    "Rabbit": ("hi", ("hi",)),
    "Redis": ("hi", (b"hi",)),
    "Dapr": ('{"data": 1}', ('{"data": 1}',)),
    "Skill": ("buy milk", ("buy milk",)),
    "Tool": ('{"arguments": {"name": "Ada"}}', ("Ada",)),
    "Resource": ("{}", ("{}",)),
    "Activity": ("Oslo", ("Oslo",)),
    "ActivityOfJson": ('{"a": [1]}', ({"a": [1]},)),
    "ActivityOfText": ('"Oslo"', ("Oslo",)),
    "ActivityOfBareText": ("Oslo", ("Oslo",)),
    "ActivityOfNumber": ("5", (5,)),
    "Orchestrator": (json.dumps(CONTEXT), ("DurableOrchestrationContext", "42", {"a": 1})),
    "Counter": (json.dumps(ENTITY), ("DurableEntityContext", "counter", "add", 7)),
    "Warm": (None, ("WarmUpContext",)),
}


@pytest.fixture(scope="module")
async def host(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> FunctionHost:
    """The host of the app, after a manual run of each function with its text in the table."""
    root = tmp_path_factory.mktemp("triggers")
    (root / "host.json").write_text('{"version": "2.0"}')
    (root / "function_app.py").write_text(APP)
    before = list(sys.path)
    try:
        return await _run(root)
    finally:
        sys.path[:] = before


async def _run(root: Path) -> FunctionHost:
    with warnings.catch_warnings():
        # The durable library's own calls are deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        host = FunctionHost(root, environ={})
        host.load()
        for name, (text, _) in INPUTS.items():
            await host.manual_runs.start(name, text)
        assert await host.drain(60)
    return host


@pytest.mark.parametrize("name", INPUTS)
def test_text_becomes_the_sdks_object(host: FunctionHost, name: str) -> None:
    """A text becomes what Azure's worker would make of a message of that text, one or many, with its properties."""
    any_function = next(function for function in host.functions if function.name == "Sql")
    assert any_function.call.__globals__["SEEN"].get(name) == INPUTS[name][1]


def test_trigger_without_a_provider_is_a_problem_with_the_way_to_run_it(host: FunctionHost) -> None:
    """Each is reported, and no function is in error for another reason."""
    problems = {problem.function: problem for problem in host.problems}
    assert {name for name in INPUTS if name not in ("Grid", "Cloud", "Warm")} == problems.keys()
    for name, problem in problems.items():
        assert f"Function '{name}' is never triggered" in problem.message
        assert f"POST /admin/functions/{name}" in problem.remedy
