"""The extension: one around hook, and one setting."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from logging import Logger
from time import perf_counter
from typing import Annotated

from hosting import Invocation, Outcome, hookimpl
from hosting_timer.annotation import annotated


@dataclass(frozen=True)
class TimerSettings:
    """Settings of the timer."""

    append_to_http_response: Annotated[bool, "Append the time to text responses of HTTP functions."] = False


class TimerExtension:
    """Logs the time of each function, and appends it to text responses if the app sets it so.

    The host makes one instance and calls its hooks from many invocations at once: what belongs to one invocation is
    kept in local variables of the around hook, so that nothing is left behind whichever way the invocation ends.
    """

    settings = TimerSettings
    guard = False

    def __init__(self) -> None:
        self._append_to_http_response = False

    @hookimpl
    def configure(self, settings: TimerSettings) -> None:
        """Store the app's settings, which the host has checked."""
        self._append_to_http_response = settings.append_to_http_response

    @hookimpl(trylast=True)  # innermost: the time of other hooks is not the function's
    def invocation_app_level(self, logger: Logger, invocation: Invocation) -> Generator[None, Outcome, None]:
        """Measure the function, whether it returns or raises."""
        started = perf_counter()
        outcome = yield
        elapsed = perf_counter() - started
        if outcome.exception is not None:
            logger.info("%s failed after %.6f sec", invocation.function.name, elapsed)
            return
        logger.info("%s took %.6f sec", invocation.function.name, elapsed)
        if self._append_to_http_response and invocation.request is not None:  # other text may be a message
            result = annotated(outcome.result, f" (TimeElapsed: {elapsed:.6f} sec)")
            if result is not None:
                outcome.set_result(result)
