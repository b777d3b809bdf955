"""The built site in headless Chromium, from a server and as files on the disk."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.docs.pages import ROOT, Block, blocks
from tests.docs.terminal import commands

PAGES = {
    "home": "index.html",
    "tutorial": "tutorial/first-app.html",
    "how-to": "how-to/queues.html",
    "reference": "reference/command-line.html",
    "explanation": "explanation/one-invocation.html",
    "French": "tutorial/publish-an-extension.fr.html",
}
TUTORIAL = "tutorial/publish-an-extension"

# Machines that run several tests at a time are slow.
_TIMEOUT_MILLISECONDS = 60_000

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that asks another server for something gets an error, which fails the test.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


class _Handler(SimpleHTTPRequestHandler):
    """A request handler that serves files and logs nothing."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield headless Chromium, with a temporary profile."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(_NAMES)} is on the PATH")
    expect.set_options(timeout=_TIMEOUT_MILLISECONDS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[str]:
    """Return the address at which a server on this machine serves the site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(site))) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/"
        serving.shutdown()
        thread.join()


@pytest.fixture(params=["served", "opened as a file"])
def address(request: pytest.FixtureRequest, server: str, site: Path) -> str:
    """Return the address of the site: of a server, or of a folder."""
    return server if request.param == "served" else f"{site.as_uri()}/"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Yield a new visitor, whose system is set to light colours; any error of a page fails the test."""
    problems: list[str] = []
    visitor = browser.new_context(color_scheme="light", viewport={"width": 1280, "height": 900})
    visitor.set_default_timeout(_TIMEOUT_MILLISECONDS)

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(message.text)

    def on_failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # what the visitor did not wait for when going on to the next page
            problems.append(f"{request.failure}: {request.url}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            problems.append(f"{response.status}: {response.url}")

    visitor.on("console", on_console)
    visitor.on("weberror", lambda error: problems.append(str(error.error)))
    visitor.on("requestfailed", on_failed)
    visitor.on("response", on_response)
    yield visitor
    visitor.close()
    assert problems == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Return the visitor's window."""
    return context.new_page()


@pytest.mark.parametrize("name", PAGES)
def test_page_of_each_kind_loads_without_an_error(name: str, page: Page, address: str) -> None:
    """A page shows its title and its pictures, in its language, and the console stays empty."""
    page.goto(address + PAGES[name], wait_until="networkidle")
    expect(page.locator("h1")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == ("fr" if name == "French" else "en")
    pictures = page.locator("article img").evaluate_all("images => images.map(one => one.naturalWidth)")
    assert all(pictures)
    assert bool(pictures) == (name == "explanation")


def test_navigation_shows_the_four_sections_as_tabs(page: Page, server: str) -> None:
    """Each page has the tabs at its top, and they lead into the sections."""
    page.goto(server)
    tabs = page.locator(".md-tabs__link")
    assert [text.strip() for text in tabs.all_inner_texts()] == [
        "Home",
        "Tutorial",
        "How-to",
        "Reference",
        "Explanation",
    ]
    tabs.filter(has_text="Explanation").click()
    expect(page).to_have_url(re.compile("/explanation/"))


def test_search_for_a_word_finds_its_page(page: Page, address: str) -> None:
    """Search answers during typing, and its first result opens the page, also without a server."""
    page.goto(address + PAGES["home"])
    page.locator(".md-search__button").click()
    page.get_by_role("combobox", name="Search").fill("visibilityTimeout")
    page.get_by_role("option").first.click()
    expect(page.locator("article")).to_contain_text("visibilityTimeout")


def test_dark_mode_chosen_by_a_visitor_stays_on_the_next_page(page: Page, server: str) -> None:
    """A visitor may choose light or dark instead of the system's setting."""
    page.goto(server)
    body = page.locator("body")
    expect(body).to_have_attribute("data-md-color-scheme", "default")
    toggle = page.locator("form[data-md-component=palette] label").filter(visible=True)
    toggle.click()
    toggle.click()
    expect(body).to_have_attribute("data-md-color-scheme", "slate")
    page.goto(server + PAGES["explanation"])
    expect(body).to_have_attribute("data-md-color-scheme", "slate")
    # The figures are drawn for both, and follow this property of the page.
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_copy_button_of_a_console_block_copies_only_the_commands(
    context: BrowserContext, page: Page, server: str
) -> None:
    """The copy button of another block copies all of it."""
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{server}{TUTORIAL}.html")
    written = list(blocks(ROOT / "docs" / f"{TUTORIAL}.md"))
    shown = page.locator(".highlight")
    assert shown.count() == len(written)
    for number, block in enumerate(written):
        shown.nth(number).locator("[data-md-type='copy']").click()
        assert page.evaluate("navigator.clipboard.readText()") == _copied(block)


def _copied(block: Block) -> str:
    if block.language != "console":
        return block.text.rstrip("\n")
    return "\n".join(command for command, _ in commands(block.text))


def test_code_block_shows_the_name_of_its_file(page: Page, server: str) -> None:
    """The title of a code block is the file that a reader writes it to."""
    page.goto(server + PAGES["tutorial"])
    titles = [block.file for block in blocks(ROOT / "docs" / "tutorial" / "first-app.md") if block.file]
    assert titles
    assert page.locator(".highlight > .filename").all_inner_texts() == titles


def test_language_switch_leads_to_the_same_page_in_the_other_language(page: Page, address: str) -> None:
    """Pages in two languages have a switch in their header; other pages have none."""
    page.goto(f"{address}{TUTORIAL}.html")
    page.get_by_label("Select language").hover()
    page.locator(".md-select").get_by_role("link", name="Français").click()
    expect(page).to_have_url(f"{address}{TUTORIAL}.fr.html")
    page.locator(".md-select").hover()
    page.locator(".md-select").get_by_role("link", name="English").click()
    expect(page).to_have_url(f"{address}{TUTORIAL}.html")
    page.goto(address + PAGES["home"])
    expect(page.locator(".md-select")).to_have_count(0)


@pytest.mark.parametrize(
    "section",
    ["", "tutorial", *(pytest.param(one, marks=pytest.mark.long) for one in ("how-to", "reference", "explanation"))],
)
def test_page_on_a_phone_is_not_wider_than_its_screen(section: str, page: Page, site: Path, server: str) -> None:
    """At a width of 360 pixels, wide tables and code scroll on their own, and the page does not."""
    page.set_viewport_size({"width": 360, "height": 740})
    paths = sorted((site / section).glob("*.html"))
    assert paths
    for path in paths:
        page.goto(server + path.relative_to(site).as_posix(), wait_until="domcontentloaded")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path.name
