"""Statements that clean up what entities leave behind."""

from __future__ import annotations

from hosting_durable.stores.database import Rows
from hosting_durable.stores.instances import delete, status_of
from hosting_durable.stores.messages import refresh_ready


def remove_empty(rows: Rows) -> int:
    """Delete the entities that have neither state nor messages nor a lock; return how many there were."""
    found = rows.all(
        """SELECT id FROM instances WHERE entity = 1 AND state IS NULL AND owner IS NULL AND locked_by IS NULL
        AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.instance = instances.id)"""
    )
    return delete(rows, [row[0] for row in found])


def release_orphaned_locks(rows: Rows) -> int:
    """Release the locks of orchestrations that do not run any more; return how many there were."""
    found = rows.all("SELECT id, locked_by FROM instances WHERE entity = 1 AND locked_by IS NOT NULL AND owner IS NULL")
    orphans = [entity for entity, holder in found if _is_over(rows, holder)]
    for entity in orphans:
        rows.run("UPDATE instances SET locked_by = NULL WHERE id = ?", entity)
        rows.run("UPDATE inbox SET held = 0 WHERE instance = ?", entity)
        refresh_ready(rows, entity)
    return len(orphans)


def _is_over(rows: Rows, instance_id: str) -> bool:
    status = status_of(rows, instance_id)
    return status is None or status.is_finished
