"""A backend of the Durable Task protocol that is the engine of an app: the Durable Task Scheduler, or another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from hosting.errors import SettingsError
from hosting_durable.errors import (
    BackendError,
    DurableError,
    InvalidInstanceId,
    StoreError,
)
from hosting_durable.protocol.messages import Messages

if TYPE_CHECKING:
    import grpc

SERVICE = "TaskHubSidecarService"
"""The name of the service of the protocol."""

MAX_MESSAGE_BYTES = 100 * 1024 * 1024
"""The longest message of a client or of a backend."""

_UNREACHABLE = frozenset({"UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED"})


class Connection(NamedTuple):
    """How to reach a backend.

    Args:
        address: its host and port.
        is_secure: whether the connection is encrypted.
        hub: the name of the task hub there; empty for that of host.json.
    """

    address: str
    is_secure: bool
    hub: str = ""


def read_connection(text: str) -> Connection:
    """Return how to reach a backend, of a connection string such as ``Endpoint=http://localhost:8080;TaskHub=default``.

    A text without ``Endpoint=`` is the endpoint itself.

    Raises:
        SettingsError: there is no endpoint, or it asks for a way to authenticate that is not known here.
    """
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    values = {name.strip().lower(): value.strip() for name, separator, value in pairs if separator}
    endpoint = values.get("endpoint") or (text.strip() if not values else "")
    url = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
    if not url.hostname:
        raise SettingsError(
            f"The connection string of the Durable Task backend has no endpoint: found {sorted(values)}.",
            remedy="Write Endpoint=http://HOST:PORT;TaskHub=NAME;Authentication=None.",
        )
    way = values.get("authentication") or "None"
    if way.lower() != "none":
        raise SettingsError(
            f"The connection string of the Durable Task backend has Authentication={way}, which is not known here: "
            "hosting-durable sends no token.",
            remedy="Use Authentication=None, as for the emulator, or a proxy that adds the token.",
        )
    is_secure = url.scheme in ("https", "grpcs")
    return Connection(f"{url.hostname}:{url.port or (443 if is_secure else 80)}", is_secure, values.get("taskhub", ""))


class Backend:
    """Calls the methods of a backend.

    Args:
        connection: how to reach it.
        hub_name: the name of the task hub.
        messages: the classes of the protocol.
    """

    def __init__(self, connection: Connection, hub_name: str, messages: Messages) -> None:
        self.address = connection.address
        self.messages = messages
        self.metadata = (("taskhub", connection.hub or hub_name),)
        """What each call says about itself."""
        self._connection = connection
        self._methods = messages.methods()
        self._channel: grpc.aio.Channel | None = None

    async def open(self) -> None:
        """Open a channel, which connects when it is used; call it on the event loop that calls the methods."""
        import grpc  # few apps need it

        size = MAX_MESSAGE_BYTES
        options = [("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size)]
        if self._connection.is_secure:
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.aio.secure_channel(self.address, credentials, options=options)
        else:
            self._channel = grpc.aio.insecure_channel(self.address, options=options)

    async def close(self) -> None:
        """Close the channel, and end all calls."""
        if self._channel is not None:
            await self._channel.close()

    async def call(self, name: str, timeout: float | None = None, **values: Any) -> Any:  # noqa: ASYNC109
        """Call a method with a request of these values, and return its response.

        Args:
            name: the method.
            timeout: the most seconds; None for no limit.
            values: the fields of the request.

        Raises:
            BackendError: the backend refuses the request.
            InvalidInstanceId: it has an argument that is not valid.
            StoreError: it cannot be reached.
        """
        request, _, _ = self._methods[name]
        return await self.send(name, request(**values), timeout)

    async def send(self, name: str, request: Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """Call a method with a request; as ``call``."""
        import grpc

        try:
            return await self.method(name)(request, metadata=self.metadata, timeout=timeout)
        except grpc.RpcError as error:
            raise self.error(name, error) from error

    def method(self, name: str, *, is_raw: bool = False) -> Callable[..., Any]:
        """Return a method that returns its response, or that yields many of them.

        Args:
            name: the method.
            is_raw: whether requests and responses are bytes.
        """
        assert self._channel is not None
        request, response, is_stream = self._methods[name]
        make = self._channel.unary_stream if is_stream else self._channel.unary_unary
        path = f"/{SERVICE}/{name}"
        codec = (None, None) if is_raw else (request.SerializeToString, response.FromString)
        found: Callable[..., Any] = make(path, *codec)
        return found

    def error(self, name: str, error: Any) -> DurableError:
        """Return the error about a call that failed with an error of gRPC."""
        code, text = error.code().name, error.details() or ""
        if code in _UNREACHABLE:
            return StoreError(
                f"The Durable Task backend {self.address} cannot be used: {code}: {text}.",
                remedy="Start it, or correct the connection string that storageProvider in host.json names.",
            )
        if code == "INVALID_ARGUMENT":
            return InvalidInstanceId(text)
        if code == "UNIMPLEMENTED":
            text = f"The Durable Task backend {self.address} does not serve {name}."
        return BackendError(code, text)
