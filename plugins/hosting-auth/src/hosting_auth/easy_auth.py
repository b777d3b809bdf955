"""App Service Authentication ("Easy Auth"): the header in which the platform names the user that it has signed in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from hosting_auth.principal import Principal
from hosting_auth.refusals import SIGN_IN, Refused

_IDENTITY = "http://schemas.microsoft.com/identity/claims/"
_SUBJECTS = ("sub", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier")


def is_trusted(runner: str, setting: Callable[[str], str | None]) -> bool:
    """Return whether the platform sets the header, and removes what callers put there.

    Under ``hosting start`` and in tests anybody could send it. In Azure, ``WEBSITE_AUTH_ENABLED`` says whether App
    Service Authentication is on (https://learn.microsoft.com/azure/app-service/reference-app-settings).

    Args:
        runner: what runs the app, such as ``azure``.
        setting: returns the value of an app setting.
    """
    is_on = (setting("WEBSITE_AUTH_ENABLED") or "").strip().lower() in ("true", "1")
    return runner == "azure" and is_on and bool(setting("WEBSITE_INSTANCE_ID"))


def read_sign_in(value: str) -> Principal:
    """Return the caller that ``X-MS-CLIENT-PRINCIPAL`` names, in the form of App Service or of Static Web Apps.

    Raises:
        Refused: the header is not readable, or names no user.
    """
    try:
        document = json.loads(base64.b64decode(value, validate=True))
        found = _static_web_apps(document) if "userRoles" in document else _app_service(document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Refused(SIGN_IN) from None
    if not found.subject:
        raise Refused(SIGN_IN)
    return found


def _app_service(document: Mapping[str, Any]) -> Principal:
    claims: dict[str, Any] = {}
    for claim in document["claims"]:
        claims.setdefault(str(claim["typ"]), []).append(str(claim["val"]))
    role_type = document.get("role_typ") or "roles"
    roles = [*claims.get(role_type, ()), *(claims.get("roles", ()) if role_type != "roles" else ())]
    scopes = " ".join(_values(claims, "scp", f"{_IDENTITY}scope")).split()
    subject = _first(claims, *_SUBJECTS) or _first(claims, "oid", f"{_IDENTITY}objectidentifier") or ""
    flat = {name: values[0] if len(values) == 1 else values for name, values in claims.items()}
    if oid := _first(claims, "oid", f"{_IDENTITY}objectidentifier"):
        flat["oid"] = oid
    return Principal(
        "app" if _first(claims, "idtyp") == "app" else "user",
        subject,
        str(document.get("auth_typ") or ""),
        _first(claims, "tid", f"{_IDENTITY}tenantid"),
        _first(claims, "azp", "appid"),
        frozenset(scopes),
        frozenset(roles),
        flat,
    )


def _static_web_apps(document: Mapping[str, Any]) -> Principal:
    """Return the user of Static Web Apps, whose role ``anonymous`` everybody has, signed in or not."""
    roles = frozenset(str(role) for role in document["userRoles"])
    if not isinstance(document["userRoles"], list) or "authenticated" not in roles:
        raise Refused(SIGN_IN)
    claims = {key: value for key, value in document.items() if key != "userRoles"}
    return Principal(
        "user",
        str(document.get("userId") or ""),
        str(document.get("identityProvider") or ""),
        roles=roles - {"anonymous"},
        claims=claims,
    )


def _values(claims: Mapping[str, Any], *types: str) -> list[str]:
    return [value for one in types for value in claims.get(one, ())]


def _first(claims: Mapping[str, Any], *types: str) -> str | None:
    return next(iter(_values(claims, *types)), None)
