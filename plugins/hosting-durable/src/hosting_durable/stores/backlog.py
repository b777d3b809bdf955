"""Statements about what waits for the hosts of a task hub."""

from __future__ import annotations

from collections import Counter

from hosting_durable.stores.database import Rows

_INSTANCES = """SELECT entity, lower(name), count(*) FROM instances
    WHERE (owner IS NULL AND ready_at IS NOT NULL) OR owner IS NOT NULL GROUP BY entity, lower(name)"""
_ACTIVITIES = "SELECT lower(name), count(*) FROM activities GROUP BY lower(name)"


def waiting(rows: Rows) -> Counter[tuple[str, str]]:
    """Return how much waits or runs, by kind (``orchestrator``, ``entity``, ``activity``) and name in lower case.

    An orchestration that waits for a time counts, as its timer will come. One that waits for events alone does not.
    """
    found: Counter[tuple[str, str]] = Counter()
    for entity, name, count in rows.all(_INSTANCES):
        found["entity" if entity else "orchestrator", name] += count
    for name, count in rows.all(_ACTIVITIES):
        found["activity", name] += count
    return found
