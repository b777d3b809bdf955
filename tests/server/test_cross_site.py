"""Requests to the host's own paths that a foreign web page could send are refused where no keys are needed."""

from __future__ import annotations

import httpx
import pytest

from hosting.server.cross_site import CrossSiteCheck, host_name, is_loopback
from tests.conftest import MakeApp, Serve

JSON = {"content-type": "application/json", "content-length": "2"}
RUN, PAUSE, HOOK, STATUS = (
    "/admin/functions/F",
    "/admin/extensions/e/pause",
    "/runtime/webhooks/eventgrid",
    "/admin/host/status",
)
OWN = "localhost:7071"


def status(
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    *,
    host: str | None = OWN,
    check: CrossSiteCheck,
) -> int:
    """Return the status of a refusal; 0 if a request is not refused."""
    fields = {**({} if host is None else {"host": host}), **(headers or {})}
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    refusal = check.refusal({"method": method, "headers": raw}, path)
    return 0 if refusal is None else refusal.status


LOCAL = CrossSiteCheck("127.0.0.1")


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", [RUN, PAUSE, HOOK, "/ADMIN/functions/F"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 0),
        ({"content-length": "0"}, 0),
        (JSON, 0),
        ({**JSON, "content-type": "Application/JSON; charset=utf-8"}, 0),
        ({**JSON, "content-type": "application/cloudevents+json"}, 0),
        ({**JSON, "content-type": "application/cloudevents-batch+json; charset=utf-8"}, 0),
        ({"transfer-encoding": "chunked", "content-type": "application/json"}, 0),
        ({**JSON, "origin": f"http://{OWN}", "sec-fetch-site": "same-origin"}, 0),
        ({**JSON, "origin": f"HTTP://{OWN.upper()}"}, 0),
        ({**JSON, "sec-fetch-site": "none"}, 0),
        ({"content-length": "2"}, 415),
        ({"transfer-encoding": "chunked"}, 415),
        ({**JSON, "content-type": "text/plain"}, 415),
        ({**JSON, "content-type": "application/x-www-form-urlencoded"}, 415),
        ({**JSON, "content-type": "multipart/form-data; boundary=application/json"}, 415),
        ({**JSON, "content-type": "text/plain; application/json"}, 415),
        ({**JSON, "content-type": "text/plain+json"}, 415),
        ({**JSON, "content-type": ""}, 415),
        ({**JSON, "origin": "https://evil.example"}, 403),
        ({**JSON, "origin": "null"}, 403),
        ({**JSON, "origin": ""}, 403),
        ({**JSON, "origin": "http://localhost:3000"}, 403),
        ({**JSON, "origin": f"http://{OWN}.evil.example"}, 403),
        ({**JSON, "origin": f"http://evil.example/{OWN}"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({**JSON, "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "Cross-Site"}, 403),
    ],
)
def test_change_is_refused_if_a_foreign_page_can_send_it(
    method: str, path: str, headers: dict[str, str], expected: int
) -> None:
    """A body must be JSON, and neither Origin nor Sec-Fetch-Site name another page; the verb does not matter."""
    assert status(method, path, headers, check=LOCAL) == expected


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_needs_a_local_host_only(method: str) -> None:
    """A link from another page may lead to a document, which that page cannot read."""
    for path in (STATUS, HOOK, "/admin/functions"):
        assert (
            status(method, path, {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, check=LOCAL) == 0
        )
        assert status(method, path, host="evil.example", check=LOCAL) == 403
    # This one runs a function.
    assert status("GET", "/admin/warmup/", {"sec-fetch-site": "cross-site"}, check=LOCAL) == 403
    assert status("GET", "/admin/warmup", check=LOCAL) == 0


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("localhost", True),
        ("LocalHost:7071", True),
        ("localhost.:7071", True),
        ("app.localhost:7071", True),
        ("127.0.0.1:1", True),
        ("127.1.2.3", True),
        ("[::1]:7071", True),
        ("[::1]", True),
        ("evil.example", False),
        ("evil.example:7071", False),
        ("localhost.evil.example", False),
        ("evillocalhost", False),
        ("127.0.0.1.evil.example", False),
        ("[::2]:7071", False),
        ("192.168.1.5:7071", False),
        ("0.0.0.0:7071", False),
        ("2130706433", False),
        ("", False),
        (None, False),
    ],
)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "LOCALHOST"])
def test_host_must_be_a_local_name(host: str | None, is_own: bool, address: str) -> None:
    """DNS can lead any other name to this machine, and a page of that name would be of the same origin."""
    check = CrossSiteCheck(address)
    for method, path in (("GET", STATUS), ("POST", RUN), ("POST", HOOK), ("DELETE", HOOK)):
        assert status(method, path, host=host, check=check) == (0 if is_own else 403)


