"""Errors of the SDK as one message: the binding, and what the service reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ServiceRequestError

from hosting_storage.shared.outage import first_line


class StorageFailure(Exception):
    """The storage could not be reached, or refused to read or write the data of a binding."""


@contextmanager
def explained(subject: str) -> Iterator[None]:
    """Raise an error of the SDK as one message that begins with ``subject``, without the SDK's long traceback.

    Raises:
        StorageFailure: instead of an AzureError.
    """
    try:
        yield
    except AzureError as error:
        remedy = " Is Azurite running?" if isinstance(error, ServiceRequestError) else ""
        raise StorageFailure(f"{subject}: {first_line(error)}{remedy}") from None
