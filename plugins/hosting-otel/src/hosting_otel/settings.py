"""The settings of the extension; what OpenTelemetry itself needs is read from ``OTEL_*`` variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


def _described(description: str) -> dict[str, str]:
    return {"description": description}


@dataclass
class Settings:
    """Settings of hosting-otel. Exporters, sampler and resource are configured by OTEL_* variables.

    Raises:
        ValueError: ``flush_timeout`` is not above zero.
    """

    traces: bool = field(default=True, metadata=_described("Make a span for each invocation."))
    metrics: bool = field(default=True, metadata=_described("Record metrics about invocations."))
    logs: bool = field(default=True, metadata=_described("Send log records."))
    queue_parent: bool = field(
        default=True,
        metadata=_described("Take the caller from a traceparent in the message, if it has one."),
    )
    beside_others: bool = field(
        default=False,
        metadata=_described("Make spans also for functions that Datadog or Dynatrace traces already."),
    )
    hooks: Literal["off", "events", "spans"] = field(
        default="off",
        metadata=_described("Show the hooks of other extensions: as events of an invocation's span, or as spans."),
    )
    flush: Literal["auto", "batch", "invocation"] = field(
        default="auto",
        metadata=_described("When telemetry is sent: in batches, or soon after each invocation (default in Azure)."),
    )
    flush_timeout: float = field(
        default=5.0, metadata=_described("How many seconds the host waits for exporters when it stops.")
    )

    def __post_init__(self) -> None:
        """Check the values that their types do not."""
        if not 0 < self.flush_timeout < float("inf"):
            raise ValueError(f"flush_timeout must be a number of seconds above zero, found {self.flush_timeout!r}")
