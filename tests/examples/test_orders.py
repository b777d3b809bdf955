"""The shop with all four extensions: as wheels in an environment of its own, and through Azure's worker library."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hosting_auth.testing import IdentityProvider
from hosting_storage.testing import Azurite, azurite

from tests.support.driving import PACKAGES, driver_report
from tests.support.otlp import Received, otlp_receiver
from tests.support.processes import PATIENCE, ROOT, Running, environment, eventually, hosting_start
from tests.support.sites import Site

__all__ = ["azurite"]

APP = ROOT / "examples" / "orders"
DISTRIBUTIONS = ("hosting-auth", "hosting-openapi", "hosting-otel", "hosting-prometheus", "hosting-storage")
KEY = "only-for-this-example-and-this-machine"
BUILD = """
import os, sys
from hatchling.build import build_wheel
for project in sys.argv[2:]:
    os.chdir(project)
    build_wheel(sys.argv[1])
"""
"""One process builds all wheels: each start of the build tool costs more than a wheel."""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The command ``hosting`` of an environment into which nothing but wheels was installed."""
    folder = tmp_path_factory.mktemp("orders")
    projects = [str(ROOT), *(str(ROOT / "plugins" / name) for name in DISTRIBUTIONS)]
    _run(sys.executable, "-c", BUILD, str(folder), *projects, cwd=folder)
    wheels = [f"{wheel}[host]" if wheel.name.startswith("hosting-") else str(wheel) for wheel in folder.glob("*.whl")]
    environ = folder / "venv"
    uv = str(Path(sys.executable).with_name("uv"))
    pins = ROOT / "constraints" / "development.txt"
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(environ), cwd=folder)
    python = str(environ / "bin" / "python")
    _run(uv, "pip", "install", "--quiet", "--python", python, "--constraint", str(pins), *wheels, cwd=folder)
    return (python, "-m", "hosting")


def _run(*arguments: str, cwd: Path) -> None:
    done = subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """An identity provider on this machine."""
    made = IdentityProvider()
    with made.serve():
        yield made


@pytest.fixture
def receiver() -> Iterator[Received]:
    """A collector of OpenTelemetry on this machine."""
    with otlp_receiver() as received:
        yield received


@pytest.fixture
def shop(
    command: tuple[str, ...], azurite: Azurite, provider: IdentityProvider, receiver: Received, tmp_path: Path
) -> Iterator[Running]:
    """The app, served from the wheels."""
    variables = {
        "XDG_STATE_HOME": str(tmp_path),
        "AzureWebJobsStorage": azurite.connection_string,
        "ORDERS_ISSUER": provider.issuer,
        "OTEL_SERVICE_NAME": "orders",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BLRP_SCHEDULE_DELAY": "100",
    }
    with hosting_start(APP, tmp_path / "host.log", command=command, environ=environment(**variables)) as host:
        yield host


def _post(shop: Running, content: Any, headers: Mapping[str, str]) -> httpx.Response:
    return httpx.post(f"{shop.url}/api/orders", json=content, headers=headers, timeout=PATIENCE)


REFUSALS: Mapping[str, tuple[Any, Callable[[IdentityProvider], Mapping[str, str]], int, str]] = {
    "no credentials": ({"sku": "pen"}, lambda one: {}, 401, ""),
    "not a token": ({"sku": "pen"}, lambda one: {"Authorization": "Bearer x.y.z"}, 401, "invalid_token"),
    "another audience": (
        {"sku": "pen"},
        lambda one: bearer(one, audience="api://other", scopes=["Orders.Write"]),
        401,
        "invalid_token",
    ),
    "no scope": ({"sku": "pen"}, lambda one: bearer(one, scopes=["Orders.Read"]), 403, "insufficient_scope"),
    "wrong key": ({"sku": "pen"}, lambda one: {"x-api-key": "guessed"}, 401, ""),
    "not valid": ({"sku": "Pen!", "quantity": 0}, lambda one: {"x-api-key": KEY}, 422, ""),
}


def bearer(provider: IdentityProvider, **claims: Any) -> dict[str, str]:
    """Return the header with a token of the provider."""
    return {"Authorization": f"Bearer {provider.token('ada', **{'audience': 'api://orders', **claims})}"}


def test_shop_from_wheels_is_guarded_validated_traced_and_measured(
    shop: Running, provider: IdentityProvider, receiver: Received
) -> None:
    """Orders go through request, queue and blob in one trace; refusals, document, metrics and logs are right."""
    assert hashlib.sha256(KEY.encode()).hexdigest() in (APP / "local.settings.json").read_text("utf-8")
    _check_refusals(shop, provider)
    token = bearer(provider, scopes=["Orders.Write", "Orders.Read"])
    accepted = _post(shop, {"sku": "pen", "quantity": 3}, token)
    assert accepted.status_code == 202, accepted.text
    receipt = accepted.json()
    assert receipt == {"id": receipt["id"], "sku": "pen", "quantity": 3, "customer": "ada"}
    show = f"{shop.url}/api/orders/{receipt['id']}"
    shown = eventually(lambda: httpx.get(show, headers=token, timeout=PATIENCE), lambda seen: seen.status_code == 200)
    assert shown.json() == receipt
    assert _post(shop, {"sku": "unicorn"}, {"x-api-key": KEY}).status_code == 202
    _check_metrics(shop)
    _check_document(shop)
    _check_telemetry(receiver)
    assert shop.get("/api/alive").text == "yes"


