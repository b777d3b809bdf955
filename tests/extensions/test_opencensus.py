"""The unmodified package ``opencensus-extension-azure-functions`` from PyPI sends its spans to a local endpoint."""

from __future__ import annotations

import gzip
import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conftest import PATIENCE, MakeApp, Serve

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="opencensus-extension-azure-functions is not made for Python 3.13"
)
APP = """
import os
import azure.functions as func
from opencensus.extension.azure.functions import OpenCensusExtension

OpenCensusExtension.configure(connection_string=os.environ["SPANS"], export_interval=0.1)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("work")
def work(req: func.HttpRequest, context: func.Context) -> str:
    with context.tracer.span("the work"):
        return "done"
"""
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Endpoint(ThreadingHTTPServer):
    """The part of Application Insights' ingestion endpoint that the exporter needs."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Ingestion)

    def wait_for(self, number: int) -> list[dict[str, Any]]:
        end = time.monotonic() + PATIENCE
        while len(self.spans) < number and time.monotonic() < end:
            time.sleep(0.02)
        return self.spans


class Ingestion(BaseHTTPRequestHandler):
    """Stores the spans that it receives."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        items = json.loads(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
        assert isinstance(self.server, Endpoint)
        self.server.spans += [item for item in items if "RemoteDependency" in item["name"]]
        answer = json.dumps({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_each_invocation_exports_one_span_under_its_traceparent(
    endpoint: Endpoint, make_app: MakeApp, serve: Serve
) -> None:
    """Each invocation's span arrives, under the parent of the request's ``traceparent`` header."""
    app = make_app({"function_app.py": APP, "host.json": '{"version": "2.0"}'})
    key = "InstrumentationKey=11111111-1111-1111-1111-111111111111"
    served = serve(
        app,
        env={
            "PYTHON_ENABLE_WORKER_EXTENSIONS": "1",
            "SPANS": f"{key};IngestionEndpoint=http://127.0.0.1:{endpoint.server_address[1]}/",
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        },
    )
    assert served.get("/api/work", headers={"traceparent": PARENT}).text == "done"
    assert served.get("/api/work").text == "done"
    spans = endpoint.wait_for(2)
    assert [span["data"]["baseData"]["name"] for span in spans] == ["the work", "the work"]
    operations = [(span["tags"]["ai.operation.id"], span["tags"].get("ai.operation.parentId")) for span in spans]
    assert (PARENT.split("-")[1], PARENT.split("-")[2]) in operations
    assert len({operation for operation, _ in operations}) == 2
