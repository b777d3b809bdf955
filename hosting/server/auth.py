"""Keys in requests: where a request carries one, and what the master key and system keys open."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hosting.server.keys import MASTER, KeySource, matches_any, system_key
from hosting.server.types import Scope

_HEADER = b"x-functions-key"


class MasterKey:
    """Whether a request has the master key: ``master_key(scope)``."""

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys

    def __call__(self, scope: Scope) -> bool:
        """Return whether the request has the master key."""
        return matches_any(request_key(scope), self._keys.accepted(MASTER))


class SystemKeys:
    """Whether a request has the master key, or a system key: ``system_keys(name, scope)``."""

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys

    def __call__(self, name: str, scope: Scope) -> bool:
        """Return whether the request has the master key, or the system key of that name."""
        return matches_any(request_key(scope), self._keys.accepted(MASTER, system_key(name)))


def request_key(scope: Scope) -> str:
    """Return the key of a request: its ``x-functions-key`` header, else ``code`` in its query; empty without one."""
    for name, value in scope["headers"]:
        if name == _HEADER:
            return str(value.decode("latin-1"))
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return next((value for name, value in query if name.lower() == "code"), "")
