"""The current time and waiting, in one class that tests replace."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from hosting._asyncio import wait_for_event


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time in UTC. It can jump in both directions when the machine's clock is set."""
        return datetime.now(UTC)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for ``event``, ``seconds`` at most, however the clock is set meanwhile; say whether it came."""
        return await wait_for_event(event, seconds)
