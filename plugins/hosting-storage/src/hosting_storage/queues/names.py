"""Names of queues."""

from __future__ import annotations

import re

_QUEUE = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
POISON = "-poison"


def queue_name(name: str) -> str:
    """Return a queue's name in lower case, as Azure's host does.

    Raises:
        ValueError: the name is invalid; the message says why.
    """
    lowered = name.lower()
    if not 3 <= len(lowered) <= 63 or not _QUEUE.fullmatch(lowered):
        raise ValueError(
            f"'{name}' is not a valid queue name: use 3 to 63 letters, digits and single dashes, and a letter or "
            "digit at both ends"
        )
    return lowered


def poison_name(name: str) -> str | None:
    """Return the name of a queue's poison queue; None for a poison queue, or if the name would be too long."""
    poison = f"{name}{POISON}"
    return None if name.endswith(POISON) or len(poison) > 63 else poison
