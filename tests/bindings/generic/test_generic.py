"""What stands in for binding types that nobody provides."""

from __future__ import annotations

import asyncio
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


def test_types_of_the_sdk() -> None:
    """A text becomes what the SDK's own converter makes of it, as JSON where it wants JSON."""
    assert decoded("queueTrigger", "hi", func.QueueMessage).get_body() == b"hi"
    assert decoded("serviceBusTrigger", "hi", func.ServiceBusMessage).get_body() == b"hi"
    assert decoded("eventHubTrigger", "hi", func.EventHubEvent).get_body() == b"hi"
    assert decoded("eventGridTrigger", '{"id": "1", "data": {}}', func.EventGridEvent).id == "1"
    assert decoded("timerTrigger", "ignored", func.TimerRequest).past_due is False
    assert decoded("timerTrigger", None, func.TimerRequest).past_due is False


def test_plain_types() -> None:
    """A parameter that is annotated as text or bytes gets just that, and so does a type that the SDK does not know."""
    assert decoded("queueTrigger", "hi", str) == "hi"
    assert decoded("queueTrigger", "hi", bytes) == b"hi"
    assert decoded("thingTrigger", "hi") == "hi"
    assert decoded("thingTrigger", None) is None


@pytest.mark.parametrize("kind", ["serviceBusTrigger", "eventHubTrigger", "kafkaTrigger"])
def test_batches(kind: str) -> None:
    """A trigger that takes many gets a message for each element of a JSON array, and one for any other text."""
    bodies = [message.get_body() for message in decoded(kind, '["a", 1, {"b": null}]', cardinality="many")]
    assert bodies == [b"a", b"1", b'{"b": null}']
    for text in ("hi", '{"a": 1}', "[]", "[1", ""):
        (message,) = decoded(kind, text, cardinality="Many")
        assert message.get_body() == text.encode()


def test_batches_of_other_types() -> None:
    """A type that the SDK does not know gets texts; who asks for one text gets it as it is."""
    assert decoded("thingTrigger", '["a", 1]', cardinality="many") == ["a", "1"]
    assert decoded("thingTrigger", '["a", 1]', str, cardinality="many") == '["a", 1]'


def test_queue_messages() -> None:
    """A queue's message carries what a new one does."""
    message = decoded("queueTrigger", "hi", func.QueueMessage)
    assert (message.dequeue_count, len(message.id)) == (1, 36)
    assert message.insertion_time < message.time_next_visible < message.expiration_time


def test_binding_data() -> None:
    """Expressions in other bindings may use the properties of a JSON text."""
    binding = Binding("arg", "thingTrigger", "in")
    function = Function("F", "/app", "/app/f.py", "v2", print, False, (binding,))
    trigger = PROVIDER.trigger(function, binding)
    assert trigger.binding_data('{"name": "Ada"}') == {"name": "Ada"}
    assert trigger.binding_data(None) == {}


def test_inputs_and_outputs(caplog: pytest.LogCaptureFixture) -> None:
    """An input cannot be read, which fails the invocation; what an output is given is dropped, and the log says so."""
    function = Function("F", "/app", "/app/f.py", "v2", print, False)
    with pytest.raises(RuntimeError, match=r"'F': input 'a' cannot be read: no installed package .* 'thing'"):
        asyncio.run(PROVIDER.input(function, Binding("a", "thing", "in")).read(None, {}))
    output = PROVIDER.output(function, Binding("b", "thing", "out"))
    with caplog.at_level(logging.WARNING):
        asyncio.run(output.write(output.encode(None), {}))
        assert caplog.records == []
        asyncio.run(output.write(output.encode({"x": 1}), {}))
    assert "'F': output 'b' is not written" in caplog.text
