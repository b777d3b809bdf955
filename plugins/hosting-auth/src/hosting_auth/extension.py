"""The extension: a guard before every HTTP function."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from logging import Logger
from typing import TYPE_CHECKING, Any

import hosting
from hosting_auth import refusals
from hosting_auth.credentials import ApiKeys, Credential, CredentialKind, find_credential
from hosting_auth.easy_auth import is_trusted, read_sign_in
from hosting_auth.fetching import Fetch, fetch_json
from hosting_auth.principal import Principal
from hosting_auth.refusals import Reason, Refused
from hosting_auth.settings import AuthRule, AuthSettings

if TYPE_CHECKING:
    from hosting_auth.keys import KeySource
    from hosting_auth.tokens import TokenVerifier

ANONYMOUS = Principal("anonymous")
_NO_RULE = AuthRule()
_MAX_ID_CHARACTERS = 200

log = hosting.extension_logger("auth")


class AuthExtension:
    """Lets callers in that have a valid credential, and the roles and scopes that the function asks for.

    Only HTTP functions, and the tools, resources and prompts of an MCP server, have callers: those of queues, timers
    and other triggers run as they do without it.

    Args:
        fetch: returns the JSON document at an address.
        clock: returns the time in seconds, by which keys become old.
    """

    guard = True
    settings = AuthSettings
    function_settings = AuthRule

    def __init__(self, fetch: Fetch = fetch_json, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._settings = AuthSettings()
        self._rules: dict[str, AuthRule] = {}
        self._anonymous: frozenset[str] = frozenset()
        self._api_keys = ApiKeys(())
        self._accepted: tuple[CredentialKind, ...] = ()
        self._verifier: TokenVerifier | None = None

    @hosting.hookimpl
    def configure(self, settings: AuthSettings) -> None:
        """Keep the settings of the app."""
        self._settings, self._rules = settings, {}
        self._anonymous = frozenset(name.casefold() for name in settings.anonymous)
        self._api_keys = ApiKeys(settings.api_keys)

    @hosting.hookimpl
    def configure_function(self, function_name: str, settings: AuthRule) -> None:
        """Keep what a function asks for. Its code comes before ``anonymous`` of the settings."""
        self._rules[function_name] = settings
        if settings.asks and function_name.casefold() in self._anonymous:
            log.error(
                "Function '%s' asks for roles or scopes in the app's code, so that it stays closed to others, though "
                "the setting 'anonymous' names it. Remove one of the two.",
                function_name,
            )

    @hosting.hookimpl
    def startup(self, app: hosting.AppHandle) -> None:
        """Begin to fetch keys, and say what is probably a mistake."""
        settings = self._settings
        is_signed_in = settings.easy_auth and is_trusted(app.face, app.settings)
        offered = {"sign-in": is_signed_in, "token": bool(settings.issuers), "key": bool(settings.api_keys)}
        kinds: tuple[CredentialKind, ...] = ("sign-in", "token", "key")
        self._accepted = tuple(kind for kind in kinds if offered[kind])
        if settings.issuers:
            self._start_sources(app)
        self._warn(app, is_signed_in=is_signed_in)

    @hosting.hookimpl(tryfirst=True)  # the hooks of other extensions see who calls
    async def pre_invocation_app_level(self, logger: Logger, invocation: hosting.Invocation) -> None:
        """Let the caller in, or answer in the function's place.

        Raises:
            hosting.ShortCircuit: the caller is not let in.
        """
        request = invocation.caller_request
        if request is None:
            return
        rule = self._rules.get(invocation.function.name, _NO_RULE)
        is_open = self._is_open(invocation.function.name, rule)
        try:
            principal = await self._identify(request)
            if not is_open:
                _check(rule, principal)
        except Refused as refused:
            if not is_open:
                _log(logger, invocation, request, refused)
                answer = self._answer(invocation, refused.reason, rule)
                raise hosting.ShortCircuit(answer) from None
        else:
            invocation.principal = principal

    @hosting.provider(Principal)
    def principal(self, invocation: hosting.Invocation) -> Principal:
        """Supply the caller to a function; ``anonymous`` where the function is open and the caller unknown.

        Raises:
            RuntimeError: the function is not triggered by HTTP, so that it has no caller.
        """
        if invocation.caller_request is None:
            raise RuntimeError(
                f"function '{invocation.function.name}' has a {invocation.trigger}, so it has no caller: remove its "
                "parameter with hosting_auth.Principal"
            )
        found = invocation.principal
        return found if isinstance(found, Principal) else ANONYMOUS

    def _is_open(self, name: str, rule: AuthRule) -> bool:
        return rule.anonymous or (name.casefold() in self._anonymous and not rule.asks)

    async def _identify(self, request: hosting.Request) -> Principal:
        """Return the caller.

        Raises:
            Refused: the request has no credential, or one that is not valid.
        """
        if not self._accepted:
            raise Refused(refusals.NOT_CONFIGURED)
        credential = find_credential(request.headers, self._accepted)
        if credential is None:
            raise Refused(refusals.MISSING)
        return await self._principal_of(credential)

    async def _principal_of(self, credential: Credential) -> Principal:
        if credential.kind == "key":
            return self._api_keys.principal(credential.value)
        if credential.kind == "sign-in":
            return read_sign_in(credential.value)
        if self._verifier is None:
            raise Refused(refusals.NOT_CONFIGURED)
        return await self._verifier.verify(credential.value)

    def _answer(self, invocation: hosting.Invocation, reason: Reason, rule: AuthRule) -> Any:
        schemes = [name for name, kinds in _SCHEMES if not kinds.isdisjoint(self._accepted)]
        return refusals.response(invocation, reason, schemes, self._settings.realm, rule.scopes or ())

    def _start_sources(self, app: hosting.AppHandle) -> None:
        # PyJWT and cryptography take 80 ms to import: only an app with issuers needs them.
        from hosting_auth.keys import KeySource
        from hosting_auth.tokens import TokenVerifier

        settings = self._settings
        sources = [KeySource(issuer, settings, self._fetch, self._clock) for issuer in settings.issuers]
        self._verifier = TokenVerifier(sources, settings.clock_skew_seconds)
        for number, source in enumerate(sources, 1):
            self._watch(app, source, f"keys {number}")

    def _watch(self, app: hosting.AppHandle, source: KeySource, name: str) -> None:
        """Fetch the keys in the background; in Azure's worker, which may be frozen at any time, calls do that."""
        if app.face != "azure" and "tasks" in app.capabilities:
            app.add_task(source.keep_fresh, name=name)
        else:
            source.fetch_if_due()
        if "health" in app.capabilities:  # not for readiness: public functions answer without keys
            app.add_health(f"auth {name}", source.health, ready=False)

    def _warn(self, app: hosting.AppHandle, *, is_signed_in: bool) -> None:
        settings = self._settings
        if settings.easy_auth and not is_signed_in:
            log.warning(
                "The setting 'easy_auth' has no effect here: this is not Azure with App Service Authentication "
                "(WEBSITE_AUTH_ENABLED), and elsewhere callers could send X-MS-CLIENT-PRINCIPAL themselves."
            )
        if not self._accepted:
            log.error(
                "No caller can be let in: all HTTP functions but the anonymous ones answer 503. Set 'issuers' or "
                "'api_keys' in extensionHost.extensions.auth.settings of host.json, or uninstall hosting-auth."
            )
        known = {function.name.casefold() for function in app.functions}
        # A name with a slash is that of a webhook, which is not a function of the app.
        unknown = sorted(name for name in settings.anonymous if name.casefold() not in known and "/" not in name)
        if unknown and app.face != "azure":  # where the functions of a v1 app are not all known at startup
            log.warning("The setting 'anonymous' names functions that the app does not have: %s.", ", ".join(unknown))


