"""Converts the data that a test supplies to the objects that functions take."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import azure.functions as func

from hosting.apps.web import supports_sdk_type
from hosting.bindings.expressions import BUILT_IN, Template, json_data, merged
from hosting.bindings.generic.messages import BODY, FIELDS, read_message
from hosting.bindings.generic.provider import GenericTrigger
from hosting.bindings.generic.sdk_types import SdkMessages, sdk_messages
from hosting.core import NOTHING, Binding, Function
from hosting.testing.builders import blob, timer_request

_PLAIN = (str, bytes, int, float, bool, dict, list)


class ArgumentConverter:
    """Converts data to the argument of one trigger or input.

    SDK objects are passed unchanged; text, bytes and JSON values are converted by the SDK's converter. For a parameter
    with an SDK type, such as ``ServiceBusReceivedMessage``, the package of that type converts messages.
    """

    def __init__(self, function: Function, binding: Binding) -> None:
        self._parameter = f"function '{function.name}': parameter '{binding.name}'"
        self._annotation = function.annotations.get(binding.name)
        self._binding = binding
        self._type = binding.type.lower()
        self._path = str(binding.get("path", ""))
        self._many = str(binding.get("cardinality", "")).lower() == "many"
        single = {name: value for name, value in binding.properties.items() if name.lower() != "cardinality"}
        single_binding = binding._replace(properties=single)
        self._generic = GenericTrigger(function, single_binding)
        self._sdk_messages = sdk_messages(function, single_binding)
        self._takes_client = self._sdk_messages is None and supports_sdk_type(binding.type, self._annotation)

    def decode(self, data: Any) -> Any:
        """Return ``data`` as the object that the function takes."""
        if self._many:
            items = data if isinstance(data, list) else [data]
            return [self._single(one, number) for number, one in enumerate(items)]
        return self._single(data)

    def _single(self, data: Any, number: int = 0) -> Any:
        if self._sdk_messages is not None:
            return self._sdk_message(self._sdk_messages, data, number)
        if self._takes_client and isinstance(data, _PLAIN):
            raise TypeError(
                f"{self._parameter} takes a {getattr(self._annotation, '__name__', self._annotation)}: pass a client, "
                f"or an object that stands for one, not a value of type {type(data).__name__}"
            )
        if self._annotation in (str, bytes) and callable(getattr(data, "read", None)):
            return self._from_text(data.read())
        text = content(data)
        if text is not None and (isinstance(data, _PLAIN) or self._annotation in (str, bytes)):
            return self._from_text(text)
        if data is None:
            return timer_request() if self._type == "timertrigger" else self._generic.decode(None)
        return data

    def _sdk_message(self, messages: SdkMessages, data: Any, number: int) -> Any:
        if isinstance(data, func.ServiceBusMessage | func.EventHubEvent):
            data = message_content(self._type, data)
        if data is None or isinstance(data, _PLAIN):
            return messages.one(read_message(self._binding, "" if data is None else data), number)
        return data

    def _from_text(self, text: str | bytes) -> Any:
        if self._annotation is bytes:
            return text if isinstance(text, bytes) else text.encode()
        if self._type in ("blob", "blobtrigger") and self._annotation is not str:
            return blob(text, name=self._path if self._type == "blobtrigger" else None)
        return self._generic.decode(text.decode() if isinstance(text, bytes) else text)


class LenientBindingData(dict[str, Any]):
    """Binding data in which an unknown name keeps its braces: tests supply only the values that they check."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or not self._is_known(str(name))

    def __missing__(self, name: str) -> Any:
        if self._is_known(name):
            raise KeyError(name)
        return f"{{{name}}}"

    def _is_known(self, name: str) -> bool:
        """Return whether there is a value of that name, ignoring case, or the host supplies one."""
        folded = name.lower()
        return folded in BUILT_IN or folded == "sys" or any(key.lower() == folded for key in self)


def binding_data(binding: Binding, data: Any) -> Mapping[str, Any]:
    """Return the values that ``{expressions}`` may use, as Azure's host derives them from the trigger's data."""
    text = content(data)
    return LenientBindingData(merged(_metadata(binding, data, text), json_data(text)))


def content(data: Any) -> str | bytes | None:
    """Return the text or bytes of ``data``; None for an object without any, or that can be read only once."""
    if isinstance(data, str | bytes):
        return data
    if isinstance(data, func.EventGridEvent):
        return json.dumps(_event(data))
    if callable(getattr(data, "get_body", None)):
        body: bytes = data.get_body()
        return body
    return json.dumps(data) if isinstance(data, _PLAIN) else None


def message_content(kind: str, message: Any) -> dict[str, Any]:
    """Return the body and the properties of a message of ``azure.functions``, by the names that SDK types have.

    Args:
        kind: the type of the trigger, in lower case.
        message: the message.
    """
    return {BODY: message.get_body(), **{name: getattr(message, name, None) for name in FIELDS[kind]}}


def _event(event: func.EventGridEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "topic": event.topic,
        "subject": event.subject,
        "eventType": event.event_type,
        "eventTime": event.event_time.isoformat() if event.event_time else None,
        "data": event.get_json(),
        "dataVersion": event.data_version,
    }


def _metadata(binding: Binding, data: Any, text: str | bytes | None) -> Mapping[str, Any]:
    """Return the metadata that Azure's host has of a message or a blob."""
    match binding.type.lower():
        case "queuetrigger":
            shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
            return {"queueTrigger": shown or "", **_named(data, "id", "dequeue_count", "pop_receipt")}
        case "blobtrigger":
            name = str(getattr(data, "name", None) or "")
            return {"blobTrigger": name, **_named(data, "uri"), **_captured(str(binding.get("path", "")), name)}
    return NOTHING


def _named(data: Any, *attributes: str) -> Mapping[str, Any]:
    """Return attributes of ``data`` by the names that Azure's host uses; names ignore case."""
    found = {name.replace("_", ""): getattr(data, name, None) for name in attributes}
    return {name: value for name, value in found.items() if value is not None}


def _captured(path: str, name: str) -> Mapping[str, str]:
    """Return the values of the path's ``{names}`` in a blob's name; each matches as much as possible."""
    parts = Template.parse(path).parts
    names = [part.path[0] for part in parts if not isinstance(part, str)]
    text = "".join(re.escape(part) if isinstance(part, str) else "(.*)" for part in parts)
    found = re.fullmatch(text, name, re.DOTALL)
    return dict(zip(names, found.groups(), strict=True)) if found else NOTHING
