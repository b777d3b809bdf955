"""What a span of this extension costs, beside the same span made by hand in the function.

Both are measured in one run, in turn, with the invocation without a span subtracted: processor time, and the best of
several rounds counts. The spans have the same name, parent, kind, attributes and status, and go to an exporter that
drops them. Run it with ``python benchmarks/cost.py``, without ``OTEL_*`` variables in the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from hosting.bindings.http.request import HttpCall
from hosting.host.function_host import FunctionHost
from hosting_otel import OpenTelemetryExtension

NUMBERS = itertools.count()
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
APP = """
from urllib.parse import urlsplit

import azure.functions as func
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
tracer = trace.get_tracer("by hand")


@app.route("plain/{id}")
KEYWORD plain(req: func.HttpRequest) -> str:
    return "an order"


@app.route("hand/{id}")
KEYWORD hand(req: func.HttpRequest, context: func.Context) -> str:
    url = urlsplit(req.url)
    attributes = {
        "faas.name": "hand",
        "faas.trigger": "http",
        "http.route": "/api/hand/{id}",
        "faas.invocation_id": context.invocation_id,
        "faas.coldstart": False,
        "http.request.method": req.method,
        "url.path": url.path,
        "url.scheme": url.scheme,
        "url.query": url.query,
        "server.address": url.hostname,
        "server.port": url.port,
        "user_agent.original": req.headers["user-agent"],
    }
    caller = context.trace_context
    parent = propagate.extract({"traceparent": caller.trace_parent, "tracestate": caller.trace_state})
    with tracer.start_as_current_span(
        "GET /api/hand/{id}", parent, SpanKind.SERVER, attributes, record_exception=False
    ) as span:
        answer = "an order"
        span.set_attribute("http.response.status_code", 200)
        return answer
"""


class Dropping(SpanExporter):
    """Drops spans, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Drop the spans."""
        self.count += len(spans)
        return SpanExportResult.SUCCESS


def call(name: str, number: int) -> HttpCall:
    """Return a request; each has another URL, which Python has not parsed before."""
    headers = {"host": "example.com:8080", "user-agent": "a benchmark", "accept": "*/*"}
    return HttpCall("GET", f"http://example.com:8080/api/{name}/{number}?x=1", headers, "x=1", {"id": str(number)}, b"")


async def measure(keyword: str, loops: int, rounds: int, exporter: Dropping) -> dict[str, float]:
    """Return the microseconds per invocation: without a span, with one by hand, and with one of the extension.

    Args:
        keyword: ``def`` or ``async def``.
        loops: the invocations of a round.
        rounds: the rounds.
        exporter: counts the spans.

    Raises:
        RuntimeError: an invocation had no span.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "function_app.py").write_text(APP.replace("KEYWORD", keyword))
        (Path(folder) / "host.json").write_text('{"version": "2.0"}')
        settings = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}
        without = FunctionHost(Path(folder), environ=dict(settings), extensions={})
        traced = FunctionHost(Path(folder), environ=dict(settings), extensions={"otel": OpenTelemetryExtension})
        for host in (without, traced):
            host.load()
            await host.start()
        rows = {"plain": (without, "plain", 0), "hand": (without, "hand", 1), "extension": (traced, "plain", 1)}
        best = dict.fromkeys(rows, float("inf"))
        for _ in range(rounds):
            for row, (host, name, spans) in rows.items():
                before = exporter.count
                best[row] = min(best[row], await _time(host, name, loops))
                if exporter.count - before != spans * loops:
                    raise RuntimeError(f"{row}: {exporter.count - before} spans for {loops} invocations")
        for host in (without, traced):
            await host.drain(1)
            await host.stop()
    return best


async def _time(host: FunctionHost, name: str, loops: int) -> float:
    invoke = host.invocations[name]
    calls = [call(name, next(NUMBERS)) for _ in range(loops)]
    start = time.process_time()
    for one in calls:
        await invoke(one, PARENT)
    return (time.process_time() - start) / loops * 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=50, help="invocations per row and round")
    parser.add_argument("--rounds", type=int, default=100, help="rounds, of which the best counts")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    exporter, provider = Dropping(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    for keyword in ("async def", "def"):
        took: Any = asyncio.run(measure(keyword, options.loops, options.rounds, exporter))
        ratio = (took["extension"] - took["plain"]) / (took["hand"] - took["plain"])
        figures = ", ".join(f"{row} {value:.1f}" for row, value in took.items())
        print(f"{keyword:10} {figures} us; span of the extension / span by hand: {ratio:.2f}")


if __name__ == "__main__":
    main()
