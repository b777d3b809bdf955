"""The ``context`` of an invocation, as Azure's worker passes it to functions and hooks."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

from hosting._invocation import Invocation, Source, invocation_of
from hosting.core import Binding, Function


class TraceContext:
    """The caller's W3C trace context; empty text where it sent none."""

    def __init__(self, trace_parent: str, trace_state: str) -> None:
        self.trace_parent = trace_parent
        self.trace_state = trace_state
        self.attributes: dict[str, str] = {}

    @property
    def Traceparent(self) -> str:  # noqa: N802 - the name that older extensions use
        """The same as ``trace_parent``."""
        return self.trace_parent

    @property
    def Tracestate(self) -> str:  # noqa: N802
        """The same as ``trace_state``."""
        return self.trace_state

    @property
    def Attributes(self) -> dict[str, str]:  # noqa: N802
        """The same as ``attributes``."""
        return self.attributes


class RetryContext:
    """Which attempt this is, and how the previous one failed (``source``, ``stack_trace``, ``message``)."""

    def __init__(self, retry_count: int = 0, max_retry_count: int = 0, exception: Any = None) -> None:
        self.retry_count = retry_count
        self.max_retry_count = max_retry_count
        self.exception = exception or SimpleNamespace(source="", stack_trace="", message="")

    @property
    def rpc_exception(self) -> Any:
        """The name that Azure's worker gives to ``exception``."""
        return self.exception


class Context:
    """One invocation. An ordinary object: functions and extensions may set attributes of their own on it."""

    # What the extension host notes here survives an extension that empties the dictionary.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_hosting_answered_by",
        "_hosting_invocation",
        "_hosting_phase",
        "_hosting_stopped",
    )

    _hosting_invocation: Invocation | Source
    _hosting_phase: str

    def __init__(
        self,
        invocation_id: str,
        function_name: str,
        function_directory: str,
        thread_local_storage: InvocationLocal,
        trace_parent: str = "",
        trace_state: str = "",
    ) -> None:
        self.invocation_id = invocation_id
        self.function_name = function_name
        self.function_directory = function_directory
        self.thread_local_storage = thread_local_storage
        self.trace_parent = trace_parent
        self._trace_state = trace_state

    # Made when first read: few functions read them.
    @cached_property
    def trace_context(self) -> TraceContext:
        """The caller's W3C trace context."""
        return TraceContext(self.trace_parent, self._trace_state)

    @cached_property
    def retry_context(self) -> RetryContext:
        """Which attempt this is; zeros for a function without a retry policy."""
        return RetryContext()

    @cached_property
    def invocation(self) -> Invocation:
        """The invocation as hooks see it: the function, the HTTP request if there is one, and a way to respond."""
        return invocation_of(self, self._unknown_function(), {})

    def _unknown_function(self) -> Function:
        """Return what a context that a test has made says of its function."""
        name, folder = self.function_name, self.function_directory
        trigger = Binding("", "unknownTrigger", "in")
        return Function(name, folder, "", "v2", _not_known, is_async=False, bindings=(trigger,))


def _not_known() -> None:
    """Stand for the code of a function that is not known."""


class InvocationFacts(NamedTuple):
    """What the host goes by in an invocation. Its context says the same, but code may change the context."""

    id: str
    function: str
    trace_parent: str = ""
    started: float = 0.0
    """When it started, by ``time.monotonic``."""
    attempt: int = 0
    """How many attempts of a retry policy were before this one."""


current: ContextVar[InvocationFacts | None] = ContextVar("hosting_invocation", default=None)
"""The invocation that the running code belongs to."""


class InvocationLocal(threading.local):
    """``context.thread_local_storage``: ``invocation_id`` is the running invocation's, unless a thread sets its own."""

    def __getattr__(self, name: str) -> Any:
        invocation = current.get()
        if name == "invocation_id":
            return invocation.id if invocation else None
        raise AttributeError(f"thread_local_storage has no attribute {name!r} in this thread")
