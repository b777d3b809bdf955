"""Configuration of the tests of hosting-mcp."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from mcp_support import MakePeer, peers
from uvicorn import Server

with suppress(ImportError):
    from sse_starlette.sse import AppStatus  # comes with mcp, and replaces a method of every server of this process

    setattr(Server, "handle_exit", AppStatus.original_handler)  # noqa: B010 - mypy accepts no assignment to a method


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"


@pytest.fixture
def make_peer(tmp_path: Path) -> Iterator[MakePeer]:
    """Make a client of an app of some code, in this process."""
    with peers(tmp_path) as make:
        yield make
