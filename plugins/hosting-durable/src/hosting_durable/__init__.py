"""Durable Functions for hosting: orchestrations, activities and entities with their state in an embedded store."""

from hosting_durable.errors import DurableError, InstanceExists, InvalidInstanceId, UnknownInstance, WrongState
from hosting_durable.hub import TaskHub
from hosting_durable.hubs import make_hub
from hosting_durable.model import Entity, EntityId, EntityPage, EntityQuery, Instance, InstanceQuery, Page
from hosting_durable.status import Status

__all__ = [
    "DurableError",
    "Entity",
    "EntityId",
    "EntityPage",
    "EntityQuery",
    "Instance",
    "InstanceExists",
    "InstanceQuery",
    "InvalidInstanceId",
    "Page",
    "Status",
    "TaskHub",
    "UnknownInstance",
    "WrongState",
    "__version__",
    "make_hub",
]

__version__ = "0.1.0"
