"""``extensions.queues`` of host.json: how queues are read, with Azure's defaults."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, cast

from hosting.apps.timespans import parse_timespan
from hosting.bindings import Services
from hosting.errors import SettingsError
from hosting_storage.queues.messages import Encoding

MINIMUM_POLLING_INTERVAL = 0.1
"""Seconds between two looks into an empty queue, at least."""

_MAXIMUM = 60.0
_MAXIMUM_IN_DEVELOPMENT = 2.0
_LONGEST_VISIBILITY = 7 * 24 * 3600.0
_MESSAGES_AT_ONCE = 32  # the service gives no more


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """How a queue is read; times are in seconds.

    Args:
        batch_size: messages that are taken at once, 1 to 32.
        new_batch_threshold: as long as more than these are worked on, no further ones are taken.
        max_dequeue_count: attempts before a message is set aside as poison.
        visibility_timeout: until a message that failed can be taken again.
        max_polling_interval: between two looks into a queue that stays empty.
        message_encoding: how bodies are written in the queue.
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: float = 0.0
    max_polling_interval: float = _MAXIMUM
    message_encoding: Encoding = "base64"


def read_options(services: Services) -> QueueOptions:
    """Read the section; as in Azure's host, names ignore case, and in development an idle queue is looked into oftener.

    Raises:
        SettingsError: a value that cannot be used.
    """
    section = Section(services, "queues")
    batch_size = section.number("batchSize", 16, 1, _MESSAGES_AT_ONCE)
    max_polling_interval = section.span("maxPollingInterval", _MAXIMUM, MINIMUM_POLLING_INTERVAL, math.inf)
    if is_development(services) and max_polling_interval == _MAXIMUM:
        max_polling_interval = _MAXIMUM_IN_DEVELOPMENT
    return QueueOptions(
        batch_size,
        section.number("newBatchThreshold", batch_size // 2 * (os.cpu_count() or 1), 0, None),
        section.number("maxDequeueCount", 5, 1, None),
        section.span("visibilityTimeout", 0.0, 0.0, _LONGEST_VISIBILITY),
        max_polling_interval,
        section.encoding("messageEncoding"),
    )


def is_development(services: Services) -> bool:
    """Whether the app runs on its developer's machine."""
    return (services.settings.get("AZURE_FUNCTIONS_ENVIRONMENT") or "").lower() == "development"


class Section:
    """Values of a section below ``extensions``, or their defaults. From the environment, a number comes as a text.

    Args:
        services: whose host.json it is in.
        name: the section's.
    """

    def __init__(self, services: Services, name: str) -> None:
        self._name = name
        self._values = {key.lower(): value for key, value in services.section("extensions", name).items()}

    def number(self, name: str, default: int, least: int, most: int | None) -> int:
        value = self._values.get(name.lower())
        if value is None:
            return default
        number = _whole(value)
        if number is None or number < least or (most is not None and number > most):
            wanted = f"a whole number from {least} to {most}" if most else f"a whole number of {least} or more"
            raise self._unusable(name, wanted, value)
        return number

    def span(self, name: str, default: float, least: float, most: float) -> float:
        value = self._values.get(name.lower())
        if value is None:
            return default
        seconds = parse_timespan(value) if isinstance(value, str) and ":" in value else None
        if seconds is None or not least <= seconds <= most:
            bounds = (f"of {least:g} seconds or more " if least else "") + ("up to 7 days " if most < math.inf else "")
            raise self._unusable(name, f'a time span {bounds}such as "00:00:02"', value)
        return seconds

    def encoding(self, name: str) -> Encoding:
        value = self._values.get(name.lower(), "base64")
        if not isinstance(value, str) or value.lower() not in ("base64", "none"):
            raise self._unusable(name, '"base64" or "none"', value)
        return cast("Encoding", value.lower())

    def _unusable(self, name: str, wanted: str, value: Any) -> SettingsError:
        return SettingsError(
            f"extensions.{self._name}.{name} must be {wanted.strip()}, but is {value!r}.",
            remedy="Correct it, or leave it out for Azure's default.",
            file="host.json",
        )


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
