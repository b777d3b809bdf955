"""Hooks of other extensions, as events of an invocation's span or as spans below it."""

from __future__ import annotations

from time import time_ns
from typing import Any

from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context

import hosting
from hosting_otel.spans import STATE, InvocationSpan, class_name

EVENT = "hosting.hook"
"""The name of the event of a hook."""
_NANOSECONDS = 1_000_000_000


class HookRecorder:
    """Records hooks when they have ended, so that a span in a hook is a sibling of the hook's own.

    Args:
        tracer: makes the spans.
        as_spans: whether a hook is a span; otherwise it is an event.
    """

    def __init__(self, tracer: Tracer, *, as_spans: bool) -> None:
        self._tracer = tracer
        self._add = self._add_span if as_spans else _add_event

    def observe(self, invocation: hosting.Invocation, call: hosting.HookCall) -> None:
        """Record a hook, unless the span of the invocation has not begun, or is not recorded.

        Args:
            invocation: the invocation.
            call: the call of the hook.
        """
        found: InvocationSpan | None = invocation.state.get(STATE)
        if found is not None and found.span.is_recording():
            self._add(found.span, call, _attributes(call))

    def _add_span(self, parent: Span, call: hosting.HookCall, attributes: dict[str, Any]) -> None:
        end = time_ns()
        start = end - int(call.seconds * _NANOSECONDS)
        name, context = f"{call.extension} {call.hook}", set_span_in_context(parent)
        span = self._tracer.start_span(name, context, attributes=attributes, start_time=start)
        if "error.type" in attributes:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)


def _add_event(span: Span, call: hosting.HookCall, attributes: dict[str, Any]) -> None:
    span.add_event(EVENT, {**attributes, "hosting.hook.seconds": call.seconds})


def _attributes(call: hosting.HookCall) -> dict[str, Any]:
    attributes: dict[str, Any] = {"hosting.extension": call.extension, "hosting.hook": call.hook}
    if call.is_resumed:
        attributes["hosting.hook.is_resumed"] = True
    if isinstance(call.exception, hosting.ShortCircuit):
        attributes["hosting.hook.answered"] = True
    elif call.exception is not None:
        attributes["error.type"] = class_name(call.exception)
    return attributes
