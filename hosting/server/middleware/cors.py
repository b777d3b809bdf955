"""Cross-origin requests, answered as Azure's Core Tools answer them: no function sees a preflight."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import NamedTuple

from hosting.bindings.http.response import Headers
from hosting.errors import HostingError
from hosting.server.types import AsgiApp, Message, Receive, Scope, Send

ANY = "*"

_ALLOW_ORIGIN = b"access-control-allow-origin"
_ALLOW_CREDENTIALS = b"access-control-allow-credentials"
_REQUEST_METHOD = b"access-control-request-method"
_REQUEST_HEADERS = b"access-control-request-headers"
_VARY = (b"vary", b"Origin")


class CorsPolicy(NamedTuple):
    """Which origins may read responses, and whether browsers may send credentials with their requests."""

    origins: frozenset[str]
    credentials: bool = False


def cors_policy(origins: Sequence[str], *, credentials: bool) -> CorsPolicy | None:
    """Return the policy for origins as a person writes them; None if there are none.

    Args:
        origins: ``https://example.org``, ... or ``*``; case and a slash at the end do not matter.
        credentials: whether requests may have cookies and other credentials.

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
    """ASGI middleware that answers preflight requests, and adds the headers of CORS to other responses.

    Args:
        app: the ASGI application inside.
        policy: the origins and what they may do.
    """

    def __init__(self, app: AsgiApp, policy: CorsPolicy) -> None:
        self._app = app
        self._policy = policy
        self._vary = [_VARY] if len(policy.origins) > 1 else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request: Mapping[bytes, bytes] = dict(scope["headers"])
        if b"origin" not in request:
            return await self._app(scope, receive, send)
        allowed = self._allowed(request[b"origin"])
        if scope["method"] == "OPTIONS" and _REQUEST_METHOD in request:
            headers = allowed and [*allowed, *_preflight_headers(request)]
            await send({"type": "http.response.start", "status": 204, "headers": [*headers, *self._vary]})
            return await send({"type": "http.response.body", "body": b""})

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*_without(message["headers"], allowed), *allowed, *self._vary]
            return send(message)

        return await self._app(scope, receive, send_with_headers)

    def _allowed(self, origin: bytes) -> Headers:
        """Return the headers that allow ``origin`` to read the response; none if it may not."""
        policy = self._policy
        if ANY in policy.origins:
            return [(_ALLOW_ORIGIN, b"*")]
        if origin.decode("latin-1").lower() not in policy.origins:
            return []
        return [(_ALLOW_ORIGIN, origin), *([(_ALLOW_CREDENTIALS, b"true")] if policy.credentials else [])]


def _preflight_headers(request: Mapping[bytes, bytes]) -> Headers:
    headers = [(b"access-control-allow-methods", request[_REQUEST_METHOD])]
    if request.get(_REQUEST_HEADERS):
        headers.append((b"access-control-allow-headers", request[_REQUEST_HEADERS]))
    return headers


def _without(headers: Headers, replaced: Headers) -> Headers:
    """Return a function's headers without those that the policy sets: a browser rejects two of them."""
    names = {name for name, _ in replaced}
    return [header for header in headers if header[0].lower() not in names]
