"""``extensions.blobs`` of host.json with Azure's defaults, and the interval of container scans."""

from __future__ import annotations

import os
from typing import NamedTuple

from hosting.bindings import Services
from hosting_storage.queues.options import QueueOptions, Section, is_development

_MAX_MESSAGES = 32  # the limit of the service for one request
_SCAN_SECONDS, _SCAN_SECONDS_IN_DEVELOPMENT = 10.0, 2.0
_POLL_SECONDS, _POLL_SECONDS_IN_DEVELOPMENT = 60.0, 2.0


class BlobOptions(NamedTuple):
    """How blobs are found and processed."""

    queue: QueueOptions
    """Options of the queue of found blobs."""
    scan_interval: float = _SCAN_SECONDS
    """Seconds between two scans of a container."""
    budget: int = 10_000
    """The number of blobs listed per scan, over all containers."""


def read_options(services: Services) -> BlobOptions:
    """Read the section. In development, containers are scanned more often than in Azure, where scans cost money.

    Raises:
        SettingsError: a value cannot be used.
    """
    section = Section(services, "blobs")
    at_once = section.number("maxDegreeOfParallelism", 8 * (os.cpu_count() or 1), 1, None)
    batch = min(_MAX_MESSAGES, (at_once + 1) // 2)
    in_development = is_development(services)
    queue = QueueOptions(
        batch_size=batch,
        new_batch_threshold=at_once - batch,
        max_dequeue_count=section.number("poisonBlobThreshold", 5, 1, None),
        max_polling_interval=_POLL_SECONDS_IN_DEVELOPMENT if in_development else _POLL_SECONDS,
    )
    return BlobOptions(queue, _SCAN_SECONDS_IN_DEVELOPMENT if in_development else _SCAN_SECONDS)
