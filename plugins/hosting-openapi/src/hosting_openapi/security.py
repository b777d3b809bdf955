"""What a caller needs: the keys of Azure's auth levels, and the schemes of hosting-auth, read from its settings."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any

from hosting.core import Function

Requirement = dict[str, list[str]]


class Security:
    """The security schemes of an app.

    Args:
        host_json: the content of host.json.
        has_auth: whether hosting-auth is there.
    """

    def __init__(self, host_json: Mapping[str, Any], *, has_auth: bool) -> None:
        settings = _settings(host_json, "auth") if has_auth else None
        self._anonymous = {str(name).lower() for name in _list(_get(settings or {}, "anonymous"))}
        self._auth = _auth_schemes(settings) if settings is not None else {}
        self._used: dict[str, dict[str, Any]] = {}

    @property
    def schemes(self) -> dict[str, dict[str, Any]]:
        """The schemes that some operation needs, by name."""
        return dict(sorted(self._used.items()))

    def of(self, function: Function) -> list[Requirement]:
        """Return what a caller of a function needs, one of several; an empty list if it needs nothing."""
        keys = self._keys(function)
        rules = self._rules(function)
        schemes = self._auth if rules is not None else {}
        for name, scheme in {**keys, **schemes}.items():
            self._used[name] = scheme
        wanted: list[Requirement] = [{name: rules or []} for name in schemes]
        wanted_keys: list[Requirement] = [{name: []} for name in keys]
        if not wanted or not wanted_keys:
            return wanted or wanted_keys
        return [{**key, **one} for key in wanted_keys for one in wanted]

    def _keys(self, function: Function) -> dict[str, dict[str, Any]]:
        level = function.auth_level
        if level not in ("function", "admin"):
            return {}
        about = "The key of the function, or of the host." if level == "function" else "The master key of the host."
        return {
            f"{level}_key": {"type": "apiKey", "in": "header", "name": "x-functions-key", "description": about},
            f"{level}_code": {"type": "apiKey", "in": "query", "name": "code", "description": about},
        }

    def _rules(self, function: Function) -> list[str] | None:
        """Return the scopes and roles that hosting-auth asks for; None where it lets every caller in."""
        is_open = "auth" in function.opt_outs or (function.addition is not None and function.addition.is_open)
        if not self._auth or function.name.lower() in self._anonymous or is_open:
            return None
        settings = [one.settings for one in function.opt_ins if one.extension.lower() == "auth"]
        if any(_get(one, "anonymous") is True for one in settings):
            return None
        return [str(name) for one in settings for key in ("scopes", "roles") for name in _list(_get(one, key))]


def is_auth_there(host_json: Mapping[str, Any]) -> bool:
    """Return whether hosting-auth is installed, and not disabled."""
    disabled = {str(one).lower() for one in _list(_get(_object(_get(host_json, "extensionHost")), "disabled"))}
    return "auth" not in disabled and importlib.util.find_spec("hosting_auth") is not None


def _auth_schemes(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    schemes: dict[str, dict[str, Any]] = {}
    for number, issuer in enumerate(map(_object, _list(_get(settings, "issuers"))), 1):
        schemes["bearer" if number == 1 else f"bearer_{number}"] = _issuer_scheme(issuer)
    if _list(_get(settings, "api_keys")):
        about = "A key of the API."
        schemes["api_key"] = {"type": "apiKey", "in": "header", "name": "x-api-key", "description": about}
    if _get(settings, "easy_auth") is True:
        about = "The session of App Service Authentication."
        schemes["easy_auth"] = {"type": "apiKey", "in": "cookie", "name": "AppServiceAuthSession", "description": about}
    return schemes


def _issuer_scheme(issuer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scheme of an issuer: by its metadata, if its address is known and is not that of a key set."""
    address = _get(issuer, "issuer")
    plain = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    if not isinstance(address, str) or "%" in address or "{" in address:
        return plain  # it is known at run time only
    if _get(issuer, "jwks_uri") is not None:
        return {**plain, "description": f"A token of {address}"}
    base = address.rstrip("/").replace("https://sts.windows.net/", "https://login.microsoftonline.com/", 1)
    url = _get(issuer, "metadata_uri") or f"{base}/.well-known/openid-configuration"
    return {"type": "openIdConnect", "openIdConnectUrl": url, "description": f"A token of {address}"}


def _settings(host_json: Mapping[str, Any], extension: str) -> Mapping[str, Any]:
    value: Any = host_json
    for key in ("extensionHost", "extensions", extension, "settings"):
        value = _object(_get(_object(value), key))
    return _object(value)


def _get(mapping: Mapping[str, Any], name: str) -> Any:
    """Return the value of a key, ignoring case, as host.json is read."""
    return next((value for key, value in mapping.items() if str(key).lower() == name.lower()), None)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()
