"""The extension: one around hook, and one setting."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from logging import Logger
from time import perf_counter
from typing import Annotated, Any

from azure.functions import Context, HttpRequest

from hosting import Outcome, hookimpl
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
    def invocation_app_level(
        self, logger: Logger, context: Context, func_args: Mapping[str, Any]
    ) -> Generator[None, Outcome, None]:
        """Measure the function, whether it returns or raises."""
        started = perf_counter()
        outcome = yield
        elapsed = perf_counter() - started
        if outcome.exception is not None:
            logger.info("%s failed after %.6f sec", context.function_name, elapsed)
            return
        logger.info("%s took %.6f sec", context.function_name, elapsed)
        if self._append_to_http_response and _answers_http(func_args):
            result = annotated(outcome.result, f" (TimeElapsed: {elapsed:.6f} sec)")
            if result is not None:
                outcome.set_result(result)


def _answers_http(func_args: Mapping[str, Any]) -> bool:
    """Return whether it is an HTTP function: text that a queue function returns is a message, not a response."""
    return any(isinstance(value, HttpRequest) for value in func_args.values())
