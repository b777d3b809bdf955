"""The extension: one around hook, and one setting."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from logging import Logger
from time import perf_counter
from typing import Any

from azure.functions import Context, HttpRequest

from hosting import Outcome, hookimpl
from hosting_timer.annotation import annotated


class TimerExtension:
    """Logs the time of each function, and appends it to text responses if the app sets it so.

    The host makes one instance and calls its hooks from many invocations at once: what belongs to one invocation is
    kept in local variables of the around hook, so that nothing is left behind whichever way the invocation ends.
    """

    def __init__(self) -> None:
        self._append_to_http_response = False

    @hookimpl
    def configure(self, settings: Mapping[str, Any]) -> None:
        """Store the app's settings.

        Args:
            settings: ``append_to_http_response`` (bool, default False).

        Raises:
            ValueError: a setting is unknown.
            TypeError: ``append_to_http_response`` is not a bool.
        """
        append = settings.get("append_to_http_response", False)
        unknown = sorted(settings.keys() - {"append_to_http_response"})
        if unknown:
            raise ValueError(f"timer: unknown setting {', '.join(unknown)}; expected: append_to_http_response")
        if not isinstance(append, bool):
            raise TypeError(f"timer: append_to_http_response must be true or false, not {append!r}")
        self._append_to_http_response = append

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
