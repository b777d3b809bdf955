"""Queue triggers and outputs as a function sees them: what it is given, and what becomes of what it gives."""

from __future__ import annotations

import asyncio
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


def test_a_function_gets_a_queue_message() -> None:
    """It is the SDK's own, with everything that Azure tells of a message."""
    given = trigger(func.QueueMessage).decode(message(b'{"a": 1}'))
    assert isinstance(given, func.QueueMessage)
    assert (given.id, given.dequeue_count, given.pop_receipt) == ("the-id", 2, "receipt")
    assert (given.get_body(), given.get_json()) == (b'{"a": 1}', {"a": 1})
    assert given.insertion_time == given.expiration_time == given.time_next_visible == NOW


@pytest.mark.parametrize("body", [b"", b"text", "grüße".encode(), b"\xff\x00"])
@pytest.mark.parametrize("binary", [{}, {"dataType": "binary"}])
def test_a_body_is_always_bytes(body: bytes, binary: dict[str, str]) -> None:
    """``get_body`` gives what was sent, whether that is a text or not, and however it is declared."""
    assert trigger(**binary).decode(message(body)).get_body() == body


@pytest.mark.parametrize(("annotation", "given"), [(str, "grüße"), (bytes, "grüße".encode())])
def test_a_parameter_may_be_the_text_or_the_bytes(annotation: type, given: object) -> None:
    """Annotated with ``str`` or ``bytes``, a function gets the message itself."""
    assert trigger(annotation).decode(message("grüße".encode())) == given


def test_bytes_are_no_text() -> None:
    """A function that wants a text is not given anything else; who may be sent bytes takes those."""
    with pytest.raises(TypeError, match=r"'msg' of type str of function 'Work'\..*bytes.*messageEncoding"):
        trigger(str).decode(message(b"\xff"))
    assert trigger(bytes).decode(message(b"\xff")) == b"\xff"


def test_expressions_may_use_a_message_and_its_properties() -> None:
    """The text, what Azure tells of it, and the properties of a JSON object, which win."""
    data = trigger().binding_data(message(b'{"name": "Ada", "id": 7, "list": [1], "none": null, "in": {"x": 1}}'))
    assert data["QueueTrigger"].startswith('{"name"')
    assert (data["name"], data["in"], data["id"], data["DequeueCount"]) == ("Ada", {"x": 1}, 7, 2)
    assert data["InsertionTime"] == data["ExpirationTime"] == data["NextVisibleTime"] == NOW
    assert "Id" not in data
    assert {"list", "none"}.isdisjoint(data)


def test_a_message_that_is_no_text_has_no_text_for_expressions() -> None:
    """Bytes are left out of what expressions may use; the rest is there."""
    data = trigger().binding_data(message(b"\xff"))
    assert "QueueTrigger" not in data
    assert data["Id"] == "the-id"


@pytest.mark.parametrize("text", [None, "", "some text"])
def test_by_hand_the_text_is_the_message(text: str | None) -> None:
    """A run by hand brings a message that was never in a queue."""
    made = asyncio.run(trigger().by_hand(text))
    given = trigger(func.QueueMessage).decode(made)
    assert given.get_body().decode() == (text or "")
    assert given.dequeue_count == 1
    assert given.expiration_time > given.insertion_time


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
def test_what_a_function_gives_becomes_messages(value: object, sent: list[str]) -> None:
    """One message, or one for each element of a list or of a text that is a JSON array; as Azure does it."""
    assert [decoded(content, "base64").decode() for content in output().encode(value)] == sent


def test_a_queue_message_is_sent_as_json() -> None:
    """What is sent of the SDK's message is its id and its body in JSON, not the body alone; as Azure does it."""
    one = output().encode(func.QueueMessage(id="7", body="hi"))
    assert [json.loads(decoded(content, "base64")) for content in one] == [{"id": "7", "body": "hi"}]
    message, text = output().encode([func.QueueMessage(body="hi"), "ho"])
    assert json.loads(decoded(message, "base64")) == {"id": None, "body": "hi"}
    assert decoded(text, "base64") == b"ho"


