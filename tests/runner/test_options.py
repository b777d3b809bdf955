"""Options of ``hosting start``: address and port, and how they are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hosting.apps.local_settings import LocalSettings
from hosting.runner.options import StartOptions, listen_address, url


@pytest.mark.parametrize(
    ("options", "settings", "expected"),
    [
        ({}, {}, ("127.0.0.1", 7071)),
        ({}, {"port": 8000, "address": "0.0.0.0"}, ("0.0.0.0", 8000)),
        ({"port": 0, "host": "::1"}, {"port": 8000, "address": "0.0.0.0"}, ("::1", 0)),
    ],
)
def test_listen_address_is_of_the_flags_or_the_settings_or_the_default(
    options: dict[str, Any], settings: dict[str, Any], expected: tuple[str, int]
) -> None:
    """Address and port are those of the flags, else of local.settings.json, else Core Tools' defaults."""
    assert listen_address(StartOptions(Path(), **options), LocalSettings(Path(), **settings)) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", "localhost"), ("0.0.0.0", "localhost"), ("10.0.0.1", "10.0.0.1"), ("fe80::1", "[fe80::1]")],
)
def test_url_of_this_machine_is_shown_as_localhost(address: str, expected: str) -> None:
    """Addresses of this machine are shown as Core Tools shows them."""
    assert url(address, 80) == f"http://{expected}:80"
