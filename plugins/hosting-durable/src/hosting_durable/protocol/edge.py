"""What serves functions of the SDK 2.x: the dialect of the engine, and the server for clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hosting.bindings import Input
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from hosting_durable.client import ClientBindings
from hosting_durable.engine import Engine
from hosting_durable.hub import TaskHub
from hosting_durable.protocol.backend import MAX_MESSAGE_BYTES
from hosting_durable.protocol.remote_hub import RemoteTaskHub
from hosting_durable.protocol.server import ProtocolServer, ProxyServer

PROPERTY = "durableRequiresGrpc"
"""The property of the bindings of the SDK 2.x."""


def is_of_protocol(binding: Binding) -> bool:
    """Return whether a binding is one of the SDK 2.x."""
    return any(name.lower() == PROPERTY.lower() and value is True for name, value in binding.properties.items())


class ProtocolEdge:
    """What an app of the SDK 2.x needs; nothing of it is imported for other apps.

    Args:
        hub: the app's task hub.
        engine: what runs its functions; None if a backend of the protocol does.
        clients: the clients of the SDK 1.x, which make the addresses of the HTTP API.
    """

    def __init__(self, hub: TaskHub, engine: Engine | None, clients: ClientBindings) -> None:
        self._hub, self._engine, self._clients = hub, engine, clients
        self._messages: Any = None
        self._server: ProtocolServer | None = None

    def use(self, function: Function, binding: Binding) -> bool:
        """Let the engine speak the protocol for functions of the SDK 2.x; return whether a binding is of one.

        Args:
            function: the function.
            binding: its trigger or its client.

        Raises:
            FunctionLoadError: protobuf or grpcio are not installed; or the function is of the SDK 1.x, and a backend
                of the protocol is the engine.
        """
        if is_of_protocol(binding):
            self._use(function.file)
            return True
        if self._engine is None:
            raise FunctionLoadError(
                f"Function '{function.name}' is of azure-functions-durable 1.x, and the engine that storageProvider in "
                "host.json names runs functions of 2.x only.",
                remedy='Set storageProvider.type to "sqlite" or "postgresql", or use azure-functions-durable 2.x.',
                file=function.file,
            )
        return False

    def _use(self, file: str) -> None:
        if self._messages is not None:
            return
        try:
            from hosting_durable.protocol.dialect import ProtocolDialect
            from hosting_durable.protocol.messages import Messages

            self._messages = Messages()
        except ImportError as error:
            raise FunctionLoadError(
                f"Functions of azure-functions-durable 2.x need a package that is not installed: {error}.",
                remedy="Install azure-functions-durable>=2 with its dependencies, durabletask among them.",
                file=file,
            ) from error
        if self._engine is not None:
            self._engine.dialect = ProtocolDialect(self._messages)

    def input(self) -> Input:
        """Return the client of a starter."""
        server = self._server = self._server or self._make_server()
        return ProtocolClientInput(self._clients, lambda: server.address)

    def _make_server(self) -> ProtocolServer:
        if isinstance(self._hub, RemoteTaskHub):
            return ProxyServer(self._hub, self._hub.backend)
        return ProtocolServer(self._hub, self._messages)

    async def start(self) -> None:
        """Listen, if a function has a client."""
        if self._server is not None:
            await self._server.start()

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.close()


class ProtocolClientInput(Input):
    """An input with the JSON from which the SDK 2.x makes its client.

    Args:
        clients: the clients of the host.
        address: returns the address of the gRPC server.
    """

    def __init__(self, clients: ClientBindings, address: Callable[[], str]) -> None:
        self._clients = clients
        self._address = address

    async def read(self, data: Any, properties: Mapping[str, Any]) -> str:
        """Return the JSON, with addresses that the caller of an HTTP function can reach."""
        return self._clients.document(data, self._address(), maxGrpcMessageSizeInBytes=MAX_MESSAGE_BYTES)
