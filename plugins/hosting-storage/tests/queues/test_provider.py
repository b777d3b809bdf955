"""Queue triggers and outputs as a function uses them: its parameters, and the messages that it sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

import azure.functions as func
import pytest
from azure.core.exceptions import AzureError
from hypothesis import given
from hypothesis import strategies as st
from storage_support.queues import Queues

from hosting.bindings import Services
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError, SettingsError
from hosting_storage.queues.messages import Message, decoded
from hosting_storage.queues.provider import QueueOutput, QueueProvider, QueueTrigger
from hosting_storage.testing import Azurite

AWAY = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;QueueEndpoint=http://127.0.0.1:9/a"
NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
_numbers = count()


def provider(host_json: Mapping[str, Any] | None = None, storage: str = AWAY, **settings: str) -> QueueProvider:
    return QueueProvider(Services(host_json or {}, {"AzureWebJobsStorage": storage, **settings}))


def function(annotation: object = None) -> Function:
    annotations = {"msg": annotation} if annotation else {}
    return Function("Work", "/app", "/app/function_app.py", "v2", print, False, annotations=annotations)


def trigger(annotation: object = None, **properties: str) -> QueueTrigger:
    binding = Binding("msg", "queueTrigger", "in", {"queueName": "work", **properties})
    return provider().trigger(function(annotation), binding)


def output(queue: str = "out", **options: Any) -> QueueOutput:
    host_json = {"extensions": {"queues": options}}
    binding = Binding("out", "queue", "out", {"queueName": queue})
    return provider(host_json).output(function(), binding)


def message(body: bytes, **more: Any) -> Message:
    return Message("the-id", "", body, 2, "receipt", NOW, NOW, NOW, **more)


def test_queue_message_parameter_has_all_properties_of_the_message() -> None:
    """A function receives the SDK's QueueMessage, with everything that Azure knows of the message."""
    decoded_message = trigger(func.QueueMessage).decode(message(b'{"a": 1}'))
    assert isinstance(decoded_message, func.QueueMessage)
    assert (decoded_message.id, decoded_message.dequeue_count, decoded_message.pop_receipt) == ("the-id", 2, "receipt")
    assert (decoded_message.get_body(), decoded_message.get_json()) == (b'{"a": 1}', {"a": 1})
    assert decoded_message.insertion_time == decoded_message.expiration_time == decoded_message.time_next_visible == NOW


@pytest.mark.parametrize("body", [b"", b"text", "grüße".encode(), b"\xff\x00"])
@pytest.mark.parametrize("binary", [{}, {"dataType": "binary"}])
def test_get_body_returns_bytes_for_any_body(body: bytes, binary: dict[str, str]) -> None:
    """``get_body`` returns the bytes that were sent, text or not, whatever the declared type."""
    assert trigger(**binary).decode(message(body)).get_body() == body


@pytest.mark.parametrize(("annotation", "value"), [(str, "grüße"), (bytes, "grüße".encode())])
def test_str_or_bytes_parameter_receives_the_message_itself(annotation: type, value: object) -> None:
    """A parameter annotated ``str`` or ``bytes`` receives the body."""
    assert trigger(annotation).decode(message("grüße".encode())) == value


def test_str_parameter_for_bytes_that_are_not_utf8_is_an_error() -> None:
    """A function with a ``str`` parameter fails for other bytes; one with ``bytes`` receives them."""
    with pytest.raises(TypeError, match=r"'msg' of type str of function 'Work'\..*bytes.*messageEncoding"):
        trigger(str).decode(message(b"\xff"))
    assert trigger(bytes).decode(message(b"\xff")) == b"\xff"


def test_binding_data_has_the_message_and_its_json_properties() -> None:
    """Expressions can use the text, its metadata, and the properties of a JSON object, which win."""
    data = trigger().binding_data(message(b'{"name": "Ada", "id": 7, "list": [1], "none": null, "in": {"x": 1}}'))
    assert data["QueueTrigger"].startswith('{"name"')
    assert (data["name"], data["in"], data["id"], data["DequeueCount"]) == ("Ada", {"x": 1}, 7, 2)
    assert data["InsertionTime"] == data["ExpirationTime"] == data["NextVisibleTime"] == NOW
    assert "Id" not in data
    assert {"list", "none"}.isdisjoint(data)


def test_binding_data_of_bytes_leaves_out_the_text() -> None:
    """Bytes are left out of the binding data; the rest is there."""
    data = trigger().binding_data(message(b"\xff"))
    assert "QueueTrigger" not in data
    assert data["Id"] == "the-id"


@pytest.mark.parametrize("text", [None, "", "some text"])
async def test_manual_run_creates_a_message_from_the_text(text: str | None) -> None:
    """A manual run creates a message that was never in a queue."""
    event = await trigger().by_hand(text)
    decoded_message = trigger(func.QueueMessage).decode(event)
    assert decoded_message.get_body().decode() == (text or "")
    assert decoded_message.dequeue_count == 1
    assert decoded_message.expiration_time > decoded_message.insertion_time


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("text", ["text"]),
        ("", [""]),
        ('{"a":  1}', ['{"a":  1}']),
        (["a", "b"], ["a", "b"]),
        ([], []),
        (("a", "b"), ["a", "b"]),
        ('["a", {"b": "ü"}, 1, null]', ["a", '{"b": "ü"}', "1", "null"]),
        (" [1]", ["1"]),
        ("[not JSON", ["[not JSON"]),
        ("[" * 9999, ["[" * 9999]),
        ({"a": 1}, ["a"]),
    ],
)
def test_output_value_becomes_one_message_or_one_for_each_element(value: object, sent: list[str]) -> None:
    """One message, or one for each element of a list or of a text that is a JSON array, as in Azure."""
    assert [decoded(content, "base64").decode() for content in output().encode(value)] == sent


