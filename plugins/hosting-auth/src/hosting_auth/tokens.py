"""Checks access tokens: signed JWTs, by PyJWT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import jwt

from hosting_auth import refusals
from hosting_auth.keys import KeySource, SigningKey
from hosting_auth.principal import Kind, Principal
from hosting_auth.refusals import Reason, Refused
from hosting_auth.settings import TENANT, Issuer
from hosting_auth.verified import Verified, VerifiedTokens

MAX_CHARACTERS = 16384
"""The longest token that is looked at."""

MAX_TIME = 10**12
"""The last time that a claim may have, in seconds since 1970: 30,000 years."""

_TYPES = (None, "jwt", "at+jwt", "application/at+jwt")  # RFC 9068; a logout token, for example, is none
_REASONS: Sequence[tuple[type[Exception], Reason]] = (
    (jwt.ExpiredSignatureError, refusals.EXPIRED),
    (jwt.ImmatureSignatureError, refusals.NOT_YET),
    (jwt.InvalidAudienceError, refusals.AUDIENCE),
    (jwt.InvalidSignatureError, refusals.SIGNATURE),
    (jwt.InvalidAlgorithmError, refusals.ALGORITHM),
    (jwt.InvalidTokenError, refusals.CLAIMS),
)


class Expected(NamedTuple):
    """What a token must agree with: its issuer's settings, and ``iss`` and ``tid`` as that issuer writes them."""

    source: KeySource
    iss: str
    tenant: str | None


class TokenVerifier:
    """Checks tokens of several issuers.

    Args:
        sources: the issuers with their keys.
        skew: how far clocks may differ, in seconds.
    """

    def __init__(self, sources: Sequence[KeySource], skew: float) -> None:
        self._sources, self._skew = sources, skew
        self._verified = VerifiedTokens()

    async def verify(self, token: str) -> Principal:
        """Return the caller that a token stands for. Waits for keys at most, never for longer than ``WAIT_SECONDS``.

        Raises:
            Refused: the token is not valid, or cannot be checked.
        """
        if len(token) > MAX_CHARACTERS:
            raise Refused(refusals.TOO_LONG)
        known = self._verified.find(token)
        if known is not None:
            return known
        header, unchecked = _read(token)
        _check_type(header)
        expected = self._expected(unchecked)
        algorithm = header.get("alg")
        if algorithm not in expected.source.issuer.algorithms:
            raise Refused(refusals.ALGORITHM)
        keys, fitting = await _find_keys(expected, header.get("kid"), str(algorithm))
        claims = self._claims(token, expected, fitting)
        principal = _principal(claims, expected)
        self._verified.add(token, Verified(principal, expected.source, keys, int(claims["exp"]) + self._skew))
        return principal

    def _expected(self, claims: Mapping[str, Any]) -> Expected:
        """Return what a token must agree with, by the issuer that it names: its claims are not checked yet."""
        iss, tid = claims.get("iss"), claims.get("tid")
        tenant = tid if isinstance(tid, str) else None
        for source in self._sources:
            if isinstance(iss, str) and _issuer_of(source.issuer, tenant) == iss:
                if source.issuer.tenants and tenant not in source.issuer.tenants:
                    raise Refused(refusals.TENANT)
                return Expected(source, iss, tenant)
        raise Refused(refusals.ISSUER)

    def _claims(self, token: str, expected: Expected, keys: Sequence[SigningKey]) -> dict[str, Any]:
        for index, key in enumerate(keys, 1):
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key.key,
                    algorithms=[key.algorithm],
                    audience=expected.source.issuer.audiences,
                    issuer=expected.iss,
                    leeway=self._skew,
                    options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
                )
            except jwt.InvalidSignatureError:
                if index == len(keys):
                    raise Refused(refusals.SIGNATURE) from None
            except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
                _refuse(error)
            else:
                _check_claims(claims)
                return claims
        raise Refused(refusals.UNKNOWN_KEY)


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token, neither of them checked."""
    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Refused(refusals.UNREADABLE) from None
    return parts["header"], parts["payload"]


def _check_type(header: Mapping[str, Any]) -> None:
    kind = header.get("typ")
    if (kind.lower() if isinstance(kind, str) else kind) not in _TYPES:
        raise Refused(refusals.TYPE)


def _issuer_of(issuer: Issuer, tenant: str | None) -> str | None:
    """Return ``iss`` as an issuer writes it for a tenant; None if it has none for that tenant."""
    if TENANT not in issuer.issuer:
        return issuer.issuer
    return None if tenant is None else issuer.issuer.replace(TENANT, tenant)


async def _find_keys(expected: Expected, kid: str | None, algorithm: str) -> tuple[list[SigningKey], list[SigningKey]]:
    """Return the issuer's keys, and those that may have signed a token.

    A ``kid`` that is not known may be new: the keys are fetched.
    """
    source = expected.source
    fetch = source.fetch_if_due()
    if not source.keys:
        await source.wait(fetch)
    keys = source.keys
    fitting = _matching(keys, expected, kid, algorithm)
    if keys and not fitting:
        await source.wait(source.fetch_again())
        keys = source.keys
        fitting = _matching(keys, expected, kid, algorithm)
    if not fitting:
        raise Refused(refusals.NO_KEYS if source.error or not keys else refusals.UNKNOWN_KEY)
    return keys, fitting


def _matching(keys: Sequence[SigningKey], expected: Expected, kid: str | None, algorithm: str) -> list[SigningKey]:
    """Return the keys with this ``kid``; where the token or the key has none, the only key there is."""
    fitting = [one for one in keys if one.algorithm == algorithm and one.is_for(expected.iss, expected.tenant)]
    named = [one for one in fitting if kid is not None and one.kid == kid]
    is_only = len(fitting) == 1 and None in (kid, fitting[0].kid)
    return named or (fitting if is_only else [])


def _refuse(error: Exception) -> NoReturn:
    raise Refused(next((reason for kind, reason in _REASONS if isinstance(error, kind)), refusals.UNREADABLE)) from None


def _check_claims(claims: Mapping[str, Any]) -> None:
    """Check what PyJWT does not: times that are text, and tokens that only the holder of a key may use (RFC 7800)."""
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MAX_TIME:
            raise Refused(refusals.CLAIMS)
    if claims.get("cnf") is not None:
        raise Refused(refusals.BOUND)


def _principal(claims: Mapping[str, Any], expected: Expected) -> Principal:
    client = next((_text(claims[name]) for name in ("azp", "appid", "client_id") if name in claims), None)
    subject = _text(claims.get("sub")) or _text(claims.get("oid")) or ""
    return Principal(
        _kind(claims, subject, client),
        subject,
        expected.iss,
        expected.tenant,
        client,
        _words(claims.get("scp", claims.get("scope"))),
        _names(claims.get(expected.source.issuer.roles_claim)),
        claims,
    )


def _kind(claims: Mapping[str, Any], subject: str, client: str | None) -> Kind:
    """Return whether a user or an application calls: by ``idtyp`` of Entra ID, or as RFC 9068, section 5, has it."""
    return "app" if claims.get("idtyp") == "app" or (subject and subject == client) else "user"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _words(value: Any) -> frozenset[str]:
    """Return the words of a text with blanks between them, or the texts of a list."""
    return frozenset(value.split(" ")) - {""} if isinstance(value, str) else _names(value)


def _names(value: Any) -> frozenset[str]:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()
