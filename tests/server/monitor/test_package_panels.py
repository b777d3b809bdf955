"""The panels that packages of this repository add to the page that shows a host, in headless Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from durable_support.installed import install as install_durable
from mcp_support import install as install_mcp
from playwright.sync_api import Browser, Page, expect

from hosting.testing.server import serve
from tests.server.monitor.conftest import TIMEOUT_MILLISECONDS

HOSTILE = "<img src=x onerror=\"document.title='broken'\">"
DURABLE = f"""
import azure.functions as func
import azure.durable_functions as df

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.orchestration_trigger("context")
def order(context):
    context.set_custom_status({HOSTILE!r})
    paid = yield context.call_activity("pay", context.get_input())
    go = yield context.wait_for_external_event("Go")
    return [paid, go]

@app.activity_trigger("item")
def pay(item: str) -> str:
    return "paid " + item
"""
SCHEMA = [
    {"propertyName": "fruit", "propertyType": "string", "description": HOSTILE, "isRequired": True},
    {"propertyName": "count", "propertyType": "integer"},
    {"propertyName": "size", "propertyType": "string", "enumValues": ["small", "big"]},
]
TOOLS = f"""
import json
import azure.functions as func

app = func.FunctionApp()

@app.generic_trigger("context", "mcpToolTrigger", tool_name="Order", description={HOSTILE!r},
                     tool_properties={json.dumps(SCHEMA)!r})
def order(context: str) -> str:
    arguments = json.loads(context)["arguments"]
    if arguments["fruit"] == "none":
        raise ValueError("no fruit" + {HOSTILE!r})
    return json.dumps(arguments)
"""

Open = Callable[[str, Callable[[Path], object]], Page]
"""Serve the code of an app beside an installed package, and open its page."""


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens the page of an app; an error of the page's script fails the test."""
    problems: list[str] = []
    with ExitStack() as stack:

        def open_page(code: str, install: Callable[[Path], object]) -> Page:
            install(tmp_path / "packages")
            environ = {"PYTHONPATH": str(tmp_path / "packages"), "XDG_STATE_HOME": str(tmp_path / "state")}
            files = {"function_app.py": code, "host.json": '{"version": "2.0"}'}
            server = stack.enter_context(serve(files, settings=environ))
            # axe is a script that the policy of the page would refuse.
            visitor = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
            stack.callback(visitor.close)
            visitor.set_default_timeout(TIMEOUT_MILLISECONDS)
            visitor.on("weberror", lambda error: problems.append(str(error.error)))
            page = visitor.new_page()
            page.goto(f"{server.url}/")
            return page

        yield open_page
    assert problems == []


def test_orchestration_is_started_answered_and_deleted_on_the_page(open_page: Open) -> None:
    """Its steps are a picture, what can be done are buttons, hostile texts stay texts, and axe finds nothing."""
    page = open_page(DURABLE, install_durable)
    panel = page.locator("#panel-durable")
    start = panel.locator("form", has=page.get_by_role("button", name=re.compile("^Start")))
    expect(start).to_be_visible()
    reports = [Axe().run(page)]
    start.locator("select").select_option("order")
    start.locator("textarea").first.fill('"apples"')
    start.get_by_role("button").click()
    panel.get_by_role("button", name=re.compile("[0-9a-f]{32}")).first.click()
    expect(panel.locator(".timeline")).to_contain_text("pay")
    expect(panel).to_contain_text(HOSTILE)
    reports.append(Axe().run(page))

    event = panel.locator("form", has=page.get_by_role("button", name=re.compile("^Raise")))
    event.get_by_label("Name").fill("Go")
    event.get_by_label("Data, as JSON").fill('"now"')
    event.get_by_role("button").click()
    expect(panel).to_contain_text("paid apples")
    expect(panel).to_contain_text("Completed")
    page.once("dialog", lambda dialog: dialog.accept())
    panel.get_by_role("button", name="Purge").click()
    expect(panel.locator(".timeline")).to_have_count(0)
    expect(start).to_be_visible()
    assert "broken" not in page.title()
    assert [one.violations_count for one in reports] == [0, 0], [one.generate_report() for one in reports]


def test_tool_is_called_with_the_form_of_its_schema(open_page: Open) -> None:
    """The result and a failure are shown, hostile texts stay texts, and axe finds nothing."""
    page = open_page(TOOLS, install_mcp)
    panel = page.locator("#panel-mcp")
    panel.get_by_role("button", name="Order", exact=True).click()
    form = panel.locator("form", has=page.get_by_role("button", name="Call"))
    form.get_by_label("fruit").fill("apple")
    form.get_by_label("count").fill("3")
    form.get_by_label("size").select_option("big")
    form.get_by_role("button", name="Call").click()
    expect(panel).to_contain_text('{"fruit": "apple", "count": 3, "size": "big"}')
    reports = [Axe().run(page)]

    form.get_by_label("fruit").fill("none")
    form.get_by_role("button", name="Call").click()
    expect(panel).to_contain_text("no fruit" + HOSTILE)
    expect(form.get_by_label("count")).to_have_value("3")
    reports.append(Axe().run(page))
    assert "broken" not in page.title()
    assert [one.violations_count for one in reports] == [0, 0], [one.generate_report() for one in reports]