def test_output_of_a_queue_message_is_json_with_id_and_body() -> None:
    """The SDK's QueueMessage is sent as JSON with its id and body, not as the body alone, as in Azure."""
    one = output().encode(func.QueueMessage(id="7", body="hi"))
    assert [json.loads(decoded(content, "base64")) for content in one] == [{"id": "7", "body": "hi"}]
    message, text = output().encode([func.QueueMessage(body="hi"), "ho"])
    assert json.loads(decoded(message, "base64")) == {"id": None, "body": "hi"}
    assert decoded(text, "base64") == b"ho"


@given(st.binary())
def test_output_of_bytes_is_one_message(body: bytes) -> None:
    """Bytes are one message, unchanged."""
    assert [decoded(content, "base64") for content in output().encode(body)] == [body]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_output_of_a_list_sends_each_text_unsplit(texts: list[str]) -> None:
    """No text of a list is split, even one that is a JSON array itself."""
    assert [decoded(content, "base64").decode() for content in output().encode(texts)] == texts


def test_output_without_encoding_sends_the_text_unchanged() -> None:
    """With ``messageEncoding`` none, the text is in the queue unchanged."""
    assert output(messageEncoding="none").encode("<ü>") == ["<ü>"]


@pytest.mark.parametrize("value", [None, 1, 1.5, [1], [b"bytes"], object()])
def test_output_value_of_another_type_is_an_error(value: object) -> None:
    """The error names the output, the accepted types and the value's type."""
    with pytest.raises(TypeError, match=r"a queue takes str, bytes.*output 'out' got"):
        output().encode(value)


@pytest.mark.parametrize("name", ["", "a_b", "-ab"])
def test_invalid_queue_name_puts_the_function_in_error(name: str) -> None:
    """The message names function and binding, and has the rule for names."""
    with pytest.raises(FunctionLoadError, match=r"queueName of binding 'msg'.*is not a valid queue name"):
        trigger(queueName=name)
    with pytest.raises(FunctionLoadError, match="binding 'out'"):
        output(name)


async def test_queue_name_from_an_expression_is_checked_when_it_is_resolved() -> None:
    """An output to ``{name}`` can be loaded; the resolved name must be valid."""
    with pytest.raises(ValueError, match="'A_B' is not a valid queue name"):
        await output("{name}").write(["YQ=="], {"queueName": "A_B"})


def test_missing_connection_puts_the_function_in_error() -> None:
    """The message is Azure's, and the remedy names the setting."""
    with pytest.raises(FunctionLoadError, match="'AzureWebJobsElsewhere' does not exist") as caught:
        trigger(connection="Elsewhere")
    assert "local.settings.json" in caught.value.remedy


def test_invalid_queue_options_stop_the_start() -> None:
    """A mistake in host.json is an error before anything runs."""
    with pytest.raises(SettingsError, match="batchSize must be"):
        provider({"extensions": {"queues": {"batchSize": 100}}})


async def test_output_to_unreachable_storage_fails_with_function_and_queue() -> None:
    """Storage that cannot be reached is one line with function, output and queue."""
    storage = provider()
    out = storage.output(function(), Binding("out", "queue", "out", {"queueName": "out"}))
    with pytest.raises(Exception, match=r"Function 'Work': output 'out' cannot be sent to queue 'out'") as caught:
        await out.write(["YQ=="], {"queueName": "out"})
    await storage.close()
    assert not isinstance(caught.value, AzureError)


async def test_output_to_a_missing_queue_creates_it(azurite: Azurite, queues: Queues) -> None:
    """A queue that does not exist is created with the first message, in lower case."""
    name = f"Made-{next(_numbers)}"

    storage = provider(storage=azurite.connection_string)
    out = storage.output(function(), Binding("out", "queue", "out", {"queueName": name}))
    await out.write(out.encode(["one", "two"]), {"queueName": name})
    await storage.close()
    assert queues.visible(name.lower()) == ["one", "two"]


async def test_json_text_is_received_unchanged(azurite: Azurite, queues: Queues) -> None:
    """A JSON text that a function returns is received as it was written."""
    name, text = f"json-{next(_numbers)}", json.dumps({"a": [1, {"b": "ü"}], "c": "<&>\n"})

    storage = provider(storage=azurite.connection_string)
    out = storage.output(function(), Binding("out", "queue", "out", {"queueName": name}))
    await out.write(out.encode(text), {"queueName": name})
    await storage.close()
    assert queues.visible(name) == [text]


async def test_figures_of_a_trigger_are_the_lengths_of_its_queues(azurite: Azurite, queues: Queues) -> None:
    """A queue that does not exist is empty; an account that does not answer is an error in one sentence."""
    name = f"figures-{next(_numbers)}"
    queues.put(name, "one", "two")
    storage = provider(storage=azurite.connection_string)
    found = storage.trigger(function(), Binding("msg", "queueTrigger", "in", {"queueName": name}))
    assert await found.figures() == {"source": name, "waiting": 2, "poisoned": 0}
    await storage.close()
