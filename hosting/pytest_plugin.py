"""pytest plugin with the fixtures ``hosting_host`` and ``hosting_server`` (group ``pytest11``).

pytest imports it in every run, so it imports ``hosting.testing`` only when a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hosting.testing import Host, HostFactory, Server, ServerFactory


@pytest.fixture
def hosting_host() -> Iterator[HostFactory]:
    """Run apps in this process: ``hosting_host(app, ...)`` takes what ``make_host`` takes; closed after the test."""
    from hosting.testing import make_host

    with ExitStack() as open_hosts:

        def start(app: Any, **options: Any) -> Host:
            return open_hosts.enter_context(make_host(app, **options))

        yield start


@pytest.fixture
def hosting_server() -> Iterator[ServerFactory]:
    """Run ``hosting start`` in a new process: ``hosting_server(app, ...)`` takes the arguments of ``serve``."""
    from hosting.testing import serve

    with ExitStack() as open_servers:

        def start(app: Any, *flags: str, **options: Any) -> Server:
            return open_servers.enter_context(serve(app, *flags, **options))

        yield start
