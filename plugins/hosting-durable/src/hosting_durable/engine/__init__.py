"""The engine of a task hub: runs what is due, and commits each turn in one transaction."""

from hosting_durable.engine.engine import Engine
from hosting_durable.engine.functions import Functions

__all__ = ["Engine", "Functions"]
