"""Finding the task that runs something, when it has to be cancelled: rare, so that nothing is written down before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import CodeType
from typing import Any


def tasks_inside(code: CodeType) -> Iterator[tuple[asyncio.Task[Any], dict[str, Any]]]:
    """Each task of the running loop that is inside the coroutine function of ``code``, with its variables there."""
    for task in asyncio.all_tasks():
        awaited: Any = task.get_coro()
        while (frame := getattr(awaited, "cr_frame", None)) is not None:
            if frame.f_code is code:
                yield task, frame.f_locals
                break
            awaited = awaited.cr_await
