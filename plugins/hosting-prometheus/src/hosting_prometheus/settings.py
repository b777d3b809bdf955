"""The settings of the extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

MAX_PORT = 65535


@dataclass(frozen=True)
class PrometheusSettings:
    """Settings of hosting-prometheus.

    Raises:
        ValueError: the port does not exist, the route is empty, or the bounds do not rise.
    """

    port: Annotated[int | None, "Serve the metrics on a port of their own (default: on a route of the app)."] = None
    address: Annotated[str, "The address for that port (default: this machine only)."] = "127.0.0.1"
    route: Annotated[str | None, "Serve the metrics on this route (default: 'metrics' if there is no port)."] = None
    auth_level: Annotated[
        Literal["function", "admin", "anonymous"], "The key that callers of the route need (default: function)."
    ] = "function"
    buckets: Annotated[tuple[float, ...], "The upper bounds of the histograms of durations, in seconds."] = (
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1.0,
        2.5,
        5.0,
        10.0,
        30.0,
        60.0,
        300.0,
    )

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        if self.port is not None and not 0 <= self.port <= MAX_PORT:
            raise ValueError(f"port must be from 0 to {MAX_PORT}, found {self.port}")
        if self.route is not None and not self.route.strip("/ "):
            raise ValueError("route must not be empty: leave it out, or set port to serve on a port only")
        if not self.buckets or list(self.buckets) != sorted({*self.buckets}) or self.buckets[0] <= 0:
            raise ValueError("buckets must be numbers above zero, each larger than the one before it")

    @property
    def route_or_default(self) -> str | None:
        """The route; None if the metrics are served on a port only."""
        return self.route or (None if self.port is not None else "metrics")
