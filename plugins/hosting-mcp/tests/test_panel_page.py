"""The panel of tools on the page that shows the host, in headless Chromium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from mcp_support import install
from playwright.sync_api import Page, expect, sync_playwright

from hosting.testing.server import serve

HOSTILE = "<img src=x onerror=\"document.title='broken'\">"
SCHEMA = [
    {"propertyName": "fruit", "propertyType": "string", "description": HOSTILE, "isRequired": True},
    {"propertyName": "count", "propertyType": "integer"},
    {"propertyName": "size", "propertyType": "string", "enumValues": ["small", "big"]},
]
APP = f"""
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
    install(tmp_path / "site")
    files = {"function_app.py": APP, "host.json": '{"version": "2.0"}'}
    with (
        serve(files, settings={"PYTHONPATH": str(tmp_path / "site")}) as server,
        sync_playwright() as playwright,
    ):
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


def test_tool_is_called_with_the_form_of_its_schema(page: Page) -> None:
    """The result and a failure are shown, hostile texts stay texts, and axe finds nothing."""
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
