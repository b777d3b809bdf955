"""Problem documents (RFC 9457), and where in a request an error is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from azure.functions import HttpResponse

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 50
"""The maximum number of errors in a document."""
MAX_LISTED = 1000
"""With more errors than these, none is in the document: pydantic takes seconds to list those of a large body."""


class Fault(NamedTuple):
    """One error in a request.

    Args:
        place: ``body``, ``query``, ``path`` or ``header``.
        name: the name of the parameter; empty for the body.
        pointer: where in the value the error is, a JSON pointer (RFC 6901) as a URI fragment.
        detail: what is wrong, for a person.
        type: pydantic's name for the kind of error.
    """

    place: str
    name: str
    pointer: str
    detail: str
    type: str

    def as_json(self) -> dict[str, str]:
        """Return it as it stands in the document."""
        named = {"name": self.name} if self.name else {}
        return {"in": self.place, **named, "pointer": self.pointer, "detail": self.detail, "type": self.type}


def problem_body(status: int, detail: str, faults: Sequence[Fault] = ()) -> bytes:
    """Return a problem document.

    Args:
        status: the status of the response.
        detail: what is wrong, for a person.
        faults: the errors in the request.
    """
    content: dict[str, Any] = {"type": "about:blank", "title": title(status), "status": status, "detail": detail}
    if faults:
        content["errors"] = [one.as_json() for one in faults[:MAX_ERRORS]]
    return json.dumps(content).encode()


def problem(status: int, detail: str) -> HttpResponse:
    """Make a response with a problem document (RFC 9457), for functions to return.

    ``return problem(404, "There is no such order.")``

    Args:
        status: the status of the response.
        detail: what is wrong, for a person.
    """
    from azure.functions import HttpResponse  # an app that responds has it

    return HttpResponse(problem_body(status, detail), status_code=status, mimetype=MEDIA_TYPE)


def title(status: int) -> str:
    """Return the phrase of a status."""
    names = {413: "Content Too Large", 422: "Unprocessable Content"}  # those of RFC 9110; Python has older ones
    try:
        return names.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Problem"


def pointer(parts: Iterable[str | int]) -> str:
    """Return a JSON pointer as a URI fragment (RFC 6901, section 6)."""
    texts = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "#" + "".join(f"/{quote(text, safe='~$&!()*+,;=:@')}" for text in texts)


def steps_in(value: Any, location: Sequence[str | int], *, is_missing: bool) -> list[str | int]:
    """Return the steps from a value to an error, without pydantic's names for branches of unions and validators.

    Args:
        value: the value that was validated.
        location: pydantic's location of the error.
        is_missing: whether the last step is what is not there.
    """
    steps: list[str | int] = []
    for index, part in enumerate(location):
        is_index = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if is_index or (isinstance(value, dict) and part in value):
            value = value[part]
        elif not is_missing or index < len(location) - 1:
            continue
        steps.append(part)
    return steps
