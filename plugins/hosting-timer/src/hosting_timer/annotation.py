"""Appends a note to the result of a function, if it is text."""

from __future__ import annotations

import json
from email.message import Message
from http import HTTPStatus

from azure.functions import HttpResponse

_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED})


def annotated(result: object, note: str) -> object | None:
    """Return the text or text response ``result`` with ``note`` at its end.

    Args:
        result: what a function returned; it is not changed.
        note: ASCII text.

    Returns:
        A new str or HttpResponse; None if nothing can be appended: a binary, JSON, compressed or empty body, or a
        result of another type.
    """
    if isinstance(result, str):
        return None if _is_json(result) else result + note
    if isinstance(result, HttpResponse):
        return _annotated_response(result, note)
    return None


def _annotated_response(response: HttpResponse, note: str) -> HttpResponse | None:
    text = _text(response)
    if not text or response.status_code in _WITHOUT_BODY or _is_json(text):
        return None
    longer = HttpResponse(
        (text + note).encode(_charset(response)),
        status_code=response.status_code,
        headers=response.headers,
        mimetype=response.mimetype,
        charset=response.charset,
    )
    if "content-length" in longer.headers:
        longer.headers["content-length"] = str(len(longer.get_body()))
    return longer


def _text(response: HttpResponse) -> str | None:
    """Return the body as text; None if it is not text."""
    if _content_type(response).get_content_maintype() != "text" or "content-encoding" in response.headers:
        return None
    try:
        return str(response.get_body(), _charset(response))
    except (LookupError, UnicodeDecodeError):
        return None


def _charset(response: HttpResponse) -> str:
    return _content_type(response).get_content_charset(response.charset)


def _content_type(response: HttpResponse) -> Message:
    """Return the media type; a ``Content-Type`` header overrides ``mimetype``, as in Azure's worker."""
    message = Message()
    message["content-type"] = response.headers.get("content-type", response.mimetype)
    return message


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False
