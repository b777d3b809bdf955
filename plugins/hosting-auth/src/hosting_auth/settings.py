"""Settings: those of the app, in host.json or ``hosting.configure``, and those of a function, in ``hosting.use``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

import hosting

Algorithm: TypeAlias = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a public key. Those with a shared secret, such as HS256, and ``none`` are not accepted at all."""

TENANT = "{tenantid}"
"""Stands for the tenant in the issuer of an Entra ID application that several tenants use."""

ENTRA_V1, ENTRA_V2 = "https://sts.windows.net/", "https://login.microsoftonline.com/"
"""How issuers of Entra ID begin. Version 1 has its metadata, and may have its keys, at the address of version 2."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_REALM = re.compile(r"[ !#-\[\]-~]+")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _about(text: str, default: Any = ()) -> Any:
    return field(default=default, metadata={"description": text})


@dataclass(frozen=True)
class Issuer:
    """An identity provider, with what its tokens must have."""

    issuer: str = field(
        metadata={"description": "The claim 'iss' of its tokens, exactly; {tenantid} stands for one of 'tenants'."}
    )
    audiences: tuple[str, ...] = field(
        metadata={"description": "The claim 'aud' of tokens for this API: one of these, such as its client ID."}
    )
    algorithms: tuple[Algorithm, ...] = _about("The accepted signatures (default: RS256).", ("RS256",))
    jwks_uri: str | None = _about("The address of its keys (default: what its metadata says).", None)
    metadata_uri: str | None = _about("The address of its metadata (default: below the issuer).", None)
    tenants: tuple[str, ...] = _about("The claim 'tid' of accepted tokens: one of these (default: not checked).")
    roles_claim: str = _about("The claim with the caller's roles.", "roles")

    def __post_init__(self) -> None:
        _check_issuer(self.issuer, self.tenants)
        _check_texts("audiences", self.audiences)
        if not self.audiences:
            raise ValueError("audiences is empty, which would accept tokens for other APIs: name this API's client ID")
        if not self.algorithms:
            raise ValueError("algorithms is empty: leave it out for RS256")
        if not self.roles_claim:
            raise ValueError("roles_claim is empty: leave it out for 'roles'")
        for name, url in (("jwks_uri", self.jwks_uri), ("metadata_uri", self.metadata_uri)):
            if url is not None:
                check_url(name, url)

    @property
    def metadata_url(self) -> str:
        """The address of the provider's metadata (OpenID Connect Discovery 1.0, section 4)."""
        base = self.issuer.replace(TENANT, "common").rstrip("/")
        if base.startswith(ENTRA_V1):
            base = base.replace(ENTRA_V1, ENTRA_V2, 1)
        return self.metadata_uri or f"{base}/.well-known/openid-configuration"


@dataclass(frozen=True)
class ApiKey:
    """A key that callers send in the header x-api-key. Several may be valid at once, so that keys can change."""

    name: str = field(metadata={"description": "The name of the caller, for the log and for the function."})
    sha256: hosting.Secret = field(metadata={"description": "The SHA-256 digest of the key, in hexadecimal."})
    roles: tuple[str, ...] = _about("The roles of callers with this key.")
    scopes: tuple[str, ...] = _about("The scopes of callers with this key.")

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("name is empty: name the caller that has the key")
        digest = self.sha256.reveal()
        if not _SHA256.fullmatch(digest):
            raise ValueError(f"sha256 of '{self.name}' must have 64 hexadecimal digits: the digest, not the key itself")
        if digest.lower() == _SHA256_OF_NOTHING:
            raise ValueError(f"sha256 of '{self.name}' is the digest of an empty key")
        _check_texts("roles", self.roles)
        _check_texts("scopes", self.scopes)


