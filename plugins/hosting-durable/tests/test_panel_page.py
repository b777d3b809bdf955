"""The panel of orchestrations on the page that shows the host, in headless Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from durable_support.installed import install
from playwright.sync_api import Page, expect, sync_playwright

from hosting.testing.server import serve

HOSTILE = "<img src=x onerror=\"document.title='broken'\">"
APP = f"""
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
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
TIMEOUT_MILLISECONDS = 60_000


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """Yield the page of a host in headless Chromium; an error of its script fails the test."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(PROGRAMS)} is on the PATH")
    problems: list[str] = []
    expect.set_options(timeout=TIMEOUT_MILLISECONDS)
    files = {"function_app.py": APP, "host.json": '{"version": "2.0"}'}
    environ = {"PYTHONPATH": str(install(tmp_path / "packages")), "XDG_STATE_HOME": str(tmp_path / "state")}
    with serve(files, settings=environ) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        # axe is a script that the policy of the page would refuse.
        visitor = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
        visitor.set_default_timeout(TIMEOUT_MILLISECONDS)
        visitor.on("weberror", lambda error: problems.append(str(error.error)))
        opened = visitor.new_page()
        opened.goto(f"{server.url}/")
        yield opened
        browser.close()
    assert problems == []


def test_orchestration_is_started_answered_and_deleted_on_the_page(page: Page) -> None:
    """Its steps are a picture, what can be done are buttons, hostile texts stay texts, and axe finds nothing."""
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