@given(st.binary())
def test_bytes_are_sent_as_they_are(body: bytes) -> None:
    """Whatever bytes a function gives are one message."""
    assert [decoded(content, "base64") for content in output().encode(body)] == [body]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_each_text_of_a_list_is_one_message(texts: list[str]) -> None:
    """No text of a list is split, also one that is a JSON array itself."""
    assert [decoded(content, "base64").decode() for content in output().encode(texts)] == texts


def test_without_encoding_texts_are_sent_as_they_are() -> None:
    """With ``messageEncoding`` none, the text is what is in the queue."""
    assert output(messageEncoding="none").encode("<ü>") == ["<ü>"]


@pytest.mark.parametrize("value", [None, 1, 1.5, [1], [b"bytes"], object()])
def test_what_cannot_be_a_message_is_an_error(value: object) -> None:
    """The error says whose output it is, what may be given, and what was."""
    with pytest.raises(TypeError, match=r"a queue takes str, bytes.*output 'out' got"):
        output().encode(value)


@pytest.mark.parametrize("name", ["", "a_b", "-ab"])
def test_a_queue_with_a_bad_name_puts_its_function_in_error(name: str) -> None:
    """The message says which function, which binding, and what names are made of."""
    with pytest.raises(FunctionLoadError, match=r"queueName of binding 'msg'.*is not a valid queue name"):
        trigger(queueName=name)
    with pytest.raises(FunctionLoadError, match="binding 'out'"):
        output(name)


def test_a_name_with_expressions_is_looked_at_when_it_is_filled_in() -> None:
    """An output to ``{name}`` can be loaded; what comes out of it must be a name."""
    with pytest.raises(ValueError, match="'A_B' is not a valid queue name"):
        asyncio.run(output("{name}").write(["YQ=="], {"queueName": "A_B"}))


def test_a_missing_connection_puts_its_function_in_error() -> None:
    """The message is Azure's, and says which setting to make."""
    with pytest.raises(FunctionLoadError, match="'AzureWebJobsElsewhere' does not exist") as caught:
        trigger(connection="Elsewhere")
    assert "local.settings.json" in caught.value.remedy


def test_bad_settings_stop_the_start() -> None:
    """A mistake in host.json is told before anything runs."""
    with pytest.raises(SettingsError, match="batchSize must be"):
        provider({"extensions": {"queues": {"batchSize": 100}}})


def test_an_output_says_that_the_storage_is_away() -> None:
    """A storage that cannot be reached is told in one line, with the function and the queue."""

    async def scenario() -> None:
        made = provider()
        out = made.output(function(), Binding("out", "queue", "out", {"queueName": "out"}))
        try:
            await out.write(["YQ=="], {"queueName": "out"})
        finally:
            await made.close()

    with pytest.raises(Exception, match=r"Function 'Work': output 'out' cannot be sent to queue 'out'") as caught:
        asyncio.run(scenario())
    assert not isinstance(caught.value, AzureError)


def test_an_output_makes_its_queue(azurite: Azurite, queues: Queues) -> None:
    """A queue that does not exist is made with the first message; names count in lower case."""
    name = f"Made-{next(_numbers)}"

    async def scenario() -> None:
        made = provider(storage=azurite.connection_string)
        out = made.output(function(), Binding("out", "queue", "out", {"queueName": name}))
        await out.write(out.encode(["one", "two"]), {"queueName": name})
        await made.close()

    asyncio.run(scenario())
    assert queues.seen(name.lower()) == ["one", "two"]


def test_json_goes_through_a_queue_unchanged(azurite: Azurite, queues: Queues) -> None:
    """A JSON text that a function gives is received as it was written."""
    name, text = f"json-{next(_numbers)}", json.dumps({"a": [1, {"b": "ü"}], "c": "<&>\n"})

    async def scenario() -> None:
        made = provider(storage=azurite.connection_string)
        out = made.output(function(), Binding("out", "queue", "out", {"queueName": name}))
        await out.write(out.encode(text), {"queueName": name})
        await made.close()

    asyncio.run(scenario())
    assert queues.seen(name) == [text]
