"""Credentials: what the headers of a request say about its caller."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from hosting_auth.principal import Principal
from hosting_auth.refusals import API_KEY, MALFORMED, SCHEME, SEVERAL, Refused
from hosting_auth.settings import ApiKey

AUTHORIZATION, KEY_HEADER, SIGN_IN_HEADER = "authorization", "x-api-key", "x-ms-client-principal"

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # b64token of RFC 6750, section 2.1

CredentialKind = Literal["token", "key", "sign-in"]


class Credential(NamedTuple):
    """A credential of a request, not checked yet."""

    kind: CredentialKind
    value: str


def find_credential(headers: Any, accepted: Sequence[CredentialKind]) -> Credential | None:
    """Return the credential of a request; None if it has none.

    Args:
        headers: the headers of a ``hosting.Request``.
        accepted: the kinds that are accepted; headers of other kinds are not looked at.

    Raises:
        Refused: there are several, or one is malformed or of a kind that is not accepted.
    """
    if "sign-in" in accepted and (value := _single(headers, SIGN_IN_HEADER)):
        return Credential("sign-in", value)  # App Service has checked what else the request has
    key = _single(headers, KEY_HEADER) if "key" in accepted else None
    authorization = _single(headers, AUTHORIZATION)
    if key is not None and authorization is not None:
        raise Refused(SEVERAL)
    if key is not None:
        return Credential("key", key)
    if authorization is None or not authorization.strip(" "):
        return None
    return Credential("token", _bearer_token(authorization, is_accepted="token" in accepted))


def _single(headers: Any, name: str) -> str | None:
    values = headers.get_all(name)
    if len(values) > 1:
        raise Refused(SEVERAL)
    return values[0] if values else None


def _bearer_token(authorization: str, *, is_accepted: bool) -> str:
    scheme, _, token = authorization.strip(" ").partition(" ")
    if scheme.lower() != "bearer" or not is_accepted:
        raise Refused(SCHEME if scheme.isalnum() else MALFORMED)
    token = token.strip(" ")
    if not _TOKEN.fullmatch(token):
        raise Refused(MALFORMED)
    return token


class ApiKeys:
    """The API keys that are accepted.

    Args:
        keys: their settings.
    """

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._principals = [
            (bytes.fromhex(key.sha256.reveal()), _key_principal(key))  # made once, compared with every key that is sent
            for key in keys
        ]

    def principal(self, value: str) -> Principal:
        """Return the caller that a key stands for; each key takes the same time.

        Raises:
            Refused: no key has this value.
        """
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
        found = None
        for known, principal in self._principals:
            if hmac.compare_digest(known, digest):
                found = principal
        if found is None:
            raise Refused(API_KEY)
        return found


def _key_principal(key: ApiKey) -> Principal:
    return Principal("key", key.name, scopes=frozenset(key.scopes), roles=frozenset(key.roles))
