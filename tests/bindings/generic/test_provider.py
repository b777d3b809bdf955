"""The provider of binding types that no package provides."""

from __future__ import annotations

import logging
from typing import Any

import azure.functions as func
import pytest

from hosting.bindings import Services
from hosting.bindings.generic.provider import GenericProvider
from hosting.core import Binding, Function

PROVIDER = GenericProvider(Services({}, {}))


def decoded(kind: str, text: str | None, annotation: Any = None, **properties: Any) -> Any:
    binding = Binding("arg", kind, "in", properties)
    function = Function("F", "/app", "/app/f.py", "v2", print, False, (binding,), {"arg": annotation})
    return PROVIDER.trigger(function, binding).decode(text)


def test_text_is_decoded_by_the_sdks_converter() -> None:
    """It becomes JSON for converters that expect JSON."""
    assert decoded("queueTrigger", "hi", func.QueueMessage).get_body() == b"hi"
    assert decoded("serviceBusTrigger", "hi", func.ServiceBusMessage).get_body() == b"hi"
    assert decoded("eventHubTrigger", "hi", func.EventHubEvent).get_body() == b"hi"
    assert decoded("eventGridTrigger", '{"id": "1", "data": {}}', func.EventGridEvent).id == "1"
    assert decoded("timerTrigger", "ignored", func.TimerRequest).past_due is False
    assert decoded("timerTrigger", None, func.TimerRequest).past_due is False


def test_text_parameter_gets_the_text() -> None:
    """The annotation is str or bytes, or the SDK does not know the type."""
    assert decoded("queueTrigger", "hi", str) == "hi"
    assert decoded("queueTrigger", "hi", bytes) == b"hi"
    assert decoded("thingTrigger", "hi") == "hi"
    assert decoded("thingTrigger", None) is None


@pytest.mark.parametrize("kind", ["serviceBusTrigger", "eventHubTrigger", "kafkaTrigger"])
def test_cardinality_many_gets_a_message_for_each_item_of_a_json_array(kind: str) -> None:
    """Any other text is one message."""
    bodies = [message.get_body() for message in decoded(kind, '["a", 1, {"b": null}]', cardinality="many")]
    assert bodies == [b"a", b"1", b'{"b": null}']
    for text in ("hi", '{"a": 1}', "[]", "[1", ""):
        (message,) = decoded(kind, text, cardinality="Many")
        assert message.get_body() == text.encode()


def test_batch_of_an_unknown_type_is_a_list_of_texts() -> None:
    """A parameter of type str gets the whole text."""
    assert decoded("thingTrigger", '["a", 1]', cardinality="many") == ["a", "1"]
    assert decoded("thingTrigger", '["a", 1]', str, cardinality="many") == '["a", 1]'


def test_queue_message_has_the_metadata_of_a_new_message() -> None:
    """The SDK's object has it."""
    message = decoded("queueTrigger", "hi", func.QueueMessage)
    assert (message.dequeue_count, len(message.id)) == (1, 36)
    assert message.insertion_time < message.time_next_visible < message.expiration_time


def test_binding_data_has_the_properties_of_a_json_text() -> None:
    """Expressions in other bindings can use them."""
    binding = Binding("arg", "thingTrigger", "in")
    function = Function("F", "/app", "/app/f.py", "v2", print, False, (binding,))
    trigger = PROVIDER.trigger(function, binding)
    assert trigger.binding_data('{"name": "Ada"}') == {"name": "Ada"}
    assert trigger.binding_data(None) == {}


async def test_input_fails_and_output_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    """The input fails the invocation; a warning is logged for the output."""
    function = Function("F", "/app", "/app/f.py", "v2", print, False)
    with pytest.raises(RuntimeError, match=r"'F': input 'a' cannot be read: no installed package .* 'thing'"):
        await PROVIDER.input(function, Binding("a", "thing", "in")).read(None, {})
    output = PROVIDER.output(function, Binding("b", "thing", "out"))
    with caplog.at_level(logging.WARNING):
        await output.write(output.encode(None), {})
        assert caplog.records == []
        await output.write(output.encode({"x": 1}), {})
    assert "'F': output 'b' is not written" in caplog.text
