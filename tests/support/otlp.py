"""A receiver of OTLP over HTTP: what a process of a test sends to a collector."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

_SIGNALS: Any = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse),
    "/v1/logs": (ExportLogsServiceRequest, ExportLogsServiceResponse),
}


class Span(NamedTuple):
    """A span that arrived; ids in hexadecimal digits."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    is_error: bool


class Log(NamedTuple):
    """A log record that arrived."""

    body: str
    trace_id: str


class Received:
    """Everything that arrived."""

    def __init__(self) -> None:
        self.url = ""
        self._messages: list[Any] = []

    def take(self, path: str, body: bytes) -> bytes:
        """Keep a message, and return the answer."""
        request, response = _SIGNALS[path]
        message = request()
        message.ParseFromString(body)
        self._messages.append(message)
        answer: bytes = response().SerializeToString()
        return answer

    @property
    def spans(self) -> list[Span]:
        """The spans."""
        return [
            Span(one.name, one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex(), one.status.code == 2)
            for scope in self._scopes("spans")
            for one in scope.spans
        ]

    @property
    def logs(self) -> list[Log]:
        """The log records."""
        return [
            Log(one.body.string_value, one.trace_id.hex())
            for scope in self._scopes("logs")
            for one in scope.log_records
        ]

    @property
    def metrics(self) -> set[str]:
        """The names of the metrics."""
        return {metric.name for scope in self._scopes("metrics") for metric in scope.metrics}

    def _scopes(self, signal: str) -> Iterator[Any]:
        """Yield what the instrumentation scopes have sent of one signal."""
        for message in list(self._messages):
            for resource in getattr(message, f"resource_{signal}", ()):
                yield from getattr(resource, f"scope_{signal}")


@contextmanager
def otlp_receiver() -> Iterator[Received]:
    """Receive on a free port of this machine until the end of the block."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_compressed = self.headers.get("content-encoding") == "gzip"
            answer = received.take(self.path, gzip.decompress(body) if is_compressed else body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield received
        server.shutdown()
        thread.join()
