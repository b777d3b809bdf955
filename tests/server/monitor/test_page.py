"""The page that shows a running host, in headless Chromium."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from hosting.server.keys import Keys
from hosting.testing import Server
from hosting.testing.server import environment, serve
from tests.conftest import MakeApp
from tests.server.monitor.conftest import TIMEOUT_MILLISECONDS

HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
MASTER = re.compile(r"[0-9a-f]{64}")

APP = f"""
import logging
import azure.functions as func
import hosting

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
HOSTILE = {HOSTILE!r}

@hosting.extension
class Audit:
    @hosting.hookimpl
    def pre_invocation_app_level(self, logger, context):
        pass

@app.route("hello")
def Hello(req: func.HttpRequest) -> str:
    logging.warning("%s says %s", req.params.get("name", "nobody"), HOSTILE)
    return "hello " + (req.get_body().decode() or "you")

@app.route("fail")
def Fail(req: func.HttpRequest) -> str:
    raise ValueError(HOSTILE)

@app.timer_trigger("timer", "0 0 3 * * *")
def Nightly(timer: func.TimerRequest) -> None:
    pass

@app.generic_trigger("text", "strangeTrigger")
def Echo(text: str) -> str:
    return text.upper() + HOSTILE

@app.generic_trigger("text", "jobTrigger")
def Job(text: str) -> None:
    pass

for number in range(MANY):
    @app.function_name(f"Many{{number:04}}")
    @app.route(f"many/{{number}}")
    async def many(req: func.HttpRequest) -> str:
        return ""
"""

PACKAGE = f"""
from datetime import UTC, datetime, timedelta
from hosting.bindings import Provider, Trigger
from hosting.bindings.panels import Bar, Facts, Field, Form, Link, Panel, Status, Table, Text, Timeline

HOSTILE = {HOSTILE!r}
START = datetime(2026, 1, 1, tzinfo=UTC)
jobs = {{"one": "waits", HOSTILE: "done"}}

class Jobs(Panel):
    name = "jobs"
    title = "Jobs " + HOSTILE

    async def show(self, query):
        if "job" in query:
            job, at = query["job"], START + timedelta(seconds=2)
            if job not in jobs:
                raise ValueError("There is no job " + job)
            bars = [Bar(job, "job", START, START + timedelta(seconds=8), Status("Done", "good")),
                    Bar(HOSTILE, "step", at, at + timedelta(seconds=4), Status("Failed", "bad"), "boom"),
                    Bar("Go", "event", at, at)]
            delete = Form("", "Delete", action="delete", values={{"job": job}}, confirm="Delete it?")
            rename = Form("Rename", "Rename", [Field("name", "New name", is_required=True)], "rename", {{"job": job}})
            facts = Facts("", {{"Status": Status(jobs[job], "good")}})
            return [facts, Timeline("Steps", bars), Text("Log", HOSTILE), delete, rename]
        wanted = query.get("status", "")
        rows = [(Link(name, {{"job": name}}), status) for name, status in jobs.items() if wanted in status]
        choice = Field("status", "Status", "choice", wanted, ("", "waits", "done"))
        return [Form("", "Show", [choice]), Table("All jobs", ("Job", "Status"), rows, "No job.")]

    async def act(self, action, values):
        if action == "rename":
            if values["name"] == values["job"]:
                raise ValueError("It has this name: " + HOSTILE)
            jobs[values["name"]] = jobs[values["job"]]
        jobs.pop(values["job"])
        return [Text("", action + " is done", "good")]

class JobTrigger(Trigger):
    def decode(self, data):
        return data

    def attach(self, invoke):
        pass

class Jobber(Provider):
    def trigger(self, function, binding):
        return JobTrigger()

    def panels(self):
        return [Jobs()]
