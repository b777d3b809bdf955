"""Functions of every trigger, run by a test: their data, their inputs and their outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hosting.testing import (
    Host,
    HostFactory,
    blob,
    documents,
    event_grid_event,
    event_hub_event,
    http_request,
    make_host,
    queue_message,
    service_bus_message,
    timer_request,
)
from hosting.testing.sources import MAX_RETRIES

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
HEAD = """
import json, logging
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""


@pytest.fixture
def run(hosting_host: HostFactory) -> Callable[..., Host]:
    """Return a function that makes a host from the code of one function."""

    def make(code: str, **options: Any) -> Host:
        return hosting_host({"function_app.py": HEAD + code}, **options)

    return make


TIMER = """
@app.timer_trigger("timer", schedule="0 * * * * *")
def f(timer: func.TimerRequest) -> None:
    logging.info("%s %s", timer.past_due, json.dumps(timer.schedule_status))
"""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "False {}"),
        (timer_request(past_due=True), "True {}"),
        (timer_request(last="2026-01-01"), 'False {"Last": "2026-01-01", "Next": "", "LastUpdated": "2026-01-01"}'),
    ],
)
def test_timer_runs_on_request_and_on_time_by_default(run: Callable[..., Host], data: Any, message: str) -> None:
    """A timer runs when the test invokes it, and is past due only if the test says so."""
    assert message in run(TIMER).invoke("f", data).messages


UNDERSCORES = """
@app.queue_trigger("_my_msg", "in", "S")
@app.queue_output("my_out_", "out", "S")
def f(_my_msg: str, my_out_: func.Out[str]) -> None:
    my_out_.set(_my_msg)
"""


def test_bindings_with_underscores_in_their_names_are_passed_by_these_names(run: Callable[..., Host]) -> None:
    """Azure's host accepts single underscores anywhere in a name."""
    assert run(UNDERSCORES).invoke("f", "text").outputs["my_out_"] == "text"


QUEUE = """
@app.queue_trigger("msg", "in", "S")
@app.queue_output("out", "out", "S")
def f(msg: {annotation}, out: func.Out[str]) -> None:
    out.set(f"{{type(msg).__name__}} {{msg if isinstance(msg, (str, bytes)) else msg.get_body()}}")
"""


@pytest.mark.parametrize("data", ["text", b"text", queue_message("text")])
@pytest.mark.parametrize(
    ("annotation", "expected"),
    [("func.QueueMessage", "QueueMessage b'text'"), ("str", "str text"), ("bytes", "bytes b'text'")],
)
def test_queue_message_is_converted_to_the_annotation(
    run: Callable[..., Host], data: Any, annotation: str, expected: str
) -> None:
    """A function gets its message as its annotation says, in whatever form the test passes it."""
    assert run(QUEUE.format(annotation=annotation)).invoke("f", data).outputs == {"out": expected}


def test_queue_output_that_is_neither_text_nor_bytes_is_json(run: Callable[..., Host]) -> None:
    """Other values are written as JSON."""
    assert run(QUEUE.format(annotation="str")).invoke("f", {"a": [1]}).outputs == {"out": 'str {"a": [1]}'}


BLOB = """
@app.blob_trigger("blob", "in/{name}.{ext}", "S")
@app.blob_output("$return", "out/{name}/{ext}.bin", "S")
def f(blob: func.InputStream) -> bytes:
    return f"{blob.name} {blob.length} ".encode() + blob.read()
"""


def test_blob_name_fills_the_paths_of_other_bindings(run: Callable[..., Host]) -> None:
    """Other bindings use the parts of the blob's name that its path names."""
    (output,) = run(BLOB).invoke("f", blob("data", name="in/a.b.txt")).written
    assert (output.name, output.type, output.value) == ("$return", "blob", b"in/a.b.txt 4 data")
    assert output.properties["path"] == "out/a.b/txt.bin"


def test_blob_without_a_name_leaves_expressions_unresolved(run: Callable[..., Host]) -> None:
    """A test that passes only content needs no name."""
    (output,) = run(BLOB).invoke("f", b"data").written
    assert (output.value, output.properties["path"]) == (b"in/{name}.{ext} 4 data", "out/{name}/{ext}.bin")


EVENT = """
@app.event_grid_trigger("event")
@app.queue_output("out", "q-{{data.kind}}", "S")
def f(event: {annotation}, out: func.Out[str]) -> None:
    out.set(json.dumps(json.loads(event)["data"] if isinstance(event, str) else event.get_json()))
"""


@pytest.mark.parametrize("data", [event_grid_event({"kind": "k"}), {"id": "1", "data": {"kind": "k"}}])
@pytest.mark.parametrize("annotation", ["func.EventGridEvent", "str"])
def test_event_grid_event_is_an_object_or_json_text(run: Callable[..., Host], data: Any, annotation: str) -> None:
    """An event is the SDK's object, or JSON text where a function takes that."""
    (output,) = run(EVENT.format(annotation=annotation)).invoke("f", data).written
    assert (output.value, output.properties["queueName"]) == ('{"kind": "k"}', "q-k")


