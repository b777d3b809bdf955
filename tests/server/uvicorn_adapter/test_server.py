"""The end of the server: what it says about functions that still run."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence

import pytest

from hosting.server.signals import ExitSignals
from hosting.server.unavailable import UnavailableApp
from hosting.server.uvicorn_adapter.server import Server


class _Busy(UnavailableApp):
    def __init__(self, running: Sequence[str]) -> None:
        super().__init__("")
        self._running = running

    def running(self) -> Sequence[str]:
        return self._running


@pytest.mark.parametrize(
    ("running", "number", "supervised", "said"),
    [
        ((), signal.SIGINT, False, []),
        (("a",), signal.SIGTERM, False, ["Still running: a. The host waits up to 2.5 s for it."]),
        (
            ("a", "Timer", "a"),
            signal.SIGINT,
            False,
            ["Still running: a (2 times), Timer. The host waits up to 2.5 s for it. Press Ctrl-C again to end it now."],
        ),
        (("a",), signal.SIGTERM, True, ["Still running: a. The host waits up to 2.5 s for it."]),
    ],
    ids=["nothing runs", "SIGTERM", "Ctrl-C", "below a supervisor"],
)
async def test_functions_that_still_run_are_named_at_the_end(
    running: Sequence[str],
    number: signal.Signals,
    supervised: bool,
    said: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever triggered them; a second Ctrl-C is mentioned where it would end them."""
    caplog.set_level(logging.INFO)
    stop: Callable[[], None] | None = None if supervised else lambda: None
    server = Server(_Busy(running), grace=2.5, ready=lambda: None, signals=ExitSignals(), stop_at_once=stop)
    server.handle_exit(number, None)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    server.servers, server.force_exit = [], True  # it has not started
    await server.shutdown()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("hosting")] == said
