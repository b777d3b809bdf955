"""Flushing: when telemetry leaves the process besides the intervals of the SDK."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from opentelemetry import _logs, metrics, trace

import hosting
from hosting_otel.settings import Settings

PAUSE_SECONDS = 1.0
"""The shortest time between two flushes that invocations cause."""


class Flusher:
    """Makes the providers send what they have: soon after invocations if so configured, and at the end.

    Exporters may hang, and the SDK does not limit the time of a flush: each runs in a thread that nothing waits for
    longer than ``flush_timeout``.

    Args:
        app: the app.
        settings: the settings.
    """

    def __init__(self, app: hosting.AppHandle, settings: Settings) -> None:
        self._timeout = settings.flush_timeout
        self._is_closed = False
        self._ends_process = app.face == "host"
        self._wanted: threading.Event | None = None
        if settings.flush == "invocation" or (settings.flush == "auto" and app.face == "azure"):
            self._wanted = threading.Event()
            threading.Thread(target=self._run, args=(self._wanted,), name="hosting-otel-flush", daemon=True).start()

    def wake(self) -> None:
        """Say that an invocation has ended."""
        if self._wanted is not None:
            self._wanted.set()

    def _run(self, wanted: threading.Event) -> None:
        while True:
            wanted.wait()
            wanted.clear()
            if self._is_closed:
                return
            for provider in _providers():
                _flush(provider)
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        """Send what is left, for at most ``flush_timeout`` seconds.

        Under ``hosting start`` the process ends then.
        """
        self._is_closed = True
        self.wake()
        calls = [partial(_flush, provider) for provider in _providers()]
        run_within(self._timeout, calls)


def _providers() -> list[Any]:
    found: list[Any] = [trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()]
    return [provider for provider in found if hasattr(provider, "force_flush")]


def _flush(provider: Any) -> None:
    try:
        provider.force_flush()
    except Exception:  # noqa: BLE001 - the exporter has logged why
        return


def run_within(seconds: float, calls: Sequence[Callable[[], None]]) -> None:
    """Run functions at the same time, and wait for them for at most some seconds.

    Args:
        seconds: how long to wait.
        calls: the functions; those that take longer go on in threads that do not keep the process alive.
    """
    threads = [threading.Thread(target=call, name="hosting-otel-flush", daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
