"""Where the state of a task hub is kept: one interface, and the databases that fulfil it."""

from hosting_durable.stores.database import Database, Rows
from hosting_durable.stores.sqlite import SqliteDatabase

__all__ = ["Database", "Rows", "SqliteDatabase"]
