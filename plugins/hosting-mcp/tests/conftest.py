"""Configuration of the tests of hosting-mcp."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from mcp_support import MakePeer, peers
from uvicorn import Server

_handle_exit = Server.handle_exit
with suppress(ImportError):
    import mcp  # noqa: F401 - with it comes sse-starlette, which replaces a method of every server of this process
setattr(Server, "handle_exit", _handle_exit)  # noqa: B010 - mypy accepts no assignment to a method


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"


@pytest.fixture
def make_peer(tmp_path: Path) -> Iterator[MakePeer]:
    """Make a client of an app of some code, in this process."""
    with peers(tmp_path) as make:
        yield make
