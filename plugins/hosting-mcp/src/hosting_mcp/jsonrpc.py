"""JSON-RPC 2.0 as the Model Context Protocol uses it: one message at a time, with ids that are text or integers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn, TypeAlias

SERVER_ERROR = -32000
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

RequestId: TypeAlias = str | int
_ID_TYPES = (int, str, type(None))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Made once: the functions of the module json make them for each call with options.
_decode = json.JSONDecoder(parse_constant=_no_constant).decode
_encode = json.JSONEncoder(separators=(",", ":")).encode


class RpcError(Exception):
    """A request that is answered with an error.

    Args:
        code: the code of JSON-RPC.
        message: what is wrong; the client sees it.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Request(NamedTuple):
    """A message that expects a response."""

    id: RequestId
    method: str
    params: Mapping[str, Any]


class Notification(NamedTuple):
    """A message that expects none."""

    method: str
    params: Mapping[str, Any]


class Response(NamedTuple):
    """The answer of the client to a request of the server."""

    id: RequestId


Message: TypeAlias = Request | Notification | Response


def parse_message(body: bytes) -> Message:
    """Return the message of a request's body.

    Raises:
        ValueError: the body is not one message of JSON-RPC 2.0.
    """
    content = parse_json(body)
    if not isinstance(content, dict) or content.get("jsonrpc") != "2.0":
        raise ValueError("expected one object with jsonrpc 2.0")
    request_id = content.get("id")
    if type(request_id) not in _ID_TYPES:  # exactly: true is an integer to isinstance
        raise ValueError("expected an id that is a text or an integer")
    if "method" not in content:
        return _response(content, request_id)
    method, params = content["method"], content.get("params")
    if not isinstance(method, str):
        raise ValueError("expected a method that is a text")
    if params is not None and not isinstance(params, dict):
        raise ValueError("expected params that are an object")
    return Notification(method, params or {}) if request_id is None else Request(request_id, method, params or {})


def _response(content: Mapping[str, Any], request_id: RequestId | None) -> Response:
    if request_id is None or ("result" in content) == ("error" in content):
        raise ValueError("expected a method, or an id with either result or error")
    return Response(request_id)


def parse_json(text: bytes | str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or has NaN or an infinite number.
    """
    try:
        return _decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def compact_json(value: Any) -> str:
    """Return a value as JSON without spaces, in ASCII."""
    return _encode(value)


def result_message(request_id: RequestId, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response to a request."""
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def error_message(request_id: RequestId | None, code: int, message: str) -> dict[str, Any]:
    """Return the response to a request that failed; the id is None if it is not known."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


def notification_message(method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a notification of the server."""
    return {"jsonrpc": "2.0", "method": method, **({} if params is None else {"params": params})}
