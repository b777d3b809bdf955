"""Our context and outputs as types of the SDK."""

from __future__ import annotations

import azure.functions as func

from hosting.host.binding import Out
from hosting.host.context import Context, RetryContext, TraceContext
from hosting.host.sdk_types import register_types


def test_own_types_count_as_the_sdks() -> None:
    """Extensions check with ``isinstance``: our context, its parts and our outputs pass."""
    register_types()
    abc = func._abc
    assert issubclass(Context, func.Context)
    assert issubclass(Out, func.Out)
    assert issubclass(TraceContext, abc.TraceContext)
    assert issubclass(RetryContext, abc.RetryContext)
