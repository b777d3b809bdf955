"""Headless Chromium, for the tests of the page that shows a host."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
TIMEOUT_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield headless Chromium."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(PROGRAMS)} is on the PATH")
    from playwright.sync_api import expect, sync_playwright  # heavy, and the other tests of this folder need none

    expect.set_options(timeout=TIMEOUT_MILLISECONDS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Yield a visitor; an error of the page, and a violation of its policy, fail the test."""
    problems: list[str] = []
    visitor = browser.new_context(viewport={"width": 1280, "height": 900})
    visitor.set_default_timeout(TIMEOUT_MILLISECONDS)
    visitor.on("weberror", lambda error: problems.append(str(error.error)))

    def on_console(message: ConsoleMessage) -> None:
        # A response of 401 or 500, and a host that is away, are these tests' own.
        if message.type == "error" and not re.search("status of|net::ERR_", message.text):
            problems.append(message.text)

    visitor.on("console", on_console)
    yield visitor
    visitor.close()
    assert problems == []
