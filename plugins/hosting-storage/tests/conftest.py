"""Fixtures of the tests of hosting-storage."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from storage_support.apps import MakeApp, Serve
from storage_support.queues import Queues

from hosting.testing import Server, ServerFactory
from hosting_storage.testing import Azurite, azurite

__all__ = ["azurite"]

settings.register_profile("no deadline", deadline=None)  # no test depends on the clock
settings.load_profile("no deadline")

_numbers = count()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures with asyncio."""
    return "asyncio"


@pytest.fixture
def queues(azurite: Azurite) -> Iterator[Queues]:
    """The queues of the test's Azurite."""
    client = Queues(azurite)
    yield client
    client.close()


@pytest.fixture
def name() -> str:
    """The name of a queue that no other test uses."""
    return f"queue-{next(_numbers)}"


@pytest.fixture(autouse=True)
def _restore_path() -> Iterator[None]:
    """Restore ``sys.path``, to which each host adds the folder of its app."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture
def make_app(tmp_path_factory: pytest.TempPathFactory) -> MakeApp:
    """Write apps to new folders."""

    def make(files: Mapping[str, str], /) -> Path:
        root = tmp_path_factory.mktemp("app")
        for file, content in files.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(content, "utf-8")
        return root

    return make


@pytest.fixture
def serve(hosting_server: ServerFactory) -> Serve:
    """Serve apps with the real command; each is stopped after the test."""

    def start(app_dir: Path, /, *args: str, env: Mapping[str, str] | None = None) -> Server:
        return hosting_server(app_dir, *args, settings=env)

    return start
