"""The guard on functions, as a host runs them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from hosting.errors import HostingError
from hosting.testing import Reply, make_host, unguarded
from hosting_auth import AuthExtension
from hosting_auth.testing import IdentityProvider

KEY, OTHER_KEY = "k-0123456789abcdef", "k-fedcba9876543210"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


API_KEYS = [
    {"name": "partner", "sha256": digest(KEY), "roles": ["admin"]},
    {"name": "partner, next", "sha256": digest(OTHER_KEY).upper(), "scopes": ["Orders.Read", "Orders.Write"]},
]


def host_json(**settings: Any) -> dict[str, Any]:
    return {"extensionHost": {"extensions": {"auth": {"settings": settings}}}}


def check_problem(reply: Reply, status: int, challenge: str | None) -> dict[str, Any]:
    """Check the answer of a refused call, and return its problem document."""
    assert (reply.status, reply.headers.get("www-authenticate")) == (status, challenge)
    assert (reply.headers["content-type"], reply.headers["cache-control"]) == ("application/problem+json", "no-store")
    document = dict(reply.json())
    assert document["status"] == status
    assert document["invocationId"]
    return document


CALLS: dict[str, tuple[str, dict[str, Any], int, Any]] = {
    "token, async def, injected": ("who", {}, 200, ["user", "ada", [], []]),
    "token, def, on the invocation": ("state", {"roles": ["a"]}, 200, ["user", "ada", ["a"], []]),
    "scopes as a list": ("who", {"claims": {"scp": ["b", "a"]}}, 200, ["user", "ada", [], ["a", "b"]]),
    "scopes of RFC 9068": ("who", {"claims": {"scope": "b  a"}}, 200, ["user", "ada", [], ["a", "b"]]),
    "several audiences": ("who", {"audience": ["other", "my-api"]}, 200, ["user", "ada", [], []]),
    "app by idtyp": ("who", {"claims": {"idtyp": "app"}}, 200, ["app", "ada", [], []]),
    "app by its subject": ("who", {"claims": {"azp": "ada"}}, 200, ["app", "ada", [], []]),
    "without sub": ("who", {"claims": {"sub": None}}, 200, ["user", "", [], []]),
    "claims of odd types": (
        "who",
        {"claims": {"roles": [1, "x", None], "scp": 5}},
        200,
        ["user", "ada", ["x"], []],
    ),
    "typ JWT": ("who", {"headers": {"typ": "JWT"}}, 200, ["user", "ada", [], []]),
    "no typ": ("who", {"headers": {"typ": None}}, 200, ["user", "ada", [], []]),
    "expired within the skew": ("who", {"lifetime": -30}, 200, ["user", "ada", [], []]),
    "one of the roles": ("manage", {"roles": ["owner", "x"]}, 200, "managed"),
    "another role": ("manage", {"roles": ["Admin", "adm"]}, 403, None),
    "no role": ("manage", {}, 403, None),
    "role as text": ("manage", {"claims": {"roles": "admin"}}, 403, None),
    "all scopes": ("orders", {"scopes": ["Orders.Write", "Orders.Read"]}, 200, "orders"),
    "one of the scopes": ("orders", {"scopes": ["Orders.Read", "Orders.Write.All"]}, 403, None),
    "public with a token": ("public", {}, 200, ["user", "ada", [], []]),
    "public with an expired token": ("public", {"lifetime": -3600}, 200, ["anonymous", "", [], []]),
}
CHALLENGES = {
    "manage": 'Bearer realm="api", error="insufficient_scope", error_description="The caller lacks a role."',
    "orders": 'Bearer realm="api", error="insufficient_scope", error_description="The caller lacks a scope.", '
    'scope="Orders.Read Orders.Write"',
}


@pytest.mark.parametrize("provider_name", ["provider", "es_provider"])
def test_tokens_reach_functions_as_their_principal(
    app: Any, provider_name: str, request: pytest.FixtureRequest
) -> None:
    """Real RS256 and ES256 tokens; each function gets the caller, or is not called."""
    provider: IdentityProvider = request.getfixturevalue(provider_name)
    with make_host(app, extensions={"auth": provider.extension()}, host_json=provider.host_json()) as host:
        for case, (route, token, status, expected) in CALLS.items():
            reply = host.get(f"/api/{route}", headers=bearer(provider.token(**token)))
            assert reply.status == status, case
            if status == 200:
                assert (reply.text if isinstance(expected, str) else reply.json()) == expected, case
            else:
                check_problem(reply, 403, CHALLENGES[route])


KEY_CALLS: dict[str, tuple[str, dict[str, str], int, Any]] = {
    "first key": ("who", {"x-api-key": KEY}, 200, ["key", "partner", ["admin"], []]),
    "second key": ("who", {"X-API-Key": OTHER_KEY}, 200, ["key", "partner, next", [], ["Orders.Read", "Orders.Write"]]),
    "role of a key": ("manage", {"x-api-key": KEY}, 200, "managed"),
    "key without the role": ("manage", {"x-api-key": OTHER_KEY}, 403, None),
    "wrong key": ("who", {"x-api-key": KEY[:-1]}, 401, None),
    "empty key": ("who", {"x-api-key": ""}, 401, None),
    "key that is not ASCII": ("who", {"x-api-key": "clé"}, 401, None),
    "the digest in place of the key": ("who", {"x-api-key": digest(KEY)}, 401, None),
    "key in Authorization": ("who", {"Authorization": f"ApiKey {KEY}"}, 401, None),
    "key as a token": ("who", {"Authorization": f"Bearer {KEY}"}, 401, None),
    "key in the query": (f"who?x-api-key={KEY}&code={KEY}", {}, 401, None),
    "key of the platform": ("who", {"x-functions-key": KEY}, 401, None),
    "public with a wrong key": ("public", {"x-api-key": "no"}, 200, ["anonymous", "", [], []]),
}


def test_api_keys_several_at_once(app: Any) -> None:
    """Each key has a name, roles and scopes of its own; without issuers, tokens are not accepted."""
    with make_host(app, extensions={"auth": AuthExtension}, host_json=host_json(api_keys=API_KEYS)) as host:
        for case, (route, headers, status, expected) in KEY_CALLS.items():
            reply = host.get(f"/api/{route}", headers=headers)
            assert reply.status == status, case
            if status == 200:
                assert (reply.text if isinstance(expected, str) else reply.json()) == expected, case
            else:
                check_problem(reply, status, 'ApiKey realm="api"')
        assert KEY[:8] not in "\n".join(host.messages)


def test_challenge_names_every_accepted_scheme(app: Any, provider: IdentityProvider) -> None:
    """With issuers and API keys, a caller learns of both, in one header, and either is accepted."""
    settings = provider.host_json(api_keys=API_KEYS, realm="orders")
    with make_host(app, extensions={"auth": provider.extension()}, host_json=settings) as host:
        check_problem(host.get("/api/who"), 401, 'Bearer realm="orders", ApiKey realm="orders"')
        error = 'error="invalid_request", error_description="Send one credential only."'
        both = {"x-api-key": KEY, **bearer(provider.token())}
        check_problem(host.get("/api/who", headers=both), 400, f'Bearer realm="orders", {error}, ApiKey realm="orders"')
        assert host.get("/api/who", headers={"x-api-key": KEY}).status == 200
        assert host.get("/api/who", headers=bearer(provider.token())).status == 200


def test_log_of_a_caller_without_the_right_names_the_caller(app: Any, provider: IdentityProvider) -> None:
    """Who was refused is what an audit asks for; a name cannot add lines to the log."""
    settings = provider.host_json(api_keys=API_KEYS)
    with make_host(app, extensions={"auth": provider.extension()}, host_json=settings) as host:
        host.get("/api/manage", headers={"x-api-key": OTHER_KEY})
        host.get("/api/orders", headers=bearer(provider.token("eve\nRefused nothing")))
        host.get("/api/orders", headers=bearer(provider.token("e" * 9000)))
        refused = [message for message in host.messages if message.startswith("Refused")]
    assert refused[0] == (
        "Refused a call of function 'manage' by key 'key|partner, next' from 127.0.0.1 with 403 (role): "
        "the caller lacks a role."
    )
    assert refused[1].startswith(
        r"Refused a call of function 'orders' by user 'https://login.test|eve\nRefused nothing'"
    )
    assert len(refused[2]) < 400


def test_without_settings_no_function_is_open_and_the_log_says_so(app: Any) -> None:
    """Installed and not configured, the guard answers 503; only functions that say so in code are public."""
    with make_host(app, extensions={"auth": AuthExtension}) as host:
        for route in ("who", "state", "manage", "orders", "health"):
            reply = host.get(f"/api/{route}", headers={"x-api-key": "", **bearer("a.b.c")})
            assert check_problem(reply, 503, None)["detail"] == "Callers cannot be checked at the moment."
            assert reply.headers["retry-after"] == "1"
        assert host.get("/api/public").status == 200
        errors = [one.getMessage() for one in host.logs if one.levelname == "ERROR"]
    assert errors[0].startswith("No caller can be let in")
    assert errors[1] == (
        "Refused a call of function 'who' from 127.0.0.1 with 503 (not-configured): "
        "no way to check callers is configured."
    )


def test_anonymous_names_open_functions_in_any_case_but_not_what_the_code_closes(
    app: Any, provider: IdentityProvider
) -> None:
    """One that asks for roles in code stays closed, and names without a function are logged."""
    settings = provider.host_json(anonymous=["Health", "MANAGE", "helth"])
    with make_host(app, extensions={"auth": provider.extension()}, host_json=settings) as host:
        assert host.get("/api/health").text == "healthy"
        assert host.get("/api/health", headers=bearer("garbage")).text == "healthy"
        check_problem(host.get("/api/manage"), 401, 'Bearer realm="api"')
        check_problem(host.get("/api/who"), 401, 'Bearer realm="api"')
        log = "\n".join(host.messages)
    assert "names functions that the app does not have: helth." in log
    assert "Function 'manage' asks for roles or scopes in the app's code" in log


def test_functions_of_other_triggers_have_no_caller_and_run(app: Any, provider: IdentityProvider) -> None:
    """A queue's message carries no caller: the function runs, with or without settings, and has no principal."""
    for settings in (provider.host_json(), {}):
        with make_host(app, extensions={"auth": provider.extension()}, host_json=settings) as host:
            assert host.invoke("work", "message").exception is None


@pytest.mark.parametrize("extensions", [[], None], ids=["not installed", "switched off"])
def test_app_that_names_the_guard_does_not_start_without_it(app: Any, extensions: Any) -> None:
    """``guards`` of host.json closes an app where the package is missing, as the README says."""
    with (
        pytest.raises(HostingError, match="auth"),
        make_host(app, extensions=extensions, host_json={"extensionHost": {"guards": ["auth"]}}),
    ):
        pass


def test_testing_of_an_app_lists_what_is_not_guarded(app: Any) -> None:
    """All functions have the guard: open ones are its decision, and not holes in it."""
    assert unguarded(app, extensions={"auth": AuthExtension}) == []
