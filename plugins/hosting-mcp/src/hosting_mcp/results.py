"""What functions return, as the protocol's results."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from azure.functions import HttpResponse, meta

from hosting.bindings import Output
from hosting_mcp.jsonrpc import parse_json

_BLOCKS = frozenset(("text", "image", "audio", "resource", "resource_link"))


class ResultOutput(Output):
    """The implicit output of a trigger: encodes the value that its client waits for.

    Args:
        binding_type: the type of the trigger, which names the SDK's converter.
    """

    replies = True

    def __init__(self, binding_type: str) -> None:
        self._converter: Any = meta.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]

    def encode(self, value: Any) -> Any:
        """Return text or bytes, as Azure's worker sends the value to its host; a hook's ``HttpResponse`` as it is."""
        if isinstance(value, str | HttpResponse):
            return value
        if self._converter is None:  # an older SDK
            return value if isinstance(value, bytes) else "" if value is None else str(value)
        return self._converter.encode(value, expected_type=None).value


def tool_result(value: str | bytes | HttpResponse, *, is_envelope: bool) -> dict[str, Any]:
    """Return the result of a tool.

    Args:
        value: what ``ResultOutput`` made of the value.
        is_envelope: whether it is JSON that describes the result, which ``useResultSchema`` says.

    Raises:
        ValueError: it is not such JSON.
    """
    if isinstance(value, HttpResponse):  # of a guard or a hook, in place of the function
        return {"content": [_text_block(_body(value))], "isError": value.status_code >= 400}
    if not is_envelope:
        return {"content": [_text_block(_as_text(value))]}
    envelope = _object(parse_json(value), "the result")
    kind, content = envelope.get("type"), envelope.get("content")
    structured = _parsed(envelope.get("structuredContent"), "structuredContent")
    if kind == "call_tool_result":
        return _whole_result(_object(_parsed(content, "content"), "content"))
    blocks = _parsed(content, "content")
    if kind != "multi_content_result":
        blocks = [blocks]
    if not isinstance(blocks, list) or not blocks:
        raise ValueError("the result has no content")
    result: dict[str, Any] = {"content": [_block(one) for one in blocks]}
    return result if structured is None else {**result, "structuredContent": structured}


def _whole_result(result: dict[str, Any]) -> dict[str, Any]:
    blocks = result.get("content")
    if not isinstance(blocks, list):
        raise ValueError("the content of call_tool_result is not an array")
    known = {key: result[key] for key in ("structuredContent", "isError", "_meta") if result.get(key) is not None}
    return {"content": [_block(one) for one in blocks], **known}


def _block(value: Any) -> dict[str, Any]:
    block = _object(value, "a content block")
    if block.get("type") not in _BLOCKS:
        raise ValueError(f"a content block has the type {block.get('type')!r}")
    return block


def resource_result(value: str | bytes | HttpResponse, uri: str, mime_type: str | None) -> dict[str, Any]:
    """Return the result of reading a resource.

    Args:
        value: what ``ResultOutput`` made of the value: bytes, text, or JSON with ``content``.
        uri: the URI that was asked for.
        mime_type: the declared type of the resource.
    """
    contents = _described_contents(value) if isinstance(value, str) else None
    if contents is None and isinstance(value, bytes):
        contents = {"blob": base64.b64encode(value).decode()}
    if contents is None:
        contents = {"text": _body(value) if isinstance(value, HttpResponse) else value}
    head = {"uri": uri} if mime_type is None else {"uri": uri, "mimeType": mime_type}
    return {"contents": [{**head, **contents}]}


def _described_contents(text: str) -> dict[str, Any] | None:
    """Return the contents that a text describes in JSON; None if it is a text of its own."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        contents = parse_json(parse_json(text)["content"])
    except (ValueError, LookupError, TypeError):
        return None
    has_body = isinstance(contents, dict) and ("text" in contents or "blob" in contents)
    return {key: one for key, one in contents.items() if one is not None} if has_body else None


def prompt_result(value: str | bytes | HttpResponse, description: str | None, *, is_envelope: bool) -> dict[str, Any]:
    """Return the result of a prompt.

    Args:
        value: what ``ResultOutput`` made of the value.
        description: the description of the prompt.
        is_envelope: whether it is JSON that describes the result.

    Raises:
        ValueError: it is not such JSON.
    """
    head = {} if description is None else {"description": description}
    if not is_envelope or isinstance(value, HttpResponse):
        text = _body(value) if isinstance(value, HttpResponse) else _as_text(value)
        return {**head, "messages": [{"role": "user", "content": _text_block(text)}]}
    envelope = _object(parse_json(value), "the result")
    content = _parsed(envelope.get("content"), "content")
    if envelope.get("type") == "get_prompt_result":
        result = _object(content, "content")
        return {**head, **result, "messages": _messages(result.get("messages"))}
    if envelope.get("type") == "prompt_messages":
        return {**head, "messages": _messages(content)}
    raise ValueError(f"the result of a prompt has the type {envelope.get('type')!r}")


def _messages(value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError("the messages are not an array of objects")
    return value


def _text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _as_text(value: str | bytes) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _body(response: HttpResponse) -> str:
    return _as_text(response.get_body() or b"") or f"HTTP status {response.status_code}"


def _parsed(value: Any, name: str) -> Any:
    """Return the value of JSON in JSON."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text with JSON")
    return parse_json(value)


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is not a JSON object")
    return dict(value)
