"""What a task hub answers to a request that it cannot fulfil."""

from __future__ import annotations

from hosting.errors import HostingError
from hosting_durable.status import Status


class DurableError(HostingError):
    """A request to a task hub that cannot be fulfilled; the message is for the person or program that asked."""


class UnknownInstance(DurableError):
    """There is no instance with the ID.

    Args:
        instance_id: the ID.
    """

    def __init__(self, instance_id: str) -> None:
        super().__init__(f"No instance with ID '{instance_id}' found.")
        self.instance_id = instance_id


class InstanceExists(DurableError):
    """There is an instance with the ID, in a state in which a new one does not replace it.

    Args:
        instance_id: the ID.
        status: its state.
    """

    def __init__(self, instance_id: str, status: Status) -> None:
        super().__init__(f"An Orchestration instance with the status {status.value} already exists.")
        self.instance_id = instance_id
        self.status = status


class InvalidInstanceId(DurableError, ValueError):
    """An instance ID, an entity's name or its key has characters or a length that are not allowed."""


class WrongState(DurableError):
    """The instance exists, but not in a state in which it can do what is asked.

    Args:
        instance_id: the ID.
        status: its state.
        message: what is wrong.
    """

    def __init__(self, instance_id: str, status: Status, message: str) -> None:
        super().__init__(message)
        self.instance_id = instance_id
        self.status = status


class StoreError(DurableError):
    """The store of the task hub cannot be opened or used; ``remedy`` says what to do about it."""


class BackendError(DurableError):
    """A backend of the Durable Task protocol refuses a request.

    Args:
        code: the name of the status of gRPC, such as ``NOT_FOUND``.
        message: what it says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message or code)
        self.code = code


class NonDeterministicError(DurableError):
    """The orchestrator's code does not do what it did before: it was changed, or it is not deterministic."""
