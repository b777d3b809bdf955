"""When a host requires keys."""

from __future__ import annotations

import pytest

from hosting.runner.serve import requires_keys


@pytest.mark.parametrize(
    ("setting", "address", "required"),
    [
        (None, "127.0.0.1", False),
        (None, "127.8.8.8", False),
        (None, "::1", False),
        (None, "localhost", False),
        (None, "0.0.0.0", True),
        (None, "::", True),
        (None, "10.0.0.1", True),
        (None, "example.org", True),
        (False, "0.0.0.0", False),
        (True, "127.0.0.1", True),
    ],
)
def test_keys_are_required_if_other_machines_can_connect(setting: bool | None, address: str, required: bool) -> None:
    """Keys are required if other machines can connect, unless a flag decides."""
    assert requires_keys(setting, address) is required
