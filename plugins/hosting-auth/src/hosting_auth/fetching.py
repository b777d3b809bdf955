"""Fetches JSON documents of identity providers, with limits to time and size, and without redirects."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hosting_auth.settings import check_url

MAX_BYTES = 1024 * 1024
_CHUNK_BYTES = 65536

Fetch: TypeAlias = Callable[[str, float], Mapping[str, Any]]
"""Returns the JSON object at an address, within a number of seconds; it may block."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: keys come from the address that the settings or the metadata name."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return no request, so that the redirect is an error."""


def fetch_json(url: str, seconds: float) -> Mapping[str, Any]:
    """Return the JSON object at an address.

    Args:
        url: an https address, or http on this machine.
        seconds: how long the whole answer may take; each wait for the network may take as long again.

    Raises:
        ValueError: the address is not safe, the answer is too large, or not a JSON object.
        OSError: the provider does not answer, or not with 200.
    """
    check_url("address", url)
    end = time.monotonic() + seconds
    request = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "hosting-auth"})
    opener = urllib.request.build_opener(_NoRedirects)
    content = bytearray()
    with _opened(opener, request, seconds) as answer:
        while chunk := answer.read1(_CHUNK_BYTES):
            content += chunk
            if len(content) > MAX_BYTES:
                raise ValueError(f"the answer has more than {MAX_BYTES} bytes")
            if time.monotonic() > end:
                raise TimeoutError(f"the answer took more than {seconds:g} s")
    document = json.loads(bytes(content))
    if not isinstance(document, dict):
        raise ValueError("the answer is not a JSON object")
    return document


def _opened(opener: urllib.request.OpenerDirector, request: urllib.request.Request, seconds: float) -> Any:
    try:
        return opener.open(request, timeout=seconds)
    except urllib.error.HTTPError as error:
        error.close()  # it is a response as well
        raise OSError(f"the answer of {request.full_url} is {error.code} {error.reason}") from None
