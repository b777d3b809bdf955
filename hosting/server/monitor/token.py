"""The token against cross-site requests: what changes something on behalf of a page needs it.

A page of another origin can send requests, but cannot read the token, and cannot set the header either. Requests that
no browser sends, such as those of curl, need none.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

from hosting._files import write_atomically

HEADER = "x-hosting-token"
_FILE = "page-token"


class PageToken:
    """The token of one host.

    Args:
        folder: a folder of the processes that serve the app together, which have one token; empty for one process.
    """

    def __init__(self, folder: str = "") -> None:
        self.value = _shared(Path(folder)) if folder else secrets.token_urlsafe()

    def is_missing(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request that changes something is sent by a page, and has no valid token.

        Args:
            headers: the request's, their names in lower case.
        """
        is_of_page = "origin" in headers or headers.get("sec-fetch-site", "none").lower() != "none"
        return is_of_page and not hmac.compare_digest(headers.get(HEADER, "").encode(), self.value.encode())


def _shared(folder: Path) -> str:
    """Return the token that the first of several processes has written."""
    path = folder / _FILE
    write_atomically(path, secrets.token_urlsafe(), mode=0o600, replace=False)
    return path.read_text("ascii")
