"""The extension: hooks that count, and the ways to the page with the figures."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from azure.functions import HttpResponse

import hosting
from hosting_prometheus.settings import PrometheusSettings
from hosting_prometheus.workers import join_workers, leave_workers

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from hosting_prometheus.metrics import FunctionMetrics, Metrics, ProcessFigures
    from hosting_prometheus.port import MetricsPort

ROUTE_FUNCTION = "prometheus_metrics"
"""The name of the function that serves the metrics; it is not counted itself."""
REFRESH_SECONDS = 5.0
"""How often the figures of a process are read that other processes show."""

_logger = hosting.extension_logger("prometheus")


class PrometheusExtension:
    """Counts and measures what a host does, and serves the figures.

    What belongs to one invocation is kept in local variables of the around hook.
    """

    settings = PrometheusSettings
    guard = False

    _metrics: Metrics
    _figures: ProcessFigures
    _registry: CollectorRegistry

    def __init__(self) -> None:
        self._settings = PrometheusSettings()
        self._folder: str | None = None
        self._app: hosting.AppHandle | None = None
        self._port: MetricsPort | None = None

    @hosting.hookimpl
    def init(self) -> None:
        """Join the other processes, before the app makes metrics of its own."""
        self._folder = join_workers(os.environ)

    @hosting.hookimpl
    def configure(self, settings: PrometheusSettings) -> None:
        """Store the settings."""
        self._settings = settings

    @hosting.hookimpl
    def prepare(self, app: hosting.AppHandle) -> None:
        """Make the metrics, and add the route and the task that reads figures."""
        from hosting_prometheus.metrics import Metrics, ProcessFigures
        from hosting_prometheus.page import page_registry

        self._app = app
        self._metrics = Metrics(self._settings.buckets)
        self._figures = ProcessFigures(self._metrics)
        self._registry = page_registry(self._metrics.registry, self._folder)
        route = self._settings.route_or_default
        if route is not None:
            level = self._settings.auth_level
            app.add_route(route, self.serve, name=ROUTE_FUNCTION, auth_level=level, outside_prefix=True)
        app.add_task(self._refresh, name="figures")

    @hosting.hookimpl
    def startup(self, app: hosting.AppHandle) -> None:
        """Begin with a zero for everything that is known, and open the port.

        Raises:
            OSError: the port is taken by another program.
        """
        functions = [one for one in app.functions if one.name != ROUTE_FUNCTION]
        for function in functions:
            self._metrics.of(function.name, function.trigger.type)
        self._figures.announce(hosting.__version__, app.face, len(functions))
        self._read_figures()
        if self._settings.port is not None:
            self._open_port(app, self._settings.port)

    def _open_port(self, app: hosting.AppHandle, port: int) -> None:
        from hosting_prometheus.port import MetricsPort

        self._port = MetricsPort(self._registry, self._settings.address, port, _logger)
        if self._folder is None:
            self._port.open()
        elif not self._port.open_or_wait(Path(self._folder)):
            app.add_task(self._port.take_over, name="port")

    @hosting.hookimpl(tryfirst=True)
    def invocation_app_level(self, invocation: hosting.Invocation) -> Generator[None, hosting.Outcome, None]:
        """Count the function while it runs."""
        if invocation.function.name == ROUTE_FUNCTION:
            yield
            return
        in_flight = self._of(invocation).in_flight
        in_flight.inc()
        try:
            yield
        finally:
            in_flight.dec()

    @hosting.hookimpl
    def invocation_end(
        self, invocation: hosting.Invocation, outcome: hosting.InvocationOutcome, seconds: float
    ) -> None:
        """Count how an invocation ended."""
        function = invocation.function
        if function.name == ROUTE_FUNCTION:
            return
        metrics = self._of(invocation)
        metrics.outcomes[outcome.kind].inc()
        metrics.duration.observe(seconds)
        if invocation.attempt > 1:
            metrics.retries.inc()
        if outcome.status is not None:
            metrics.response(outcome.status).inc()
        elif not function.is_http:
            self._count_message(metrics, invocation, seconds)

    def _count_message(self, metrics: FunctionMetrics, invocation: hosting.Invocation, seconds: float) -> None:
        sent, deliveries = invocation.enqueued_at, invocation.dequeue_count
        if sent is None and deliveries is None:
            return
        age = None if sent is None else (datetime.now(UTC) - sent).total_seconds() - seconds
        metrics.count_message(deliveries, age)

    @hosting.hookimpl
    def gave_up(self, invocation: hosting.Invocation) -> None:
        """Count a failure after which no attempt follows."""
        self._of(invocation).given_up.inc()

    @hosting.hookimpl
    def binding_error(self, invocation: hosting.Invocation, phase: str) -> None:
        """Count an input or an output that failed."""
        self._metrics.binding_errors.labels(invocation.function.name, phase).inc()

    @hosting.hookimpl
    def response_sent(
        self,
        invocation: hosting.Invocation,
        bytes: int,  # noqa: A002 - the name of the argument
        seconds: float,
        exception: BaseException | None,
    ) -> None:
        """Measure a response until its last byte."""
        if invocation.function.name != ROUTE_FUNCTION:
            self._of(invocation).count_sent(bytes, seconds, is_broken=exception is not None)

    @hosting.hookimpl
    def shutdown(self) -> None:
        """Close the port, and remove the gauges of this process from those of all."""
        if self._port is not None:
            self._port.close()
        if self._folder is not None:
            leave_workers(self._folder)

    async def serve(self, request: hosting.Request) -> HttpResponse:
        """Answer a request for the metrics."""
        from hosting_prometheus.page import render

        await self._read_queues()
        headers = request.headers
        accept, encoding = headers.get("accept", ""), headers.get("accept-encoding", "")
        await asyncio.to_thread(self._read_figures)
        page = await asyncio.to_thread(render, self._registry, accept, encoding)
        return HttpResponse(page.content, headers=page.headers)

    def _of(self, invocation: hosting.Invocation) -> FunctionMetrics:
        return self._metrics.of(invocation.function.name, invocation.trigger)

    def _read_figures(self) -> None:
        if self._app is not None:
            self._figures.read(self._app.extensions())

    async def _read_queues(self) -> None:
        """Read the lengths of queues in the process that answers a scrape: each read is a request to the storage."""
        if self._app is not None:
            self._metrics.set_queues(await self._app.trigger_figures())

    async def _refresh(self) -> None:
        """Read the figures now and then, and measure how late the event loop is."""
        while True:
            due = time.monotonic() + REFRESH_SECONDS
            await asyncio.sleep(REFRESH_SECONDS)
            if self._app is not None and self._app.face != "azure":  # Azure freezes workers between invocations
                self._metrics.lag.set(max(0.0, time.monotonic() - due))
            if self._port is not None and self._port.is_open:
                await self._read_queues()
            await asyncio.to_thread(self._read_figures)
