"""Our context and outputs as types of the SDK."""

from __future__ import annotations

import azure.functions

from hosting.host.binding import Out
from hosting.host.context import Context, RetryContext, TraceContext


def register_types() -> None:
    """Let ``isinstance`` against the SDK's interfaces hold, without the cost of inheriting from them."""
    abc = azure.functions._abc
    for interface, own_type in (
        (abc.Context, Context),
        (abc.TraceContext, TraceContext),
        (abc.RetryContext, RetryContext),
        (abc.Out, Out),
    ):
        interface.register(own_type)
