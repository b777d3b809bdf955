"""Errors of the SDK, told in one message: whose binding it was, and what the service said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ServiceRequestError

from hosting_storage.shared.outage import first_line


class StorageFailure(Exception):
    """The storage could not be reached, or refused what a function reads or writes."""


@contextmanager
def explained(who: str) -> Iterator[None]:
    """Say ``who`` it was where the storage fails. The SDK's own traceback, a long one, says nothing more.

    Raises:
        StorageFailure: in place of an AzureError.
    """
    try:
        yield
    except AzureError as error:
        remedy = " If it is Azurite, start it." if isinstance(error, ServiceRequestError) else ""
        raise StorageFailure(f"{who}: {first_line(error)}{remedy}") from None
