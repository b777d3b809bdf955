"""Settings: what is wrong keeps the host from starting, or closes the function that says it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import azure.functions as func
import pytest

import hosting
from hosting.errors import ExtensionError
from hosting.testing import make_host
from hosting_auth import ApiKey, AuthExtension, AuthRule, AuthSettings, Issuer, Principal
from hosting_auth.credentials import Credential, find_credential
from hosting_auth.refusals import Refused
from hosting_auth.testing import IdentityProvider

URL, AUDIENCES = "https://login.test", ["my-api"]
DIGEST = hashlib.sha256(b"key").hexdigest()
GUID = "11111111-2222-3333-4444-555555555555"
V2 = "https://login.microsoftonline.com/{tenantid}/v2.0"


def issuer(**changes: Any) -> dict[str, Any]:
    found = {"issuer": URL, "audiences": AUDIENCES, **changes}
    return {"issuers": [{name: value for name, value in found.items() if value is not ...}]}


def key(**changes: Any) -> dict[str, Any]:
    return {"api_keys": [{"name": "a", "sha256": DIGEST, **changes}]}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no such setting": ({"issuer": URL}, "settings.issuer is not a setting"),
    "issuers that are a text": ({"issuers": URL}, "issuers must be a list"),
    "no issuer": (issuer(issuer=...), "issuers[0].issuer is missing"),
    "no audience": (issuer(audiences=...), "issuers[0].audiences is missing"),
    "empty audiences": (issuer(audiences=[]), "audiences is empty, which would accept tokens for other APIs"),
    "blank audience": (issuer(audiences=[" "]), "audiences must not have empty texts"),
    "audience as a text": (issuer(audiences="my-api"), "audiences must be a list"),
    "issuer by http": (issuer(issuer="http://login.test"), "issuer must be an https address"),
    "issuer without scheme": (issuer(issuer="login.test"), "issuer must be an https address"),
    "issuer with a password": (issuer(issuer="https://a:b@login.test"), "issuer must be an https address"),
    "issuer with a line break": (issuer(issuer="https://login.test/\n"), "issuer must be an https address"),
    "issuer with a query": (issuer(issuer="https://login.test/?a=b"), "issuer has a query"),
    "issuer that is no address": (issuer(issuer="https://[::1"), "is not valid"),
    "other placeholder": (issuer(issuer="https://login.test/{tenant}"), "{tenantid} and no other placeholder"),
    "any tenant": (issuer(issuer=V2), "tenants is empty: name the tenants"),
    "tenant by its domain": (issuer(issuer=V2, tenants=["contoso.com"]), "tenants must be IDs in lower case"),
    "every tenant": (issuer(issuer=V2, tenants=["*"]), "tenants must be IDs in lower case"),
    "no algorithm": (issuer(algorithms=[]), "algorithms is empty"),
    "none": (issuer(algorithms=["none"]), 'algorithms[0] must be "RS256" or'),
    "HS256": (issuer(algorithms=["RS256", "HS256"]), 'algorithms[1] must be "RS256" or'),
    "algorithm in lower case": (issuer(algorithms=["rs256"]), "found 'rs256'"),
    "keys by http": (issuer(jwks_uri="http://login.test/keys"), "jwks_uri must be an https address"),
    "metadata in a file": (issuer(metadata_uri="file:///a"), "metadata_uri must be an https address"),
    "no claim for roles": (issuer(roles_claim=""), "roles_claim is empty"),
    "two of one issuer": ({"issuers": issuer()["issuers"] * 2}, "issuers has two entries with the same issuer"),
    "no name of a key": (key(name=" "), "name is empty"),
    "no digest": ({"api_keys": [{"name": "a"}]}, "api_keys[0].sha256 is missing"),
    "key itself": (
        key(sha256="my-secret-key"),
        "sha256 of 'a' must have 64 hexadecimal digits: the digest, not",
    ),
    "digest of nothing": (key(sha256=hashlib.sha256(b"").hexdigest()), "is the digest of an empty key"),
    "two keys of one name": ({"api_keys": key()["api_keys"] + key(sha256="0" * 64)["api_keys"]}, "the same name: 'a'"),
    "one key twice": ({"api_keys": key()["api_keys"] + key(name="b")["api_keys"]}, "two entries with the same sha256"),
    "unset variable": (key(sha256={"$env": "NO_SUCH_KEY"}), "refers to $env NO_SUCH_KEY, which is not set"),
    "blank role": (key(roles=[""]), "roles must not have empty texts"),
    "anonymous as a pattern": ({"anonymous": ["*"]}, "anonymous takes the names of functions, without wildcards"),
    "anonymous as truth": ({"anonymous": True}, "anonymous must be a list"),
    "easy_auth as a text": ({"easy_auth": "true"}, "easy_auth must be true or false"),
    "realm with a quote": ({"realm": 'a"'}, "realm must be ASCII text without quotes"),
    "realm with a line break": ({"realm": "a\r\nX: 1"}, "realm must be ASCII text"),
    "empty realm": ({"realm": ""}, "realm must be ASCII text"),
    "endless skew": ({"clock_skew_seconds": 86400}, "clock_skew_seconds must be from 0 to 600"),
    "skew below zero": ({"clock_skew_seconds": -1}, "clock_skew_seconds must be from 0 to 600"),
    "no refresh": ({"refresh_seconds": 0}, "refresh_seconds must be from 1 to 86400"),
    "endless staleness": ({"stale_seconds": 10**9}, "stale_seconds must be from 300 to 604800"),
    "endless time": ({"timeout_seconds": 600}, "timeout_seconds must be from 0.1 to 30"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_setting_keeps_the_host_from_starting(case: str, app: Any) -> None:
    """The message says which setting, and what is expected; it never has a key or a digest."""
    settings, expected = WRONG[case]
    host_json = {"extensionHost": {"extensions": {"auth": {"settings": settings}}}}
    with (
        pytest.raises(ExtensionError) as caught,
        make_host(app, extensions={"auth": AuthExtension}, host_json=host_json),
    ):
        pass
    assert expected in str(caught.value)
    assert not any(secret in str(caught.value) for secret in (DIGEST, "my-secret-key"))


def rules() -> dict[str, Any]:
    """Return opt-ins of functions, each wrong in another way."""
    return {
        "roles_text": {"roles": "admin"},
        "roles_empty": {"roles": []},
        "scopes_empty": {"scopes": []},
        "scopes_in_one": {"scopes": ["Orders.Read Orders.Write"]},
        "scope_quoted": {"scopes": ['a"b']},
        "role_blank": {"roles": [" admin"]},
        "misspelled": {"role": ["admin"]},
        "contradiction": {"anonymous": True, "roles": ["admin"]},
        "anonymous_text": {"anonymous": "true"},
        "setting_of_the_app": {"issuers": []},
    }


def test_wrong_rule_closes_its_function_alone(provider: IdentityProvider) -> None:
    """Neither a caller with every right nor the setting ``anonymous`` opens it; other functions are not affected."""
    app: Any = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    for name, settings in {**rules(), "right": {"roles": ["admin"]}}.items():

        def handler(req: func.HttpRequest) -> str:
            return "open"

        handler.__name__ = name
        app.route(name)(hosting.use("auth", **settings)(handler))
    headers = {"Authorization": f"Bearer {provider.token(roles=['admin', 'a', 'd', 'm', 'i', 'n'])}"}
    host_json = provider.host_json(anonymous=list(rules()))
    with make_host(app, extensions={"auth": provider.extension()}, host_json=host_json) as host:
        assert host.get("/api/right", headers=headers).text == "open"
        for name in rules():
            assert host.get(f"/api/{name}", headers=headers, raises=False).status == 503, name
        errors = [one.getMessage() for one in host.logs if "settings failed for function" in one.getMessage()]
    assert len(errors) == len(rules())


def test_rule_of_a_blueprint_holds_for_its_functions_and_each_may_say_more(provider: IdentityProvider) -> None:
    """Rules of a Blueprint and of its functions are merged by setting; a function of another Blueprint has neither."""
    staff, guests = func.Blueprint(), func.Blueprint()  # type: ignore[no-untyped-call]
    for blueprint, name in ((staff, "plain"), (staff, "more"), (guests, "other")):

        def handler(req: func.HttpRequest) -> str:
            return "open"

        handler.__name__ = name
        used = hosting.use("auth", scopes=["s"])(handler) if name == "more" else handler
        blueprint.route(name)(used)
    app: Any = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    hosting.use(staff, "auth", roles=["staff"])
    app.register_functions(staff)
    app.register_functions(guests)
    tokens = {name: provider.token(**rights) for name, rights in CALLERS.items()}
    with make_host(app, extensions={"auth": provider.extension()}, host_json=provider.host_json()) as host:
        found = {
            caller: [host.get(f"/api/{name}", headers={"Authorization": f"Bearer {token}"}).status for name in ROUTES]
            for caller, token in tokens.items()
        }
    assert found == {"nobody": [403, 403, 200], "staff": [200, 403, 200], "both": [200, 200, 200]}


ROUTES = ("plain", "more", "other")
CALLERS: dict[str, Any] = {"nobody": {}, "staff": {"roles": ["staff"]}, "both": {"roles": ["staff"], "scopes": ["s"]}}


V1_APP = {
    "Closed/function.json": json.dumps(
        {
            "scriptFile": "__init__.py",
            "extensions": [{"auth": {"roles": ["admin"]}}],
            "bindings": [
                {"type": "httpTrigger", "direction": "in", "name": "call", "authLevel": "anonymous"},
                {"type": "http", "direction": "out", "name": "answer"},
            ],
        }
    ),
    "Closed/__init__.py": (
        "import azure.functions as func\n"
        "def main(call: func.HttpRequest, answer: func.Out[func.HttpResponse]) -> None:\n"
        "    answer.set(func.HttpResponse('closed'))\n"
    ),
}
STREAMS = {
    "function_app.py": (
        "import azure.functions as func\n"
        "import hosting\n"
        "from azurefunctions.extensions.http.fastapi import Request, StreamingResponse\n"
        "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n"
        "@app.route('Closed')\n"
        "@hosting.use('auth', roles=['admin'])\n"
        "async def Closed(req: Request) -> StreamingResponse:\n"
        "    return StreamingResponse(iter([b'closed']))\n"
    ),
}


@pytest.mark.parametrize("files", [V1_APP, STREAMS], ids=["v1, output parameter", "stream"])
def test_every_style_of_http_function_is_guarded(files: dict[str, str], provider: IdentityProvider) -> None:
    """Functions of function.json with an output parameter, and streams of the web extension, get the same answers."""
    with make_host(files, extensions={"auth": provider.extension()}, host_json=provider.host_json()) as host:
        for rights, status in (({"roles": ["admin"]}, 200), ({}, 403), ({"lifetime": -3600}, 401)):
            made: Any = rights
            reply = host.get("/api/Closed", headers={"Authorization": f"Bearer {provider.token(**made)}"})
            assert (reply.status, reply.text == "closed") == (status, status == 200)
            is_problem = reply.headers.get("content-type") == "application/problem+json"
            assert is_problem is ("www-authenticate" in reply.headers) is (status != 200)


def test_principal_of_a_function_without_a_caller_is_an_error() -> None:
    """A queue's function that asks for the caller fails, and the message says what to change."""
    app: Any = func.FunctionApp()

    @app.queue_trigger("message", "orders", "AzureWebJobsStorage")  # type: ignore[untyped-decorator]
    def work(message: func.QueueMessage, user: Annotated[Principal, hosting.Inject]) -> None:
        return

    with (
        make_host(app, extensions={"auth": AuthExtension}) as host,
        pytest.raises(RuntimeError, match="function 'work' has a queueTrigger, so it has no caller: remove its param"),
    ):
        host.invoke("work", "m")


