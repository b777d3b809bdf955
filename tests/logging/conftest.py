"""Fixtures for tests of log lines."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from hosting.logging.setup import Logs


@pytest.fixture
def stream() -> io.StringIO:
    """Return the stream that log lines are written to."""
    return io.StringIO()


@pytest.fixture
def logs(stream: io.StringIO) -> Iterator[Logs]:
    """Yield the host's logging in JSON, with lines in ``stream``."""
    logs = Logs("json", stream=stream)
    yield logs
    logs.close()
