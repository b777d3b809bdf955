"""Four extensions together: an app with hosting-auth, -openapi, -otel and -prometheus, beside one without them.

The functions are those of a shop. Without extensions, the app checks the key and the values in its own code, and has
neither spans nor metrics. Spans and metrics are made, and not sent. Both apps alternate within one run, with Azurite
for the queue:

    python -m tests.benchmarks.orders [--rounds 7] [--seconds 2]

The results are the medians of the ratios within a round. The goals are for the function that puts an order into a
queue, as most do that are worth it: 0.75 of the rate, and the first answer after at most 1.6 times the time. The other
two do next to nothing, and show what the extensions themselves cost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx
from hosting_storage.testing import azurite_command, run_azurite

from hosting.testing.server import environment
from tests.benchmarks.load import load
from tests.support.sites import Site

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0
KEY = "a key of this benchmark"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
GROUPS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "hosting-auth": {"guards": {"auth": "hosting_auth:AuthExtension"}},
    "hosting-openapi": {"hosting": {"openapi": "hosting_openapi:OpenApi"}},
    "hosting-otel": {"hosting": {"otel": "hosting_otel:OpenTelemetryExtension"}},
    "hosting-prometheus": {"hosting": {"prometheus": "hosting_prometheus:PrometheusExtension"}},
}
SETTINGS = {
    "auth": {"api_keys": [{"name": "shop", "sha256": DIGEST, "scopes": ["Orders.Read"]}], "anonymous": ["alive"]}
}

COMMON = """
import azure.functions as func
import hosting

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("alive")
async def alive(req: func.HttpRequest) -> str:
    return "yes"
"""
WITH = (
    COMMON
    + """
from typing import Annotated
from pydantic import BaseModel, Field
from hosting_auth import Principal
from hosting_openapi import Query, Response

class Order(BaseModel):
    sku: str
    quantity: int
    customer: str

Sku = Annotated[str, Query, Field(pattern="^[a-z]{1,20}$")]
Quantity = Annotated[int, Query, Field(ge=1, le=100)]
User = Annotated[Principal, hosting.Inject]

@app.route("order")
@hosting.use("auth", scopes=["Orders.Read"])
async def order(
    req: func.HttpRequest, sku: Sku, quantity: Quantity, user: User
) -> Annotated[Order, Response]:
    return Order(sku=sku, quantity=quantity, customer=user.subject)

@app.route("place")
@app.queue_output("message", "orders", "AzureWebJobsStorage")
@hosting.use("auth", scopes=["Orders.Read"])
async def place(
    req: func.HttpRequest, sku: Sku, quantity: Quantity, user: User, message: func.Out[str]
) -> Annotated[Order, Response]:
    placed = Order(sku=sku, quantity=quantity, customer=user.subject)
    message.set(placed.model_dump_json())
    return placed
"""
)
WITHOUT = (
    COMMON
    + f"""
import hashlib, hmac, json, re

def answer(req: func.HttpRequest) -> func.HttpResponse:
    digest = hashlib.sha256(req.headers.get("x-api-key", "").encode()).hexdigest()
    if not hmac.compare_digest(digest, "{DIGEST}"):
        return func.HttpResponse("who are you?", status_code=401)
    sku, quantity = req.params.get("sku", ""), req.params.get("quantity", "")
    if not re.fullmatch("[a-z]{{1,20}}", sku) or not quantity.isdigit() or not 1 <= int(quantity) <= 100:
        return func.HttpResponse("not valid", status_code=422)
    content = {{"sku": sku, "quantity": int(quantity), "customer": "shop"}}
    return func.HttpResponse(json.dumps(content), mimetype="application/json")

@app.route("order")
async def order(req: func.HttpRequest) -> func.HttpResponse:
    return answer(req)

@app.route("place")
@app.queue_output("message", "orders", "AzureWebJobsStorage")
async def place(req: func.HttpRequest, message: func.Out[str]) -> func.HttpResponse:
    response = answer(req)
    if response.status_code == 200:
        message.set(response.get_body().decode())
    return response
