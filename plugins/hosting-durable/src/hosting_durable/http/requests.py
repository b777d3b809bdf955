"""A request to the API, its parameters, and the replies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from hosting_durable.http.links import Links
from hosting_durable.tracing import Trace, current_trace


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to the API, from wherever it came.

    Args:
        method: the method in capitals.
        segments: the path below the API's root, split at slashes and decoded.
        query: the parameters, by name in lower case.
        headers: the headers, by name in lower case.
        body: the whole body.
        url: the whole address, for ``Location`` of a reply that says to ask again.
        links: makes the addresses of the reply.
    """

    method: str
    segments: Sequence[str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    url: str
    links: Links

    @property
    def trace(self) -> Trace:
        """The span that answers the request, where there is one; else what its sender says."""
        return current_trace() or Trace(self.headers.get("traceparent", ""), self.headers.get("tracestate", ""))

    def flag(self, name: str, default: bool) -> bool:
        """Return a parameter that is ``true`` or ``false`` in any case; other texts are the default, as in Azure."""
        return {"true": True, "false": False}.get(self.query.get(name.lower(), "").strip().lower(), default)

    def number(self, name: str) -> float | None:
        """Return a parameter that is a number of at least 0; None if there is none, or if it is another text."""
        try:
            value = float(self.query.get(name.lower(), ""))
        except ValueError:
            return None
        return value if 0 <= value < float("inf") else None

    def time(self, name: str) -> datetime | None:
        """Return a parameter that is a time, UTC unless it says otherwise; None if there is none, or another text."""
        text = self.query.get(name.lower(), "").strip()
        if text[-6:-5] == " ":
            text = f"{text[:-6]}+{text[-5:]}"  # the plus of an offset that was not encoded
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def text(self) -> str | None:
        """Return the body as text, None if it is empty.

        Raises:
            BadRequest: it is not UTF-8.
        """
        try:
            return self.body.decode("utf-8-sig") or None
        except UnicodeDecodeError as error:
            raise BadRequest(f"The body is not UTF-8: {error}.") from error

    def json_text(self) -> str | None:
        """Return the body, which must be JSON, as it is; None if it is empty.

        Raises:
            BadRequest: it is not JSON.
        """
        text = self.text()
        if text is not None and not is_json(text):
            raise BadRequest("Invalid JSON content")
        return text


@dataclass(frozen=True, slots=True)
class ApiReply:
    """A reply of the API.

    Args:
        status: the status code.
        body: the body: JSON, or nothing.
        headers: further headers, by name in lower case.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class BadRequest(Exception):
    """A request that cannot be understood; the message is for its sender."""


def json_reply(status: int, value: Any, **headers: str) -> ApiReply:
    """Return a reply with a JSON value.

    Args:
        status: the status code.
        value: the value.
        headers: further headers; ``_`` in their names stands for ``-``.
    """
    further = {name.replace("_", "-"): text for name, text in headers.items()}
    return ApiReply(status, json.dumps(value).encode(), {"content-type": "application/json; charset=utf-8", **further})


def error_reply(status: int, message: str, error: str = "") -> ApiReply:
    """Return a reply with a message.

    Args:
        status: the status code.
        message: what is wrong. The SDK shows ``ExceptionMessage`` of a start that is refused.
        error: the name of the exception's type.
    """
    value = {"Message": message, "ExceptionMessage": message, "ExceptionType": error} if error else {"Message": message}
    return json_reply(status, value)


def is_json(text: str) -> bool:
    """Return whether a text is JSON; ``NaN`` is not."""
    return parsed(text, _NOT_JSON) is not _NOT_JSON


def parsed(text: str | None, otherwise: Any = None) -> Any:
    """Return the value of a JSON text; for another text ``otherwise``, or the text itself without it."""
    if text is None:
        return None
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text if otherwise is None else otherwise


_NOT_JSON = object()


def _refuse(name: str) -> None:
    raise ValueError(name)


def parse_query(query: str) -> dict[str, str]:
    """Return the parameters of a query string, by name in lower case; of repeated ones, the first counts."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name.lower(), value)
    return found


def split_path(path: str) -> list[str]:
    """Return the decoded segments of a path as it was sent; one slash at the end makes no segment."""
    return [unquote(segment) for segment in path.strip("/").split("/")] if path.strip("/") else []
