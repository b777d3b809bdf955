"""Cross-origin requests, answered as Azure's Core Tools answer them: before any function sees a preflight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hosting.bindings.http.response import Headers
from hosting.errors import HostingError
from hosting.server.types import AsgiApp, Message, Receive, Scope, Send

ANY = "*"

_ALLOW_ORIGIN = b"access-control-allow-origin"
_ALLOW_CREDENTIALS = b"access-control-allow-credentials"
_ASKS_METHOD = b"access-control-request-method"
_ASKS_HEADERS = b"access-control-request-headers"
_VARY = (b"vary", b"Origin")


class CorsPolicy(NamedTuple):
    """Which origins may read answers, and whether browsers may send credentials along."""

    origins: frozenset[str]
    credentials: bool = False


def cors_policy(origins: Sequence[str], *, credentials: bool) -> CorsPolicy | None:
    """The policy for what a person wrote; None where no origin is given.

    Args:
        origins: ``https://example.org``, ... or ``*``; capitals and a slash at the end do not matter.
        credentials: whether cookies and the like may come along.

    Raises:
        HostingError: credentials for every origin, which no browser accepts.
    """
    if not origins:
        return None
    policy = CorsPolicy(frozenset(origin.lower().rstrip("/") for origin in origins), credentials)
    if credentials and ANY in policy.origins:
        raise HostingError(
            "CORS: credentials cannot be allowed for every origin ('*').",
            remedy="Name the origins in --cors or Host.CORS, or leave out --cors-credentials or Host.CORSCredentials.",
        )
    return policy


class Cors:
    """Answers preflights itself, and adds its headers to what ``app`` answers.

    Args:
        app: what is behind.
        policy: who may do what.
    """

    def __init__(self, app: AsgiApp, policy: CorsPolicy) -> None:
        self._app = app
        self._policy = policy
        self._vary = [_VARY] if len(policy.origins) > 1 else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: Mapping[bytes, bytes] = dict(scope["headers"])
        if b"origin" not in asked:
            return await self._app(scope, receive, send)
        allowed = self._allowed(asked[b"origin"])
        if scope["method"] == "OPTIONS" and _ASKS_METHOD in asked:
            headers = allowed and [*allowed, *_echoed(asked)]
            await send({"type": "http.response.start", "status": 204, "headers": [*headers, *self._vary]})
            return await send({"type": "http.response.body", "body": b""})

        async def amended(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*_without(message["headers"], allowed), *allowed, *self._vary]
            await send(message)

        return await self._app(scope, receive, amended)

    def _allowed(self, origin: bytes) -> Headers:
        policy = self._policy
        if ANY in policy.origins:
            return [(_ALLOW_ORIGIN, b"*")]
        if origin.decode("latin-1").lower() not in policy.origins:
            return []
        return [(_ALLOW_ORIGIN, origin), *([(_ALLOW_CREDENTIALS, b"true")] if policy.credentials else [])]


def _echoed(asked: Mapping[bytes, bytes]) -> Headers:
    headers = [(b"access-control-allow-methods", asked[_ASKS_METHOD])]
    if asked.get(_ASKS_HEADERS):
        headers.append((b"access-control-allow-headers", asked[_ASKS_HEADERS]))
    return headers


def _without(headers: Headers, replaced: Headers) -> Headers:
    """What a function answers without what the policy says as well: a browser refuses two of them."""
    names = {name for name, _ in replaced}
    return [header for header in headers if header[0].lower() not in names]
