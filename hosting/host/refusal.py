"""Problem documents of RFC 9457: what an HTTP caller gets where a function does not run."""

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


def problem_document(status: int, **members: str) -> Refusal:
    """Return a response with a problem document.

    Args:
        status: the status of the response.
        members: what the document says besides it.
    """
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, **members}
    headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
    return Refusal(status, headers, json.dumps(document, indent=2).encode() + b"\n")


def refusal(error: GuardError) -> Refusal:
    """Return the response for an invocation that a guard has denied: it says nothing of what the guard raised."""
    refused = problem_document(error.status, invocationId=error.invocation_id)
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        refused.headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    return refused
