"""Exporters of the extras: OTLP over gRPC to a server of it, and Azure Monitor's to a local ingestion endpoint."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .conftest import SIGNALS, Received, make_host, shut_down
from .test_spans import CALLER, FILES, OTEL, PARENT, TRACE


@pytest.fixture
def grpc_receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    """Start a collector of OTLP over gRPC, and point OpenTelemetry's variables to it."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    import grpc
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces

    received = Received()
    server = grpc.server(ThreadPoolExecutor(3))
    add: dict[str, tuple[type, Callable[[Any, Any], None]]] = {
        "/v1/traces": (traces.TraceServiceServicer, traces.add_TraceServiceServicer_to_server),
        "/v1/metrics": (metrics.MetricsServiceServicer, metrics.add_MetricsServiceServicer_to_server),
        "/v1/logs": (logs.LogsServiceServicer, logs.add_LogsServiceServicer_to_server),
    }
    for path, (servicer, add_to_server) in add.items():
        add_to_server(type("Servicer", (servicer,), {"Export": exporting(received, SIGNALS[path][1])})(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    for name in ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"):
        monkeypatch.setenv(name, "3600000")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    yield received
    shut_down()
    server.stop(None).wait()


def exporting(received: Received, response: Any) -> Callable[[Any, Any, Any], Any]:
    """Return the method of a service that keeps what it is sent."""

    def export(_self: Any, request: Any, _context: Any) -> Any:
        received.messages.append(request)
        return response()

    return export


def test_three_signals_are_sent_over_grpc(grpc_receiver: Received) -> None:
    """The exporter of the extra ``grpc`` sends what that over HTTP does."""
    with make_host(FILES, extensions=OTEL) as host:
        host.get("/api/sync/7", headers={"traceparent": PARENT})
    span, (log,) = grpc_receiver.span("GET /api/sync/{id}"), grpc_receiver.logs
    assert (span.trace_id, span.parent_id, span.attributes["http.response.status_code"]) == (TRACE, CALLER, 200)
    assert (log.body, log.span_id) == ("in the function", span.span_id)
    assert grpc_receiver.points("faas.invocations") == [({"faas.name": "sync", "faas.trigger": "http"}, 1)]


class Ingestion:
    """The ingestion endpoint of Application Insights, as far as its exporter needs it."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.requests = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ingestion = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                items = json.loads(body) if self.path.endswith("/v2.1/track") else []
                ingestion.requests += 1
                ingestion.items += items
                answer = json.dumps({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
                """Log nothing."""

        return Handler

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the items of a kind, such as ``Request``."""
        return [item for item in self.items if item["data"]["baseType"] == f"{kind}Data"]


AZURE_MONITOR = """
import logging
import sys

import hosting.testing
from hosting_otel import OpenTelemetryExtension

APP = '''
import logging

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("order/{id}")
def order(req: func.HttpRequest) -> str:
    logging.getLogger("mine").warning("in the function")
    return "an order"


@app.route("fail")
async def fail(req: func.HttpRequest) -> str:
    raise LookupError("no such order")
'''
section = {"extensionHost": {"extensions": {"otel": {"settings": {"flush_timeout": 60.0}}}}}
extensions = {"otel": OpenTelemetryExtension}
files = {"function_app.py": APP}
with hosting.testing.make_host(files, extensions=extensions, host_json=section, raises=False) as host:
    host.get("/api/order/7", headers={"traceparent": sys.argv[1]})
    host.get("/api/fail")
    errors = [one["error"] for one in host.diagnosis()["extensions"]]
assert errors == [None], errors
"""


@pytest.mark.skipif(find_spec("azure.monitor.opentelemetry") is None, reason="it is in the extra azure-monitor")
def test_azure_monitor_sends_requests_exceptions_and_logs_to_its_endpoint(tmp_path: Path) -> None:
    """In a process of its own, since the distribution instruments libraries; and what its exporter logs is not sent."""
    ingestion = Ingestion()
    path = os.pathsep.join([str(Path(__file__).parent.parent / "src"), os.environ.get("PYTHONPATH", "")])
    environ = {
        **os.environ,
        "PYTHONPATH": path.rstrip(os.pathsep),
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "1",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": (
            "InstrumentationKey=00000000-0000-0000-0000-000000000001;"
            f"IngestionEndpoint={ingestion.url};LiveEndpoint={ingestion.url}"
        ),
        # It would call Microsoft's own endpoints.
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_TRACES_SAMPLER": "always_on",  # the distribution sends a sample by default
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "azure_sdk,django,fastapi,flask,requests,urllib3",
    }
    try:
        command = [sys.executable, "-c", AZURE_MONITOR, PARENT]
        ended = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    finally:
        ingestion.server.shutdown()
        ingestion.server.server_close()
    assert ended.returncode == 0, ended.stderr
    requests = {item["data"]["baseData"]["name"]: item for item in ingestion.of("Request")}
    assert set(requests) == {"GET /api/order/{id}", "GET /api/fail"}
    order, failed = requests["GET /api/order/{id}"], requests["GET /api/fail"]
    assert (order["tags"]["ai.operation.id"], order["tags"]["ai.operation.parentId"]) == (TRACE, CALLER)
    assert order["tags"]["ai.cloud.role"] == "shop"
    assert [one["data"]["baseData"]["success"] for one in (order, failed)] == [True, False]
    logs = {item["data"]["baseData"]["message"]: item for item in ingestion.of("Message")}
    assert logs["in the function"]["tags"]["ai.operation.parentId"] == order["data"]["baseData"]["id"]
    assert not [text for text in logs if "Request URL" in text or "Transmission succeeded" in text]
    (exception,) = ingestion.of("Exception")
    assert exception["data"]["baseData"]["exceptions"][0]["typeName"] == "LookupError"
    assert exception["tags"]["ai.operation.id"] == failed["tags"]["ai.operation.id"]
    assert ingestion.requests < 20
