"""The tables of a task hub, and the steps from one version of them to the next."""

from __future__ import annotations

from hosting_durable.errors import StoreError
from hosting_durable.stores.database import Rows

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE instances (
            id TEXT PRIMARY KEY, entity INTEGER NOT NULL, execution TEXT NOT NULL, name TEXT NOT NULL, version TEXT,
            status TEXT NOT NULL, input TEXT, output TEXT, custom_status TEXT,
            created BIGINT NOT NULL, updated BIGINT NOT NULL,
            parent TEXT, parent_execution TEXT, parent_task INTEGER, trace_parent TEXT, trace_state TEXT,
            owner TEXT, turn INTEGER NOT NULL DEFAULT 0, ready_at BIGINT, state TEXT, locked_by TEXT, waits TEXT)""",
        "CREATE INDEX instances_ready ON instances (entity, ready_at) WHERE owner IS NULL AND ready_at IS NOT NULL",
        "CREATE INDEX instances_owned ON instances (owner) WHERE owner IS NOT NULL",
        "CREATE INDEX instances_created ON instances (created, id)",
        """CREATE TABLE history (
            instance TEXT NOT NULL, execution TEXT NOT NULL, place INTEGER NOT NULL, type INTEGER NOT NULL,
            event_id INTEGER NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (instance, execution, place))""",
        """CREATE TABLE inbox (
            number {number}, instance TEXT NOT NULL, execution TEXT, due BIGINT NOT NULL,
            held INTEGER NOT NULL DEFAULT 0, timer INTEGER, type INTEGER NOT NULL, event_id INTEGER NOT NULL,
            at BIGINT NOT NULL, body TEXT NOT NULL)""",
        "CREATE INDEX inbox_instance ON inbox (instance, held, due)",
        """CREATE TABLE activities (
            number {number}, instance TEXT NOT NULL, execution TEXT NOT NULL, task INTEGER NOT NULL,
            name TEXT NOT NULL, input TEXT, trace_parent TEXT, trace_state TEXT, owner TEXT,
            attempt INTEGER NOT NULL DEFAULT 0, due BIGINT NOT NULL DEFAULT 0)""",
        "CREATE INDEX activities_free ON activities (number) WHERE owner IS NULL",
        "CREATE INDEX activities_instance ON activities (instance)",
        "CREATE TABLE hosts (id TEXT PRIMARY KEY, beat BIGINT NOT NULL)",
    ),
    (
        # Activities that poll later stand behind those that are due, whatever their number.
        "DROP INDEX activities_free",
        "CREATE INDEX activities_due ON activities (due, number) WHERE owner IS NULL",
    ),
)
"""The statements of each version; ``{number}`` is the database's type of a key that counts by itself."""


def migrate(rows: Rows, number: str) -> None:
    """Create or update the tables.

    Args:
        rows: the statements of the transaction.
        number: the database's type of a key that counts by itself.

    Raises:
        StoreError: a newer version of this package has made the tables.
    """
    rows.run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    found = rows.one("SELECT version FROM schema_version")
    version = 0 if found is None else int(found[0])
    if version > len(STEPS):
        raise StoreError(
            f"The store of Durable Functions has tables of version {version}, and this version of hosting-durable "
            f"knows {len(STEPS)}.",
            remedy="Update hosting-durable.",
        )
    for step in STEPS[version:]:
        for statement in step:
            rows.run(statement.format(number=number))
    if version < len(STEPS):
        rows.run("DELETE FROM schema_version")
        rows.run("INSERT INTO schema_version (version) VALUES (?)", len(STEPS))
