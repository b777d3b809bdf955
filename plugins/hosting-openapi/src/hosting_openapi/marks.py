"""The marks in annotations: where a parameter comes from, and what a function responds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hosting

JSON = "application/json"


class Body(hosting.Mark):
    """A parameter that gets the body of the request: ``order: Annotated[Order, Body]``.

    Args:
        media_type: the type that the body must have. If it is JSON, any ``+json`` type is accepted, too. A body of
            another type is passed as bytes or as text, whatever the annotation asks for.
        strict: whether JSON values must have the type of the schema, so that ``"5"`` is not a number.
        description: what the document says of it.
    """

    def __init__(self, *, media_type: str = JSON, strict: bool = True, description: str = "") -> None:
        self.media_type, self.strict, self.description = media_type.lower(), strict, description

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON."""
        return is_json(self.media_type)


class StreamBody(Body):
    """``Body`` in a function that gets its request as a stream: the extension puts it there itself."""


class Named(hosting.Mark):
    """A parameter that comes from a place with names; for a model, each of its fields.

    Args:
        name: the name there (default: that of the parameter).
        description: what the document says of it.
    """

    place = ""

    def __init__(self, name: str | None = None, *, description: str = "") -> None:
        self.name, self.description = name, description


class Query(Named):
    """A parameter from the query: ``limit: Annotated[int, Query] = 20``, ``filter: Annotated[Filter, Query]``."""

    place = "query"


class Path(Named):
    """A parameter from the route: ``id: Annotated[int, Path]`` for ``items/{id}``."""

    place = "path"


class Header(Named):
    """A parameter from a header: ``user_agent: Annotated[str, Header] = ""``; underscores are hyphens there."""

    place = "header"


class Response(hosting.Mark):
    """The result of a function, which becomes the response: ``-> Annotated[Order, Response(201)]``.

    A function may also return a response of its own.

    Args:
        status: the status.
        description: what the document says of it.
        media_type: the type of the body. If it is not JSON, the function returns text or bytes.
        others: what else it may respond: a type for the body by status, or a text for a problem document.

    Raises:
        ValueError: a status is not a number from 200 to 599.
    """

    def __init__(
        self,
        status: int = 200,
        *,
        description: str = "",
        media_type: str = JSON,
        others: Mapping[int, Any] | None = None,
    ) -> None:
        statuses: tuple[Any, ...] = (status, *(others or {}))
        for one in statuses:
            if not isinstance(one, int) or not 200 <= one <= 599:
                raise ValueError(f"Response: {one!r} is not a status from 200 to 599")
        self.status, self.description = status, description
        self.media_type, self.others = media_type.lower(), dict(others or {})

    @property
    def has_body(self) -> bool:
        """Whether a response of this status may have a body (RFC 9110, section 6.4.1)."""
        return self.status not in (204, 205, 304)


def is_json(media_type: str) -> bool:
    """Return whether a media type is JSON (RFC 6839, section 3.1)."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")


def instance(mark: Any) -> Any:
    """Return a mark as an instance: an annotation may name the class only."""
    return mark() if isinstance(mark, type) else mark