"""


def files(many: int = 0) -> dict[str, str]:
    """Return the app's files."""
    return {
        "function_app.py": APP.replace("range(MANY)", f"range({many})"),
        "host.json": '{"version": "2.0"}',
        "local.settings.json": '{"Values": {"AppPassword": "hunter2", "AppColour": "red"}}',
    }


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a host that finds a package with a panel."""
    folder = tmp_path_factory.mktemp("packages")
    info = folder / "jobs_for_hosts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: jobs-for-hosts\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hosting.bindings]\njobTrigger = jobs_for_hosts:Jobber\n")
    (folder / "jobs_for_hosts.py").write_text(PACKAGE)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    with serve(files(), settings={"PYTHONPATH": path}) as served:
        yield served


def opened(context: BrowserContext, url: str) -> Page:
    """Open the page, and wait until it shows the host."""
    page = context.new_page()
    page.goto(url)
    expect(page.locator("#functions tr").first).to_be_visible()
    return page


def test_page_shows_every_panel_and_acts(host: Server, context: BrowserContext) -> None:
    """Functions, a run, a request, live invocations and lines, a pause: hostile texts stay texts."""
    page = opened(context, f"{host.url}/")
    nightly = page.locator("#functions tr", has_text="Nightly")
    expect(nightly).to_contain_text("next ")
    expect(page.locator("#events tr")).to_contain_text("0 0 3 * * *")
    expect(page.locator("#settings")).to_contain_text("AppColour")
    expect(page.locator("#settings tr", has_text="AppPassword")).to_contain_text("***")
    expect(page.locator("#health")).to_contain_text("script_host")
    expect(page.locator("#healthy")).to_have_text("The host is healthy.")
    expect(page.locator("#host-json")).to_contain_text('"version": "2.0"')

    # A function by hand, then by a request.
    page.get_by_role("button", name="Run Echo").click()
    page.get_by_label("What the trigger brings").fill("abc")
    page.locator("#try").get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#result")).to_have_text("ABC" + HOSTILE)
    expect(page.locator("#outcome")).to_contain_text("Succeeded")
    page.keyboard.press("Escape")
    expect(page.locator("#try")).to_be_hidden()
    page.get_by_role("button", name="Run Hello").click()
    page.get_by_label("Method").select_option("POST")
    page.get_by_label("Path and query").fill("/api/hello?name=Ada")
    page.get_by_label("Body", exact=True).fill("Ada")
    page.locator("#try").get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#result")).to_have_text("hello Ada")
    page.locator("#close").click()

    # What happens is there at once.
    expect(page.locator("#log")).to_contain_text(f"Ada says {HOSTILE}")
    host.get("/api/fail?code=no-key-in-the-log")
    failed = page.locator("#invocations tr", has_text="Fail").first
    expect(failed).to_contain_text(HOSTILE)
    failed.get_by_role("button", name="Log of Fail").click()
    expect(page.locator("#story-log")).to_contain_text("Traceback")
    page.locator("#story-close").click()
    expect(page.locator("#rates")).to_have_attribute("aria-label", re.compile(r"invocations, \d+ errors"))
    expect(page.locator("#functions tr", has_text="Fail")).to_contain_text("Failed 500")

    page.get_by_role("button", name="Pause audit", exact=True).click()
    expect(page.locator("#done")).to_contain_text("pause is done")
    expect(page.locator("#extensions tr", has_text="audit")).to_contain_text("paused")
    assert host.get("/admin/host/extensions").json()["extensions"][0]["status"] == "paused"
    page.get_by_role("button", name="Resume audit", exact=True).click()
    expect(page.locator("#extensions tr", has_text="audit")).to_contain_text("active")
    assert "broken" not in page.title()
    assert "no-key-in-the-log" not in host.logs()


def test_panel_of_a_package_is_drawn_and_acts(host: Server, context: BrowserContext) -> None:
    """Its table, filter, view of one, timeline with its table, and forms; its texts stay texts; outputs beside it."""
    page = opened(context, f"{host.url}/")
    panel = page.locator("#panel-jobs")
    expect(panel.get_by_role("heading", level=2)).to_have_text(f"Jobs {HOSTILE}")
    panel.get_by_label("Status").select_option("done")
    panel.get_by_role("button", name="Show").click()
    expect(panel.locator("tbody tr")).to_have_count(1)
    panel.get_by_role("button", name=HOSTILE, exact=True).click()
    expect(panel.get_by_role("heading", level=2)).to_be_focused()
    steps = panel.get_by_role("list", name="Steps: 3 steps in 8.0 s").get_by_role("listitem")
    expect(steps).to_have_count(3)
    assert [one.get_attribute("aria-label") for one in steps.all()] == [
        f"job {HOSTILE}, Done: 8.0 s, 0.0 ms after the start",
        f"step {HOSTILE}, Failed: 4.0 s, 2.0 s after the start",
        "event Go: 2.0 s after the start",
    ]
    boxes = [steps.nth(place).locator("rect").bounding_box() for place in range(3)]
    widths = [round(one["width"] / boxes[0]["width"], 1) for one in boxes if one and boxes[0]]
    assert widths == [1.0, 0.5, 0.0]
    expect(panel.get_by_role("group", name="Steps, table").locator("tbody tr").nth(1)).to_contain_text("boom")
    expect(panel.locator("pre")).to_have_text(HOSTILE)
    # A refusal is shown and the form stays; an action without its token is refused; then it is done.
    panel.get_by_label("New name").fill(HOSTILE)
    panel.get_by_role("button", name="Rename").click()
    expect(panel.get_by_role("status").first).to_have_text(f"It has this name: {HOSTILE}")
    expect(panel.get_by_label("New name")).to_have_value(HOSTILE)
    send = "path => fetch(path, {method: 'POST', body: '{}', headers: {'content-type': 'application/json'}})"
    assert page.evaluate(f"({send})('/admin/host/panels/jobs/delete').then(reply => reply.status)") == 403
    page.once("dialog", lambda dialog: dialog.accept())
    panel.get_by_role("button", name="Delete").click()
    expect(panel.get_by_text("delete is done")).to_be_visible()
    expect(panel.locator("tbody tr")).to_have_text(["onewaits"])  # the list, as the view of it is gone
    expect(panel.get_by_role("button", name="Back")).to_be_hidden()

    page.get_by_role("button", name="Run Echo").click()
    page.get_by_label("What the trigger brings").fill("kept")
    page.locator("#try").get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#outcome")).to_contain_text("Succeeded")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Outputs of Echo").click()
    expect(page.locator("#story-log")).to_contain_text(f"KEPT{HOSTILE}")
    assert "broken" not in page.title()


def test_page_is_accessible(host: Server, browser: Browser) -> None:
    """axe finds nothing, wide and narrow, in both colour schemes, also in the dialog; nothing is wider than a phone."""
    # axe is a script that the policy of the page would refuse.
    visitor = browser.new_context(color_scheme="light", viewport={"width": 360, "height": 700}, bypass_csp=True)
    page = opened(visitor, f"{host.url}/")
    expect(page.locator("#health tr").first).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.locator("#panel-jobs").get_by_role("button", name="one", exact=True).click()
    expect(page.locator("#panel-jobs .timeline")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    reports = [Axe().run(page)]
    page.emulate_media(color_scheme="dark")
    reports.append(Axe().run(page))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Run Hello").click()
    reports.append(Axe().run(page))
    page.keyboard.press("Escape")
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") == "light"
    visitor.close()
    assert [one.violations_count for one in reports] == [0, 0, 0], [one.generate_report() for one in reports]


def test_page_asks_for_the_master_key_where_keys_are_required(context: BrowserContext, tmp_path: Path) -> None:
    """The key is in no address and in no log; a wrong one is said; all of the page works with the right one."""
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    with serve(files(), "--enable-auth", "--workers", "2", settings=environ) as served:
        page = context.new_page()
        page.goto(f"{served.url}/admin/ui")
        expect(page.get_by_label("Master key")).to_be_focused()
        page.get_by_label("Master key").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#trouble")).to_contain_text("does not accept this key")
        key = master_key(tmp_path)
        page.get_by_label("Master key").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("#functions tr").first).to_be_visible()
        expect(page.locator("#host")).to_contain_text("2 processes")
        page.get_by_role("button", name="Run Echo").click()
        page.get_by_label("What the trigger brings").fill("abc")
        page.locator("#try").get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("#result")).to_contain_text("ABC")
        assert (key in page.url, key in served.logs()) == (False, False)
        page.close()  # before the host: else its next request may fail


def master_key(state: Path) -> str:
    """Return the master key of the only app in a state folder."""
    (path,) = (state / "hosting" / "keys").glob("*.json")
    return Keys(bytes.fromhex(json.loads(path.read_text())["secret"])).master


def test_new_sign_in_shows_each_invocation_and_line_once(
    context: BrowserContext, make_app: MakeApp, tmp_path: Path
) -> None:
    """A master key that is replaced while the page is open ends its stream of events, and the next one goes on."""
    environ, root = {"XDG_STATE_HOME": str(tmp_path)}, make_app(files())
    with serve(root, "--enable-auth", settings=environ) as served:
        page = context.new_page()
        page.goto(f"{served.url}/admin/ui")
        page.get_by_label("Master key").fill(master_key(tmp_path))
        page.keyboard.press("Enter")
        expect(page.locator("#functions tr").first).to_be_visible()
        served.get("/api/hello?name=before")
        expect(page.locator("#log")).to_contain_text("before says")
        rotate = [sys.executable, "-m", "hosting", "keys", str(root), "--rotate", "master", "--overlap", "0"]
        rotated = subprocess.run(rotate, env=environment(environ), check=True, capture_output=True, text=True).stdout
        expect(page.get_by_label("Master key")).to_be_focused()
        served.get("/api/hello?name=between")
        page.get_by_label("Master key").fill(rotated.split()[-1])
        page.keyboard.press("Enter")
        expect(page.locator("#log")).to_contain_text("between says")
        served.get("/api/hello?name=after")
        expect(page.locator("#log")).to_contain_text("after says")
        expect(page.locator("#invocations tr", has_text="Hello")).to_have_count(3)
        page.wait_for_timeout(1_000)  # what would come twice is late
        shown = page.locator("#log").inner_text()
        assert [shown.count(f"{name} says") for name in ("before", "between", "after")] == [1, 1, 1]
        assert page.locator("#invocations tr").count() == 3
        page.close()


def test_page_goes_on_with_a_host_that_was_restarted(context: BrowserContext, make_app: MakeApp) -> None:
    """What was shown stays, and what happened meanwhile comes, once."""
    root = make_app(files())
    with serve(root) as served:
        page = opened(context, f"{served.url}/")
        port = served.url.rpartition(":")[2]
        served.get("/api/hello?name=first")
        expect(page.locator("#log")).to_contain_text("first says")
    expect(page.locator("#trouble")).to_contain_text("does not answer")
    with serve(root, "--port", port) as served:
        served.get("/api/hello?name=second")
        expect(page.locator("#log")).to_contain_text("second says")
        expect(page.locator("#trouble")).to_be_hidden()
        served.get("/api/hello?name=third")
        expect(page.locator("#log")).to_contain_text("third says")
        shown = page.locator("#log").inner_text()
        assert [shown.count(f"{name} says") for name in ("first", "second", "third")] == [1, 1, 1]
        expect(page.locator("#invocations tr")).to_have_count(3)
        page.close()


ERRS = """
@hosting.extension
class Errs:
    @hosting.hookimpl
    def pre_invocation_app_level(self, logger, context):
        raise ValueError("\\x1b[31mred\\x1b[0m \\u202egnp.exe <b>")
