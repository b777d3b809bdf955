"""The states of orchestrations."""

from __future__ import annotations

from enum import Enum


class Status(Enum):
    """The state of an orchestration; the values are the names that Azure's API uses."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    TERMINATED = "Terminated"
    CANCELED = "Canceled"
    CONTINUED_AS_NEW = "ContinuedAsNew"

    @property
    def is_finished(self) -> bool:
        """Whether the orchestration does nothing any more."""
        return self in _FINISHED


STATUSES = (
    Status.RUNNING,
    Status.COMPLETED,
    Status.CONTINUED_AS_NEW,
    Status.FAILED,
    Status.CANCELED,
    Status.TERMINATED,
    Status.PENDING,
    Status.SUSPENDED,
)
"""The states in the order of their numbers, in events and in the Durable Task protocol."""
_FINISHED = frozenset({Status.COMPLETED, Status.FAILED, Status.TERMINATED, Status.CANCELED})
FINISHED = tuple(sorted(status.value for status in _FINISHED))
"""The names of the states of orchestrations that do nothing any more."""
