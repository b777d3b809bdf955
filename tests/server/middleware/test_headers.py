"""Headers that host.json adds to every response."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hosting.errors import SettingsError
from hosting.server.middleware.headers import header_middleware
from hosting.server.types import AsgiApp, Message, Receive, Scope, Send
from tests.conftest import MakeApp, Serve

HSTS = "strict-transport-security"


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-there", b"app")]})
    await send({"type": "http.response.body", "body": b""})


async def response_headers(http: dict[str, Any], scheme: str = "https", host: str = "example.org") -> dict[str, str]:
    """Return the headers of a response with the middleware for this section of host.json."""
    app: AsgiApp = plain
    for wrap in reversed(list(header_middleware(http))):
        app = wrap(app)
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"scheme": scheme, "headers": [(b"host", host.encode())]}, receive, send)
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def test_no_header_is_no_middleware() -> None:
    """Where host.json asks for no header there is no middleware."""
    assert list(header_middleware({})) == []
    assert list(header_middleware({"hsts": {"isEnabled": False}, "customHeaders": {}})) == []


def test_custom_headers_are_on_every_response(make_app: MakeApp, serve: Serve) -> None:
    """Custom headers are on every response, also on errors, unless the function has set them itself."""
    code = (
        "import azure.functions as func\napp = func.FunctionApp(http_auth_level='ANONYMOUS')\n"
        "@app.route('f')\ndef f(req): return func.HttpResponse('x', headers={'x-one': 'own'})\n"
        "@app.route('broken')\ndef broken(req): raise ValueError\n"
    )
    http = {"customHeaders": {"X-One": "1", "X-Frame-Options": "DENY"}, "hsts": {"isEnabled": True}}
    served = serve(
        make_app({"function_app.py": code, "host.json": json.dumps({"version": "2.0", "extensions": {"http": http}})})
    )
    for path, own in (("/api/f", "own"), ("/api/broken", "1"), ("/api/no", "1"), ("/", "1"), ("/admin/no", "1")):
        answer = served.get(path)
        assert answer.headers.get_list("x-one") == [own]
        assert answer.headers["x-frame-options"] == "DENY"
        assert HSTS not in answer.headers


async def test_custom_header_is_added_unless_it_exists() -> None:
    """A header is added if the response has none of its name, in any case; numbers and booleans become text."""
    assert await response_headers({"customHeaders": {"X-There": "added", "X-Number": 3, "X-Yes": True}}) == {
        "x-there": "app",
        "x-number": "3",
        "x-yes": "true",
    }


@pytest.mark.parametrize(
    ("hsts", "value"),
    [
        ({}, "max-age=2592000"),
        ({"maxAge": "10"}, "max-age=864000"),
        ({"maxAge": "00:01:00", "includeSubDomains": True, "preload": True}, "max-age=60; includeSubDomains; preload"),
    ],
)
async def test_hsts_is_sent_over_https(hsts: dict[str, Any], value: str) -> None:
    """HSTS lasts thirty days, unless ``maxAge`` gives a number of days or a time span."""
    http = {"hsts": {"isEnabled": True, **hsts}}
    assert (await response_headers(http))[HSTS] == value
    assert HSTS not in await response_headers(http, scheme="http")


@pytest.mark.parametrize("host", ["localhost:7071", "127.0.0.1", "[::1]:7071", "[::1]", "Inner.example:8443"])
async def test_hsts_is_not_sent_to_excluded_hosts(host: str) -> None:
    """Names of this machine and excluded names get no header, with and without a port."""
    assert HSTS not in await response_headers(
        {"hsts": {"isEnabled": True, "excludedHosts": ["inner.example"]}}, host=host
    )


@pytest.mark.parametrize(
    ("http", "named"),
    [
        ({"customHeaders": {"X One": "1"}}, "'X One'"),
        ({"customHeaders": {"X-One": "1\r\nX-Two: 2"}}, "'X-One'"),
        ({"customHeaders": {"X-One": ["1"]}}, "'X-One'"),
        ({"hsts": {"isEnabled": True, "maxAge": "soon"}}, "maxAge"),
        ({"hsts": {"isEnabled": True, "excludedHosts": "x"}}, "excludedHosts"),
    ],
)
def test_unusable_header_is_refused_by_name(http: dict[str, Any], named: str) -> None:
    """A header that cannot be sent is refused at start, by its name."""
    with pytest.raises(SettingsError, match=named) as caught:
        list(header_middleware(http))
    assert caught.value.remedy