@dataclass(frozen=True)
class AuthSettings:
    """Whom the guard lets in. Without issuers, API keys and App Service Authentication, it lets in no caller."""

    issuers: tuple[Issuer, ...] = _about("The accepted identity providers.")
    api_keys: tuple[ApiKey, ...] = _about("The accepted API keys.")
    anonymous: tuple[str, ...] = _about("The names of functions that are open to everybody.")
    easy_auth: bool = _about("Accept sign-ins by App Service Authentication, in Azure where it is on.", False)
    realm: str = _about("The realm in WWW-Authenticate.", "api")
    clock_skew_seconds: float = _about("How far clocks may differ.", 60.0)
    refresh_seconds: float = _about("How often the keys of an issuer are fetched.", 300.0)
    stale_seconds: float = _about("How long fetched keys are used while they cannot be fetched again.", 21600.0)
    timeout_seconds: float = _about("How long one fetch may take.", 2.0)

    def __post_init__(self) -> None:
        _check_unique("issuers", "issuer", [one.issuer for one in self.issuers])
        _check_unique("api_keys", "name", [one.name for one in self.api_keys])
        _check_unique("api_keys", "sha256", [one.sha256.reveal().lower() for one in self.api_keys], is_secret=True)
        _check_texts("anonymous", self.anonymous)
        if any(character in name for name in self.anonymous for character in "*?"):
            raise ValueError("anonymous takes the names of functions, without wildcards")
        if not _REALM.fullmatch(self.realm):
            raise ValueError("realm must be ASCII text without quotes and backslashes")
        _check_range("clock_skew_seconds", self.clock_skew_seconds, 0, 600)
        _check_range("refresh_seconds", self.refresh_seconds, 1, 86400)
        _check_range("stale_seconds", self.stale_seconds, self.refresh_seconds, 7 * 86400)
        _check_range("timeout_seconds", self.timeout_seconds, 0.1, 30)


@dataclass(frozen=True)
class AuthRule:
    """What a function asks for: ``@hosting.use("auth", roles=[...], scopes=[...])``."""

    roles: tuple[str, ...] | None = _about("The caller must have one of these roles.", None)
    scopes: tuple[str, ...] | None = _about("The caller must have all of these scopes.", None)
    anonymous: bool = _about("Open to everybody.", False)

    def __post_init__(self) -> None:
        for name, texts in (("roles", self.roles), ("scopes", self.scopes)):
            if texts is not None and not texts:
                raise ValueError(f"{name} is empty: leave it out, or name one")
            _check_texts(name, texts or ())
        for scope in self.scopes or ():
            if not _SCOPE.fullmatch(scope):
                raise ValueError(f"{scope!r} is not a scope: name each by itself, without blanks and quotes")
        if self.anonymous and (self.roles or self.scopes):
            raise ValueError("anonymous=True opens the function to everybody, and it asks for roles or scopes as well")

    @property
    def asks(self) -> bool:
        """Whether it asks for roles or scopes."""
        return bool(self.roles or self.scopes)


def check_url(name: str, url: str) -> SplitResult:
    """Return the parts of an address of an identity provider.

    Raises:
        ValueError: it is not an absolute https address. On this machine, http is accepted, too.
    """
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not is_safe or not parts.hostname or parts.username is not None or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError(f"{name} must be an https address (http only on localhost), found {url[:200]!r}")
    return parts


def _check_issuer(issuer: str, tenants: tuple[str, ...]) -> None:
    parts = check_url("issuer", issuer)
    if parts.query or parts.fragment:
        raise ValueError(f"issuer has a query or a fragment: {issuer!r}")
    _check_texts("tenants", tenants)
    if TENANT in issuer:
        if not tenants:
            raise ValueError(f"issuer has {TENANT}, and tenants is empty: name the tenants whose users may call")
        wrong = [one for one in tenants if not _GUID.fullmatch(one)]
        if wrong:
            raise ValueError(f"tenants must be IDs in lower case such as 00000000-0000-..., found {wrong[0]!r}")
    elif "{" in issuer or "}" in issuer:
        raise ValueError(f"issuer may have {TENANT} and no other placeholder, found {issuer!r}")


def _check_texts(name: str, texts: Iterable[str]) -> None:
    for text in texts:
        if not text.strip() or text != text.strip():
            raise ValueError(f"{name} must not have empty texts, or blanks around one: found {text!r}")


def _check_unique(name: str, key: str, values: list[str], *, is_secret: bool = False) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{name} has two entries with the same {key}{'' if is_secret else f': {value!r}'}")


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least:g} to {most:g}, found {value:g}")