HUB = """
from typing import List
@app.event_hub_message_trigger("events", connection="S", event_hub_name="h", cardinality="many")
def f(events: List[func.EventHubEvent]) -> None:
    logging.info(" ".join(event.get_body().decode() for event in events))
"""


@pytest.mark.parametrize("data", [["a", "b"], [event_hub_event("a"), event_hub_event(b"b")]])
def test_function_with_cardinality_many_gets_a_list(run: Callable[..., Host], data: Any) -> None:
    """The list has text or the SDK's objects."""
    assert "a b" in run(HUB).invoke("f", data).messages


def test_service_bus_and_cosmos_data_are_the_sdks_objects(run: Callable[..., Host]) -> None:
    """Messages and documents are the SDK's, whatever provides the binding."""
    code = """
@app.service_bus_queue_trigger("msg", "S", "q")
def bus(msg: func.ServiceBusMessage) -> None:
    logging.info("%s %s", msg.get_body(), msg.application_properties)
@app.cosmos_db_trigger("docs", "S", "d", "c")
def cosmos(docs: func.DocumentList) -> None:
    logging.info([doc["id"] for doc in docs])
"""
    host = run(code)
    message = service_bus_message({"a": 1}, application_properties={"p": 2})
    assert "b'{\"a\": 1}' {'p': 2}" in host.invoke("bus", message).messages
    for data in (documents({"id": "1"}, {"id": "2"}), [{"id": "1"}, {"id": "2"}]):
        assert "['1', '2']" in host.invoke("cosmos", data).messages


def test_inputs_are_set_for_a_call_or_for_a_host(run: Callable[..., Host]) -> None:
    """An input without a value, or None, is a blob that does not exist."""
    code = """
@app.route("f")
@app.blob_input("text", "c/{id}", "S")
@app.blob_input("stream", "c/{id}", "S")
def f(req: func.HttpRequest, text: str, stream: func.InputStream) -> str:
    return f"{text} {stream and stream.read()}"
"""
    host = run(code, inputs={"F": {"text": "host's", "stream": b"bytes"}})
    assert host.get("/api/f?id=1").text == "host's b'bytes'"
    assert host.get("/api/f?id=1", inputs={"text": "call's", "stream": None}).text == "call's None"
    assert host.invoke("f", http_request(params={"id": "1"}), inputs={"text": b"x"}).result == "x b'bytes'"
    with pytest.raises(LookupError, match=r"reads input 'text' \(blob\).*pass inputs=\{'text': \.\.\.\}"):
        run(code).get("/api/f?id=1", inputs={"stream": b""})


def test_outputs_have_the_value_that_azure_would_send(run: Callable[..., Host]) -> None:
    """A value that Azure's worker would refuse fails the invocation."""
    code = """
@app.route("f")
@app.queue_output("out", "q", "S")
@app.table_output("table", "S", "t")
def f(req: func.HttpRequest, out: func.Out[func.QueueMessage], table: func.Out[str]) -> str:
    out.set({"m": func.QueueMessage(id="1", body="b"), "l": ["x", "y"], "i": 3}[req.params["what"]])
    table.set({"RowKey": "r"})
    return "done"
"""
    host = run(code)
    encoded = {output.name: output.encoded for output in host.get("/api/f?what=m").invocation.written}
    assert {name: json.loads(encoded[name]) for name in ("out", "table")} == {
        "out": {"id": "1", "body": "b"},
        "table": {"RowKey": "r"},
    }
    assert host.get("/api/f?what=l").outputs == {"out": ["x", "y"], "table": {"RowKey": "r"}, "$return": "done"}
    with pytest.raises(TypeError, match=r"output 'out' \(queue\) cannot take a value of type int"):
        host.get("/api/f?what=i")


@pytest.mark.parametrize(("kind", "outputs"), [("blob", {}), ("table", {"$return": None})])
def test_output_of_none_is_what_azure_sends(run: Callable[..., Host], kind: str, outputs: dict[str, None]) -> None:
    """No blob is None; other bindings have the value that Azure's worker sends."""
    code = f"""
@app.queue_trigger("msg", "in", "S")
@app.generic_output_binding("$return", type="{kind}", path="c/x", connection="S")
def f(msg: str):
    return None
"""
    assert run(code).invoke("f", "x").outputs == outputs


def test_queue_output_of_none_fails_as_in_azure(run: Callable[..., Host]) -> None:
    """A queue takes no None, as in Azure."""
    code = """
@app.queue_trigger("msg", "in", "S")
@app.queue_output("$return", "out", "S")
def f(msg: str) -> str:
    return None
"""
    with pytest.raises(TypeError, match="cannot take a value of type NoneType"):
        run(code).invoke("f", "x")


