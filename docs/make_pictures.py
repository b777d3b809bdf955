"""Pictures of the page that shows a running host, for the documentation: run this after a change of that page.

It serves an app, sends it requests, and takes pictures with headless Chromium. They show times and durations, so that
two runs do not make the same files.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, sync_playwright

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
DURABLE = Path(__file__).parents[1] / "plugins" / "hosting-durable"
DURABLE_APP = """
import time
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.orchestration_trigger("context")
def Order(context):
    yield context.call_activity("Reserve", "apples")
    reminder = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    paid = context.wait_for_external_event("Paid")
    yield context.task_any([paid, reminder])
    reminder.cancel()
    yield context.task_all([context.call_activity("Pack", one) for one in ("apples", "a card")])
    yield context.call_sub_orchestrator("Ship", None, "ship-1")
    return "delivered"


@app.orchestration_trigger("context")
def Ship(context):
    yield context.call_activity("Label", "ship-1")


@app.activity_trigger("item")
def Reserve(item: str) -> str:
    time.sleep(0.12)
    return item


@app.activity_trigger("item")
def Pack(item: str) -> str:
    time.sleep(0.1 if item == "apples" else 0.2)
    return item


@app.activity_trigger("item")
def Label(item: str) -> str:
    time.sleep(0.08)
    return item
"""


def main() -> int:
    """Write the pictures, and return the exit code."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        print("Chromium is not installed.", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        _picture_of_host(browser)
        _picture_of_orchestration(browser)
        browser.close()
    return 0


def _picture_of_host(browser: Browser) -> None:
    files = {"function_app.py": APP, "host.json": '{"version": "2.0"}'}
    with serve(files) as host:
        page = browser.new_page(viewport={"width": 1000, "height": 820})
        page.goto(f"{host.url}/")
        page.locator("#functions tr").first.wait_for()
        _use(host)
        page.get_by_text("counting the orders").first.wait_for()
        page.locator("#rates-scale").filter(has_text="invocations").wait_for()
        page.screenshot(path=FOLDER / "host-page.png")
        page.locator("section", has=page.locator("#log-title")).screenshot(path=FOLDER / "host-page-log.png")


def _picture_of_orchestration(browser: Browser) -> None:
    files = {"function_app.py": DURABLE_APP, "host.json": '{"version": "2.0"}'}
    with TemporaryDirectory() as folder:
        settings = {"PYTHONPATH": str(_installed(Path(folder))), "XDG_STATE_HOME": folder}
        with serve(files, settings=settings) as host:
            page = browser.new_page(viewport={"width": 1000, "height": 820})
            page.goto(f"{host.url}/")
            panel = page.locator("#panel-durable")
            panel.get_by_label("Instance ID", exact=True).fill("order-1")
            panel.get_by_role("button", name="Start").click()
            panel.get_by_role("button", name="order-1", exact=True).last.click()
            panel.get_by_label("Name (required)").fill("Paid")
            panel.get_by_role("button", name="Raise").click()
            panel.get_by_text("delivered").wait_for()
            panel.screenshot(path=FOLDER / "host-page-durable.png")


def _installed(folder: Path) -> Path:
    """Write the metadata of hosting-durable, which is not installed for development, and return its folder."""
    (folder / "hosting_durable").symlink_to(DURABLE / "src" / "hosting_durable")
    info = folder / "hosting_durable-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hosting-durable\nVersion: 0.1.0\n")
    entries = tomllib.loads((DURABLE / "pyproject.toml").read_text())["project"]["entry-points"]["hosting.bindings"]
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[hosting.bindings]", *lines, ""]))
    return folder


def _use(host: Any) -> None:
    """Send requests, one of which fails, and run the timer."""
    for number in range(ORDERS):
        host.get(f"/api/orders/{number}")
    host.post("/api/orders", json={"fruit": "apple"})
    host.post("/api/orders", json={})
    host.post("/admin/functions/Nightly/run", json={})


if __name__ == "__main__":
    sys.exit(main())
