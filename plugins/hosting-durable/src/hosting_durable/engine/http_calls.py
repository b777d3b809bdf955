"""``call_http`` of orchestrators: one request, and the polls after a 202.

Each poll is an attempt of its own in the store: the end of the host between two polls repeats no request but the last.
Sources: ``Listener/TaskHttpActivityShim.cs`` and ``ContextImplementations/DurableOrchestrationContext.cs``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urljoin

_KEY = "x-functions-key"
_MULTIPART = "Multipart content is not supported with CallHttpAsync."


class Poll(NamedTuple):
    """A request that is sent later, because the response was 202.

    Args:
        text: the JSON of the request.
        seconds: how long to wait.
    """

    text: str
    seconds: float


class HttpCallError(Exception):
    """A request of ``call_http`` that cannot be sent."""


async def call(text: str, sleep_seconds: float) -> str | Poll:
    """Send a request, and return the JSON of the response, or what to send later.

    Args:
        text: the JSON of the request: ``method``, ``uri``, ``headers``, ``content``.
        sleep_seconds: how long to wait after a 202 without Retry-After.

    Raises:
        HttpCallError: it cannot be sent.
    """
    import aiohttp  # only orchestrators that call HTTP need it; the SDK brings it

    request = json.loads(text)
    headers = {str(name): str(value) for name, value in (request.get("headers") or {}).items()}
    content = request.get("content")
    _check(request, headers)
    if content is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "text/plain"
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.request(request["method"], request["uri"], data=content, headers=headers) as response,
        ):
            body = await response.text(errors="replace")
            names = response.headers
            found = {name: _joined(names.getall(name)) for name in names if not name.lower().startswith("content-")}
            return _result(request, headers, response.status, found, body, sleep_seconds)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise HttpCallError(f"{request['method']} {request['uri']}: {str(error) or type(error).__name__}") from error


def _check(request: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    if any(name.lower() == "content-type" and "multipart" in value.lower() for name, value in headers.items()):
        raise HttpCallError(_MULTIPART)
    if request.get("tokenSource"):
        raise HttpCallError(
            "token_source needs a managed identity, which hosting-durable does not use: get the token in an activity"
        )


def _joined(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _result(
    request: dict[str, Any],
    headers: dict[str, str],
    status: int,
    found: dict[str, Any],
    body: str,
    sleep_seconds: float,
) -> str | Poll:
    location = next((value for name, value in found.items() if name.lower() == "location"), None)
    if status != HTTPStatus.ACCEPTED or not isinstance(location, str):
        return json.dumps({"statusCode": status, "headers": found, "content": body})
    after = next((value for name, value in found.items() if name.lower() == "retry-after"), "")
    following = {name: value for name, value in headers.items() if name.lower() != _KEY}
    poll = {"method": "GET", "uri": urljoin(request["uri"], location), "headers": following, "content": None}
    return Poll(json.dumps(poll), float(after) if str(after).isdigit() else sleep_seconds)