"""


def test_error_of_an_extension_shows_no_characters_that_turn_its_text(context: BrowserContext) -> None:
    """Colours of a terminal are left out, and what would turn the direction of letters is marked."""
    app = files()
    with serve({**app, "function_app.py": app["function_app.py"] + ERRS}) as served:
        served.get("/api/hello?name=Ada")
        page = opened(context, f"{served.url}/")
        expect(page.locator("#extensions tr", has_text="errs")).to_contain_text("ValueError: red \ufffdgnp.exe <b>")
        page.close()


@pytest.mark.long
def test_page_does_not_freeze_with_a_thousand_functions_and_many_invocations(context: BrowserContext) -> None:
    """While ten thousand invocations pass, the page reacts, and keeps a bounded number of rows."""
    with serve(files(1_000)) as served:
        page = opened(context, f"{served.url}/")
        expect(page.locator("#shown")).to_contain_text("1005 of 1005")

        def load() -> None:
            connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=TIMEOUT_MILLISECONDS)
            for number in range(10_000):
                connection.request("GET", f"/api/many/{number % 1_000}")
                connection.getresponse().read()
            connection.close()

        thread = threading.Thread(target=load)
        thread.start()
        page.get_by_label("Show functions that contain").fill("Many0007")
        expect(page.locator("#shown")).to_contain_text("1 of 1005")
        frames = "done => { let n = 0; const tick = () => ++n < 120 ? requestAnimationFrame(tick) : done(n); tick(); }"
        assert page.evaluate(f"() => new Promise({frames})") == 120
        thread.join()
        expect(page.locator("#functions tr:visible .number").first).to_have_text("10")
        assert page.locator("#invocations tr").count() <= 200
        page.close()
