"""The work of both contestants: count messages, then write rate and processor time of all messages but the first."""

from __future__ import annotations

import os
import time
from itertools import count

COUNT = int(os.environ["QUEUE_COUNT"])
_counter = count(1)
_began: list[tuple[float, float]] = []


async def work(text: str) -> None:
    """Count one message."""
    done = next(_counter)
    if done == 1:
        _began.append((time.monotonic(), time.process_time()))
    if done == COUNT:
        (began, used), rest = _began[0], COUNT - 1
        rate, cost = rest / (time.monotonic() - began), (time.process_time() - used) / rest * 1e6
        with open(os.environ["QUEUE_RATE"], "w") as sink:  # noqa: ASYNC230 - once, at the end
            sink.write(f"{rate} {cost}\n")
