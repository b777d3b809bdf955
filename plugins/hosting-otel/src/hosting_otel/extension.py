"""The extension: its hooks. Nothing of OpenTelemetry is imported before ``startup``."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import hosting
from hosting_otel.settings import Settings

if TYPE_CHECKING:
    from hosting_otel.telemetry import Telemetry


class OpenTelemetryExtension:
    """Makes a span for each invocation, records metrics, and sends log records.

    The host makes one instance for each app. Until ``startup`` has run, and where nothing is to be sent, its hooks do
    nothing.
    """

    guard = False
    settings = Settings

    def __init__(self) -> None:
        self._settings = Settings()
        self._telemetry: Telemetry | None = None

    @hosting.hookimpl
    def configure(self, settings: Settings) -> None:
        """Store the settings."""
        self._settings = settings

    @hosting.hookimpl(tryfirst=True)
    def startup(self, app: hosting.AppHandle) -> None:
        """Import OpenTelemetry and configure its SDK, unless the app has done so; runs in a thread.

        Raises:
            ExtensionError: a value of the environment cannot be used, or a package is missing.
        """
        from hosting_otel.telemetry import start

        self._telemetry = start(app, self._settings)

    @hosting.hookimpl(tryfirst=True)  # outermost: the spans of other extensions are inside of this one
    def invocation_app_level(
        self, context: Any, invocation: hosting.Invocation
    ) -> Generator[None, hosting.Outcome, None]:
        """Make the span the current one while hooks and function run."""
        telemetry = self._telemetry
        if telemetry is None:
            yield
            return
        span = telemetry.begin(context, invocation)
        yield
        span.leave()

    @hosting.hookimpl
    def invocation_end(
        self, invocation: hosting.Invocation, outcome: hosting.InvocationOutcome, seconds: float
    ) -> None:
        """End the span, unless the response is still to be sent."""
        if self._telemetry is not None:
            self._telemetry.end(invocation, outcome, seconds)

    @hosting.hookimpl
    def response_sent(
        self,
        invocation: hosting.Invocation,
        status: int,
        bytes: int,  # noqa: A002 - the name that the hook gives it
        seconds: float,
        exception: BaseException | None,
    ) -> None:
        """End the span of an HTTP request."""
        if self._telemetry is not None:
            self._telemetry.sent(invocation, status, bytes, seconds, exception)

    @hosting.hookimpl(tryfirst=True)
    def shutdown(self, app: hosting.AppHandle) -> None:
        """Send what is left, for at most ``flush_timeout`` seconds; runs in a thread."""
        telemetry, self._telemetry = self._telemetry, None
        if telemetry is not None:
            telemetry.close()
