"""The metrics, and the figures of one process that are read now and then."""

from __future__ import annotations

import math
import platform
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

OUTCOMES = ("succeeded", "failed", "cancelled", "refused")
AGES = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
"""The bounds of the ages of messages, in seconds."""
NOT_WANTED = ("idle", "disabled")
"""The states of extensions that are not called because nothing asks for them."""
STATUSES = range(100, 600)


class FunctionMetrics:
    """The metrics of one function, which exist from the start: a counter that appears later hides its first events.

    Args:
        metrics: all metrics.
        function: the name of the function.
        trigger: the type of its trigger.
    """

    def __init__(self, metrics: Metrics, function: str, trigger: str) -> None:
        self._metrics, self._function, self._trigger = metrics, function, trigger
        self.in_flight = metrics.in_flight.labels(function, trigger)
        self.duration = metrics.duration.labels(function, trigger)
        self.outcomes = {name: metrics.invocations.labels(function, trigger, name) for name in OUTCOMES}
        self.retries = metrics.retries.labels(function, trigger)
        self.given_up = metrics.given_up.labels(function, trigger)
        self._statuses: dict[int, Any] = {}
        self._messages: tuple[Any, Any] | None = None
        self._sent: tuple[Any, Any] | None = None

    def response(self, status: int) -> Any:
        """Return the counter of responses with a status."""
        found = self._statuses.get(status)
        if found is None:
            text = str(int(status)) if status in STATUSES else "other"
            found = self._statuses[status] = self._metrics.responses.labels(self._function, text)
        return found

    def count_sent(self, size: int, seconds: float, *, is_broken: bool) -> None:
        """Note that a response was sent.

        Args:
            size: the bytes of its body that were sent.
            seconds: the time since the invocation started.
            is_broken: whether it is not complete.
        """
        made = self._metrics
        if self._sent is None:
            self._sent = made.response_bytes.labels(self._function), made.response_duration.labels(self._function)
        sizes, durations = self._sent
        sizes.inc(size)
        durations.observe(seconds)
        if is_broken:
            made.responses_broken.labels(self._function).inc()

    def count_message(self, deliveries: int | None, age: float | None) -> None:
        """Note that a message is handled.

        Args:
            deliveries: how often it has been delivered, if that is known.
            age: the seconds since it was sent, if they are known.
        """
        if self._messages is None:
            made = self._metrics
            self._messages = made.redelivered.labels(self._function), made.age.labels(self._function)
        redelivered, ages = self._messages
        if deliveries is not None and deliveries > 1:
            redelivered.inc()
        if age is not None:
            ages.observe(max(0.0, age))


