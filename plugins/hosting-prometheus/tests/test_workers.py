"""Several processes: the page of any of them has the figures of all, each once."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from threading import Thread

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from hosting.testing import Server, serve

SOURCE = Path(__file__).parent.parent / "src"
PATIENCE = 60.0

APP = """
import asyncio, os, time
from pathlib import Path
import azure.functions as func
from prometheus_client import Counter

app = func.FunctionApp(http_auth_level="ANONYMOUS")
orders = Counter("shop_orders", "Orders of the app itself.")
number = os.environ["HOSTING_WORKER_NUMBER"]

@app.route("order")
async def order(req: func.HttpRequest) -> str:
    time.sleep(0.1)  # another process answers the next request
    orders.inc()
    return f"{number} {os.getpid()}"

@app.route("hold")
async def hold(req: func.HttpRequest) -> str:
    Path(f"held-{number}").touch()
    while not Path("release").exists():
        await asyncio.sleep(0.05)
    return number
"""


def site(folder: Path) -> Path:
    """Install the extension's entry point into a folder."""
    metadata = folder / "hosting_prometheus-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hosting-prometheus\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[hosting]\nprometheus = hosting_prometheus:PrometheusExtension\n")
    return folder


def wait_until(condition: Callable[[], bool], server: Server) -> None:
    """Wait for a condition; a host that does not reach it shows its log."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, server.logs()
        time.sleep(0.05)


def samples(text: str) -> dict[str, float]:
    """Return the samples of a page, summed over labels."""
    found: dict[str, float] = {}
    for family in parse_text(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def order_until_all_have(server: Server, count: int) -> tuple[dict[str, int], int]:
    """Send requests until ``count`` processes have answered; return their ids by number, and the requests."""
    pids: dict[str, int] = {}
    sent = 0
    while len(pids) < count:
        threads = [Thread(target=lambda: pids.update([_order(server)])) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent += len(threads)
        assert sent < 400, server.logs()
    return pids, sent


def _order(server: Server) -> tuple[str, int]:
    number, _, pid = server.get("/api/order").text.partition(" ")
    return number, int(pid)


def hold(server: Server) -> None:
    """Send a request that ends with its process, or when the test says so."""
    with suppress(OSError, HTTPException):
        server.get("/api/hold")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to one process")
def test_figures_of_all_processes_are_counted_once_also_when_one_is_killed(tmp_path: Path) -> None:
    """The counters of the killed process stay, its gauges go, and another process takes over its port.

    The app's own counter, made when the app is imported, is counted over all processes as well.
    """
    port = free_port()
    host_json = f"""{{"version": "2.0", "extensionHost": {{"extensions": {{"prometheus": {{
        "settings": {{"port": {port}, "route": "metrics"}}}}}}}}}}"""
    root = tmp_path / "app"
    root.mkdir()
    (root / "host.json").write_text(host_json)
    (root / "function_app.py").write_text(APP)
    settings = {
        "PYTHON_ENABLE_WORKER_EXTENSIONS": "1",
        "HOSTING_ALLOW": "hosting-prometheus",
        "PYTHONPATH": f"{SOURCE}{os.pathsep}{site(tmp_path / 'site')}",
        "TMPDIR": str(tmp_path),
    }

    def on_route() -> dict[str, float]:
        return samples(server.get("/metrics").text)

    def on_port() -> dict[str, float]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as response:
                return samples(response.read().decode())
        except OSError:
            return {}

    with serve(root, "--workers", "2", settings=settings) as server:
        pids, sent = order_until_all_have(server, 2)
        for page in (on_route(), on_port()):
            assert page["hosting_processes"] == 2
            assert page["shop_orders_total"] == page["hosting_invocations_total"] == sent
            assert page["hosting_invocation_duration_seconds_count"] == sent
        holders: list[Thread] = []
        while not (root / "held-1").exists():
            holders.append(Thread(target=hold, args=(server,), daemon=True))
            holders[-1].start()
            wait_until(lambda: on_port()["hosting_invocations_in_flight"] == len(holders), server)
        os.kill(pids["1"], signal.SIGKILL)
        server.wait_for(r"another one starts")
        wait_until(lambda: on_port().get("hosting_invocations_in_flight", len(holders)) < len(holders), server)
        wait_until(lambda: on_port().get("hosting_processes") == 2, server)
        page = on_route()
        assert page["shop_orders_total"] == page["hosting_invocations_total"] == sent
        (root / "release").touch()
        wait_until(lambda: on_route()["hosting_invocations_in_flight"] == 0, server)
        (folder,) = tmp_path.glob("hosting-workers-*/prometheus")
        assert {path.stem.rpartition("_")[2] for path in folder.glob("*.db")} == {"1", "2"}
        assert server.stop() == 0
    assert not list(tmp_path.glob("hosting-workers-*"))
