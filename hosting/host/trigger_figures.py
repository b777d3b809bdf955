"""What the triggers of a host say about themselves: when a timer is due, how long a queue is."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from typing import Any

from hosting._exceptions import error_text
from hosting._redaction import redact
from hosting.bindings.provider import Trigger
from hosting.host.recorder import MAX_SHOWN_CHARACTERS

KEPT_SECONDS = 5.0
"""How long an answer is shown before a trigger is asked again."""
SHOWN_SECONDS = 15.0
"""How long an answer is shown to callers that do not wait for the next one."""
_TIMEOUT_SECONDS = 2.0


class TriggerFigures:
    """Asks the triggers of one host.

    Args:
        triggers: the triggers, by function.
    """

    def __init__(self, triggers: Mapping[str, Trigger]) -> None:
        self._triggers = triggers
        self._answers: Mapping[str, Mapping[str, Any]] = {}
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[Mapping[str, Mapping[str, Any]]] | None = None

    async def all(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what the triggers say, by function; all callers share one round of questions."""
        if time.monotonic() - self._asked_at < KEPT_SECONDS:
            return self._answers
        return await asyncio.shield(self._start())

    async def latest(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what the triggers have said lately, while they are asked again; wait only if that is long ago."""
        age = time.monotonic() - self._asked_at
        if not KEPT_SECONDS <= age < SHOWN_SECONDS:
            return await self.all()
        self._start()
        return self._answers

    def _start(self) -> asyncio.Task[Mapping[str, Mapping[str, Any]]]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())
        return self._asking

    async def _ask(self) -> Mapping[str, Mapping[str, Any]]:
        triggers = dict(self._triggers)
        answers = await asyncio.gather(*(_figures(one) for one in triggers.values()))
        self._answers = dict(zip(triggers, answers, strict=True))
        self._asked_at = time.monotonic()
        return self._answers


async def _figures(trigger: Trigger) -> Mapping[str, Any]:
    """Return what a trigger says about itself; what went wrong where it cannot say it."""
    limit = asyncio.timeout(_TIMEOUT_SECONDS)
    try:
        async with limit:
            found = await trigger.figures()
        return {str(name): _shown(value) for name, value in found.items()}
    except Exception as error:  # noqa: BLE001 - a package may raise anything, a TimeoutError of its own included
        if limit.expired():
            return {"error": f"no answer within {_TIMEOUT_SECONDS:g} s"}
        return {"error": redact(error_text(error))[:MAX_SHOWN_CHARACTERS]}


def _shown(value: Any) -> Any:
    """Return a value in the form of JSON, with its texts redacted."""
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        return {str(name): _shown(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    return redact(str(value))
