"""CORS as in Azure's Core Tools, on every response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from subprocess import CompletedProcess

import httpx
import pytest

from hosting.errors import HostingError
from hosting.server.middleware.cors import cors_policy
from tests.conftest import MakeApp, Serve

RunHosting = Callable[..., "CompletedProcess[str]"]
FILES = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("f", methods=["GET", "OPTIONS"])
def f(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.method, headers={"Access-Control-Allow-Origin": "https://own.example"})

@app.route("broken")
def broken(req: func.HttpRequest) -> str:
    raise ValueError
""",
}
ORIGIN = "https://a.example"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-one, x-two"}


def cors(answer: httpx.Response) -> dict[str, str]:
    """Return the headers for CORS, without their common prefix."""
    short = {name.removeprefix("access-control-"): value for name, value in answer.headers.items()}
    return {name: value for name, value in short.items() if name.startswith("allow-") or name == "vary"}


def options(url: str, headers: Mapping[str, str]) -> httpx.Response:
    return httpx.options(url, headers=headers)


def test_allowed_origin_gets_preflights_and_headers(make_app: MakeApp, serve: Serve) -> None:
    """A preflight is answered before any function, with what it asks for; other responses name the origin."""
    served = serve(make_app(FILES), "--cors", "https://A.example/", "--cors-credentials")
    for path in ("/api/f", "/api/nothing"):
        preflight = options(served.url + path, PREFLIGHT)
        assert (preflight.status_code, preflight.content) == (204, b"")
        assert cors(preflight) == {
            "allow-origin": ORIGIN,
            "allow-credentials": "true",
            "allow-methods": "PUT",
            "allow-headers": "x-one, x-two",
        }
    for path, status in (("/api/f", 200), ("/api/nothing", 404), ("/api/broken", 500), ("/", 200)):
        answer = served.get(path, headers={"Origin": ORIGIN})
        vary = {"vary": "accept-encoding"} if path == "/" else {}  # the page is sent compressed as well
        expected = {"allow-origin": ORIGIN, "allow-credentials": "true", **vary}
        assert (answer.status_code, cors(answer)) == (status, expected)


def test_other_origin_gets_no_headers(make_app: MakeApp, serve: Serve) -> None:
    """Another origin's preflight is an empty 204, its request is answered, and neither has CORS headers."""
    served = serve(make_app(FILES), "--cors", ORIGIN)
    other = {**PREFLIGHT, "Origin": "https://b.example"}
    assert (options(f"{served.url}/api/f", other).status_code, cors(options(f"{served.url}/api/f", other))) == (204, {})
    assert served.get("/api/broken", headers={"Origin": "https://b.example"}).headers.keys() == {
        "date",
        "content-length",
    }
    # An OPTIONS request without a requested method, or without an origin, is not a preflight.
    plain = options(f"{served.url}/api/f", {"Origin": ORIGIN})
    assert (plain.text, cors(plain)) == ("OPTIONS", {"allow-origin": ORIGIN})
    assert served.get("/api/f").headers["access-control-allow-origin"] == "https://own.example"


def test_origins_of_the_settings_count_without_a_flag(make_app: MakeApp, serve: Serve) -> None:
    """``Host.CORS`` names the origins if no flag does; with several, ``Vary`` says that responses differ."""
    settings = '{"Host": {"CORS": "https://a.example, https://b.example", "CORSCredentials": false}}'
    served = serve(make_app({**FILES, "local.settings.json": settings}))
    assert cors(served.get("/api/f", headers={"Origin": ORIGIN})) == {"allow-origin": ORIGIN, "vary": "Origin"}
    assert cors(served.get("/api/broken", headers={"Origin": "https://c.example"})) == {"vary": "Origin"}


def test_star_allows_every_origin(make_app: MakeApp, serve: Serve) -> None:
    """With ``*`` the response allows ``*``, whatever the origin."""
    served = serve(make_app({**FILES, "local.settings.json": '{"Host": {"CORS": "*"}}'}))
    assert cors(served.get("/api/f", headers={"Origin": ORIGIN})) == {"allow-origin": "*"}


def test_star_with_credentials_is_refused_at_start(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """The error says what is wrong and what to write instead."""
    result = run_hosting("start", make_app(FILES), "--port", "0", "--cors", "*", "--cors-credentials")
    assert result.returncode == 1
    assert "CORS: credentials cannot be allowed for every origin ('*')." in result.stderr
    assert "Name the origins" in result.stderr


def test_policy_needs_origins_and_credentials_need_names() -> None:
    """No origin is no policy; credentials are possible for named origins only."""
    assert cors_policy((), credentials=True) is None
    assert cors_policy(["*"], credentials=False) is not None
    with pytest.raises(HostingError):
        cors_policy(["https://a.example", "*"], credentials=True)
