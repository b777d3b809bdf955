"""What stands in for binding types that nobody provides."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import azure.functions as func
import pytest

from hosting.bindings import Services
from hosting.bindings.generic import GenericProvider
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


def test_batches() -> None:
    """A trigger that takes many gets a list of one."""
    (event,) = decoded("eventHubTrigger", "hi", cardinality="many")
    assert event.get_body() == b"hi"


def test_inputs_and_outputs(caplog: pytest.LogCaptureFixture) -> None:
    """An input cannot be read, which fails the invocation; what an output is given is dropped, and the log says so."""
    function = Function("F", "/app", "/app/f.py", "v2", print, False)
    with pytest.raises(RuntimeError, match=r"'F': input 'a' cannot be read: no installed package .* 'thing'"):
        asyncio.run(PROVIDER.input(function, Binding("a", "thing", "in")).read(None))
    output = PROVIDER.output(function, Binding("b", "thing", "out"))
    with caplog.at_level(logging.WARNING):
        asyncio.run(output.write(output.encode(None)))
        assert caplog.records == []
        asyncio.run(output.write(output.encode({"x": 1})))
    assert "'F': output 'b' is not written" in caplog.text
