"""The gRPC server that clients of the SDK 2.x call.

The SDK's client sends no key. So the server listens on a socket in a folder that only this user can open; on Windows,
where gRPC has no such sockets, on a port of this machine, as in Azure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from hosting_durable.errors import (
    DurableError,
    InstanceExists,
    InvalidInstanceId,
    StoreError,
    UnknownInstance,
    WrongState,
)
from hosting_durable.hub import TaskHub
from hosting_durable.protocol.backend import MAX_MESSAGE_BYTES, SERVICE, Backend
from hosting_durable.protocol.messages import Messages
from hosting_durable.protocol.service import TaskHubService, unserved

if TYPE_CHECKING:
    import grpc

_CODES = (
    (UnknownInstance, "NOT_FOUND"),
    (InstanceExists, "ALREADY_EXISTS"),
    (InvalidInstanceId, "INVALID_ARGUMENT"),
    (WrongState, "FAILED_PRECONDITION"),
    (StoreError, "UNAVAILABLE"),
)


class ProtocolServer:
    """Serves the clients of an app on this machine.

    Args:
        hub: the app's task hub.
        messages: the classes of the protocol.
    """

    def __init__(self, hub: TaskHub, messages: Messages) -> None:
        self._methods = TaskHubService(hub, messages).methods()
        self._messages = messages
        self._server: grpc.aio.Server | None = None
        self._folder = ""
        self.address = ""
        """The address for ``rpcBaseUrl`` of the client; empty while it does not listen."""

    async def start(self) -> None:
        """Listen; call it on the event loop of the host."""
        import grpc  # the SDK 2.x brings it

        size = MAX_MESSAGE_BYTES
        options = [("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size)]
        self._server = grpc.aio.server(options=options)
        handlers = {name: self._handler(name, *types) for name, types in self._messages.methods().items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.address = self._listen(self._server)
        await self._server.start()

    def _listen(self, server: grpc.aio.Server) -> str:
        if os.name == "nt":
            return f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        self._folder = mkdtemp(prefix="durable-")
        address = f"unix:{self._folder}/grpc.sock"
        server.add_insecure_port(address)
        return address

    async def close(self) -> None:
        """Close all connections, and delete the socket."""
        if self._server is not None:
            await self._server.stop(grace=0.5)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _handler(self, name: str, request: Any, response: Any, is_stream: bool) -> grpc.RpcMethodHandler[Any, Any]:
        import grpc

        method = self._methods.get(name)
        make = grpc.unary_stream_rpc_method_handler if is_stream else grpc.unary_unary_rpc_method_handler
        serve = _refuse(name) if method is None else _many(method) if is_stream else _one(method)
        return make(serve, request_deserializer=request.FromString, response_serializer=response.SerializeToString)


class ProxyServer(ProtocolServer):
    """Passes the calls of the clients of an app on to the backend that is its engine.

    Args:
        hub: the app's task hub.
        backend: the backend.
    """

    def __init__(self, hub: TaskHub, backend: Backend) -> None:
        super().__init__(hub, backend.messages)
        self._backend = backend

    def _handler(self, name: str, request: Any, response: Any, is_stream: bool) -> grpc.RpcMethodHandler[Any, Any]:
        import grpc

        if name not in self._methods:
            return super()._handler(name, request, response, is_stream)
        if is_stream:
            return grpc.unary_stream_rpc_method_handler(_pass_many(self._backend, name))
        return grpc.unary_unary_rpc_method_handler(_pass_one(self._backend, name))


def _pass_one(backend: Backend, name: str) -> Callable[[Any, Any], Any]:
    async def serve(request: bytes, context: Any) -> Any:
        import grpc

        try:
            left = context.time_remaining()
            return await backend.method(name, is_raw=True)(request, metadata=backend.metadata, timeout=left)
        except grpc.RpcError as error:
            await context.abort(error.code(), error.details())

    return serve


def _pass_many(backend: Backend, name: str) -> Callable[[Any, Any], Any]:
    async def serve(request: bytes, context: Any) -> AsyncIterator[Any]:
        import grpc

        try:
            async for one in backend.method(name, is_raw=True)(request, metadata=backend.metadata):
                yield one
        except grpc.RpcError as error:
            await context.abort(error.code(), error.details())

    return serve


def _one(method: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    async def serve(request: Any, context: Any) -> Any:
        try:
            return await method(request)
        except DurableError as error:
            await context.abort(_code(error), error.message)

    return serve


def _many(method: Callable[[Any], AsyncIterator[Any]]) -> Callable[[Any, Any], Any]:
    async def serve(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for one in method(request):
                yield one
        except DurableError as error:
            await context.abort(_code(error), error.message)

    return serve


def _refuse(name: str) -> Callable[[Any, Any], Any]:
    async def serve(_request: Any, context: Any) -> None:
        import grpc

        await context.abort(grpc.StatusCode.UNIMPLEMENTED, unserved(name).message)

    return serve


def _code(error: DurableError) -> grpc.StatusCode:
    import grpc

    found = next((name for kind, name in _CODES if isinstance(error, kind)), "INTERNAL")
    return getattr(grpc.StatusCode, found)
