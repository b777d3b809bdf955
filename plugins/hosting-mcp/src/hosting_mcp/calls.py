"""What a client asks for, in the forms that functions and their bindings get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from azure.functions import HttpRequest

from hosting.bindings.http.request import HttpCall, decode_request
from hosting_mcp.jsonrpc import compact_json

NO_SESSION = "0" * 16
"""The session of requests that name none."""


class Client:
    """The client of a request.

    Args:
        transport: ``http-streamable`` or ``http-sse``.
        session_id: the id of its session, as it was sent.
        headers: the headers of its HTTP request.
        info: what it said about itself; None where that is not known any more.
        http: its HTTP request; None for a manual run.
        has_response: whether the response to that request has the answer. If not, it goes down a stream of its own.
        may_refuse: whether a guard's refusal becomes the response to the HTTP request.
    """

    def __init__(
        self,
        transport: str,
        session_id: str,
        headers: Mapping[str, str],
        info: Mapping[str, Any] | None = None,
        *,
        http: HttpCall | None = None,
        has_response: bool = False,
        may_refuse: bool = False,
    ) -> None:
        self.transport = transport
        self.session_id = session_id
        self.headers = headers
        self.info = info
        self.http = http
        self.scope = http.scope if has_response and http is not None else None
        """The ASGI scope of its request, for hooks that see the response; None if the response goes elsewhere."""
        self.may_refuse = may_refuse

    @property
    def document(self) -> dict[str, Any]:
        """What every function gets about it."""
        transport: dict[str, Any] = {"name": self.transport}
        if self.session_id != NO_SESSION:
            transport["sessionId"] = self.session_id
        transport["properties"] = {"headers": self.headers}
        info = {} if self.info is None else {"clientinfo": self.info}
        return {"sessionid": self.session_id, **info, "transport": transport}


class Call:
    """One call of a tool, or one request for a resource or a prompt.

    Args:
        what: the part of its JSON that says what is asked for, such as ``name`` and ``arguments``.
        client: the client.
        values: values of its own for binding expressions, by name.
    """

    def __init__(self, what: Mapping[str, Any], client: Client, values: Mapping[str, Any] | None = None) -> None:
        self.what = what
        self.client = client
        self.values = values or {}
        self.scope = client.scope
        self._text: str | None = None

    @property
    def caller_request(self) -> HttpRequest | None:
        """The HTTP request that brought the call, for guards."""
        return None if self.client.http is None else decode_request(self.client.http)

    @property
    def text(self) -> str:
        """The JSON that the function gets."""
        if self._text is None:
            self._text = compact_json({**self.what, **self.client.document})
        return self._text


def call_by_hand(what: str, text: str | None, **known: Any) -> Call:
    """Return the call of a manual run.

    Args:
        what: the function, for the message.
        text: a JSON object: the whole context with ``arguments``, or the arguments alone.
        known: the parts of the context that are known, such as the name of the tool.

    Raises:
        ValueError: the text is not a JSON object.
    """
    try:
        content = json.loads(text) if text and text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} takes a JSON object as its input, which cannot be parsed: {error}.") from None
    if not isinstance(content, dict):
        raise ValueError(f"{what} takes a JSON object as its input: its arguments, or a context with 'arguments'.")
    arguments = content.get("arguments")
    whole = content if isinstance(arguments, dict) else {"arguments": content}
    return Call({**known, **whole}, Client("http-streamable", NO_SESSION, {}))


def argument_texts(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return arguments as text for binding expressions, as .NET writes the values of JSON."""
    return {name: _text(value) for name, value in arguments.items()}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else str(value) if isinstance(value, bool) else json.dumps(value)
