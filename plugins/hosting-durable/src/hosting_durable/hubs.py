"""Making the task hub that an app's host.json describes, on whichever engine and store it names."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version

from hosting.bindings import Services
from hosting_durable.errors import StoreError
from hosting_durable.hub import TaskHub
from hosting_durable.protocol.backend import Backend, read_connection
from hosting_durable.protocol.messages import Messages
from hosting_durable.protocol.remote_hub import RemoteTaskHub
from hosting_durable.settings import BACKEND, DurableSettings, read_settings
from hosting_durable.stores import Database, SqliteDatabase


def make_hub(services: Services) -> TaskHub:
    """Return the hub that an app's host.json and settings describe; it is not open yet.

    Args:
        services: the app's settings and its state folder.

    Raises:
        SettingsError: host.json has a value that cannot be used.
        StoreError: a package that the engine or the store needs is not installed.
        HostingError: the app's state folder cannot be created.
    """
    settings = read_settings(services)
    if settings.store_type == BACKEND:
        return _remote_hub(settings)
    return TaskHub(_database(services, settings), settings)


def start_input(hub: TaskHub, text: str) -> str:
    """Return the input of an orchestration as the client of the installed SDK sends the JSON of a value.

    That of 1.x sends JSON that holds a text of JSON, and its ``get_input`` expects that. A backend has 2.x only.

    Args:
        hub: the hub.
        text: the JSON.
    """
    return text if isinstance(hub, RemoteTaskHub) or not _has_sdk_1() else json.dumps(text)


def _has_sdk_1() -> bool:
    try:
        return version("azure-functions-durable").startswith("1.")
    except PackageNotFoundError:
        return True


def _database(services: Services, settings: DurableSettings) -> Database:
    """Return the database of an app, not connected yet.

    Args:
        services: the app's settings and its state folder.
        settings: what host.json says.

    Raises:
        StoreError: the package for it is not installed.
    """
    if settings.store_type == "postgresql":
        from hosting_durable.stores.postgresql import PostgresDatabase  # few apps need it

        return PostgresDatabase(settings.connection, settings.hub_name)
    folder = services.state / "durable"
    folder.mkdir(mode=0o700, exist_ok=True)
    return SqliteDatabase(folder / f"{settings.hub_name}.sqlite3")


def _remote_hub(settings: DurableSettings) -> TaskHub:
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