class Headers(dict[str, tuple[str, ...]]):
    """Headers with several values, as ``hosting start`` has them."""

    def get_all(self, name: str) -> tuple[str, ...]:
        return self.get(name, ())


SEVERAL: dict[str, dict[str, tuple[str, ...]]] = {
    "two tokens": {"authorization": ("Bearer a.b.c", "Bearer a.b.c")},
    "a token and nothing": {"authorization": ("Bearer a.b.c", "")},
    "two schemes": {"authorization": ("Basic YTpi", "Bearer a.b.c")},
    "two keys": {"x-api-key": ("a", "a")},
    "a key and a token": {"x-api-key": ("a",), "authorization": ("Bearer a.b.c",)},
    "a key and another scheme": {"x-api-key": ("a",), "authorization": ("Basic YTpi",)},
    "two sign-ins": {"x-ms-client-principal": ("a", "a")},
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_credentials_are_refused(case: str) -> None:
    """Which of them counts would be a guess."""
    with pytest.raises(Refused, match="several"):
        find_credential(Headers(SEVERAL[case]), ("sign-in", "token", "key"))
    first = {name: values[:1] for name, values in SEVERAL[case].items()}
    sign_in = find_credential(Headers({**first, "x-ms-client-principal": ("a",)}), ("sign-in", "token", "key"))
    assert sign_in == Credential("sign-in", "a")


def test_metadata_is_below_the_issuer_that_it_describes() -> None:
    """Entra ID has the metadata of v1 tokens at the host of v2, and one document for all tenants."""
    addresses = {
        "https://login.test/a/": "https://login.test/a/.well-known/openid-configuration",
        V2: "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
        "https://sts.windows.net/{tenantid}/": "https://login.microsoftonline.com/common/.well-known/openid-configuration",
        f"https://sts.windows.net/{GUID}/": f"https://login.microsoftonline.com/{GUID}/.well-known/openid-configuration",
    }
    for url, expected in addresses.items():
        assert Issuer(url, ("a",), tenants=(GUID,)).metadata_url == expected


def test_principals_have_a_key_and_hide_their_claims() -> None:
    """Entra ID's users are the same for each application; claims are personal data, and not in log lines."""
    claims = {"oid": "o", "email": "ada@example.com"}
    user = Principal("user", "s", URL, "t", claims=claims)
    assert (user.id, Principal("user", "s", URL).id) == ("t/o", f"{URL}|s")
    assert (Principal("key", "partner").id, Principal("anonymous").id) == ("key|partner", "")
    assert "ada@example.com" not in repr(user)
    assert user.is_authenticated
    assert not Principal("anonymous").is_authenticated
    assert len({user, Principal("user", "s", URL, "t", claims=claims)}) == 1


def test_digests_stay_hidden(app: Any) -> None:
    """Neither the settings nor the diagnosis show one."""
    assert DIGEST not in repr(AuthSettings(api_keys=(ApiKey("a", hosting.Secret(DIGEST)),)))
    host_json = {"extensionHost": {"extensions": {"auth": {"settings": key()}}}}
    with make_host(app, extensions={"auth": AuthExtension}, host_json=host_json) as host:
        assert host.get("/api/health", headers={"x-api-key": "key"}).text == "healthy"
        assert DIGEST not in json.dumps(host.diagnosis())


def test_module_imports_no_cryptography_until_an_app_has_issuers() -> None:
    """An app with API keys alone never imports PyJWT."""
    import subprocess
    import sys

    code = (
        "import sys, hosting_auth\n"
        "from hosting.app_handle import AppHandle, SharedApp\n"
        "guard = hosting_auth.AuthExtension()\n"
        "guard.configure(hosting_auth.AuthSettings())\n"
        "guard.startup(AppHandle('auth', SharedApp()))\n"
        "assert not {'jwt', 'cryptography'} & sys.modules.keys()\n"
    )
    source = str(Path(__file__).parents[1] / "src")
    subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {source!r})\n{code}"], check=True)


def test_rules_that_are_right() -> None:
    """What a rule asks for is either roles or scopes, or both."""
    assert AuthRule().asks is False
    assert AuthRule(roles=("a",)).asks
    assert AuthRule(scopes=("a.b", "c:d/e")).asks
    assert AuthRule(anonymous=True).asks is False
