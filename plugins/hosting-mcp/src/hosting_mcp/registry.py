"""The tools, resources and prompts of an app, and the parts of their lists."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from hosting.errors import AppLoadError
from hosting_mcp.jsonrpc import INVALID_PARAMS, RpcError
from hosting_mcp.prompts import PromptTrigger
from hosting_mcp.resources import ResourceTrigger
from hosting_mcp.tools import ToolTrigger

Found = TypeVar("Found")


class Listed(Protocol):
    """Has an entry in a list."""

    entry: dict[str, Any]


class Registry:
    """What clients can use: only functions that can run are in it.

    Args:
        page_size: the number of entries in one part of a list; 0 for whole lists.
    """

    def __init__(self, page_size: int = 0) -> None:
        self._page_size = page_size
        self.tools: dict[str, ToolTrigger] = {}
        self.prompts: dict[str, PromptTrigger] = {}
        self.resources: dict[str, ResourceTrigger] = {}
        self.templates: dict[str, ResourceTrigger] = {}

    def add_tool(self, tool: ToolTrigger) -> None:
        """Add a tool. Raises AppLoadError if another one has its name, ignoring case."""
        first = self.tools.setdefault(tool.name.lower(), tool)
        _check_unique("tool", tool.name, tool.function, first.function)

    def add_prompt(self, prompt: PromptTrigger) -> None:
        """Add a prompt. Raises AppLoadError if another one has its name, ignoring case."""
        first = self.prompts.setdefault(prompt.name.lower(), prompt)
        _check_unique("prompt", prompt.name, prompt.function, first.function)

    def add_resource(self, resource: ResourceTrigger) -> None:
        """Add a resource. Raises AppLoadError if another one has its URI, or a template for the same URIs."""
        group = self.templates if resource.uri.names else self.resources
        first = group.setdefault(resource.uri.shape, resource)
        _check_unique("resource", resource.uri.text, resource.function, first.function)

    def tool(self, name: Any) -> ToolTrigger:
        """Return a tool by its name in any case. Raises RpcError if there is none."""
        return _found("tool", self.tools.get(_text("name", name).lower()), name)

    def prompt(self, name: Any) -> PromptTrigger:
        """Return a prompt by its name in any case. Raises RpcError if there is none."""
        return _found("prompt", self.prompts.get(_text("name", name).lower()), name)

    def resource(self, uri: Any) -> tuple[ResourceTrigger, dict[str, str]]:
        """Return a resource by its URI, and the values of its template. Raises RpcError if there is none."""
        static = self.resources.get(_text("uri", uri).lower())
        if static is not None:
            return static, {}
        matches = ((one, one.uri.match(uri)) for one in self.templates.values())
        found = next(((one, values) for one, values in matches if values is not None), None)
        return _found("resource", found, uri)

    def page(self, key: str, listed: Sequence[Listed], cursor: Any) -> dict[str, Any]:
        """Return a list, or the part of it that begins at a cursor. Raises RpcError if the cursor is wrong."""
        if not self._page_size:
            return {key: [one.entry for one in listed]}  # a cursor is ignored, as in Azure
        begin = 0 if cursor is None else _position(cursor, len(listed))
        end = begin + self._page_size
        rest = {"nextCursor": _cursor(end)} if end < len(listed) else {}
        return {key: [one.entry for one in listed[begin:end]], **rest}


def _found(kind: str, value: Found | None, name: str) -> Found:
    if value is None:
        raise RpcError(INVALID_PARAMS, f"Unknown {kind}: '{name}'")
    return value


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise RpcError(INVALID_PARAMS, f"params.{key} is not a text")
    return value


def _check_unique(kind: str, name: str, function: str, first: str) -> None:
    if function != first:
        raise AppLoadError(
            f"Functions '{first}' and '{function}' declare the same MCP {kind}, '{name}'.",
            remedy="Rename one of them; the case of letters makes no difference.",
        )


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(b"%d" % position).decode()


def _position(cursor: Any, length: int) -> int:
    try:
        position = int(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (ValueError, TypeError):
        position = -1
    if not 0 < position < length:
        raise RpcError(INVALID_PARAMS, "params.cursor is not one that this server has given")
    return position