def test_further_hosts_can_be_allowed() -> None:
    """``--allowed-host`` names others, or any; the bound address is one of them."""
    check = CrossSiteCheck("127.0.0.1", ["Shop.Test", "abc.tunnel.example"])
    for host in ("shop.test:80", "ABC.tunnel.example", OWN):
        assert status("POST", RUN, {**JSON, "origin": f"https://{host}"}, host=host, check=check) == 0
    assert status("GET", STATUS, host="other.test", check=check) == 403
    assert status("GET", STATUS, host="other.test", check=CrossSiteCheck("127.0.0.1", ["*"])) == 0
    assert status("GET", STATUS, host="my.machine", check=CrossSiteCheck("my.machine", ["other.test"])) == 0


def test_host_is_not_checked_where_other_machines_can_connect() -> None:
    """On other addresses without keys any name may be right, unless names are given; pages are refused all the same."""
    check = CrossSiteCheck("0.0.0.0")
    assert status("POST", RUN, JSON, host="shop.example", check=check) == 0
    assert status("POST", RUN, {**JSON, "origin": "https://evil.example"}, host="shop.example", check=check) == 403
    assert status("GET", STATUS, host="evil.example", check=CrossSiteCheck("0.0.0.0", ["shop.example"])) == 403


def test_names_are_read_without_port_and_brackets() -> None:
    """The name in a Host header, and which of them are this machine's."""
    assert [host_name(host) for host in ("A.b:1", "[::1]:2", "[::1]", "a", ":1", "")] == [
        "a.b",
        "::1",
        "::1",
        "a",
        "",
        "",
    ]
    assert [is_loopback(name) for name in ("localhost", "127.0.0.1", "::1", "", "10.0.0.1")] == [True] * 3 + [False] * 2


APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import logging
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.generic_trigger("x", "someTrigger")
def Manual(x) -> None:
    logging.info("it ran")

@app.route("f", methods=["POST"])
def f(req: func.HttpRequest) -> str:
    return "open to all"
""",
}
FOREIGN = ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"})
PATHS = (
    "/admin/functions/Manual",
    "/ADMIN/functions/Manual",
    "/%61dmin/functions/Manual",
    "/x/../admin/functions/Manual",
    "/runtime/webhooks/eventgrid?functionName=Manual",
)


def send(
    url: str, path: str, headers: dict[str, str], *, method: str = "POST", content: bytes = b"{}"
) -> httpx.Response:
    """Send a request with the path as it is written."""
    with httpx.Client() as client:
        request = client.build_request(method, url, headers=headers, content=content)
        request.url = httpx.URL(url).copy_with(raw_path=path.encode())
        return client.send(request)


def test_served_host_runs_nothing_for_a_foreign_page(make_app: MakeApp, serve: Serve) -> None:
    """However its path is written, such a request is refused with a sentence; a function is the app's own affair."""
    served = serve(make_app(APP), "--allowed-host", "shop.test")
    json = {"Content-Type": "application/json"}
    for path in PATHS:
        for headers in FOREIGN:
            refused = send(served.url, path, {**json, **headers})
            assert (refused.status_code, refused.text.count("\n")) == (403, 1)
        assert send(served.url, path, {"Content-Type": "text/plain"}).status_code == 415
    for headers in FOREIGN:
        assert send(served.url, "/api/f", {"Content-Type": "text/plain", **headers}).text == "open to all"
    rebound = send(served.url, "/admin/host/status", {"Host": "evil.example"}, method="GET", content=b"")
    assert (rebound.status_code, "--allowed-host" in rebound.text) == (403, True)
    assert "it ran" not in served.logs()
    assert send(served.url, PATHS[0], {**json, "Host": "shop.test"}).status_code == 202
    served.wait_for("it ran")


def test_served_host_with_keys_asks_for_keys_only(make_app: MakeApp, serve: Serve) -> None:
    """A page has no key: with keys, any Host and any Origin may have one."""
    served = serve(make_app(APP), "--enable-auth")
    for headers in ({"Host": "shop.example"}, *FOREIGN):
        assert send(served.url, PATHS[0], headers).status_code == 401


def test_cors_does_not_cover_the_hosts_own_paths(make_app: MakeApp, serve: Serve) -> None:
    """No page may read ``/admin`` and webhooks, and no preflight allows it to write there, whatever CORS allows."""
    served = serve(make_app(APP), "--cors", "*")
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    for path in (*PATHS, "/admin/host/status", "/admin/nothing", "/runtime/webhooks/nothing"):
        for method, headers in (("OPTIONS", preflight), ("GET", {"Origin": "https://a.example"})):
            answer = send(served.url, path, headers, method=method, content=b"")
            assert [name for name in answer.headers if name.startswith("access-control-")] == []
            assert answer.status_code != 204
    assert send(served.url, "/api/f", preflight, method="OPTIONS", content=b"").status_code == 204
