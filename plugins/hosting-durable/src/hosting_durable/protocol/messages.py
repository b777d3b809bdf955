"""The messages of the Durable Task protocol as classes, made of ``table``.

They live in a pool of their own: the SDK brings generated classes of the same names, and protobuf refuses a name twice
in one pool. So neither the version of the SDK nor its internal modules matter here.
"""

from __future__ import annotations

from typing import Any

from hosting_durable.protocol.table import MESSAGES, METHODS

_FILE = "hosting_durable.proto"
_WELL_KNOWN = "google.protobuf."
_SCALARS = {"int32": 5, "bool": 8, "string": 9}
_MESSAGE, _ONE, _MANY = 11, 1, 3
_TAGS = "Tags"


class Messages:
    """The classes of the messages, each as an attribute of its name: ``messages.HistoryEvent(eventId=1)``.

    Raises:
        ImportError: protobuf is not installed; the SDK 2.x brings it.
    """

    def __init__(self) -> None:
        from google.protobuf import (  # few apps need them
            descriptor_pb2,
            descriptor_pool,
            empty_pb2,
            message_factory,
            timestamp_pb2,
            wrappers_pb2,
        )

        file = descriptor_pb2.FileDescriptorProto(name=_FILE, syntax="proto3")
        pool = descriptor_pool.DescriptorPool()
        for module in (timestamp_pb2, wrappers_pb2, empty_pb2):
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
            file.dependency.append(module.DESCRIPTOR.name)
        for name, fields in MESSAGES.items():
            _describe(file.message_type.add(name=name), fields.split())
        pool.AddSerializedFile(file.SerializeToString())
        self._pool, self._make_class = pool, message_factory.GetMessageClass

    def __getattr__(self, name: str) -> Any:
        """Return the class of a message; raises AttributeError for a name that the table does not have."""
        if name not in MESSAGES:
            raise AttributeError(name)
        found = self._class(name)
        setattr(self, name, found)
        return found

    @property
    def empty(self) -> Any:
        """The class of the message without content."""
        return self._class("Empty")

    def _class(self, name: str) -> Any:
        full = name if name in MESSAGES else _WELL_KNOWN + name
        return self._make_class(self._pool.FindMessageTypeByName(full))

    def methods(self) -> dict[str, tuple[Any, Any, bool]]:
        """Return the methods of the service: the classes of request and response, and whether it sends many of them."""
        return {name: (self._class(one), self._class(other), many) for name, (one, other, many) in METHODS.items()}


def _describe(message: Any, fields: list[str]) -> None:
    """Fill the description of a message with fields as they stand in the table."""
    groups: list[str] = []
    for field in fields:
        name, _, rest = field.partition("=")
        number, _, kind = rest.partition(":")
        kind, _, group = kind.partition("@")
        label, kind = (_MANY, kind[1:]) if kind.startswith("*") else (_ONE, kind)
        one = message.field.add(name=name, number=int(number), label=label, type=_SCALARS.get(kind, _MESSAGE))
        if kind == _TAGS:
            one.label, one.type_name = _MANY, f".{message.name}.TagsEntry"
            _describe_entry(message.nested_type.add(name="TagsEntry"))
        elif kind not in _SCALARS:
            one.type_name = f".{kind}" if kind in MESSAGES else f".{_WELL_KNOWN}{kind}"
        if group:
            if group not in groups:
                groups.append(group)
                message.oneof_decl.add(name=group)
            one.oneof_index = groups.index(group)


def _describe_entry(entry: Any) -> None:
    """Fill the description of an entry of a map from text to text."""
    entry.options.map_entry = True
    _describe(entry, ["key=1:string", "value=2:string"])
