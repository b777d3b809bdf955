"""``extensions.blobs`` of host.json, with Azure's defaults, and how often containers are looked into."""

from __future__ import annotations

import os
from typing import NamedTuple

from hosting.bindings import Services
from hosting_storage.queues.options import QueueOptions, Section, is_development

_MESSAGES_AT_ONCE = 32  # the service gives no more
_LOOKS, _LOOKS_IN_DEVELOPMENT = 10.0, 2.0
_POLLS, _POLLS_IN_DEVELOPMENT = 60.0, 2.0


class BlobOptions(NamedTuple):
    """How blobs are found and worked on."""

    queue: QueueOptions
    """For the queue of blobs that were found."""
    look_every: float = _LOOKS
    """Seconds between two looks at a container."""
    budget: int = 10_000
    """Blobs that are listed in each look, in all containers together."""


def read_options(services: Services) -> BlobOptions:
    """Read the section. In development containers are looked into oftener than in Azure, where it is paid for.

    Raises:
        SettingsError: a value that cannot be used.
    """
    section = Section(services, "blobs")
    at_once = section.number("maxDegreeOfParallelism", 8 * (os.cpu_count() or 1), 1, None)
    batch = min(_MESSAGES_AT_ONCE, (at_once + 1) // 2)
    in_development = is_development(services)
    queue = QueueOptions(
        batch_size=batch,
        new_batch_threshold=at_once - batch,
        max_dequeue_count=section.number("poisonBlobThreshold", 5, 1, None),
        max_polling_interval=_POLLS_IN_DEVELOPMENT if in_development else _POLLS,
    )
    return BlobOptions(queue, _LOOKS_IN_DEVELOPMENT if in_development else _LOOKS)
