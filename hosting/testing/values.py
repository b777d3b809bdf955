"""What a test hands to a trigger or an input, made the object that the function takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import azure.functions as func

from hosting.bindings.expressions import BUILT_IN, Template, json_data, merged
from hosting.bindings.generic.provider import GenericTrigger
from hosting.core import NOTHING, Binding, Function
from hosting.testing.builders import blob, timer_request

_PLAIN = (str, bytes, int, float, bool, dict, list)


class Values:
    """Makes the arguments of one trigger or input.

    Objects of the SDK stay as they are; text, bytes and JSON become what the SDK's own converter makes of them.
    """

    def __init__(self, function: Function, binding: Binding) -> None:
        self._annotation = function.annotations.get(binding.name)
        self._type = binding.type.lower()
        self._path = str(binding.get("path", ""))
        self._many = str(binding.get("cardinality", "")).lower() == "many"
        single = {name: value for name, value in binding.properties.items() if name.lower() != "cardinality"}
        self._generic = GenericTrigger(function, binding._replace(properties=single))

    def decode(self, data: Any) -> Any:
        """Make what the function takes of ``data``."""
        if self._many:
            return [self._single(one) for one in (data if isinstance(data, list) else [data])]
        return self._single(data)

    def _single(self, data: Any) -> Any:
        if self._annotation in (str, bytes) and callable(getattr(data, "read", None)):
            return self._of_text(data.read())
        text = content(data)
        if text is not None and (isinstance(data, _PLAIN) or self._annotation in (str, bytes)):
            return self._of_text(text)
        if data is None:
            return timer_request() if self._type == "timertrigger" else self._generic.decode(None)
        return data

    def _of_text(self, text: str | bytes) -> Any:
        if self._annotation is bytes:
            return text if isinstance(text, bytes) else text.encode()
        if self._type in ("blob", "blobtrigger") and self._annotation is not str:
            return blob(text, name=self._path if self._type == "blobtrigger" else None)
        return self._generic.decode(text.decode() if isinstance(text, bytes) else text)


class Lenient(dict[str, Any]):
    """Binding data in which what is not known stands for itself: a test need not give what it does not look at."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or not self._is_known(str(name))

    def __missing__(self, name: str) -> Any:
        if self._is_known(name):
            raise KeyError(name)
        return f"{{{name}}}"

    def _is_known(self, name: str) -> bool:
        """Whether there is such a value in another spelling, or the host has one of its own."""
        folded = name.lower()
        return folded in BUILT_IN or folded == "sys" or any(key.lower() == folded for key in self)


def binding_data(binding: Binding, data: Any) -> Mapping[str, Any]:
    """What ``{expressions}`` may use of ``data``, as Azure's host has it of messages, blobs and events."""
    text = content(data)
    return Lenient(merged(_metadata(binding, data, text), json_data(text)))


def content(data: Any) -> str | bytes | None:
    """The text or bytes of what a test hands over; None for an object that has none, or that can be read once only."""
    if isinstance(data, str | bytes):
        return data
    if isinstance(data, func.EventGridEvent):
        return json.dumps(_event(data))
    if callable(getattr(data, "get_body", None)):
        body: bytes = data.get_body()
        return body
    return json.dumps(data) if isinstance(data, _PLAIN) else None


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
    """What Azure's host knows of a message or a blob besides its content."""
    match binding.type.lower():
        case "queuetrigger":
            shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
            return {"queueTrigger": shown or "", **_named(data, "id", "dequeue_count", "pop_receipt")}
        case "blobtrigger":
            name = str(getattr(data, "name", None) or "")
            return {"blobTrigger": name, **_named(data, "uri"), **_captured(str(binding.get("path", "")), name)}
    return NOTHING


def _named(data: Any, *attributes: str) -> Mapping[str, Any]:
    """Attributes that ``data`` has, under the names of Azure's host, which ignore case."""
    found = {name.replace("_", ""): getattr(data, name, None) for name in attributes}
    return {name: value for name, value in found.items() if value is not None}


def _captured(path: str, name: str) -> Mapping[str, str]:
    """The parts of a blob's name that the trigger's path names, each as long as can be."""
    parts = Template.parse(path).parts
    names = [part.path[0] for part in parts if not isinstance(part, str)]
    text = "".join(re.escape(part) if isinstance(part, str) else "(.*)" for part in parts)
    found = re.fullmatch(text, name, re.DOTALL)
    return dict(zip(names, found.groups(), strict=True)) if found else NOTHING
