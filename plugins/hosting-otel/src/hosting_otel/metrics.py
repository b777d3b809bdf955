"""The metrics about invocations, with the names of the semantic conventions where these have one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry import metrics

from hosting_otel.functions import FunctionFacts

BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""The bounds that the conventions advise for durations."""


class Metrics:
    """The instruments.

    Args:
        version: the version of this package.
        schema_url: the version of the conventions.
    """

    def __init__(self, version: str, schema_url: str) -> None:
        meter = metrics.get_meter("hosting_otel", version, schema_url=schema_url)
        self._request_seconds = _seconds(meter, "http.server.request.duration", "Duration of HTTP requests.")
        self._active_requests = meter.create_up_down_counter(
            "http.server.active_requests", "{request}", "HTTP requests that are being answered."
        )
        self._seconds = _seconds(meter, "faas.invoke_duration", "Duration of invocations.")
        self._invocations = meter.create_counter("faas.invocations", "{invocation}", "Successful invocations.")
        self._errors = meter.create_counter("faas.errors", "{error}", "Invocations that failed.")
        self._timeouts = meter.create_counter("faas.timeouts", "{timeout}", "Invocations that took too long.")
        self._cold_starts = meter.create_counter("faas.coldstarts", "{coldstart}", "First invocations of a process.")
        self._active = meter.create_up_down_counter(
            "functions.active_invocations", "{invocation}", "Invocations that are running."
        )
        self._age = _seconds(meter, "functions.message.age", "Time from the sending of a message to its invocation.")

    def started(self, facts: FunctionFacts, *, is_cold: bool, age: float | None) -> None:
        """Record the start of an invocation.

        Args:
            facts: its function.
            is_cold: whether it is the first of this process.
            age: the seconds since its message was sent; None if that is not known.
        """
        self._active.add(1, facts.metric_attributes)
        if is_cold:
            self._cold_starts.add(1, facts.metric_attributes)
        if age is not None:
            self._age.record(age, facts.metric_attributes)

    def ended(
        self,
        facts: FunctionFacts,
        seconds: float,
        error_type: str,
        exception: BaseException | None,
        *,
        is_cancelled: bool,
    ) -> None:
        """Record the end of an invocation.

        Args:
            facts: its function.
            seconds: how long it took.
            error_type: why it failed; empty if it did not.
            exception: what was raised, if anything was.
            is_cancelled: whether the host has cancelled it, so that it has neither succeeded nor failed.
        """
        attributes = facts.metric_attributes
        self._active.add(-1, attributes)
        if not error_type:
            self._seconds.record(seconds, attributes)
            if not is_cancelled:
                self._invocations.add(1, attributes)
            return
        attributes = {**attributes, "error.type": error_type}
        self._seconds.record(seconds, attributes)
        self._errors.add(1, attributes)
        if type(exception).__name__ == "FunctionTimeoutError":
            self._timeouts.add(1, facts.metric_attributes)

    def request_started(self, attributes: Mapping[str, Any]) -> None:
        """Record the start of an HTTP request, with its method and its scheme."""
        self._active_requests.add(1, attributes)

    def request_ended(self, attributes: Mapping[str, Any], seconds: float, details: Mapping[str, Any]) -> None:
        """Record the end of an HTTP request.

        Args:
            attributes: its method and its scheme.
            seconds: how long it took.
            details: its route, its status, and the type of its error.
        """
        self._active_requests.add(-1, attributes)
        self._request_seconds.record(seconds, {**attributes, **details})


def _seconds(meter: metrics.Meter, name: str, description: str) -> metrics.Histogram:
    return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=BUCKETS_SECONDS)
