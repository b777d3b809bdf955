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
"""The minimum number of seconds between two polls of an empty queue."""

_POLL_SECONDS = 60.0
_POLL_SECONDS_IN_DEVELOPMENT = 2.0
_MAX_VISIBILITY_SECONDS = 7 * 24 * 3600.0
_MAX_MESSAGES = 32  # the limit of the service for one request


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """How a queue is read; times are in seconds.

    Args:
        batch_size: the number of messages received at once, 1 to 32.
        new_batch_threshold: the next batch is received when no more than this number of messages are being handled.
        max_dequeue_count: the number of attempts before a message is moved to the poison queue.
        visibility_timeout: the time until a message that failed can be received again.
        max_polling_interval: the maximum time between two polls of an empty queue.
        message_encoding: how message bodies are encoded in the queue.
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: float = 0.0
    max_polling_interval: float = _POLL_SECONDS
    message_encoding: Encoding = "base64"


def read_options(services: Services) -> QueueOptions:
    """Read the section. As in Azure's host, names ignore case, and an empty queue is polled more often in development.

    Raises:
        SettingsError: a value cannot be used.
    """
    section = Section(services, "queues")
    batch_size = section.number("batchSize", 16, 1, _MAX_MESSAGES)
    max_polling_interval = section.span("maxPollingInterval", _POLL_SECONDS, MINIMUM_POLLING_INTERVAL, math.inf)
    if is_development(services) and max_polling_interval == _POLL_SECONDS:
        max_polling_interval = _POLL_SECONDS_IN_DEVELOPMENT
    return QueueOptions(
        batch_size,
        section.number("newBatchThreshold", batch_size // 2 * (os.cpu_count() or 1), 0, None),
        section.number("maxDequeueCount", 5, 1, None),
        section.span("visibilityTimeout", 0.0, 0.0, _MAX_VISIBILITY_SECONDS),
        max_polling_interval,
        section.encoding("messageEncoding"),
    )


def is_development(services: Services) -> bool:
    """Return whether the app runs on a developer's machine."""
    return (services.settings.get("AZURE_FUNCTIONS_ENVIRONMENT") or "").lower() == "development"


class Section:
    """A section below ``extensions`` of host.json. A number may be a text, as it is when it comes from the environment.

    Args:
        services: the host's services.
        name: the name of the section.
    """

    def __init__(self, services: Services, name: str) -> None:
        self._name = name
        self._values = {key.lower(): value for key, value in services.section("extensions", name).items()}

    def number(self, name: str, default: int, minimum: int, maximum: int | None) -> int:
        """Return a whole number between the bounds; raises SettingsError for any other value."""
        value = self._values.get(name.lower())
        if value is None:
            return default
        number = _whole(value)
        if number is None or number < minimum or (maximum is not None and number > maximum):
            expected = f"from {minimum} to {maximum}" if maximum else f"of {minimum} or more"
            raise self._unusable(name, f"a whole number {expected}", value)
        return number

    def span(self, name: str, default: float, minimum: float, maximum: float) -> float:
        """Return a time span in seconds between the bounds; raises SettingsError for any other value."""
        value = self._values.get(name.lower())
        if value is None:
            return default
        seconds = parse_timespan(value) if isinstance(value, str) and ":" in value else None
        if seconds is None or not minimum <= seconds <= maximum:
            bounds = f"of {minimum:g} seconds or more " if minimum else ""
            bounds += "up to 7 days " if maximum < math.inf else ""
            raise self._unusable(name, f'a time span {bounds}such as "00:00:02"', value)
        return seconds

    def encoding(self, name: str) -> Encoding:
        """Return the encoding of messages; raises SettingsError for an unknown one."""
        value = self._values.get(name.lower(), "base64")
        if not isinstance(value, str) or value.lower() not in ("base64", "none"):
            raise self._unusable(name, '"base64" or "none"', value)
        return cast("Encoding", value.lower())

    def _unusable(self, name: str, expected: str, value: Any) -> SettingsError:
        return SettingsError(
            f"extensions.{self._name}.{name} must be {expected.strip()}, but is {value!r}.",
            remedy="Correct it, or leave it out for Azure's default.",
            file="host.json",
        )


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