class Metrics:
    """All metrics of one host.

    The modes of gauges say how those of several processes become one; ``live`` leaves out processes that have ended.

    Args:
        buckets: the upper bounds of durations, in seconds.
    """

    def __init__(self, buckets: Iterable[float]) -> None:
        self.registry = registry = CollectorRegistry()
        function, bounds = ("function", "trigger"), tuple(buckets)
        self.invocations = Counter(
            "hosting_invocations", "Invocations that have ended.", (*function, "outcome"), registry=registry
        )
        self.duration = Histogram(
            "hosting_invocation_duration_seconds",
            "Duration of invocations.",
            function,
            registry=registry,
            buckets=bounds,
        )
        self.in_flight = Gauge(
            "hosting_invocations_in_flight",
            "Functions that run now.",
            function,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.retries = Counter("hosting_retries", "Invocations after the first attempt.", function, registry=registry)
        self.given_up = Counter(
            "hosting_given_up", "Failures after which no attempt follows.", function, registry=registry
        )
        self._define_http(registry, bounds)
        self._define_messages(registry)
        self._define_hooks(registry)
        self._define_host(registry)
        self._by_function: dict[str, FunctionMetrics] = {}
        self._sources: dict[str, str] = {}

    def _define_http(self, registry: CollectorRegistry, bounds: tuple[float, ...]) -> None:
        self.responses = Counter("hosting_responses", "HTTP responses.", ("function", "status"), registry=registry)
        self.response_bytes = Counter(
            "hosting_response_bytes", "Bytes of response bodies that were sent.", ("function",), registry=registry
        )
        self.responses_broken = Counter(
            "hosting_responses_broken", "Responses that were not sent completely.", ("function",), registry=registry
        )
        self.response_duration = Histogram(
            "hosting_response_duration_seconds",
            "Time until the last byte of a response was sent.",
            ("function",),
            registry=registry,
            buckets=bounds,
        )

    def _define_messages(self, registry: CollectorRegistry) -> None:
        self.age = Histogram(
            "hosting_message_age_seconds",
            "Time between a message and its invocation.",
            ("function",),
            registry=registry,
            buckets=AGES,
        )
        self.redelivered = Counter(
            "hosting_messages_redelivered", "Messages that came again.", ("function",), registry=registry
        )
        source = ("function", "source")
        self.waiting = Gauge(
            "hosting_messages_waiting",
            "Messages in the queue of a function, as its storage says.",
            source,
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.poisoned = Gauge(
            "hosting_messages_poisoned",
            "Messages in the poison queue of a function.",
            source,
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.binding_errors = Counter(
            "hosting_binding_errors", "Inputs and outputs that failed.", ("function", "phase"), registry=registry
        )

    def _define_hooks(self, registry: CollectorRegistry) -> None:
        hook = ("extension", "hook")
        self.hook_calls = Counter("hosting_hook_calls", "Calls of hooks.", hook, registry=registry)
        self.hook_errors = Counter("hosting_hook_errors", "Errors of hooks.", hook, registry=registry)
        self.hook_denied = Counter("hosting_hook_denied", "Invocations that a guard denied.", hook, registry=registry)
        self.hook_seconds = Counter(
            "hosting_hook_seconds", "Time in hooks, estimated from a sample of the calls.", hook, registry=registry
        )
        self.active = Gauge(
            "hosting_extension_active",
            "Whether an extension is called, in all processes.",
            ("extension",),
            registry=registry,
            multiprocess_mode="livemin",
        )

    def _define_host(self, registry: CollectorRegistry) -> None:
        self.info = Gauge(
            "hosting_info",
            "Always 1; versions are labels.",
            ("version", "python", "runner"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.processes = Gauge(
            "hosting_processes", "Processes that serve the app.", registry=registry, multiprocess_mode="livesum"
        )
        self.started = Gauge(
            "hosting_start_time_seconds",
            "When the first process started.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.functions = Gauge(
            "hosting_functions", "Functions of the app.", registry=registry, multiprocess_mode="livemax"
        )
        self.cpu = Counter("hosting_cpu_seconds", "Processor time of all processes.", registry=registry)
        self.memory = Gauge(
            "hosting_resident_memory_bytes", "Memory of all processes.", registry=registry, multiprocess_mode="livesum"
        )
        self.lag = Gauge(
            "hosting_event_loop_lag_seconds",
            "How late the event loop was, in the slowest process.",
            registry=registry,
            multiprocess_mode="livemax",
        )

    def set_queues(self, figures: Mapping[str, Mapping[str, Any]]) -> None:
        """Set the lengths of queues.

        Args:
            figures: what ``AppHandle.trigger_figures`` returns. A length that is not known any more is not a number.
        """
        for function, found in figures.items():
            if isinstance(found.get("waiting"), int):
                self._sources[function] = str(found.get("source", ""))
        for function, source in self._sources.items():
            found = figures.get(function, {})
            self.waiting.labels(function, source).set(found.get("waiting", math.nan))
            self.poisoned.labels(function, source).set(found.get("poisoned", math.nan))

    def of(self, function: str, trigger: str) -> FunctionMetrics:
        """Return the metrics of a function."""
        found = self._by_function.get(function)
        if found is None:
            found = self._by_function[function] = FunctionMetrics(self, function, trigger)
        return found


class ProcessFigures:
    """What is read from the host and the system, at every scrape and every few seconds.

    Args:
        metrics: where the figures go.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._system = ProcessCollector(registry=CollectorRegistry())
        self._last: dict[tuple[Counter, tuple[str, ...]], float] = {}
        self._lock = threading.Lock()

    def announce(self, version: str, runner: str, functions: int) -> None:
        """Set what does not change.

        Args:
            version: the version of hosting.
            runner: what runs the app.
            functions: the number of functions.
        """
        self._metrics.info.labels(version, platform.python_version(), runner).set(1)
        self._metrics.processes.set(1)
        self._metrics.started.set(time.time())
        self._metrics.functions.set(functions)

    def read(self, extensions: Iterable[Mapping[str, Any]]) -> None:
        """Read the figures as of now; any thread may call it.

        Args:
            extensions: the entries of the diagnosis.
        """
        with self._lock:
            self._rise(self._metrics.cpu, (), time.process_time())
            self._metrics.memory.set(self._resident_bytes())
            for extension in extensions:
                self._read_extension(extension)

    def _read_extension(self, extension: Mapping[str, Any]) -> None:
        metrics, name = self._metrics, extension["name"]
        if extension["status"] not in NOT_WANTED:
            metrics.active.labels(name).set(extension["status"] == "active")
        for hook, figures in extension["statistics"].items():
            self._rise(metrics.hook_calls, (name, hook), figures["calls"])
            self._rise(metrics.hook_errors, (name, hook), figures["errors"])
            self._rise(metrics.hook_denied, (name, hook), figures["denied"])
            self._rise(metrics.hook_seconds, (name, hook), figures["total_ms"] / 1000)

    def _rise(self, counter: Counter, labels: tuple[str, ...], value: float) -> None:
        """Let a counter follow a figure of this process; an estimate may fall, a counter does not."""
        last = self._last.setdefault((counter, labels), 0.0)
        child = counter.labels(*labels) if labels else counter
        if value > last:
            child.inc(value - last)
            self._last[counter, labels] = value

    def _resident_bytes(self) -> float:
        """Return the memory of this process; 0 where the system does not say, as outside of Linux."""
        found = [one for one in self._system.collect() if one.name == "process_resident_memory_bytes"]
        return found[0].samples[0].value if found else 0.0
