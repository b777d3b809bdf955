"""Fixtures: a receiver of OTLP over HTTP, and a process whose OpenTelemetry is not configured."""

from __future__ import annotations

import gzip
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from opentelemetry import _logs, metrics, trace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.util._once import Once

import hosting.testing

SIGNALS: dict[str, tuple[Any, Any]] = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse),
    "/v1/logs": (ExportLogsServiceRequest, ExportLogsServiceResponse),
}
KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
STATUSES = {0: "UNSET", 1: "OK", 2: "ERROR"}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"


def make_host(app: Any, *, extensions: Any, raises: bool = True, **settings: Any) -> Any:
    """Return a host of ``hosting.testing``, with settings of this extension; it waits as long as exporters take."""
    section = {"extensions": {"otel": {"settings": {"flush_timeout": 60.0, **settings}}}}
    return hosting.testing.make_host(app, extensions=extensions, raises=raises, host_json={"extensionHost": section})


class ReceivedSpan(NamedTuple):
    """A span as it arrived."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    status: str
    description: str
    events: list[str]
    links: list[str]
    resource: dict[str, Any]


class ReceivedLog(NamedTuple):
    """A log record as it arrived."""

    body: str
    logger: str
    severity: str
    event: str
    trace_id: str
    span_id: str
    attributes: dict[str, Any]


class Received:
    """What a collector was sent, decoded."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def _of(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def spans(self) -> list[ReceivedSpan]:
        """All spans that arrived."""
        return [
            ReceivedSpan(
                span.name,
                KINDS[span.kind],
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                attributes(span.attributes),
                STATUSES[span.status.code],
                span.status.message,
                [event.name for event in span.events],
                [link.span_id.hex() for link in span.links],
                attributes(group.resource.attributes),
            )
            for message in self._of(ExportTraceServiceRequest)
            for group in message.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    def span(self, name: str) -> ReceivedSpan:
        """Return the only span of a name."""
        found = [span for span in self.spans if span.name == name]
        assert len(found) == 1, [span.name for span in self.spans]
        return found[0]

    @property
    def logs(self) -> list[ReceivedLog]:
        """All log records that arrived."""
        return [
            ReceivedLog(
                record.body.string_value,
                scope.scope.name,
                record.severity_text,
                record.event_name,
                record.trace_id.hex(),
                record.span_id.hex(),
                attributes(record.attributes),
            )
            for message in self._of(ExportLogsServiceRequest)
            for group in message.resource_logs
            for scope in group.scope_logs
            for record in scope.log_records
        ]

    def points(self, name: str) -> list[tuple[dict[str, Any], float]]:
        """Return the attributes and the value, or the count, of each data point of a metric, as it was at the end."""
        latest: dict[str, tuple[dict[str, Any], float]] = {}
        for message in self._of(ExportMetricsServiceRequest):
            for group in message.resource_metrics:
                for scope in group.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name == name:
                            for point in getattr(metric, metric.WhichOneof("data")).data_points:
                                found = attributes(point.attributes)
                                latest[str(found)] = (found, getattr(point, "count", 0) or point_value(point))
        return list(latest.values())


class Receiver(Received):
    """A collector: decodes what it is sent by OTLP over HTTP, and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.requests = threading.Semaphore(0)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                request, response = SIGNALS[self.path]
                message = request()
                message.ParseFromString(body)
                receiver.messages.append(message)
                receiver.requests.release()
                receiver.may_answer.wait(30)
                answer = response().SerializeToString()
                self.send_response(receiver.status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
                """Log nothing."""

        return Handler

    def wait_for(self, is_there: Callable[[], bool]) -> None:
        """Wait until what has arrived meets a condition."""
        while not is_there():
            assert self.requests.acquire(timeout=60), "nothing arrived"

    def close(self) -> None:
        """Stop."""
        self.may_answer.set()
        self.server.shutdown()
        self.server.server_close()


def point_value(point: Any) -> float:
    """Return the value of a number's data point."""
    return float(getattr(point, "as_int", 0) or getattr(point, "as_double", 0.0))


def attributes(pairs: Sequence[Any]) -> dict[str, Any]:
    """Return attributes by name."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Start a receiver, and point OpenTelemetry's variables to it; batches leave when the host closes."""
    for name in ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"):
        monkeypatch.setenv(name, "3600000")
    receiver = Receiver()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    yield receiver
    shut_down()
    receiver.close()


def shut_down() -> None:
    """Shut the providers down that are set."""
    providers: list[Any] = [trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()]
    threads = [threading.Thread(target=one.shutdown) for one in providers if hasattr(one, "shutdown")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start as in a new process: no provider is set. There is no public way to unset one."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", None)
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", None)
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER_SET_ONCE", Once())
    handlers = list(logging.getLogger().handlers)
    yield
    assert logging.getLogger().handlers == handlers, "the log bridge is removed when the host closes"
