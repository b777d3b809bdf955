"""The two functions for functions-framework: Starlette's request on the loop, Flask's in a thread."""

from __future__ import annotations

from typing import Any


async def on_loop(request: Any) -> str:
    """Greet from the event loop."""
    return f"Hello, {request.query_params.get('name')}!"


def in_thread(request: Any) -> str:
    """Greet from a worker thread."""
    return f"Hello, {request.args.get('name')}!"
