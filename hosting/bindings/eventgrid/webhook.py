"""The webhook protocol of Event Grid: handshakes, and deliveries of events."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from hosting._log import host_logger
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply

Deliver: TypeAlias = Callable[[list[dict[str, Any]]], Awaitable[bool]]

_JSON = (b"content-type", b"application/json; charset=utf-8")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_PUBLIC_ORIGIN = "eventgrid.azure.net"
_ORIGINS = frozenset(
    (
        _PUBLIC_ORIGIN,
        "eventgrid.azure.us",
        "eventgrid.azure.cn",
        "eventgrid.azure.eaglex.ic.gov",
        "eventgrid.azure.microsoft.scloud",
    )
)
"""The origins that may deliver CloudEvents: Event Grid in each of Azure's clouds."""

_logger = host_logger("eventgrid")


async def answer_webhook(call: HttpCall, function: str, deliver: Deliver) -> HttpReply:
    """Handle a request as Azure's Event Grid extension does.

    Args:
        call: the request.
        function: the name of the function that it is for, for the log and for messages.
        deliver: processes the events of a delivery, and returns whether it succeeded. If not, the response is 500, and
            Event Grid delivers the events again.

    Returns:
        The response.
    """
    if call.method == "OPTIONS":
        return _origin_reply(call.headers)
    try:
        return await _handle_post(call, function, deliver)
    except ValueError as error:
        return text_reply(400, str(error))


async def _handle_post(call: HttpCall, function: str, deliver: Deliver) -> HttpReply:
    match call.headers.get("aeg-event-type", "").lower():
        case "subscriptionvalidation":
            _logger.info("perform handshake with eventGrid for function: %s", function)
            return _validation_reply(call.body)
        case "notification":
            if await deliver(parse_events(call.body)):
                return HttpReply(202, [], b"")
            return text_reply(500, f"Exception while executing function: Functions.{function}")
        case "unsubscribe":
            return HttpReply(202, [], b"")
    return text_reply(400, "Expected the header aeg-event-type: SubscriptionValidation, Notification or Unsubscribe.")


def requested_function(call: HttpCall) -> str:
    """Return the ``functionName`` of a request's query, ignoring the case of the key; empty if it has none."""
    return next((value for key, value in parse_qsl(call.query) if key.lower() == "functionname"), "")


def parse_events(body: bytes | str) -> list[dict[str, Any]]:
    """Return the events of a delivery, which is a list of events or a single one.

    Raises:
        ValueError: ``body`` is not JSON, or has something else than an event.
    """
    content = _parse_json(body)
    events = content if isinstance(content, list) else [content]
    for event in events:
        if not isinstance(event, dict):
            raise ValueError(f"expected an event or a list of events, found {json.dumps(event)[:60]}.")
    return events


def text_reply(status: int, text: str) -> HttpReply:
    """Return a response with a plain text."""
    return HttpReply(status, [_TEXT], text.encode())


def _parse_json(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected JSON, but it cannot be parsed: {error}.") from None


def _validation_reply(body: bytes) -> HttpReply:
    """Return the validation code of the first event, which proves that this endpoint accepts the subscription."""
    events = parse_events(body)
    data = events[0].get("data") if events else None
    if isinstance(data, str):  # in a CloudEvent it is text
        data = _parse_json(data)
    if not isinstance(data, dict) or not isinstance(data.get("validationCode"), str):
        raise ValueError("expected an event with data.validationCode.")
    return HttpReply(200, [_JSON], json.dumps({"validationResponse": data["validationCode"]}).encode())


def _origin_reply(headers: Mapping[str, str]) -> HttpReply:
    """Allow Event Grid to deliver CloudEvents; their specification requires senders to ask each receiver."""
    asked = headers.get("webhook-request-origin", "")
    origin = asked if asked in _ORIGINS else _PUBLIC_ORIGIN
    return HttpReply(200, [(b"webhook-allowed-origin", origin.encode())], b"")
