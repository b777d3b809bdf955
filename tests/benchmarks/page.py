"""The page that shows a host: what recording costs each request, and the time until the page is first painted.

Both are measured in one run:

    python tests/benchmarks/page.py [--rounds 200] [--paints 9]

Requests go to the application in this process, by turns with and without the recorder, so that other work of the
machine affects both alike. A request over HTTP costs about twice as much, so that the ratio of their processor times is
an upper bound. The page is opened by turns with the one line of a host without it, which is what the browser needs
anyway. The goals: 1.01 or less of the rate of a host, and 300 ms from the navigation to the first contentful paint.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from hosting.host.function_host import FunctionHost
from hosting.host.recorder import attach_recorder
from hosting.logging.invocations import ShortInvocationLog
from hosting.server.app import HostApp
from hosting.testing.server import serve

FILES = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("hello")
async def hello(req: func.HttpRequest) -> str:
    return "Hello"
""",
}
REQUESTS = 100
SCOPE: Mapping[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/api/hello",
    "raw_path": b"/api/hello",
    "root_path": "",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
    "server": ("127.0.0.1", 80),
    "client": ("127.0.0.1", 1),
}
PAINT = """() => new Promise(done => new PerformanceObserver((list, observer) => {
  const found = list.getEntriesByName("first-contentful-paint");
  if (found.length) { observer.disconnect(); done(found[0].startTime); }
}).observe({ type: "paint", buffered: true }))"""


async def recording(rounds: int) -> list[tuple[float, float]]:
    """Return the processor time of a request in microseconds without and with the recorder, for each round."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (Path(folder) / name).write_text(text)
        host = FunctionHost(Path(folder), environ={})
        host.load()
        await host.start()
        host.running.log = ShortInvocationLog()
        recorders, app = (None, attach_recorder(host.running)), HostApp(host)
        found = []
        for number in range(rounds + 1):
            pair = [0.0, 0.0]
            for side in (0, 1) if number % 2 else (1, 0):
                host.running.records = recorders[side]
                await _requests(app, 10)  # the caches of the interpreter get used to it
                pair[side] = await _requests(app, REQUESTS)
            found.append((pair[0], pair[1]))
        await host.stop()
    return found[1:]


async def _requests(app: HostApp, count: int) -> float:
    """Send requests, and return the processor time of each in microseconds."""

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Any) -> None:
        return None

    before = time.thread_time_ns()
    for _ in range(count):
        await app(dict(SCOPE), receive, send)
    return (time.thread_time_ns() - before) / count / 1_000


def paints(count: int) -> Iterator[tuple[float, float]]:
    """Yield the milliseconds from a navigation to the first contentful paint: of a line of text, and of the page."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with serve(FILES) as host, serve(FILES, "--no-ui") as bare, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(count + 1):
            yield _paint(browser, bare.url), _paint(browser, host.url)
        browser.close()


def _paint(browser: Any, url: str) -> float:
    page = browser.new_page()
    page.goto(f"{url}/")
    found: float = page.evaluate(PAINT)
    page.close()
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200, help="how many rounds of requests")
    parser.add_argument("--paints", type=int, default=9, help="how many times the page is opened; 0 without a browser")
    options = parser.parse_args()
    pairs = asyncio.run(recording(options.rounds))
    ratio, least = median(on / off for off, on in pairs), min(on for _, on in pairs) / min(off for off, _ in pairs)
    cost = median(on - off for off, on in pairs)
    print(
        f"recording / not recording: processor time {ratio:.3f}, of the fastest rounds {least:.3f}, {cost:.2f} us more"
    )
    if options.paints:
        found = list(paints(options.paints))[1:]
        for name, values in zip(("a line of text", "the page"), zip(*found, strict=True), strict=True):
            print(f"first contentful paint of {name}: median {median(values):.0f} ms, fastest {min(values):.0f} ms")


if __name__ == "__main__":
    main()
