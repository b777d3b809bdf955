"""Configuration of the tests of hosting-durable."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"
