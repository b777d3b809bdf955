"""Configuration of the tests of hosting-durable."""

from __future__ import annotations

from pathlib import Path

import pytest
from durable_support.hosts import HostFolder


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostFolder:
    """The folder of an app, with the state of its hosts beside it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return HostFolder(tmp_path / "app")
