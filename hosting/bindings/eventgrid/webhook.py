"""What Event Grid sends to a webhook, and what it wants to hear: handshakes and deliveries of events."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply

Deliver: TypeAlias = Callable[[list[dict[str, Any]]], Awaitable[bool]]

_JSON = (b"content-type", b"application/json; charset=utf-8")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_CLOUD = "eventgrid.azure.net"
_CLOUDS = frozenset(
    (
        _CLOUD,
        "eventgrid.azure.us",
        "eventgrid.azure.cn",
        "eventgrid.azure.eaglex.ic.gov",
        "eventgrid.azure.microsoft.scloud",
    )
)
"""Who may deliver CloudEvents: Event Grid in each of Azure's clouds."""

_logger = logging.getLogger("hosting.eventgrid")


async def answer_webhook(call: HttpCall, function: str, deliver: Deliver) -> HttpReply:
    """Answer a request as Azure's Event Grid extension does.

    Args:
        call: the request.
        function: the name of the function it is for, for the log and for messages.
        deliver: is given the events of a delivery, and says whether all of them were dealt with; if not, Event Grid
            delivers them again.
    """
    if call.method == "OPTIONS":
        return _allowed(call.headers)
    try:
        return await _posted(call, function, deliver)
    except ValueError as error:
        return text_reply(400, str(error))


async def _posted(call: HttpCall, function: str, deliver: Deliver) -> HttpReply:
    match call.headers.get("aeg-event-type", "").lower():
        case "subscriptionvalidation":
            _logger.info("perform handshake with eventGrid for function: %s", function)
            return _validated(call.body)
        case "notification":
            if await deliver(parse_events(call.body)):
                return HttpReply(202, [], b"")
            return text_reply(500, f"Exception while executing function: Functions.{function}")
        case "unsubscribe":
            return HttpReply(202, [], b"")
    return text_reply(400, "Expected the header aeg-event-type: SubscriptionValidation, Notification or Unsubscribe.")


def requested_function(call: HttpCall) -> str:
    """The function that a request is for, as its query says; empty if it does not."""
    return next((value for key, value in parse_qsl(call.query) if key.lower() == "functionname"), "")


def parse_events(body: bytes | str) -> list[dict[str, Any]]:
    """The events of a delivery: a list of them, or a single one.

    Raises:
        ValueError: it is no delivery; the message says what it is.
    """
    found = _json(body)
    events = found if isinstance(found, list) else [found]
    for event in events:
        if not isinstance(event, dict):
            raise ValueError(f"expected an event or a list of events, found {json.dumps(event)[:60]}.")
    return events


def text_reply(status: int, text: str) -> HttpReply:
    """A reply that says in words what is the matter."""
    return HttpReply(status, [_TEXT], text.encode())


def _json(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected JSON, and it cannot be read: {error}.") from None


def _validated(body: bytes) -> HttpReply:
    """Prove that the endpoint is meant to get the events: give back the code that came in the first of them."""
    events = parse_events(body)
    data = events[0].get("data") if events else None
    if isinstance(data, str):  # CloudEvents have it as a text
        data = _json(data)
    if not isinstance(data, dict) or not isinstance(data.get("validationCode"), str):
        raise ValueError("expected an event with data.validationCode.")
    return HttpReply(200, [_JSON], json.dumps({"validationResponse": data["validationCode"]}).encode())


def _allowed(headers: Mapping[str, str]) -> HttpReply:
    """Agree to get CloudEvents from Event Grid: their specification has each receiver asked."""
    asks = headers.get("webhook-request-origin", "")
    return HttpReply(200, [(b"webhook-allowed-origin", (asks if asks in _CLOUDS else _CLOUD).encode())], b"")
