"""The inputs of a function: what is read from a request, validated, and passed to its parameters."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import hosting
from hosting.core import Function
from hosting_openapi.marks import Body, Header, Named, Path, Query, instance, is_json
from hosting_openapi.problems import MAX_LISTED, Fault, pointer, steps_in
from hosting_openapi.routes import paths_of
from hosting_openapi.schemas import adapter_of, resolved, schema_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

MISSING = inspect.Parameter.empty
KEYS = frozenset({"code", "clientId"})
"""What Azure's host reads from the query: https://learn.microsoft.com/azure/azure-functions/function-keys-how-to."""


class RequestProblem(Exception):
    """A request that cannot be accepted.

    Args:
        status: the status of the response.
        detail: what is wrong.
        faults: the errors in the request.
    """

    def __init__(self, status: int, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.status, self.detail, self.faults = status, detail, list(faults)


class Field(NamedTuple):
    """One name in the query, the route or the headers.

    Args:
        name: the name there.
        key: the name that pydantic reads it by.
        is_list: whether it may be repeated.
        schema: its JSON schema.
        is_required: whether it must be there.
    """

    name: str
    key: str
    is_list: bool
    schema: Mapping[str, Any]
    is_required: bool


class Input:
    """One parameter of a function.

    Args:
        marked: the parameter.

    Raises:
        Exception: pydantic has no schema for its type.
    """

    def __init__(self, marked: hosting.Marked) -> None:
        self.name, self.default = marked.name, marked.default
        self.mark: Any = instance(marked.mark)
        self.adapter: TypeAdapter[Any] = adapter_of(marked.annotation)
        self.schema = schema_of(self.adapter) or {}
        self.is_required = self.default is MISSING

    @property
    def definitions(self) -> Mapping[str, Any]:
        """The schemas that its own refers to."""
        found: Mapping[str, Any] = self.schema.get("$defs", {})
        return found


class BodyInput(Input):
    """A parameter that gets the body."""

    place = "body"
    mark: Body

    def read(self, request: hosting.Request) -> Any:
        """Return the value.

        Raises:
            RequestProblem: the body is missing, not of the right type, or not valid.
        """
        content = request.read()
        if not content:
            if self.default is not MISSING:
                return self.default
            raise invalid([Fault("body", "", "#", "The body is missing", "missing")])
        charset = self._check_type(request.headers.get("content-type", ""))
        if not self.mark.is_json:
            return self._validated(self._decoded(content, charset))
        _check_json(content)
        return self._parsed(content)

    def _parsed(self, content: bytes, *, is_last: bool = False) -> Any:
        from pydantic import ValidationError

        try:
            return self.adapter.validate_json(content, strict=self.mark.strict or None)
        except ValidationError as error:
            if error.error_count() > MAX_LISTED:
                raise too_many(error.error_count()) from None
            whole = None if is_last or not self.mark.strict else _with_integers(error, content)
            if whole is None:
                raise _json_problem(error, content) from None
        return self._parsed(whole, is_last=True)

    def _validated(self, content: bytes | str) -> Any:
        from pydantic import ValidationError

        try:
            return self.adapter.validate_python(content)
        except ValidationError as error:
            raise invalid(list(faults(error, content, "body", ""))) from None

    def _decoded(self, content: bytes, charset: str) -> bytes | str:
        if resolved(self.schema, self.definitions).get("format") == "binary":
            return content
        try:
            return content.decode(charset)
        except (LookupError, ValueError):
            raise RequestProblem(400, f"The body is not {charset} text.") from None

    def _check_type(self, header: str) -> str:
        """Check the media type of the body, and return its character set."""
        kind, charset = media_type(header)
        wanted = self.mark.media_type
        if kind and kind != wanted and not (self.mark.is_json and is_json(kind)):
            raise RequestProblem(415, f"The content type is {kind!r}; expected {wanted!r}.")
        if self.mark.is_json and charset not in ("utf-8", "utf8", "us-ascii"):
            raise RequestProblem(415, f"The character set is {charset!r}; JSON must be UTF-8.")
        return charset


class NamedInput(Input):
    """A parameter from the query, the route or the headers."""

    mark: Named

    def __init__(self, marked: hosting.Marked) -> None:
        super().__init__(marked)
        whole = resolved(self.schema, self.definitions)
        self.is_model = whole.get("type") == "object" and "properties" in whole
        self.takes_others = not self.is_model or whole.get("additionalProperties") is not False
        self.fields = tuple(self._model_fields(whole)) if self.is_model else (self._field(whole),)

    @property
    def place(self) -> str:
        """Where it comes from: ``query``, ``path`` or ``header``."""
        return self.mark.place

    def _field(self, whole: Mapping[str, Any]) -> Field:
        own = {key: value for key, value in self.schema.items() if key != "$defs"}
        name = self.mark.name or _wire_name(self.place, self.name)
        return Field(name, self.name, whole.get("type") == "array", own, self.is_required)

    def _model_fields(self, whole: Mapping[str, Any]) -> Iterator[Field]:
        required = whole.get("required", ()) if self.is_required else ()
        for key, schema in whole["properties"].items():
            is_list = resolved(schema, self.definitions).get("type") == "array"
            yield Field(_wire_name(self.place, key), key, is_list, schema, key in required)

    def read(self, request: hosting.Request) -> Any:
        """Return the value.

        Raises:
            RequestProblem: it is missing or not valid.
        """
        found = {field.key: value for field in self.fields if (value := self._value(field, request)) is not MISSING}
        if not self.takes_others:
            found |= self._others(request)
        if not found and (self.default is not MISSING):
            return self.default
        if not self.is_model and not found:
            field = self.fields[0]
            raise invalid([Fault(self.place, field.name, "#", "Field required", "missing")])
        value = found if self.is_model else found[self.name]
        from pydantic import ValidationError

        try:
            return self.adapter.validate_python(value)
        except ValidationError as error:
            raise invalid(list(self._faults(error, value))) from None

    def _value(self, field: Field, request: hosting.Request) -> Any:
        if self.place == "path":
            return request.route_params.get(field.name, MISSING)
        values = _all(request, self.place, field.name)
        if self.place == "header" and values:
            text = ", ".join(values)  # as Azure's host joins them
            return [one.strip() for one in text.split(",")] if field.is_list else text
        if field.is_list:
            return list(values) if values else MISSING
        if len(values) > 1:
            raise invalid([Fault(self.place, field.name, "#", "Given more than once", "repeated")])
        return values[0] if values else MISSING

    def _others(self, request: hosting.Request) -> dict[str, str]:
        """Return what the query has besides the fields, for a model that accepts nothing else."""
        if self.place != "query":
            return {}
        known = {field.name for field in self.fields} | KEYS
        return {name: request.query[name] for name in request.query if name not in known}

    def _faults(self, error: ValidationError, value: Any) -> Iterator[Fault]:
        if not self.is_model:
            yield from faults(error, value, self.place, self.fields[0].name)
            return
        names = {field.key: field.name for field in self.fields}
        for fault in faults(error, value, self.place, ""):
            first, _, rest = fault.pointer.removeprefix("#/").partition("/")
            yield fault._replace(name=names.get(first, first), pointer=f"#/{rest}" if rest else "#")


def read_inputs(function: Function) -> dict[str, BodyInput | NamedInput]:
    """Return the inputs of a function, by the names of its parameters.

    Args:
        function: the function.

    Raises:
        TypeError: there is nothing in a request for a parameter.
        Exception: pydantic has no schema for a type.
    """
    found: dict[str, BodyInput | NamedInput] = {}
    for name, marked in function.injected.items():
        if not isinstance(marked, hosting.Marked):
            continue
        if issubclass(marked.mark_class, Body):
            found[name] = BodyInput(marked)
        elif issubclass(marked.mark_class, (Query, Path, Header)):
            found[name] = NamedInput(marked)
    _check(function, found)
    return found


def _check(function: Function, inputs: Mapping[str, BodyInput | NamedInput]) -> None:
    if function.trigger.type.lower() == "unknowntrigger":
        return  # a v1 function that is extended outside of its folder
    if not function.is_http and (inputs or function.returned is not None):
        raise TypeError("it is not triggered by HTTP, so there is no request to read, and no response to make")
    bodies = [name for name, given in inputs.items() if isinstance(given, BodyInput)]
    if len(bodies) > 1:
        raise TypeError(f"{' and '.join(bodies)} both get the body; write one model for it")
    names = {parameter.name for route in paths_of(function.route or "") for parameter in route.parameters}
    for given in inputs.values():
        for field in given.fields if isinstance(given, NamedInput) and given.place == "path" else ():
            if field.name not in names:
                raise TypeError(f"parameter {given.name!r} is for the path, and the route has no {{{field.name}}}")


def invalid(errors: Sequence[Fault]) -> RequestProblem:
    """Return the problem of a request that is not valid."""
    if len(errors) == 1:
        return RequestProblem(422, "One part of the request is not valid.", errors)
    return RequestProblem(422, f"{len(errors)} parts of the request are not valid.", errors)


def too_many(count: int) -> RequestProblem:
    """Return the problem of a request with more errors than are listed."""
    return RequestProblem(422, f"{count} parts of the request are not valid.")


def faults(error: ValidationError, value: Any, place: str, name: str) -> Iterator[Fault]:
    """Yield pydantic's errors, without the values that were sent: these may be secrets."""
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        steps = steps_in(value, one["loc"], is_missing=one["type"].startswith("missing"))
        yield Fault(place, name, pointer(steps), one["msg"], one["type"])


def media_type(header: str) -> tuple[str, str]:
    """Return the type and the character set of a ``Content-Type``, in lower case; UTF-8 if it names none."""
    kind, *parameters = header.split(";")
    charset = "utf-8"
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip("\"'").lower()
    return kind.strip().lower(), charset


def _json_problem(error: ValidationError, content: bytes) -> RequestProblem:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return RequestProblem(400, f"The body is not JSON: {first.get('ctx', {}).get('error', '')}.")
    from pydantic_core import from_json

    return invalid(list(faults(error, from_json(content), "body", "")))


def _with_integers(error: ValidationError, content: bytes) -> bytes | None:
    """Return a body with ``5`` for ``5.0`` where integers are expected; None if nothing can be changed.

    To a JSON schema both are integers, and to pydantic's strict mode only the first is.
    """
    found = [one for one in error.errors(include_url=False, include_context=False) if _is_whole(one)]
    if not found:
        return None
    from pydantic_core import from_json, to_json

    whole = {"": from_json(content)}
    for one in found:
        *path, last = ["", *steps_in(whole[""], one["loc"], is_missing=False)]
        place: Any = whole
        for step in path:
            place = place[step]
        place[last] = int(place[last])
    return to_json(whole[""])


def _is_whole(error: Any) -> bool:
    value = error["input"]
    return error["type"] == "int_type" and isinstance(value, float) and value.is_integer()


def _check_json(content: bytes) -> None:
    """Refuse NaN and Infinity, which pydantic accepts and JSON does not have (RFC 8259, section 6)."""
    if b"NaN" in content or b"Infinity" in content:
        try:
            json.loads(content, parse_constant=_refuse)
        except (UnicodeDecodeError, RecursionError):
            return  # pydantic refuses it, and says where
        except ValueError as error:
            raise RequestProblem(400, f"The body is not JSON: {error}.") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"it has {constant}")


def _all(request: hosting.Request, place: str, name: str) -> Sequence[str]:
    values: Sequence[str] = (request.query if place == "query" else request.headers).get_all(name)
    return values


def _wire_name(place: str, name: str) -> str:
    return name.replace("_", "-") if place == "header" else name
