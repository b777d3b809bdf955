"""Traces: the span that the running code belongs to, of whatever tracer.

An orchestration takes many turns, on many hosts. Its span is that of its first turn: what it schedules later, the later
turns included, are children of that one, because the store keeps its ``traceparent``.
"""

from __future__ import annotations

import sys
from typing import NamedTuple


class Trace(NamedTuple):
    """The context of a trace, as W3C Trace Context defines it; empty for none.

    Args:
        parent: the ``traceparent``.
        state: the ``tracestate``.
    """

    parent: str = ""
    state: str = ""

    def __bool__(self) -> bool:
        return bool(self.parent)


NO_TRACE = Trace()


def current_trace() -> Trace:
    """Return the span of the running code; an empty one where nothing has loaded OpenTelemetry, or made a span."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return NO_TRACE
    context = api.get_current_span().get_span_context()
    if not context.is_valid:
        return NO_TRACE
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return Trace(parent, context.trace_state.to_header())
