"""The span of one invocation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, attach
from opentelemetry.trace import Span, Status, StatusCode

from hosting import InvocationOutcome
from hosting_otel.functions import FunctionFacts

if TYPE_CHECKING:
    from hosting_otel.metrics import Metrics

STATE = "hosting_otel"
"""The key of an invocation's ``state`` with its ``InvocationSpan``."""
_FAILED_STATUS = 500


class InvocationSpan:
    """One invocation: its span, which may be another instrumentation's, and what its metrics need.

    Args:
        facts: its function.
        span: its span.
        context: the context for hooks and function, with a span that this extension has started; None if another one
            has.
    """

    __slots__ = ("_context", "_previous", "awaits_response", "facts", "is_own", "outcome", "request", "span")

    def __init__(
        self,
        facts: FunctionFacts,
        span: Span,
        context: Context | None,
    ) -> None:
        self.facts, self.span, self._context = facts, span, context
        self.is_own = context is not None
        """Whether this extension has started the span, and so ends it."""
        self.request: Mapping[str, Any] | None = None
        """Method and scheme of its HTTP request, for metrics; None if there is none."""
        self.awaits_response = False
        """Whether it ends when its response is sent."""
        self.outcome: InvocationOutcome | None = None
        """How the invocation has ended, where its response is not sent yet."""
        self._previous: Context | None = None

    def enter(self, outer: Context) -> None:
        """Make the context with the span the current one, for hooks and function; ``leave`` goes back to ``outer``."""
        if self._context is not None:
            self._previous = outer
            attach(self._context)

    def leave(self) -> None:
        """Make the context current that was before.

        There is no token: an async hook that was late may have moved the invocation into a copy of its variables,
        where a token is refused.
        """
        if self._previous is not None:
            attach(self._previous)
            self._previous = None

    def finish(
        self,
        metrics: Metrics | None,
        outcome: InvocationOutcome,
        seconds: float,
        status: int | None = None,
        broken_by: BaseException | None = None,
    ) -> None:
        """Set the status, end the span and record the metrics.

        Args:
            metrics: the instruments; None if nothing is recorded.
            outcome: how the invocation ended.
            seconds: how long it took, with the response.
            status: the status of the HTTP response that was sent.
            broken_by: why the response is not complete; None if it is.
        """
        status = outcome.status if status is None else status
        exception = outcome.exception or broken_by
        is_cancelled = outcome.kind == "cancelled"
        error_type = "" if is_cancelled else error_type_of(exception, status)
        if self.is_own:
            self._end(exception, error_type, status)
        if metrics is None:
            return
        metrics.ended(self.facts, seconds, error_type, exception, is_cancelled=is_cancelled)
        if self.request is not None:
            metrics.request_ended(self.request, seconds, self._details(error_type, status))

    def _details(self, error_type: str, status: int | None) -> dict[str, Any]:
        details: dict[str, Any] = {}
        if "http.route" in self.facts.attributes:
            details["http.route"] = self.facts.attributes["http.route"]
        if status is not None:
            details["http.response.status_code"] = status
        if error_type:
            details["error.type"] = error_type
        return details

    def _end(self, exception: BaseException | None, error_type: str, status: int | None) -> None:
        span = self.span
        if span.is_recording():
            if status is not None:
                span.set_attribute("http.response.status_code", status)
            if error_type:
                span.set_attribute("error.type", error_type)
                span.set_status(Status(StatusCode.ERROR, None if exception is None else _text(exception)))
        span.end()


def error_type_of(exception: BaseException | None, status: int | None) -> str:
    """Return the value of ``error.type``; empty for a success, and for an answer below 500.

    Args:
        exception: what was raised.
        status: the status of the response; None if there is none.
    """
    if status is not None and status < _FAILED_STATUS and type(exception).__name__ == "GuardError":
        return ""
    if exception is not None:
        return class_name(exception)
    return str(status) if status is not None and status >= _FAILED_STATUS else ""


def class_name(exception: BaseException) -> str:
    """Return the full name of an exception's class, without the module of built-in ones."""
    module, name = type(exception).__module__, type(exception).__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def _text(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception:  # noqa: BLE001 - an app's own exception may fail at this
        return type(exception).__name__
