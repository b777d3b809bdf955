"""Which function, invocation and trace a log record belongs to."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from hosting.host.context import InvocationFacts, current

if TYPE_CHECKING:
    from hosting.host.invocation import RunningInvocations

CORRELATION = ("function", "invocation_id", "trace_id", "span_id")
"""The fields that say what a line belongs to, in the order in which JSON lines have them."""

_TRACE_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")


class InvocationFilter(logging.Filter):
    """Sets ``function``, ``invocation_id``, ``trace_id`` and ``span_id`` on each record; drops none.

    The record of a thread that the function has started is attributed by
    ``context.thread_local_storage.invocation_id``, once ``attach`` has been called.
    """

    def __init__(self) -> None:
        super().__init__()
        self._running: RunningInvocations | None = None

    def attach(self, running: RunningInvocations) -> None:
        """Look up the invocations of threads in ``running``, the invocations of a host."""
        self._running = running

    def invocation(self) -> InvocationFacts | None:
        """Return the invocation that the running code belongs to; None if it belongs to none."""
        invocation = current.get()
        if invocation is None and self._running is not None:
            invocation = self._running.invocations.get(self._running.local.invocation_id)
        return invocation

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the attributes. Where the code belongs to no invocation, ``extra`` may name one."""
        invocation = self.invocation()
        attributes = record.__dict__
        if invocation is None:
            attributes.setdefault("function", None)
            attributes.setdefault("invocation_id", None)
        else:
            put(attributes, "function", invocation.function)
            put(attributes, "invocation_id", invocation.id)
            for name, value in trace_fields(invocation.trace_parent).items():
                put(attributes, name, value)
        return True


def add_invocation(logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add ``function`` and ``invocation_id`` to an event: a processor for ``structlog.configure``.

    If the trace is known, it adds ``trace_id`` and ``span_id``, too: those of the caller, or of the span that an
    extension has named by ``set_trace_parent``.

    Works under ``hosting start``, in the hosts of ``hosting.testing``, and in Azure's worker in functions that
    ``hosting.extend`` has wrapped. Another value under one of these names moves to the name with an underscore.

    Args:
        logger: not used.
        method_name: not used.
        event_dict: the event, changed in place.

    Returns:
        The same event; unchanged where no invocation is under way.
    """
    invocation = current.get()
    if invocation is not None:
        put(event_dict, "function", invocation.function)
        put(event_dict, "invocation_id", invocation.id)
        for name, value in trace_fields(invocation.trace_parent).items():
            put(event_dict, name, value)
    return event_dict


def set_trace_parent(trace_parent: str) -> None:
    """Name the span of the running invocation, for its log lines from here on: ``trace_id`` and ``span_id``.

    For an extension that makes a span for each invocation; without it, log lines name the caller's span. Call it in a
    hook before the function. It does nothing where no invocation is under way.

    Args:
        trace_parent: the span as a ``traceparent`` of W3C Trace Context; lines have no ids if it is malformed.
    """
    invocation = current.get()
    if invocation is not None:
        current.set(invocation._replace(trace_parent=trace_parent))


def trace_fields(trace_parent: str) -> Mapping[str, str]:
    """Return ``trace_id`` and ``span_id`` of a W3C ``traceparent`` header; nothing if it is not valid."""
    found = _TRACE_PARENT.fullmatch(trace_parent)
    return {} if found is None else {"trace_id": found[1], "span_id": found[2]}


def put(target: MutableMapping[str, Any], name: str, value: str) -> None:
    """Set ``name`` in ``target``; another value that is there moves to the name with an underscore at its end."""
    other = target.get(name)
    if other is not None and not (isinstance(other, str) and other == value):
        target[free_name(name, target)] = other
    target[name] = value


def free_name(name: str, taken: Container[str]) -> str:
    """Return the name with as many underscores at its end as it takes not to be among ``taken``."""
    while name in taken:
        name += "_"
    return name