def test_failed_invocation_has_no_outputs(run: Callable[..., Host]) -> None:
    """A function that sets an output and then raises has no outputs."""
    code = QUEUE.format(annotation="str") + "    raise ValueError('no')\n"
    failed = run(code).invoke("f", "x", raises=False)
    assert (failed.outputs, failed.result, str(failed.exception)) == ({}, None, "no")


def test_retries_run_without_delay(run: Callable[..., Host]) -> None:
    """A retry policy is applied at once, and the record is that of the last attempt."""
    code = """
@app.queue_trigger("msg", "in", "S")
@app.retry(strategy="exponential_backoff", max_retry_count="{count}", minimum_interval="00:10:00",
           maximum_interval="01:00:00")
def f(msg: str, context: func.Context) -> None:
    if context.retry_context.retry_count < 3:
        raise ValueError("again")
    logging.info("at last")
"""
    succeeded = run(code.format(count=3)).invoke("f", "x")
    assert (succeeded.attempts, succeeded.exception, "at last" in succeeded.messages) == (4, None, True)
    with pytest.raises(ValueError, match="again"):
        run(code.format(count=2)).invoke("f", "x")


def test_retries_without_a_limit_end_at_a_maximum(run: Callable[..., Host]) -> None:
    """A policy without a limit has one in tests."""
    code = """
@app.queue_trigger("msg", "in", "S")
@app.retry(strategy="fixed_delay", max_retry_count="-1", delay_interval="00:10:00")
def f(msg: str) -> None:
    raise ValueError("again")
"""
    assert run(code).invoke("f", "x", raises=False).attempts == MAX_RETRIES + 1


def test_unknown_trigger_type_runs_with_any_object(run: Callable[..., Host]) -> None:
    """Its function gets any object, and may return a value without a binding for it."""
    code = """
@app.generic_trigger("thing", type="thingTrigger")
def f(thing):
    return thing if isinstance(thing, str) else type(thing).__name__
"""
    host = run(code)
    assert host.problems == ()
    assert host.invoke("f", "text").result == "text"
    assert host.invoke("f", object()).result == "object"


def test_trace_context_of_an_event_reaches_the_function(run: Callable[..., Host]) -> None:
    """The trace context of an event reaches the function."""
    code = """
@app.queue_trigger("msg", "in", "S")
def f(msg: str, context: func.Context) -> None:
    logging.info("%s|%s", context.trace_context.trace_parent, context.trace_context.trace_state)
"""
    assert "00-ab-cd-01|k=v" in run(code).invoke("f", "x", trace_parent="00-ab-cd-01", trace_state="k=v").messages


def test_output_of_one_function_can_be_passed_to_the_next() -> None:
    """The example's functions are connected by a queue and two containers."""
    with make_host(EXAMPLES / "queue_to_blob") as host:
        post = host.post("/api/texts/a", json={"text": "to be or not to be"})
        (text,) = host.invoke("store", post.outputs["message"]).written
        count = host.invoke("count", blob(text.value, name=text.properties["path"]))
        assert count.written[0].properties["path"] == "counts/a.json"
        reply = host.get("/api/counts/a", inputs={"counts": count.outputs["counts"]})
        assert reply.json() == {"words": 6, "different": 4}


def test_v1_function_runs_with_outputs_by_their_names() -> None:
    """The names of the outputs are those of its function.json."""
    bindings = [
        {"type": "queueTrigger", "direction": "in", "name": "msg", "queueName": "in", "connection": "S"},
        {"type": "queue", "direction": "out", "name": "$return", "queueName": "out-{queueTrigger}", "connection": "S"},
    ]
    files = {
        "Work/function.json": json.dumps({"bindings": bindings}),
        "Work/__init__.py": "def main(msg: str) -> str:\n    return msg.upper()\n",
    }
    with make_host(files) as host:
        (output,) = host.invoke("work", "x").written
        assert (output.value, output.properties["queueName"]) == ("X", "out-x")


def test_message_metadata_is_available_to_other_bindings(run: Callable[..., Host]) -> None:
    """Other bindings can use what the host knows of a message besides its text."""
    code = """
@app.queue_trigger("msg", "in", "S")
@app.blob_output("out", "c/{id}-{DequeueCount}-{rand-guid:N}.txt", "S")
def f(msg: func.QueueMessage, out: func.Out[str]) -> None:
    out.set("x")
"""
    (output,) = run(code).invoke("f", queue_message("x", id="7", dequeue_count=2)).written
    path = output.properties["path"]
    assert path.startswith("c/7-2-")
    assert len(path) == len("c/7-2-.txt") + 32
