"""Waiting for something to happen, but not for ever."""

from __future__ import annotations

import asyncio


async def comes(event: asyncio.Event, seconds: float) -> bool:
    """Wait for ``event``, ``seconds`` at most; say whether it came."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
