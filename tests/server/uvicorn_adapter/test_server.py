"""The end of the server: what it says about functions that still run."""

from __future__ import annotations

import asyncio
import logging
import pdb  # noqa: T100 - its handler of Ctrl-C
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

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


def _server(running: Sequence[str], ended: list[int], *, supervised: bool) -> Server:
    """Return a server that adds the exit code to ``ended`` in place of the end of its process."""
    options: dict[str, Any] = {"grace": 2.5, "ready": lambda: None, "signals": ExitSignals()}
    return Server(_Busy(running), **options, stop_at_once=ended.append, supervised=supervised)


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
    server = _server(running, [], supervised=supervised)
    server.handle_exit(number, None)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    server.servers, server.force_exit = [], True  # it has not started
    await server.shutdown()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("hosting")] == said


def _frame_at_prompt() -> FrameType | None:
    """Return the frame of a debugger that waits for a command."""

    def cmdloop() -> FrameType | None:
        return sys._getframe(0)

    return cmdloop()


@pytest.mark.parametrize(
    ("signals", "supervised", "at_prompt", "ended", "draining"),
    [
        ([signal.SIGINT], False, False, [], True),
        ([signal.SIGINT, signal.SIGINT], False, False, [130], True),
        ([signal.SIGTERM, signal.SIGINT], False, False, [130], True),
        ([signal.SIGTERM, signal.SIGTERM], False, False, [], True),
        ([signal.SIGINT], False, True, [130], False),
        ([signal.SIGTERM], False, True, [0], False),
        ([signal.SIGINT, signal.SIGINT], True, False, [], False),
        ([signal.SIGINT, signal.SIGTERM], True, False, [], True),
        ([signal.SIGINT, signal.SIGTERM], True, True, [0], False),
    ],
)
def test_signal_ends_a_host_that_waits_for_a_debugger_at_once(
    signals: list[signal.Signals], supervised: bool, at_prompt: bool, ended: list[int], draining: bool
) -> None:
    """Its event loop cannot drain: the debugger has the main thread; below a supervisor Ctrl-C is the supervisor's."""
    stopped: list[int] = []
    server = _server((), stopped, supervised=supervised)
    for number in signals:
        server.handle_exit(number, _frame_at_prompt() if at_prompt else sys._getframe())
    assert (stopped, server.should_exit) == (ended, draining)


async def test_ctrl_c_is_the_hosts_again_after_a_debugger_has_taken_it() -> None:
    """``pdb.set_trace`` installs a handler that opens the debugger again; handlers of the app stay."""
    server = _server((), [], supervised=False)
    with server.capture_signals():
        debugger: Any = pdb.Pdb()
        signal.signal(signal.SIGINT, debugger.sigint_handler)
        assert await server.on_tick(1) is False
        assert signal.getsignal(signal.SIGINT) == server.handle_exit
        signal.signal(signal.SIGINT, _app_handler)
        assert await server.on_tick(2) is False
        assert signal.getsignal(signal.SIGINT) == _app_handler


def _app_handler(number: int, frame: FrameType | None) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("signals", "code", "ends"),
    [
        ([signal.SIGTERM], 0, False),
        ([signal.SIGTERM, signal.SIGTERM], 0, False),
        ([signal.SIGTERM, signal.SIGINT], 0, True),
        ([signal.SIGINT], 130, True),
        ([signal.SIGINT, signal.SIGTERM], 130, True),
    ],
)
async def test_server_still_accepts_for_the_drain_delay_after_sigterm(
    signals: Sequence[signal.Signals], code: int, ends: bool
) -> None:
    """The app takes no other work then; a second SIGTERM changes nothing, and Ctrl-C ends the wait."""
    left: list[str] = []

    class App(UnavailableApp):
        async def leave(self) -> None:
            left.append("left")

    ended: list[int] = []
    options: dict[str, Any] = {"grace": 2.5, "ready": lambda: None, "signals": ExitSignals()}
    server = Server(App(""), **options, stop_at_once=ended.append, drain_delay=600)
    server.started = True
    for number in signals:
        server.handle_exit(number, None)
    must_exit = [await server.on_tick(1), await server.on_tick(2)]
    await asyncio.sleep(0)
    assert (must_exit, server.exit_code, ended) == ([ends] * 2, code, [])
    assert left == ([] if ends else ["left"])
    server.skip_drain_delay()
    assert await server.on_tick(3)


def test_server_does_not_read_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty WEB_CONCURRENCY, or one that an option overrides, is not for the server of one process."""
    monkeypatch.setenv("WEB_CONCURRENCY", "many")
    assert _server([], [], supervised=True).config.workers == 1


async def test_server_that_has_not_started_does_not_wait_for_load_balancers() -> None:
    """It serves nothing yet."""
    options: dict[str, Any] = {"grace": 2.5, "ready": lambda: None, "signals": ExitSignals()}
    server = Server(UnavailableApp(""), **options, stop_at_once=lambda _code: None, drain_delay=600)
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
