"""The built-in provider of ``eventGridTrigger``: Event Grid delivers events to ``/runtime/webhooks/eventgrid``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from azure.functions import meta

from hosting._log import host_logger
from hosting.bindings.eventgrid.webhook import answer_webhook, parse_events, requested_function, text_reply
from hosting.bindings.expressions import json_data
from hosting.bindings.http.request import HttpCall, trace_context
from hosting.bindings.http.response import HttpReply
from hosting.bindings.provider import Invoke, Provider, Trigger
from hosting.bindings.services import Services
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError

NAME = "eventgrid"
"""The name of the webhook, and of its system key."""

_logger = host_logger("eventgrid")


class EventGridTrigger(Trigger):
    """Runs one function for each event, or for all events of a delivery if its cardinality is ``many``.

    ``decode`` takes an event, or a list of events, as parsed JSON. A parameter of type ``str`` or ``bytes`` gets the
    JSON text, any other the object that the SDK's converter creates.
    """

    def __init__(self, function: Function, binding: Binding) -> None:
        self.function = function.name
        self._annotation = function.annotations.get(binding.name)
        self._is_batch = _is_batch(function, binding)
        self._converter: Any = meta.get_binding_registry().get(binding.type)  # type: ignore[no-untyped-call]
        self.run: Invoke | None = None
        """Runs the function; None if it cannot run."""

    def attach(self, invoke: Invoke) -> None:
        """Store ``invoke`` as ``run``."""
        self.run = invoke

    def decode(self, data: Any) -> Any:
        """Return the event, or the list of events, in the type of the parameter."""
        if self._annotation in (str, bytes):
            text = json.dumps(data, indent=2, ensure_ascii=False)
            return text.encode() if self._annotation is bytes else text
        return [self._event(one) for one in data] if self._is_batch else self._event(data)

    def binding_data(self, data: Any) -> Mapping[str, Any]:
        """Return the properties of the event, for expressions such as ``{data.url}``; empty for a batch."""
        return {} if self._is_batch else json_data(json.dumps(data))

    async def by_hand(self, text: str | None) -> Any:
        """Parse the text as a delivery: one event, or a list of events for a function with cardinality ``many``.

        Raises:
            ValueError: the text is not a delivery, or has several events for a function that takes one.
        """
        try:
            events = parse_events(text or "")
        except ValueError as error:
            raise ValueError(f"Function '{self.function}' needs an event as its input: {error}") from None
        if self._is_batch:
            return events
        if len(events) != 1:
            raise ValueError(f"Function '{self.function}' takes one event at a time, and the input has {len(events)}.")
        return events[0]

    async def deliver(self, events: Sequence[Mapping[str, Any]], headers: Mapping[str, str]) -> bool:
        """Run the function once for all events, or concurrently for each event.

        Args:
            events: the events of a delivery.
            headers: the headers of the request, which may have a trace context.

        Returns:
            Whether every invocation succeeded.
        """
        runs = (
            [self._run(events, headers)] if self._is_batch else [self._run(one, _trace(one, headers)) for one in events]
        )
        return all(await asyncio.gather(*runs))

    async def _run(self, data: Any, trace: Mapping[str, str]) -> bool:
        if self.run is None:
            return False
        reason = f"EventGrid trigger fired at {datetime.now().astimezone().isoformat()}"
        parent, state = trace_context(trace)
        return (await self.run(data, parent, state, reason=reason)).exception is None

    def _event(self, event: Any) -> Any:
        return self._converter.decode(meta.Datum(json.dumps(event), "json"), trigger_metadata=None)


class EventGridProvider(Provider):
    """Handles the requests of Event Grid: handshakes, and deliveries of events to the functions of the app."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._triggers: dict[str, EventGridTrigger] = {}
        services.webhooks[NAME] = self.answer

    def trigger(self, function: Function, binding: Binding) -> EventGridTrigger:
        """Return a trigger, which receives the events for ``?functionName=NAME``."""
        trigger = EventGridTrigger(function, binding)
        self._triggers[function.name.lower()] = trigger
        return trigger

    async def answer(self, call: HttpCall) -> HttpReply:
        """Handle a request as Azure's Event Grid extension does; its query has ``functionName``.

        The response to a delivery is 202 after every invocation has succeeded. Otherwise it is 500, and Event Grid
        delivers the events again.
        """
        name = requested_function(call)
        trigger = self._triggers.get(name.lower())
        if trigger is None or trigger.run is None:
            known = ", ".join(one.function for one in self._triggers.values() if one.run is not None)
            _logger.info("cannot find function: '%s', available function names: [%s]", name, known)
            return text_reply(404, f"cannot find function: '{name}'")

        async def deliver(events: Sequence[Mapping[str, Any]]) -> bool:
            """Run the function; return whether it succeeded."""
            return await trigger.deliver(events, call.headers)

        return await answer_webhook(call, trigger.function, deliver)


def _is_batch(function: Function, binding: Binding) -> bool:
    cardinality = str(binding.get("cardinality") or "one").lower()
    if cardinality not in ("one", "many"):
        raise FunctionLoadError(
            f"Function '{function.name}': cardinality '{cardinality}' of binding '{binding.name}' does not exist.",
            remedy="Use one or many.",
            file=function.file,
        )
    return cardinality == "many"


def _trace(event: Mapping[str, Any], headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the W3C trace context of the event, or else the one of the request."""
    context = {name: event[name] for name in ("traceparent", "tracestate") if isinstance(event.get(name), str)}
    return context if "traceparent" in context else headers