def _check_refusals(shop: Running, provider: IdentityProvider) -> None:
    for name, (content, headers, status, challenge) in REFUSALS.items():
        answer = _post(shop, content, headers(provider))
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), name
        assert challenge in answer.headers.get("www-authenticate", ""), name
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"#/sku", "#/quantity"}
    assert httpx.get(f"{shop.url}/metrics", timeout=PATIENCE).status_code == 401


def _check_metrics(shop: Running) -> None:
    def page() -> list[str]:
        return httpx.get(f"{shop.url}/metrics", headers={"x-api-key": KEY}, timeout=PATIENCE).text.splitlines()

    def expected(lines: list[str]) -> bool:
        return 'hosting_given_up_total{function="pack",trigger="queueTrigger"} 1.0' in lines

    lines = eventually(page, expected)
    for line in (
        "shop_orders_total 2.0",
        'hosting_invocations_total{function="place",outcome="succeeded",trigger="httpTrigger"} 2.0',
        'hosting_invocations_total{function="place",outcome="refused",trigger="httpTrigger"} 6.0',
        'hosting_invocations_total{function="pack",outcome="succeeded",trigger="queueTrigger"} 1.0',
        'hosting_invocations_total{function="pack",outcome="failed",trigger="queueTrigger"} 2.0',
        'hosting_invocations_total{function="report",outcome="succeeded",trigger="timerTrigger"} 1.0',
        'hosting_responses_total{function="place",status="422"} 1.0',
        'hosting_messages_redelivered_total{function="pack"} 1.0',
        'hosting_message_age_seconds_count{function="pack"} 3.0',
    ):
        assert line in lines, line
    errors = [line for line in lines if line.startswith("hosting_hook_errors_total") and not line.endswith(" 0.0")]
    assert errors == []


def _check_document(shop: Running) -> None:
    document = shop.get("/api/openapi.json").json()
    assert {path.rpartition("/api")[2] for path in document["paths"]} == {"/alive", "/orders", "/orders/{id}"}
    (place,) = (operations["post"] for operations in document["paths"].values() if "post" in operations)
    assert {"202", "422"} <= place["responses"].keys()
    assert place["security"] != []


def _check_telemetry(receiver: Received) -> None:
    """One trace has the request and the message that it became; the lines of the function have its id."""
    spans = eventually(lambda: receiver.spans, lambda seen: sum(one.is_error for one in seen) >= 2)
    packed = [one for one in spans if one.name == "process orders"]
    parents = {one.span_id: one for one in spans}
    for one in packed:
        assert parents[one.parent_id].name == "POST /api/orders"
        assert parents[one.parent_id].trace_id == one.trace_id
    assert sorted(one.is_error for one in packed) == [False, True, True]
    assert len({one.span_id for one in spans}) == len(spans)
    (line,) = eventually(lambda: [one for one in receiver.logs if one.body == "packed 3 pen"])
    assert line.trace_id in {one.trace_id for one in packed if not one.is_error}


GROUPS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "hosting-auth": {"guards": {"auth": "hosting_auth:AuthExtension"}},
    "hosting-openapi": {"hosting": {"openapi": "hosting_openapi:OpenApi"}},
    "hosting-otel": {"hosting": {"otel": "hosting_otel:OpenTelemetryExtension"}},
    "hosting-prometheus": {"hosting": {"prometheus": "hosting_prometheus:PrometheusExtension"}},
}


def test_shop_runs_through_azures_worker_library(tmp_path: Path, receiver: Received) -> None:
    """The same files give the same answers there: refusals, receipts, the document, metrics and spans."""
    root = shutil.copytree(APP, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    site = Site(root / PACKAGES)
    for name, groups in GROUPS.items():
        site.install(name, version="0.1.0", **groups)
        package = name.replace("-", "_")
        (site.path / package).symlink_to(ROOT / "plugins" / name / "src" / package)
    with_key = {"x-api-key": KEY, "content-type": "application/json"}
    message = {"id": "0" * 32, "customer": "ada", "sku": "pen", "quantity": 3}
    calls = [
        ("place", {"body": '{"sku": "pen"}', "headers": {"content-type": "application/json"}}),
        ("place", {"body": '{"sku": "Pen!"}', "headers": with_key}),
        ("place", {"body": '{"sku": "pen"}', "headers": with_key}),
        ("pack", {"parameter": "message", "data": {"string": json.dumps(message)}}),
        ("alive", ""),
        ("prometheus_metrics", ""),
        ("prometheus_metrics", {"body": "", "headers": with_key}),
    ]
    environ = {
        **json.loads((APP / "local.settings.json").read_text("utf-8"))["Values"],
        "HOSTING_ALLOW": ",".join(GROUPS),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
    }
    report = driver_report("v2", root, calls, warnings="default", **environ)
    refused, invalid, placed, packed, alive, without_key, metrics = report["answers"]
    assert (json.loads(refused)["status"], json.loads(invalid)["status"]) == (401, 422)
    assert {**json.loads(placed), "id": ""} == {"id": "", "sku": "pen", "quantity": 1, "customer": "shop"}
    assert (json.loads(packed), alive, json.loads(without_key)["status"]) == (message, "yes", 401)
    for line in (
        "shop_orders_total 1.0",
        'hosting_invocations_total{function="place",outcome="refused",trigger="httpTrigger"} 2.0',
        'hosting_invocations_total{function="pack",outcome="succeeded",trigger="queueTrigger"} 1.0',
    ):
        assert line in metrics.splitlines()
    assert {"POST /api/orders", "process orders"} <= {one.name for one in receiver.spans}
