"""Configuration of the tests of hosting-mcp."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp_support import MakePeer, peers


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"


@pytest.fixture
def make_peer(tmp_path: Path) -> Iterator[MakePeer]:
    """Make a client of an app of some code, in this process."""
    with peers(tmp_path) as make:
        yield make
