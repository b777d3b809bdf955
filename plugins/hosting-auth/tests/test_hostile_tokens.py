"""Hostile requests: each is refused with the right status, none raises, and no log line has a part of one."""

from __future__ import annotations

import base64
import hmac
import itertools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from jwt.algorithms import RSAAlgorithm

from hosting.testing import make_host
from hosting_auth import AuthExtension
from hosting_auth.testing import IdentityProvider, new_key

TENANT, OTHER_TENANT = "11111111-2222-3333-4444-555555555555", "99999999-8888-7777-6666-555555555555"
V2, V1 = "https://login.microsoftonline.com/{tenantid}/v2.0", "https://sts.windows.net/{tenantid}/"
NOW = int(time.time())
ATTACKER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def as_json(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def rs256(key: Any, text: bytes) -> bytes:
    return bytes(key.sign(text, padding.PKCS1v15(), hashes.SHA256()))


def without(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ...}


@dataclass
class World:
    """The issuers that the guard accepts, and what an attacker can build."""

    provider: IdentityProvider
    ec_provider: IdentityProvider
    entra_key: Any

    def fetch(self, url: str, seconds: float) -> Mapping[str, Any]:
        """Return the documents of all issuers."""
        if url.startswith("https://login.microsoftonline.com/common/"):
            return self._entra(url)
        return (self.ec_provider if url.startswith(self.ec_provider.issuer) else self.provider).fetch(url)

    def _entra(self, url: str) -> Mapping[str, Any]:
        issuer = V2 if "v2.0" in url else V1
        if url.endswith("openid-configuration"):
            return {"issuer": issuer, "jwks_uri": url.partition(".well-known")[0] + "discovery/keys"}
        public = RSAAlgorithm.to_jwk(self.entra_key.public_key(), as_dict=True)
        other = RSAAlgorithm.to_jwk(ATTACKER.public_key(), as_dict=True)
        return {
            "keys": [
                {**public, "kid": "entra", "use": "sig", "issuer": issuer},
                {**public, "kid": "entra v2", "use": "sig", "issuer": V2},
                {**other, "kid": "other tenant", "use": "sig", "issuer": V2.replace("{tenantid}", OTHER_TENANT)},
            ]
        }

    def jws(self, header: Any = None, payload: Any = None, *, key: Any = None, signature: bytes | None = None) -> str:
        """Return a JWS of any header and payload, signed by RS256 with the provider's key unless said otherwise."""
        kid, own = next(reversed(self.provider.keys.items()))
        head = header if isinstance(header, bytes) else {"alg": "RS256", "kid": kid, **(header or {})}
        parts = [
            encode(as_json(without(head) if isinstance(head, dict) else head)),
            encode(as_json(self.claims() if payload is None else payload)),
        ]
        text = ".".join(parts).encode()
        return ".".join([*parts, encode(rs256(key or own, text) if signature is None else signature)])

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token with changes; ``...`` removes one."""
        good = {"iss": self.provider.issuer, "aud": "my-api", "sub": "ada", "iat": NOW, "exp": NOW + 3600}
        return without({**good, **changes})

    def token(self, **claims: Any) -> str:
        """Return a token with other claims than a good one."""
        return self.jws(None, self.claims(**claims))

    def entra(self, issuer: str, tid: Any = TENANT, *, kid: str = "entra", key: Any = None) -> str:
        """Return a token of Entra ID."""
        payload = self.claims(iss=issuer, tid=tid)
        return self.jws({"kid": kid}, payload, key=key or self.entra_key)

    @property
    def pem(self) -> bytes:
        """The provider's public key as PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        key = next(reversed(self.provider.keys.values())).public_key()
        return key.public_bytes(serialization.Encoding.PEM, form)

    def hs256(self, secret: bytes) -> str:
        """Return a token that is signed with a public key as the secret."""
        text = f"{encode(as_json({'alg': 'HS256', 'kid': 'key-2'}))}.{encode(as_json(self.claims()))}"
        return f"{text}.{encode(hmac.digest(secret, text.encode(), sha256))}"

    def es256(self, signature: bytes) -> str:
        """Return a token of the second issuer with any signature."""
        payload = self.claims(iss=self.ec_provider.issuer)
        return self.jws({"alg": "ES256", "kid": "key-1"}, payload, signature=signature)

    def der_signed(self) -> str:
        """Return an ES256 token with the signature as DER, where JWS has two numbers."""
        parts = self.es256(b"").rpartition(".")[0]
        key: Any = next(iter(self.ec_provider.keys.values()))
        return f"{parts}.{encode(key.sign(parts.encode(), ec.ECDSA(hashes.SHA256())))}"


def deep(opening: bytes, closing: bytes) -> bytes:
    return opening * 3000 + b"1" + closing * 3000


def swap(token: str, index: int, part: str) -> str:
    parts = token.split(".")
    parts[index] = part
    return ".".join(parts)


Make = Callable[[World], str | dict[str, str]]

# Requests: what Authorization has, or all headers.
REQUESTS: dict[str, tuple[Make, int, str]] = {
    "nothing": (lambda w: {}, 401, "missing"),
    "empty Authorization": (lambda w: {"Authorization": ""}, 401, "missing"),
    "blank Authorization": (lambda w: {"Authorization": "  "}, 401, "missing"),
    "token as a cookie": (lambda w: {"Cookie": f"access_token={w.token()}"}, 401, "missing"),
    "token for a proxy": (lambda w: {"Proxy-Authorization": f"Bearer {w.token()}"}, 401, "missing"),
    "token as an API key": (lambda w: {"X-API-Key": w.token()}, 401, "missing"),
    "forged sign-in": (lambda w: {"X-MS-CLIENT-PRINCIPAL": encode(b'{"claims": []}')}, 401, "missing"),
    "scheme alone": (lambda w: {"Authorization": "Bearer"}, 400, "malformed"),
    "scheme and blanks": (lambda w: {"Authorization": "Bearer   "}, 400, "malformed"),
    "tab after the scheme": (lambda w: {"Authorization": f"Bearer\t{w.token()}"}, 400, "malformed"),
    "tab before the token": (lambda w: {"Authorization": f"Bearer \t{w.token()}"}, 400, "malformed"),
    "token without a scheme": (lambda w: {"Authorization": w.token()}, 400, "malformed"),
    "colon after the scheme": (lambda w: {"Authorization": f"Bearer: {w.token()}"}, 400, "malformed"),
    "comma after the scheme": (lambda w: {"Authorization": f"Bearer,{w.token()}"}, 400, "malformed"),
    "two tokens": (lambda w: f"{w.token()} {w.token()}", 400, "malformed"),
    "two tokens joined by a proxy": (lambda w: f"{w.token()}, Bearer {w.token()}", 400, "malformed"),
    "Basic": (lambda w: {"Authorization": "Basic YWRhOnNlY3JldA=="}, 401, "scheme"),
    "Negotiate": (lambda w: {"Authorization": "Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa"}, 401, "scheme"),
    "DPoP": (lambda w: {"Authorization": f"DPoP {w.token()}"}, 401, "scheme"),
    "scheme with more letters": (lambda w: {"Authorization": f"Bearers {w.token()}"}, 401, "scheme"),
    "quoted token": (lambda w: f'"{w.token()}"', 400, "malformed"),
    "token with a parameter": (lambda w: f"{w.token()};a=b", 400, "malformed"),
    "token with a NUL": (lambda w: f"{w.token()}\x00", 400, "malformed"),
    "token with a line break": (lambda w: f"{w.token()}\r\nX-Admin: 1", 400, "malformed"),
    "token that is not ASCII": (lambda w: f"{w.token()}é", 400, "malformed"),
    "padding alone": (lambda w: "====", 400, "malformed"),
    "8 KB of garbage": (lambda w: "Zx9" * 2730, 401, "unreadable"),
    "20 KB of garbage": (lambda w: "Zx9" * 6826, 401, "too-long"),
    "8 KB of points": (lambda w: "." * 8192, 401, "unreadable"),
    "good token with 16 KB of claims": (lambda w: w.token(pad="a" * 16384), 401, "too-long"),
}

# Tokens that are no JWT.
STRUCTURES: dict[str, tuple[Make, int, str]] = {
    "one part": (lambda w: w.token().partition(".")[0], 401, "unreadable"),
    "two parts": (lambda w: w.token().rpartition(".")[0], 401, "unreadable"),
    "four parts": (lambda w: f"{w.token()}.{encode(b'x')}", 401, "unreadable"),
    "five parts, as JWE": (lambda w: encode(b'{"alg": "dir"}') + "..AAAA.AAAA.AAAA", 401, "unreadable"),
    "empty parts": (lambda w: "..", 401, "unreadable"),
    "header that is not Base64": (lambda w: swap(w.token(), 0, "a-_~"), 401, "unreadable"),
    "header that is not JSON": (lambda w: w.jws(b"RS256"), 401, "unreadable"),
    "header that is a list": (lambda w: w.jws(b'["RS256"]'), 401, "unreadable"),
    "header that is deep": (lambda w: w.jws(deep(b"[", b"]")), 401, "unreadable"),
    "header with a huge number": (lambda w: w.jws(b'{"alg":' + b"9" * 5000 + b"}"), 401, "unreadable"),
    "header that is not UTF-8": (lambda w: w.jws(b'{"alg":"\xff\xfe"}'), 401, "unreadable"),
    "payload that is not JSON": (lambda w: w.jws(None, b"admin"), 401, "unreadable"),
    "payload that is a list": (lambda w: w.jws(None, b"[1]"), 401, "unreadable"),
    "payload that is null": (lambda w: w.jws(None, b"null"), 401, "unreadable"),
    "payload that is deep": (lambda w: w.jws(None, deep(b'{"a":', b"}")[:9000]), 401, "unreadable"),
    "payload that is very deep": (lambda w: w.jws(None, deep(b"[", b"]")), 401, "unreadable"),
    "payload with a huge number": (lambda w: w.jws(None, b'{"exp":' + b"9" * 5000 + b"}"), 401, "unreadable"),
    "payload that is not UTF-8": (lambda w: w.jws(None, b'{"iss":"\xff"}'), 401, "unreadable"),
    "payload that is compressed": (lambda w: w.jws({"zip": "DEF"}, b"\x78\x9c\x4b"), 401, "unreadable"),
    "nested token": (lambda w: w.jws({"cty": "JWT"}, w.token().encode()), 401, "unreadable"),
    "payload that is detached": (lambda w: swap(w.token(), 1, ""), 401, "unreadable"),
    "payload that is not encoded": (lambda w: w.jws({"b64": False, "crit": ["b64"]}), 401, "unreadable"),
    "critical extension": (lambda w: w.jws({"crit": ["http://a.test/b"], "http://a.test/b": 1}), 401, "unreadable"),
    "no critical extension": (lambda w: w.jws({"crit": []}), 401, "unreadable"),
    "crit as text": (lambda w: w.jws({"crit": "exp"}), 401, "unreadable"),
    "payload with a lone surrogate": (lambda w: w.jws(None, b'{"iss":"\\ud800"}'), 401, "issuer"),
}

ALGORITHMS: dict[str, tuple[Make, int, str]] = {
    "none": (lambda w: w.jws({"alg": "none"}, signature=b""), 401, "algorithm"),
    "None": (lambda w: w.jws({"alg": "None"}, signature=b""), 401, "algorithm"),
    "nOnE": (lambda w: w.jws({"alg": "nOnE"}, signature=b""), 401, "algorithm"),
    "none with a signature": (lambda w: w.jws({"alg": "none"}), 401, "algorithm"),
    "none without kid": (lambda w: w.jws({"alg": "none", "kid": ...}, signature=b""), 401, "algorithm"),
    "HS256 with the public key as PEM": (lambda w: w.hs256(w.pem), 401, "algorithm"),
    "HS256 with the public key, stripped": (lambda w: w.hs256(w.pem.strip()), 401, "algorithm"),
    "HS256 with the key set": (lambda w: w.hs256(as_json(w.provider.key_set["keys"][0])), 401, "algorithm"),
    "HS256 with an empty secret": (lambda w: w.hs256(b"\x00"), 401, "algorithm"),
    "no alg": (lambda w: w.jws({"alg": ...}), 401, "algorithm"),
    "alg that is null": (lambda w: w.jws({"alg": None}), 401, "algorithm"),
    "alg that is a list": (lambda w: w.jws({"alg": ["RS256", "none"]}), 401, "algorithm"),
    "alg that is an object": (lambda w: w.jws({"alg": {"a": 1}}), 401, "algorithm"),
    "alg in lower case": (lambda w: w.jws({"alg": "rs256"}), 401, "algorithm"),
    "alg with a blank": (lambda w: w.jws({"alg": "RS256 "}), 401, "algorithm"),
    "RS512 by the right key": (
        lambda w: jwt.encode(w.claims(), w.provider.keys["key-2"], "RS512", {"kid": "key-2"}),
        401,
        "algorithm",
    ),
    "PS256 by the right key": (
        lambda w: jwt.encode(w.claims(), w.provider.keys["key-2"], "PS256", {"kid": "key-2"}),
        401,
        "algorithm",
    ),
    "algorithm of the other issuer": (lambda w: w.jws({"alg": "ES256"}), 401, "algorithm"),
}

KEYS: dict[str, tuple[Make, int, str]] = {
    "other key under a known kid": (lambda w: w.jws(key=ATTACKER), 401, "signature"),
    "own key in the header": (
        lambda w: w.jws({"jwk": RSAAlgorithm.to_jwk(ATTACKER.public_key(), as_dict=True)}, key=ATTACKER),
        401,
        "signature",
    ),
    "own key in the header, no kid": (
        lambda w: w.jws({"kid": ..., "jwk": RSAAlgorithm.to_jwk(ATTACKER.public_key(), as_dict=True)}, key=ATTACKER),
        401,
        "unknown-key",
    ),
    "own key set by jku": (lambda w: w.jws({"jku": "https://evil.test/keys"}, key=ATTACKER), 401, "signature"),
    "own certificate by x5u": (lambda w: w.jws({"x5u": "https://evil.test/c"}, key=ATTACKER), 401, "signature"),
    "own certificate in x5c": (lambda w: w.jws({"x5c": [encode(b"x" * 200)]}, key=ATTACKER), 401, "signature"),
    "unknown kid": (lambda w: w.jws({"kid": "key-9"}), 401, "unknown-key"),
    "no kid where there are two keys": (lambda w: w.jws({"kid": ...}), 401, "unknown-key"),
    "empty kid": (lambda w: w.jws({"kid": ""}), 401, "unknown-key"),
    "kid in other case": (lambda w: w.jws({"kid": "KEY-2"}), 401, "unknown-key"),
    "kid that is a path": (lambda w: w.jws({"kid": "../../../../dev/null"}, signature=b""), 401, "unknown-key"),
    "kid that is SQL": (lambda w: w.jws({"kid": "x' UNION SELECT 'a"}), 401, "unknown-key"),
    "kid that is an address": (lambda w: w.jws({"kid": "https://evil.test/k"}, key=ATTACKER), 401, "unknown-key"),
    "kid of 8 KB": (lambda w: w.jws({"kid": "k" * 8192}), 401, "unknown-key"),
    "kid with line breaks": (lambda w: w.jws({"kid": "key-1\r\nroot logged in"}), 401, "unknown-key"),
    "kid that is a number": (lambda w: w.jws({"kid": 1}), 401, "unreadable"),
    "kid that is null": (lambda w: w.jws({"kid": None}), 401, "unreadable"),
    "kid that is a list": (lambda w: w.jws({"kid": ["key-1"]}), 401, "unreadable"),
    "older key under the newer kid": (lambda w: w.jws(key=w.provider.keys["key-1"]), 401, "signature"),
    "no signature": (lambda w: w.jws(signature=b""), 401, "signature"),
    "short signature": (lambda w: w.jws(signature=b"\x00"), 401, "signature"),
    "signature of zeros": (lambda w: w.jws(signature=bytes(256)), 401, "signature"),
    "signature of another token": (
        lambda w: swap(w.token(sub="eve"), 2, w.token().rpartition(".")[2]),
        401,
        "signature",
    ),
    "other payload": (lambda w: swap(w.token(), 1, encode(as_json(w.claims(roles=["admin"])))), 401, "signature"),
    "other header": (lambda w: swap(w.token(), 0, encode(b'{"alg":"RS256","kid":"key-2","a":1}')), 401, "signature"),
    "ES256 signature of zeros": (lambda w: w.es256(bytes(64)), 401, "signature"),
    "ES256 without signature": (lambda w: w.es256(b""), 401, "signature"),
    "ES256 signature as DER": (lambda w: w.der_signed(), 401, "signature"),
    "key of the other issuer": (
        lambda w: jwt.encode(w.claims(), w.ec_provider.keys["key-1"], "ES256", {"kid": "key-1"}),
        401,
        "algorithm",
    ),
}

CLAIMS: dict[str, tuple[Make, int, str]] = {
    "expired": (lambda w: w.token(exp=NOW - 120), 401, "expired"),
    "expired in 1970": (lambda w: w.token(exp=0), 401, "expired"),
    "exp below zero": (lambda w: w.token(exp=-1), 401, "expired"),
    "no exp": (lambda w: w.token(exp=...), 401, "claims"),
    "exp that is null": (lambda w: w.token(exp=None), 401, "claims"),
    "exp that is text": (lambda w: w.token(exp=str(NOW + 3600)), 401, "claims"),
    "exp that is a date": (lambda w: w.token(exp="2099-01-01"), 401, "claims"),
    "exp that is true": (lambda w: w.token(exp=True), 401, "expired"),
    "exp with 400 digits": (lambda w: w.token(exp=10**400), 401, "claims"),
    "exp of a fraction with 300 digits": (lambda w: w.token(exp=1e300), 401, "claims"),
    "nbf with 400 digits below zero": (lambda w: w.token(nbf=-(10**400)), 401, "claims"),
    "exp without end": (lambda w: w.token(exp=float("inf")), 401, "claims"),
    "exp that is not a number": (lambda w: w.token(exp=float("nan")), 401, "claims"),
    "exp that is a list": (lambda w: w.token(exp=[NOW + 3600]), 401, "claims"),
    "two exp": (lambda w: w.jws(None, as_json(w.claims())[:-1] + b', "exp": 1}'), 401, "expired"),
    "nbf in the future": (lambda w: w.token(nbf=NOW + 3600), 401, "not-yet-valid"),
    "nbf that is text": (lambda w: w.token(nbf="soon"), 401, "claims"),
    "nbf without beginning": (lambda w: w.token(nbf=float("-inf")), 401, "claims"),
    "iat in the future": (lambda w: w.token(iat=NOW + 3600), 401, "not-yet-valid"),
    "iat that is text": (lambda w: w.token(iat="now"), 401, "claims"),
    "iat that is a text with a number": (lambda w: w.token(iat="1"), 401, "claims"),
    "no iss": (lambda w: w.token(iss=...), 401, "issuer"),
    "iss that is null": (lambda w: w.token(iss=None), 401, "issuer"),
    "iss that is a list": (lambda w: w.token(iss=[w.provider.issuer]), 401, "issuer"),
    "iss that is an object": (lambda w: w.token(iss={"iss": w.provider.issuer}), 401, "issuer"),
    "iss with more": (lambda w: w.token(iss=f"{w.provider.issuer}.evil.test"), 401, "issuer"),
    "iss with a slash": (lambda w: w.token(iss=f"{w.provider.issuer}/"), 401, "issuer"),
    "iss without its slash": (lambda w: w.token(iss=w.ec_provider.issuer.rstrip("/")), 401, "issuer"),
    "iss in capitals": (lambda w: w.token(iss=w.provider.issuer.upper()), 401, "issuer"),
    "iss with http": (lambda w: w.token(iss=w.provider.issuer.replace("https", "http")), 401, "issuer"),
    "iss of the other issuer": (lambda w: w.token(iss=w.ec_provider.issuer), 401, "algorithm"),
    "no aud": (lambda w: w.token(aud=...), 401, "claims"),
    "aud that is null": (lambda w: w.token(aud=None), 401, "claims"),
    "empty aud": (lambda w: w.token(aud=""), 401, "claims"),
    "aud of no audience": (lambda w: w.token(aud=[]), 401, "claims"),
    "other aud": (lambda w: w.token(aud="your-api"), 401, "audience"),
    "aud with more": (lambda w: w.token(aud="my-api.evil.test"), 401, "audience"),
    "aud in other case": (lambda w: w.token(aud="My-Api"), 401, "audience"),
    "aud of words": (lambda w: w.token(aud="my-api your-api"), 401, "audience"),
    "other audiences": (lambda w: w.token(aud=["your-api", "my-api/"]), 401, "audience"),
    "audiences that are not texts": (lambda w: w.token(aud=["my-api", 1]), 401, "audience"),
    "aud in a list in a list": (lambda w: w.token(aud=[["my-api"]]), 401, "audience"),
    "aud that is an object": (lambda w: w.token(aud={"my-api": 1}), 401, "audience"),
    "aud that is a number": (lambda w: w.token(aud=5), 401, "audience"),
    "sub that is a number": (lambda w: w.token(sub=5), 401, "claims"),
    "jti that is a number": (lambda w: w.token(jti=5), 401, "claims"),
    "bound to a key": (lambda w: w.token(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), 401, "bound"),
    "logout token": (lambda w: w.jws({"typ": "logout+jwt"}), 401, "type"),
    "DPoP proof": (lambda w: w.jws({"typ": "dpop+jwt"}), 401, "type"),
    "security event": (lambda w: w.jws({"typ": "secevent+jwt"}), 401, "type"),
    "typ that is a list": (lambda w: w.jws({"typ": ["at+jwt"]}), 401, "type"),
    "typ that is a number": (lambda w: w.jws({"typ": 0}), 401, "type"),
}

ENTRA: dict[str, tuple[Make, int, str]] = {
    "v2 without tid": (lambda w: w.entra(V2.replace("{tenantid}", TENANT), ...), 401, "issuer"),
    "v2 of another tenant": (lambda w: w.entra(V2.replace("{tenantid}", OTHER_TENANT), OTHER_TENANT), 401, "tenant"),
    "v2 of another tenant with an accepted tid": (
        lambda w: w.entra(V2.replace("{tenantid}", OTHER_TENANT)),
        401,
        "issuer",
    ),
    "v2 with another tid": (lambda w: w.entra(V2.replace("{tenantid}", TENANT), OTHER_TENANT), 401, "issuer"),
    "v2 with the placeholder": (lambda w: w.entra(V2, "{tenantid}"), 401, "tenant"),
    "v2 with common": (lambda w: w.entra(V2.replace("{tenantid}", "common"), "common"), 401, "tenant"),
    "v2 with tid in capitals": (lambda w: w.entra(V2.replace("{tenantid}", TENANT), f"{TENANT} "), 401, "issuer"),
    "v2 with tid as a list": (lambda w: w.entra(V2.replace("{tenantid}", TENANT), [TENANT]), 401, "issuer"),
    "v2 with an empty tid": (lambda w: w.entra(V2.replace("{tenantid}", ""), ""), 401, "tenant"),
    "v2 with a slash at its end": (lambda w: w.entra(V2.replace("{tenantid}", TENANT) + "/"), 401, "issuer"),
    "v1 without its slash": (lambda w: w.entra(V1.replace("{tenantid}", TENANT).rstrip("/")), 401, "issuer"),
    "v1 of another tenant": (lambda w: w.entra(V1.replace("{tenantid}", OTHER_TENANT), OTHER_TENANT), 401, "tenant"),
    "key of another tenant": (
        lambda w: w.entra(V2.replace("{tenantid}", TENANT), kid="other tenant", key=ATTACKER),
        401,
        "unknown-key",
    ),
}

TABLE = {
    f"{part}: {name}": row
    for part, rows in {
        "request": REQUESTS,
        "structure": STRUCTURES,
        "algorithm": ALGORITHMS,
        "key": KEYS,
        "claims": CLAIMS,
        "entra": ENTRA,
    }.items()
    for name, row in rows.items()
}
ACCEPTED: dict[str, Callable[[World], str]] = {
    "token": lambda w: w.jws(),
    "deep claim": lambda w: w.jws(None, as_json(w.claims())[:-1] + b', "a": ' + b"[" * 600 + b"]" * 600 + b"}"),
    "older key": lambda w: w.jws({"kid": "key-1"}, key=w.provider.keys["key-1"]),
    "v2 of Entra ID": lambda w: w.entra(V2.replace("{tenantid}", TENANT)),
    "v1 of Entra ID": lambda w: w.entra(V1.replace("{tenantid}", TENANT)),
    "v1 of Entra ID with a key of v2": lambda w: w.entra(V1.replace("{tenantid}", TENANT), kid="entra v2"),
    "ES256 without kid": lambda w: jwt.encode(
        w.claims(iss=w.ec_provider.issuer), w.ec_provider.keys["key-1"], "ES256", {"typ": "JWT"}
    ),
}
SCHEMES = ("Bearer", "bearer", "BEARER", "  bEaReR  ")


@pytest.fixture(scope="module")
def world() -> World:
    provider = IdentityProvider()
    provider.rotate()
    return World(provider, IdentityProvider("https://es.test/", "ES256"), new_key("RS256"))


def settings(world: World) -> dict[str, Any]:
    entra = {"tenants": [TENANT], "audiences": ["my-api"]}
    issuers = [
        {"issuer": world.provider.issuer, "audiences": ["my-api"]},
        {"issuer": world.ec_provider.issuer, "audiences": ["my-api", "another"], "algorithms": ["ES256"]},
        {"issuer": V2, **entra},
        {"issuer": V1, **entra},
    ]
    return {"extensionHost": {"extensions": {"auth": {"settings": {"issuers": issuers}}}}}


def challenge(status: int, reason: str, detail: str) -> str:
    if reason in ("missing", "scheme"):
        return 'Bearer realm="api"'
    error = {400: "invalid_request", 401: "invalid_token"}[status]
    return f'Bearer realm="api", error="{error}", error_description="{detail}"'


def test_hostile_requests_are_refused(app: Any, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Each of more than 150 gets 400 or 401 with its challenge, and one line in the log without any part of it."""
    assert len(TABLE) > 150
    sent: list[str] = []
    routes, answers = itertools.cycle(("who", "state")), ""  # async def and def in turn
    with make_host(app, extensions={"auth": AuthExtension(world.fetch)}, host_json=settings(world)) as host:
        for case, make in ACCEPTED.items():
            for scheme in SCHEMES:
                sent.append(make(world))
                reply = host.get(f"/api/{next(routes)}", headers={"Authorization": f"{scheme} {sent[-1]}"})
                assert reply.status == 200, case
        for case, (build, status, reason) in TABLE.items():
            made, before = build(world), len(host.logs)
            headers = made if isinstance(made, dict) else {"Authorization": f"Bearer {made}"}
            sent += headers.values()
            reply = host.get(f"/api/{next(routes)}?access_token={world.token()}", headers=headers)
            found = [vars(one)["auth_reason"] for one in host.logs[before:] if hasattr(one, "auth_reason")]
            assert (reply.status, found) == (status, [reason]), case
            detail = reply.json()["detail"]
            assert reply.headers["www-authenticate"] == challenge(status, reason, detail), case
            assert reply.headers["content-type"] == "application/problem+json", case
            answers += reply.text + str(reply.headers)
        logged = "\n".join(f"{one.getMessage()} {one.exc_info} {vars(one)}" for one in host.logs)
    assert parts_of(sent, logged + answers + "".join(capfd.readouterr())) == set()


def parts_of(sent: list[str], text: str) -> set[str]:
    """Return what a text has of tokens: any 12 characters in a row."""
    pieces = {value[at : at + 12] for value in sent for at in range(0, len(value) - 11, 12)}
    return pieces & {text[at : at + 12] for at in range(len(text) - 11)}
