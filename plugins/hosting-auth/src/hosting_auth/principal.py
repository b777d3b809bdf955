"""The caller of a function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["user", "app", "key", "anonymous"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls a function: ``user: Annotated[hosting_auth.Principal, hosting.Inject]``, or ``invocation.principal``.

    Args:
        kind: ``user``; ``app``, for an application that calls in its own name; ``key``, for an API key; or
            ``anonymous``, which only functions that are open to everybody get.
        subject: the claim ``sub`` of a token, or the name of the API key; empty for ``anonymous``.
        issuer: the claim ``iss`` of the token; the identity provider's name with App Service Authentication.
        tenant: the claim ``tid`` of an Entra ID token.
        client: the application that asked for the token: the claim ``azp``, ``appid`` or ``client_id``.
        scopes: what the application may do for the user: the claim ``scp`` or ``scope``, or those of the API key.
        roles: the roles of the user or of the application, or those of the API key.
        claims: all claims of the token. Of these, use ``email``, ``upn`` and ``preferred_username`` for display only:
            they can change hands.
    """

    kind: Kind
    subject: str = ""
    issuer: str = ""
    tenant: str | None = None
    client: str | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def is_authenticated(self) -> bool:
        """Whether the caller is known."""
        return self.kind != "anonymous"

    @property
    def id(self) -> str:
        """A key for this caller in the app's own data: unique over all issuers, and never given to another caller.

        For Entra ID it is made of ``tid`` and ``oid``, which are the same for all applications; for others of the
        issuer and ``sub``.
        """
        oid = self.claims.get("oid")
        if self.tenant and isinstance(oid, str) and oid:
            return f"{self.tenant}/{oid}"
        return f"{self.issuer or self.kind}|{self.subject}" if self.is_authenticated else ""
