"""``extensions.queues`` of host.json."""

from __future__ import annotations

import os
from typing import Any

import pytest

from hosting.bindings import Services
from hosting.errors import SettingsError
from hosting_storage.queues.options import QueueOptions, read_options


def options(settings: dict[str, str] | None = None, **section: Any) -> QueueOptions:
    return read_options(Services({"extensions": {"queues": section}}, settings or {}))


def test_queue_options_without_a_section_are_those_of_azure() -> None:
    """Without the section, the defaults are Azure's: a threshold of half a batch for each processor."""
    assert options() == QueueOptions(16, 8 * (os.cpu_count() or 1), 5, 0.0, 60.0, "base64")


def test_queue_options_are_read_ignoring_case() -> None:
    """Each of Azure's settings is read, ignoring case."""
    read = options(
        batchSize=4,
        newBatchThreshold=2,
        maxDequeueCount=3,
        visibilityTimeout="00:00:30",
        MAXPOLLINGINTERVAL="00:00:01.5",
        messageEncoding="None",
    )
    assert read == QueueOptions(4, 2, 3, 30.0, 1.5, "none")


def test_threshold_without_a_setting_follows_the_batch_size() -> None:
    """With only a batch size, the threshold is half of it for each processor."""
    assert options(batchSize=1).new_batch_threshold == 0
    assert options(batchSize=32).new_batch_threshold == 16 * (os.cpu_count() or 1)


def test_queue_options_accept_numbers_as_text() -> None:
    """A number that overrides host.json from the environment arrives as a text."""
    assert options(batchSize="8", maxDequeueCount=" 2 ").batch_size == 8


@pytest.mark.parametrize(("setting", "seconds"), [(None, 2.0), ("00:01:00", 2.0), ("00:00:30", 30.0)])
def test_polling_interval_in_development_defaults_to_two_seconds(setting: str | None, seconds: float) -> None:
    """As in Azure's host, two seconds replace the default of a minute, and nothing else."""
    section = {"maxPollingInterval": setting} if setting else {}
    assert options({"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}, **section).max_polling_interval == seconds


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("batchSize", 0, "a whole number from 1 to 32"),
        ("batchSize", 33, "a whole number from 1 to 32"),
        ("batchSize", "many", "a whole number from 1 to 32"),
        ("batchSize", True, "a whole number from 1 to 32"),
        ("batchSize", 1.5, "a whole number from 1 to 32"),
        ("newBatchThreshold", -1, "a whole number of 0 or more"),
        ("maxDequeueCount", 0, "a whole number of 1 or more"),
        ("maxPollingInterval", "00:00:00.05", "a time span of 0.1 seconds or more"),
        ("maxPollingInterval", 2000, "a time span"),
        ("maxPollingInterval", "2 s", "a time span"),
        ("visibilityTimeout", "8.00:00:00", "a time span up to 7 days"),
        ("messageEncoding", "utf-8", '"base64" or "none"'),
        ("messageEncoding", 64, '"base64" or "none"'),
    ],
)
def test_invalid_queue_option_is_refused_with_its_setting(name: str, value: object, expected: str) -> None:
    """The error names the setting, what it may be, and the value."""
    with pytest.raises(SettingsError) as caught:
        options({}, **{name: value})
    assert f"extensions.queues.{name} must be {expected}" in caught.value.message
    assert repr(value) in caught.value.message
    assert caught.value.file == "host.json"