_SCHEMES: Sequence[tuple[str, frozenset[CredentialKind]]] = (
    ("Bearer", frozenset({"token", "sign-in"})),
    ("ApiKey", frozenset({"key"})),
)


def _check(rule: AuthRule, principal: Principal) -> None:
    """Check the caller's roles and scopes.

    Raises:
        Refused: the function asks for others.
    """
    if rule.roles and principal.roles.isdisjoint(rule.roles):
        raise Refused(refusals.ROLE, principal)
    if rule.scopes and not principal.scopes.issuperset(rule.scopes):
        raise Refused(refusals.SCOPE, principal)


def _log(logger: Logger, invocation: hosting.Invocation, request: hosting.Request, refused: Refused) -> None:
    """Log a refusal: its caller, if it is known, and nothing else that was sent but the address."""
    reason, principal = refused.reason, refused.principal
    level = logger.error if reason is refusals.NOT_CONFIGURED else logger.warning
    level(
        "Refused a call of function '%s'%s from %s with %d (%s): %s.",
        invocation.function.name,
        "" if principal is None else f" by {principal.kind} {principal.id[:_MAX_ID_CHARACTERS]!r}",
        _address(request) or "an unknown address",
        reason.status,
        reason.name,
        reason.log,
        extra={"auth_reason": reason.name, "auth_status": reason.status},
    )


def _address(request: hosting.Request) -> str | None:
    """Return the caller's address; in Azure, the one that the platform has added to X-Forwarded-For."""
    if request.client is not None:
        return request.client
    last = (request.forwarded_for or ("",))[-1]
    host = last.rpartition(":")[0] if last.count(":") == 1 or last.startswith("[") else last
    try:
        return str(ip_address(host.strip("[]").partition("%")[0]))  # a zone could be any text
    except ValueError:
        return None
