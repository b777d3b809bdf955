"""Tokens that were valid a moment ago: a client sends the same one with each call, and a check takes its time."""

from __future__ import annotations

import copy
import hashlib
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from hosting_auth.keys import KeySource, SigningKey
from hosting_auth.principal import Principal

MAX_ENTRIES = 1024


class Verified(NamedTuple):
    """A token that was checked.

    Args:
        principal: its caller.
        source: its issuer.
        keys: the keys of the issuer when it was checked; those of the next fetch are others.
        expires_at: when it expires, in seconds since 1970, with the clock skew.
    """

    principal: Principal
    source: KeySource
    keys: list[SigningKey]
    expires_at: float


class VerifiedTokens:
    """Remembers valid tokens by their digests, until they expire or the issuer's keys are fetched again."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Verified] = {}
        self._lock = threading.Lock()

    def find(self, token: str) -> Principal | None:
        """Return the caller of a token that is known to be valid; None if it has to be checked."""
        entry = self._entries.get(_digest(token))
        if entry is None or entry.source.keys is not entry.keys or time.time() >= entry.expires_at:
            return None
        entry.source.fetch_if_due()
        with suppress(RecursionError):
            return _copy(entry.principal)
        return None

    def add(self, token: str, verified: Verified) -> None:
        """Remember a valid token; the oldest one is forgotten when there are too many."""
        try:
            own = verified._replace(principal=_copy(verified.principal))
        except RecursionError:  # its claims are too deep for a copy
            return
        with self._lock:
            while len(self._entries) >= MAX_ENTRIES:
                del self._entries[next(iter(self._entries))]
            self._entries[_digest(token)] = own


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _copy(principal: Principal) -> Principal:
    """Return a principal with claims of its own: what one invocation does to them is not for others."""
    return replace(principal, claims=copy.deepcopy(principal.claims))
