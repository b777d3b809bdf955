"""Refusals: why a caller is not let in, and the answer that says so (RFC 6750, RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import hosting
from hosting_auth.principal import Principal

RETRY_AFTER_SECONDS = 1
_NOT_VALID = "The access token is not valid."


class Reason(NamedTuple):
    """Why a call is refused.

    Args:
        name: its name in the log.
        status: the status of the answer.
        error: the error code of RFC 6750, section 3.1; empty where that has none.
        detail: what the caller gets: nothing that a token or the settings contain.
        log: what the log says; the second half of a sentence.
    """

    name: str
    status: int
    error: str
    detail: str
    log: str


def _token(name: str, log: str, detail: str = _NOT_VALID) -> Reason:
    return Reason(name, 401, "invalid_token", detail, log)


MISSING = Reason("missing", 401, "", "Credentials are required.", "it has no credentials")
SCHEME = Reason("scheme", 401, "", "Credentials are required.", "its credentials are of a kind that is not accepted")
SEVERAL = Reason("several", 400, "invalid_request", "Send one credential only.", "it has several credentials")
MALFORMED = Reason(
    "malformed", 400, "invalid_request", "The Authorization header is malformed.", "its Authorization is malformed"
)
TOO_LONG = _token("too-long", "its token is too long")
UNREADABLE = _token("unreadable", "its token is not a signed JWT")
TYPE = _token("type", "its token is of another type than an access token")
BOUND = _token("bound", "its token is bound to a key of the caller, which this guard does not check")
ALGORITHM = _token("algorithm", "the algorithm of its token is not accepted")
ISSUER = _token("issuer", "the issuer of its token is not accepted")
TENANT = _token("tenant", "the tenant of its token is not accepted")
UNKNOWN_KEY = _token("unknown-key", "its token is signed with a key that the issuer does not have")
SIGNATURE = _token("signature", "the signature of its token is wrong")
AUDIENCE = _token("audience", "its token is for another audience")
EXPIRED = _token("expired", "its token has expired", "The access token has expired.")
NOT_YET = _token("not-yet-valid", "its token is not valid yet")
CLAIMS = _token("claims", "its token lacks a claim, or has a wrong one")
API_KEY = Reason("api-key", 401, "", "The API key is not valid.", "its API key is not valid")
SIGN_IN = Reason("sign-in", 401, "", "Credentials are required.", "the principal of App Service is not readable")
SCOPE = Reason("scope", 403, "insufficient_scope", "The caller lacks a scope.", "the caller lacks a scope")
ROLE = Reason("role", 403, "insufficient_scope", "The caller lacks a role.", "the caller lacks a role")
NO_KEYS = Reason(
    "no-keys", 503, "", "Tokens cannot be checked at the moment.", "the keys of its token's issuer are not available"
)
NOT_CONFIGURED = Reason(
    "not-configured", 503, "", "Callers cannot be checked at the moment.", "no way to check callers is configured"
)


class Refused(Exception):
    """A caller is not let in.

    Args:
        reason: why.
        principal: the caller, where its credential was valid.
    """

    def __init__(self, reason: Reason, principal: Principal | None = None) -> None:
        super().__init__(reason.name)
        self.reason, self.principal = reason, principal


def response(
    invocation: hosting.Invocation, reason: Reason, schemes: Sequence[str], realm: str, scopes: Sequence[str] = ()
) -> Any:
    """Return the answer of a refused call, in the style of its function.

    Args:
        invocation: the call.
        reason: why it is refused.
        schemes: the accepted schemes, such as ``Bearer``.
        realm: the realm of the challenge.
        scopes: the scopes that the function asks for.
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(reason.status).phrase,
        "status": reason.status,
        "detail": reason.detail,
        "invocationId": invocation.id,
    }
    headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    if reason.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    elif challenge := _challenge(reason, schemes, realm, scopes):
        headers["WWW-Authenticate"] = challenge
    return invocation.respond(reason.status, json.dumps(document, indent=2).encode() + b"\n", headers)


def _challenge(reason: Reason, schemes: Sequence[str], realm: str, scopes: Sequence[str]) -> str:
    """Return the value of WWW-Authenticate: one header for all schemes, since Azure's worker keeps one of each name."""
    challenges = []
    for scheme in schemes:
        parameters = {"realm": realm}
        if scheme == "Bearer" and reason.error:
            parameters |= {"error": reason.error, "error_description": reason.detail}
        if scheme == "Bearer" and reason is SCOPE:
            parameters["scope"] = " ".join(scopes)
        challenges.append(f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in parameters.items()))
    return ", ".join(challenges)
