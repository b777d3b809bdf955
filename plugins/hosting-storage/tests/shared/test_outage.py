"""Outages of an account are logged once, with a remedy."""

from __future__ import annotations

import logging

import pytest

from hosting_storage.shared.outage import Outage


def test_outage_of_several_queues_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """An outage of all queues of an account is logged once, and its end when all of them respond."""
    outage = Outage(logging.getLogger("tests"), "Storage account 'here'")
    for user in ("queue 'a'", "queue 'b'", "queue 'a'"):
        outage.failed(user, ConnectionError("away\nmore"))
    outage.answered("queue 'a'")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Storage account 'here' cannot be used for queue 'a': away." in caplog.text
    outage.answered("queue 'c'")
    outage.answered("queue 'b'")
    assert caplog.text.count("responds again") == 1


def test_outage_with_changing_reasons_is_logged_once_for_each(caplog: pytest.LogCaptureFixture) -> None:
    """When an account fails in different ways, each is logged once until it responds."""
    outage = Outage(logging.getLogger("tests"), "Storage account 'here'")
    for _ in range(2):
        for _ in range(3):
            outage.failed("queue 'a'", ConnectionError("away"))
            outage.failed("queue 'a'", TimeoutError("slow"))
        outage.answered("queue 'a'")
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "WARNING"] * 2
