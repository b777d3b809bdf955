"""Pictures of the page that shows a running host, for the documentation: run this after a change of that page.

It serves an app, sends it requests, and takes pictures with headless Chromium. They show times and durations, so that
two runs do not make the same files.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from hosting.testing.server import serve

FOLDER = Path(__file__).parent / "how-to" / "figures"
APP = """
import logging

import azure.functions as func
import hosting

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@hosting.extension
class Audit:
    @hosting.hookimpl
    def pre_invocation_app_level(self, logger, context):
        pass


@app.route("orders/{id:int}", methods=["GET"])
def ShowOrder(req: func.HttpRequest) -> str:
    logging.info("order %s is shown", req.route_params["id"])
    return "two apples"


@app.route("orders", methods=["POST"])
def AddOrder(req: func.HttpRequest) -> str:
    return str(req.get_json()["fruit"])


@app.timer_trigger("timer", "0 0 3 * * *")
def Nightly(timer: func.TimerRequest) -> None:
    logging.info("counting the orders")
"""
ORDERS = 40


def main() -> int:
    """Write the pictures, and return the exit code."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        print("Chromium is not installed.", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    files = {"function_app.py": APP, "host.json": '{"version": "2.0"}'}
    with serve(files) as host, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1000, "height": 820})
        page.goto(f"{host.url}/")
        page.locator("#functions tr").first.wait_for()
        _use(host)
        page.get_by_text("counting the orders").first.wait_for()
        page.locator("#rates-scale").filter(has_text="invocations").wait_for()
        page.screenshot(path=FOLDER / "host-page.png")
        page.locator("section", has=page.locator("#log-title")).screenshot(path=FOLDER / "host-page-log.png")
        browser.close()
    return 0


def _use(host: Any) -> None:
    """Send requests, one of which fails, and run the timer."""
    for number in range(ORDERS):
        host.get(f"/api/orders/{number}")
    host.post("/api/orders", json={"fruit": "apple"})
    host.post("/api/orders", json={})
    host.post("/admin/functions/Nightly/run", json={})


if __name__ == "__main__":
    sys.exit(main())
