"""The messages of the Durable Task protocol as classes, of the public definition of the protocol.

They live in a pool of their own: the SDK brings generated classes of the same names, and protobuf refuses a name twice
in one pool. So neither the version of the SDK nor its internal modules matter here.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

_DEFINITION = "orchestrator_service.binpb"


class Messages:
    """The classes of the messages, each as an attribute of its name: ``messages.HistoryEvent(eventId=1)``.

    Raises:
        ImportError: protobuf is not installed; the SDK 2.x brings it.
    """

    def __init__(self) -> None:
        from google.protobuf import (  # few apps need them
            descriptor_pb2,
            descriptor_pool,
            duration_pb2,
            empty_pb2,
            message_factory,
            struct_pb2,
            timestamp_pb2,
            wrappers_pb2,
        )

        pool = descriptor_pool.DescriptorPool()
        for module in (timestamp_pb2, duration_pb2, wrappers_pb2, empty_pb2, struct_pb2):
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        definition = descriptor_pb2.FileDescriptorSet.FromString(files(__package__).joinpath(_DEFINITION).read_bytes())
        for one in definition.file:
            pool.AddSerializedFile(one.SerializeToString())
        self._pool, self._make_class = pool, message_factory.GetMessageClass

    def __getattr__(self, name: str) -> Any:
        """Return the class of a message; raises AttributeError for a name that the protocol does not have."""
        try:
            found = self._make_class(self._pool.FindMessageTypeByName(name))
        except KeyError:
            raise AttributeError(name) from None
        setattr(self, name, found)
        return found

    @property
    def empty(self) -> Any:
        """The class of the message without content."""
        return self._make_class(self._pool.FindMessageTypeByName("google.protobuf.Empty"))

    def methods(self) -> dict[str, tuple[Any, Any, bool]]:
        """Return the methods of the service: the classes of request and response, and whether it sends many of them."""
        service = self._pool.FindServiceByName("TaskHubSidecarService")
        return {
            one.name: (self._make_class(one.input_type), self._make_class(one.output_type), one.server_streaming)
            for one in service.methods
        }
