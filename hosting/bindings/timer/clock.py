"""The time of day, and waiting for it: replaced as one in tests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from hosting._asyncio import wait_for_event


class Clock:
    """The machine's."""

    def now(self) -> datetime:
        """The time of day, in UTC; it may jump either way when somebody sets the clock."""
        return datetime.now(UTC)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for ``event``, ``seconds`` at most, however the clock is set meanwhile; say whether it came."""
        return await wait_for_event(event, seconds)
