"""The response of an HTTP function that returns a value, and not to an HTTP output: to a queue, for example."""

from __future__ import annotations

import base64
import json
from typing import Any

from azure.functions import meta

from hosting.bindings.http.response import HttpReply
from hosting.core import Binding

_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_JSON = (b"content-type", b"application/json; charset=utf-8")


def returned_reply(binding: Binding | None, value: Any) -> HttpReply:
    """Return a response with a returned value, as Azure's worker sends it and Azure's host writes an object.

    Text is sent as it is; bytes as text in base64, as .NET writes them in JSON; other values in JSON. Source:
    ``CreateObjectResult`` in ``HttpBinding.cs``.

    Args:
        binding: the output ``$return``; None if there is none.
        value: what the function returned, not None.
    """
    kind, sent = _sent(binding, value)
    if kind == "string":
        return HttpReply(200, [_TEXT], sent.encode())
    content = (
        base64.b64encode(sent).decode() if kind == "bytes" else json.loads(sent) if isinstance(sent, str) else sent
    )
    return HttpReply(200, [_JSON], json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def _sent(binding: Binding | None, value: Any) -> tuple[str, Any]:
    """Return the type and the value of what Azure's worker sends to its host."""
    if isinstance(value, str):
        return "string", value
    if isinstance(value, bytes | bytearray):
        return "bytes", bytes(value)
    kind = None if binding is None else binding.type
    converter: Any = meta.get_binding_registry().get(kind)  # type: ignore[no-untyped-call]
    if not hasattr(converter, "encode"):
        return "json", json.dumps(value)
    datum = converter.encode(value, expected_type=None)
    return datum.type, datum.value if datum.type == "bytes" or isinstance(datum.value, str) else json.dumps(datum.value)
