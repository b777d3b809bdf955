"""The result of a function: how it becomes a response, and whether a response is what the document says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from azure.functions import HttpResponse

import hosting
from hosting_openapi.marks import Response, instance, is_json
from hosting_openapi.problems import pointer
from hosting_openapi.schemas import adapter_of, is_model, schema_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class ResponseProblem(Exception):
    """A result that is not what the function's annotation says."""


class Output:
    """The result of one function.

    Args:
        returned: the result, with its mark.

    Raises:
        Exception: pydantic has no schema for its type.
    """

    def __init__(self, returned: hosting.Marked) -> None:
        self.mark: Response = instance(returned.mark)
        self.adapter: TypeAdapter[Any] = adapter_of(returned.annotation)
        self.others: Mapping[int, TypeAdapter[Any]] = {
            status: adapter_of(kind) for status, kind in self.mark.others.items() if not isinstance(kind, str)
        }
        self._is_model = is_model(returned.type)
        self._kind = returned.type

    def respond(self, result: Any, invocation: hosting.Invocation, *, checks: bool) -> Any:
        """Return the response for a result.

        Args:
            result: what the function returned.
            invocation: the invocation.
            checks: whether to check what is sent, also where the function has made a response of its own.

        Raises:
            ResponseProblem: the result does not match.
        """
        if _is_response(result):
            if checks and isinstance(result, HttpResponse):
                self._check(result)
            return result
        if not self.mark.has_body:
            return invocation.respond(self.mark.status)
        return invocation.respond(self.mark.status, self._body(result, checks=checks), media_type=self.mark.media_type)

    def _body(self, result: Any, *, checks: bool) -> bytes | str:
        if not is_json(self.mark.media_type):
            if not isinstance(result, str | bytes):
                raise ResponseProblem(f"it returned {type(result).__name__}; expected text or bytes")
            return result
        if not self._is_model or not isinstance(result, self._kind):
            result = self._validated(self.adapter, result)
        from pydantic_core import PydanticSerializationError

        try:
            return self.adapter.dump_json(result, by_alias=True, warnings="error" if checks else "none")
        except PydanticSerializationError as error:
            raise ResponseProblem(str(error)) from None

    def _check(self, response: HttpResponse) -> None:
        adapter = self.adapter if response.status_code == self.mark.status else self.others.get(response.status_code)
        if adapter is None or not is_json(response.mimetype) or not _reads_what_it_writes(adapter):
            return
        from pydantic import ValidationError

        try:
            adapter.validate_json(response.get_body())
        except ValidationError as error:
            raise ResponseProblem(_text(error)) from None

    def _validated(self, adapter: TypeAdapter[Any], result: Any) -> Any:
        from pydantic import ValidationError

        try:
            return adapter.validate_python(result, from_attributes=True)
        except ValidationError as error:
            raise ResponseProblem(_text(error)) from None


def _text(error: Any) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"{pointer(one['loc'])}: {one['msg']}" for one in found[:5]]
    return "; ".join([*lines, *(["..."] if len(found) > len(lines) else [])])


def _is_response(result: Any) -> bool:
    """Return whether a result is a response already, that of the SDK or of Azure's web extension."""
    if isinstance(result, HttpResponse):
        return True
    return any(
        one.__module__.startswith(("starlette.responses", "azurefunctions.extensions.")) for one in type(result).__mro__
    )


def _reads_what_it_writes(adapter: TypeAdapter[Any]) -> bool:
    """Return whether a type has the same names in both directions: no aliases or computed fields of one alone."""
    return _names(schema_of(adapter, "validation")) == _names(schema_of(adapter, "serialization"))


def _names(schema: Mapping[str, Any] | None) -> list[set[str]]:
    parts = [schema or {}, *(schema or {}).get("$defs", {}).values()]
    return [set(one.get("properties", ())) for one in parts]
