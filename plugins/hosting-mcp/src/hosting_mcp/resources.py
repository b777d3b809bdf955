"""Resources: their triggers, and templates of URIs."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from hosting.core import Binding, Function
from hosting_mcp.calls import Call, call_by_hand
from hosting_mcp.declarations import Declaration, without_none
from hosting_mcp.triggers import McpTrigger

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.")
_EXPRESSION = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_]\w*")
_DELIMITER = re.compile("[/?#]")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class UriTemplate:
    """The URI of a resource, or a template such as ``notes://{book}/{page}``.

    Args:
        text: the URI.

    Raises:
        ValueError: it is not absolute, or its braces cannot be read.
    """

    def __init__(self, text: str) -> None:
        if not _SCHEME.match(text):
            raise ValueError("is not an absolute URI with a scheme")
        if "}{" in text:
            raise ValueError("has two expressions without a text between them")
        rest = _EXPRESSION.sub("", text)
        if "{" in rest or "}" in rest:
            raise ValueError("has braces that do not match")
        self.text = text
        self.names = tuple(name.strip() for name in _EXPRESSION.findall(text))
        if not all(map(_NAME.fullmatch, self.names)) or len(set(self.names)) < len(self.names):
            raise ValueError("has an expression without a name, or one name twice")
        self.shape = _EXPRESSION.sub("{}", text).lower()
        """What it has in common with templates that fit the same URIs."""
        *self._parts, self._last = (part.translate(_LOWER) for part in _EXPRESSION.split(text)[::2])

    def match(self, uri: str) -> dict[str, str] | None:
        """Return the values of its expressions in a URI, decoded, by name; None if the URI does not fit.

        Values are as long as they can be, the first ones before the others. Each text before a value is searched once,
        from the right: a regular expression would try all ways, which takes minutes for some URIs.
        """
        text, end = uri.translate(_LOWER), len(uri) - len(self._last)
        if not text.endswith(self._last):
            return None
        values: list[str] = []
        for part in reversed(self._parts):
            begin = text.rfind(part, 0, max(end - 1, 0)) if len(values) + 1 < len(self._parts) else 0
            value = uri[begin + len(part) : end] if begin >= 0 and text.startswith(part, begin) else ""
            if not value or _DELIMITER.search(value):
                return None
            values.append(unquote(value))
            end = begin
        return dict(zip(self.names, reversed(values), strict=True)) if self._parts or not end else None


class ResourceTrigger(McpTrigger):
    """Runs a function each time its resource is read.

    Args:
        function: the function.
        binding: its trigger.
        added: called when the function can run.

    Raises:
        AppLoadError: a property cannot be used.
    """

    kind = "resource"

    def __init__(self, function: Function, binding: Binding, added: Callable[[ResourceTrigger], None]) -> None:
        super().__init__(function, binding, added)
        declaration = Declaration(function, binding)
        uri = self.source = declaration.required("uri")
        try:
            self.uri = UriTemplate(uri)
        except ValueError as error:
            raise declaration.wrong("uri", str(error)) from error
        self.mime_type = declaration.text("mimeType")
        self.completions = declaration.json_object("completions") or {}
        size = None if self.uri.names else binding.get("size")
        self.entry = without_none(
            **{"uriTemplate" if self.uri.names else "uri": uri},
            name=declaration.required("resourceName"),
            title=declaration.text("title"),
            description=declaration.text("description"),
            mimeType=self.mime_type,
            size=size if isinstance(size, int) else None,
            meta=declaration.json_object("metadata"),
        )

    def decode(self, data: Call) -> str:
        """Return the JSON of the request."""
        return data.text

    def binding_data(self, data: Call) -> Mapping[str, Any]:
        """Return the values for expressions: those of the template by their names, and what Azure adds."""
        return {
            **self._binding_data(data, "mcpresourcecontext"),
            "mcpresourceuri": data.what["uri"],
            **data.values,
        }

    def log_fields(self, data: Call) -> Mapping[str, Any]:
        """Return the URI that is asked for."""
        return {"mcp_resource": data.what["uri"]}

    async def by_hand(self, text: str | None) -> Call:
        """Return the request of a manual run: its input may be a URI that fits the template.

        Raises:
            ValueError: the URI does not fit.
        """
        uri = (text or "").strip() or self.uri.text
        values = self.uri.match(uri)
        if values is None:
            raise ValueError(f"Function '{self.function}' needs a URI like {self.uri.text} as its input.")
        call = call_by_hand("", None)
        return Call({"uri": uri}, call.client, values)
