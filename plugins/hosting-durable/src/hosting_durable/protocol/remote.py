"""Making the task hub of an app that has a backend of the Durable Task protocol as its engine."""

from __future__ import annotations

from hosting_durable.errors import StoreError
from hosting_durable.protocol.backend import Backend, read_connection
from hosting_durable.protocol.messages import Messages
from hosting_durable.protocol.remote_hub import RemoteTaskHub
from hosting_durable.settings import DurableSettings


def make_remote_hub(settings: DurableSettings) -> RemoteTaskHub:
    """Return the hub; it is not open yet.

    Raises:
        SettingsError: the connection string cannot be used.
        StoreError: grpcio or protobuf are not installed.
    """
    connection = read_connection(settings.connection)
    try:
        import grpc  # noqa: F401 - whether it is there

        messages = Messages()
    except ImportError as error:
        raise StoreError(
            f"A backend of the Durable Task protocol needs a package that is not installed: {error}.",
            remedy="Install hosting-durable with its extra grpc.",
        ) from error
    return RemoteTaskHub(Backend(connection, settings.hub_name, messages), settings)
