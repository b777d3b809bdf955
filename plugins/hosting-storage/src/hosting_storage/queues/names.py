"""Names that Azure Storage accepts."""

from __future__ import annotations

import re

_QUEUE = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
POISON = "-poison"


def queue_name(name: str) -> str:
    """Give a queue's name in lower case, as Azure's host takes it.

    Raises:
        ValueError: no queue can have that name; the message says why.
    """
    lowered = name.lower()
    if not 3 <= len(lowered) <= 63 or not _QUEUE.fullmatch(lowered):
        raise ValueError(
            f"'{name}' cannot be the name of a queue: it has 3 to 63 letters, digits and single dashes, and begins and "
            "ends with a letter or a digit"
        )
    return lowered


def poison_name(name: str) -> str | None:
    """Give the queue that takes a queue's poison; None for a poison queue itself, and for a name that is too long."""
    poison = f"{name}{POISON}"
    return None if name.endswith(POISON) or len(poison) > 63 else poison
