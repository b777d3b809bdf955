"""When callers of a host need keys."""

from __future__ import annotations

import pytest

from hosting.runner.serve import requires_keys


@pytest.mark.parametrize(
    ("wanted", "address", "required"),
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
def test_keys_are_needed_where_other_machines_can_connect(wanted: bool | None, address: str, required: bool) -> None:
    """Keys are needed if other machines can connect, unless a flag decides."""
    assert requires_keys(wanted, address) is required
