"""The page, in headless Chromium and without one."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Request, Route, expect, sync_playwright

from hosting.testing import Host, make_host
from hosting_openapi import OpenApi
from hosting_openapi.page import find_swagger_ui, policy

SHOP = (Path(__file__).parent / "shop.py").read_text("utf-8")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
TIMEOUT_MILLISECONDS = 60_000
ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
def shop() -> Iterator[Host]:
    """The app of the tests with the extension."""
    with make_host({"function_app.py": SHOP}, extensions={"openapi": OpenApi()}, raises=False) as host:
        yield host


@pytest.fixture
def context(shop: Host) -> Iterator[BrowserContext]:
    """A visitor, whose requests the host in this process answers; any error of the page fails the test."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(PROGRAMS)} is on the PATH")
    problems: list[str] = []

    def answer(route: Route, request: Request) -> None:
        if not request.url.startswith(f"{ORIGIN}/"):
            problems.append(f"the page asks another server: {request.url}")
            route.abort()
            return
        sent = request.post_data_buffer or b""
        reply = shop.request(request.method, request.url.removeprefix(ORIGIN), headers=request.headers, body=sent)
        headers = {name: value for name, value in reply.headers.items() if name != "content-length"}
        route.fulfill(status=reply.status, headers=headers, body=reply.body)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        visitor = browser.new_context()
        visitor.set_default_timeout(TIMEOUT_MILLISECONDS)
        visitor.route("**/*", answer)
        visitor.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        visitor.on("weberror", lambda error: problems.append(str(error.error)))
        yield visitor
        browser.close()
    assert problems == []


@pytest.mark.slow
def test_an_operation_is_tried_on_the_page(context: BrowserContext) -> None:
    """The page asks its own origin only, shows the operations, and shows what one of them has responded."""
    page = context.new_page()
    page.goto(f"{ORIGIN}/api/docs/?code=secret")
    operation = page.locator("#operations-default-show")
    operation.locator(".opblock-summary-control").click(timeout=TIMEOUT_MILLISECONDS)
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_placeholder("order").fill("7")
    operation.get_by_role("button", name="Execute").click()
    answered = operation.locator(".live-responses-table .response")
    expect(answered.locator(".response-col_status")).to_contain_text("200", timeout=TIMEOUT_MILLISECONDS)
    expect(answered.locator(".highlight-code").first).to_contain_text('"quantity": 7')


def test_page_and_its_files_have_headers_that_keep_them_safe(shop: Host) -> None:
    """The page runs scripts of its origin only; its files are compressed, and kept by browsers for one version."""
    page = shop.get("/api/docs")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe-eval" not in policy
    assert "script-src 'self' " not in policy
    assert re.findall(r"https?://", page.text) == []
    for name, kind in {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}.items():
        plain, small = (shop.get(f"/api/docs/{name}", headers={"accept-encoding": one}) for one in ("", "br, gzip"))
        assert gzip.decompress(small.body) == plain.body
        assert (plain.status, plain.headers["content-type"].partition(";")[0]) == (200, kind)
        assert "immutable" in small.headers["cache-control"]
    for name in ("../function_app.py", "..%2f..%2fhost.json", "__init__.py", "swagger-ui.css/x", "START.js"):
        assert shop.get(f"/api/docs/{name}").status == 404


@pytest.mark.parametrize(
    ("settings", "statuses"),
    [
        ({}, {"openapi.json": 200, "docs": 200, "docs/start.js": 200}),
        ({"document": "", "page": ""}, {"openapi.json": 404, "docs": 404, "docs/start.js": 404}),
        ({"page": ""}, {"openapi.json": 200, "docs": 404}),
        ({"document": "/v1/api.json", "page": "v1/ui/"}, {"v1/api.json": 200, "v1/ui": 200, "v1/ui/start.js": 200}),
    ],
)
def test_settings_say_where_both_are(settings: dict[str, Any], statuses: dict[str, int]) -> None:
    """The routes are below the prefix; an empty one is not served."""
    extension = {"extensionHost": {"extensions": {"openapi": {"settings": settings}}}}
    files = {"function_app.py": SHOP}
    with make_host(files, extensions={"openapi": OpenApi()}, raises=False, host_json=extension) as host:
        assert {path: host.get(f"/api/{path}").status for path in statuses} == statuses
        if settings.get("page") == "v1/ui/":
            assert 'data-document="api.json"' in host.get("/api/v1/ui").text


def app(*routes: str, name: str = "main") -> dict[str, str]:
    head = "import azure.functions as func\napp = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n"
    functions = [f"@app.route({route})\ndef {name}{n}(req) -> str: return 'own'\n" for n, route in enumerate(routes)]
    return {"function_app.py": head + "".join(functions)}


@pytest.mark.parametrize(
    ("files", "statuses"),
    [
        (app("'a'", name="OpenApi_page"), {"openapi.json": "{", "docs": "<!DOCTYPE html>"}),
        (app("'openapi.json'", name="openapi"), {"openapi.json": "own", "docs": ""}),
        (app("'Docs', methods=['GET']"), {"openapi.json": "{", "docs": "own"}),
        (app("'docs', methods=['POST']"), {"openapi.json": "{", "docs": "<!DOCTYPE html>"}),
        (app("'{*path}'"), {"openapi.json": "own", "docs": "own"}),
    ],
)
def test_routes_of_the_app_go_first(files: dict[str, str], statuses: dict[str, str]) -> None:
    """Where a function of the app responds, or one that takes every path, nothing is added, and the log says so."""
    with make_host(files, extensions={"openapi": OpenApi()}, raises=False) as host:
        for path, beginning in statuses.items():
            assert host.get(f"/api/{path}").text.startswith(beginning), path
        is_taken = "own" in statuses.values()
        assert any("is not served: function 'main0' responds there" in line for line in host.messages) == (
            is_taken and "openapi0" not in host.functions
        )


def test_page_needs_a_copy_of_swagger_ui(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one there is a document and no page, and the log says what to install."""
    monkeypatch.setattr("hosting_openapi.page.SOURCES", {"no-such-package": "static"})
    with make_host(app("'a'"), extensions={"openapi": OpenApi()}, raises=False) as host:
        assert [host.get(f"/api/{path}").status for path in ("openapi.json", "docs")] == [200, 404]
        assert any("pip install 'hosting-openapi[page]'" in line for line in host.messages)
    monkeypatch.setattr("hosting_openapi.page.SOURCES", {"flask": "no/such/folder"})
    assert find_swagger_ui() is None
    assert policy(["https://b.example/v1", "/", "http://a.example:8080"]).split("; ")[4] == (
        "connect-src 'self' http://a.example:8080 https://b.example"
    )