"""
)
PATHS = {
    "a public function": "/api/alive",
    "a function with key, values and model": "/api/order?sku=pen&quantity=3",
    "a function that puts an order into a queue": "/api/place?sku=pen&quantity=3",
}


class App(NamedTuple):
    """An app to serve."""

    root: Path
    environ: Mapping[str, str]


class Started(NamedTuple):
    """A host that answers."""

    port: int
    process: subprocess.Popen[bytes]
    first_answer: float
    """The seconds from its start to its first answer."""

    def cpu_seconds(self) -> float:
        """Return the processor time so far; 0 where the system does not say."""
        with suppress(OSError):
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0


def apps(folder: Path, storage: str) -> tuple[App, App]:
    """Write the app with the extensions, and the one without them.

    Args:
        folder: an empty folder.
        storage: the connection string of the storage account.
    """
    site = Site(folder / "site")
    for name, groups in GROUPS.items():
        site.install(name, version="0.1.0", **groups)
        package = name.replace("-", "_")
        (site.path / package).symlink_to(ROOT / "plugins" / name / "src" / package)
    common = {
        "PYTHON_ENABLE_WORKER_EXTENSIONS": "1",
        "HOSTING_ALLOW": ",".join((*GROUPS, "hosting-storage")),
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
    }
    common |= {"OTEL_LOGS_EXPORTER": "none", "AzureWebJobsStorage": storage}
    made = []
    for name, code, places in (("with", WITH, (ROOT, site.path)), ("without", WITHOUT, (ROOT,))):
        root = folder / name
        root.mkdir()
        settings = {one: {"settings": values} for one, values in SETTINGS.items()} if name == "with" else {}
        (root / "host.json").write_text(json.dumps({"version": "2.0", "extensionHost": {"extensions": settings}}))
        (root / "function_app.py").write_text(code)
        made.append(App(root, environment({**common, "PYTHONPATH": os.pathsep.join(map(str, places))})))
    return made[0], made[1]


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Run Azurite, and return its connection string.

    Raises:
        SystemExit: Azurite is not installed.
    """
    if azurite_command() is None:
        sys.exit("Azurite is not installed: make storage installs it")
    data = folder / "azurite"
    data.mkdir()
    with run_azurite(data, "--inMemoryPersistence", "--skipApiVersionCheck") as running:
        yield running.connection_string


@contextmanager
def started(app: App) -> Iterator[Started]:
    """Serve an app until the end of the block.

    Raises:
        SystemExit: it does not answer with 200.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began, quiet = time.perf_counter(), subprocess.DEVNULL
    command = [sys.executable, "-m", "hosting", "start", str(app.root), "--port", str(port)]
    process = subprocess.Popen(command, env=dict(app.environ), stdout=quiet, stderr=quiet)
    try:
        _wait(process, port)
        yield Started(port, process, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            break
        time.sleep(0.002)
    path = list(PATHS.values())[-1]
    answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers={"x-api-key": KEY}, timeout=PATIENCE)
    if answer.status_code != 200 or answer.json() != {"sku": "pen", "quantity": 3, "customer": "shop"}:
        sys.exit(f"answered {answer.status_code}: {answer.text}")


def measure(rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the ratios of each round, by what was measured; one round before them warms the caches."""
    ratios: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, azurite(Path(folder)) as storage:
        both = apps(Path(folder), storage)
        for count in range(rounds + 1):
            figures = _round(both, seconds if count else 0.1, reverse=count % 2 == 0)
            for name, (ours, theirs) in figures.items() if count else ():
                ratios.setdefault(name, []).append(ours / theirs if theirs else 0.0)
    return ratios


def _round(both: Sequence[App], seconds: float, *, reverse: bool) -> dict[str, tuple[float, float]]:
    """Return the figures of both apps; which of them is first alternates."""
    found: dict[str, list[float]] = {}
    for app in reversed(both) if reverse else both:
        with started(app) as host:
            found.setdefault("first answer", []).append(host.first_answer)
            for name, path in PATHS.items():
                connections, header = 4 if "queue" in name else 32, f"x-api-key: {KEY}"  # Azurite takes no more
                load(host.port, path, seconds=min(1.0, seconds), connections=connections, header=header)
                before = host.cpu_seconds()
                done = load(host.port, path, seconds=seconds, connections=connections, header=header)
                found.setdefault(f"rate of {name}", []).append(done.rate)
                cost = (host.cpu_seconds() - before) / done.answers
                found.setdefault(f"processor time of {name}", []).append(cost)
    return {name: (two[-1], two[0]) if reverse else (two[0], two[-1]) for name, two in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="An app with four extensions, beside the same app without them.")
    parser.add_argument("--rounds", type=int, default=7, help="how often each app has its turn (default: 7)")
    parser.add_argument("--seconds", type=float, default=2, help="length of a turn (default: 2)")
    options = parser.parse_args(arguments)
    for name, ratios in measure(options.rounds, options.seconds).items():
        print(f"{name}: {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
