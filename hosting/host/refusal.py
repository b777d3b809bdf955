"""What an HTTP caller gets where a guard has denied the function: a problem document of RFC 9457 without details."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import NamedTuple

from hosting.errors import GuardError

RETRY_AFTER_SECONDS = 1


class Refusal(NamedTuple):
    """Status, headers and body of a response."""

    status: int
    headers: dict[str, str]
    body: bytes


def refusal(error: GuardError) -> Refusal:
    """Return the response for a denied invocation: it says nothing of what the guard raised."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "invocationId": error.invocation_id,
    }
    headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    return Refusal(error.status, headers, json.dumps(document, indent=2).encode() + b"\n")
