"""The page that Prometheus reads: the metrics of this app, in the format that the caller wants."""

from __future__ import annotations

import gzip
from typing import NamedTuple

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from hosting_prometheus.workers import forget_dead


class Page(NamedTuple):
    """One answer.

    Args:
        content: the metrics.
        headers: the headers of the answer.
    """

    content: bytes
    headers: dict[str, str]


class LivingWorkers:
    """The metrics of all processes, without the gauges of those that have ended.

    Args:
        folder: the folder that they share.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._all = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]

    def collect(self) -> list[object]:
        """Return the metrics."""
        forget_dead(self._folder)
        return list(self._all.collect())  # type: ignore[no-untyped-call]


def page_registry(own: Collector, folder: str | None) -> CollectorRegistry:
    """Return all that is served: the metrics of this host, and those that the app and its libraries have made.

    Args:
        own: the metrics of this host.
        folder: the folder of several processes, whose files have the metrics of all of them; None for a single one.
    """
    registry = CollectorRegistry(support_collectors_without_names=True)
    for collector in (own, REGISTRY) if folder is None else (LivingWorkers(folder),):
        registry.register(collector)  # type: ignore[arg-type]
    return registry


def render(registry: CollectorRegistry, accept: str, accept_encoding: str) -> Page:
    """Return the page.

    Args:
        registry: the metrics.
        accept: the header ``Accept``: OpenMetrics is one of the formats, the text of Prometheus the default.
        accept_encoding: the header ``Accept-Encoding``.
    """
    encode, content_type = choose_encoder(accept)
    content, headers = encode(registry), {"Content-Type": content_type}
    if gzip_accepted(accept_encoding):
        content, headers["Content-Encoding"] = gzip.compress(content, 5), "gzip"
    return Page(content, headers)
