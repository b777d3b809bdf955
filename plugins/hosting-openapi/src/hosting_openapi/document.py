"""The OpenAPI document of an app: from its routes, annotations, docstrings and auth levels."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hosting.core import Function
from hosting_openapi.inputs import BodyInput, Field, NamedInput
from hosting_openapi.problems import MEDIA_TYPE, title
from hosting_openapi.routes import Route, paths_of
from hosting_openapi.schemas import REF_TEMPLATE, Components
from hosting_openapi.security import Security
from hosting_openapi.settings import Operation, Settings

if TYPE_CHECKING:
    from hosting_openapi.outputs import Output

VERSION = "3.1.0"
"""Later versions are read by few tools."""
_ANY_METHOD = ("GET", "POST")
"""What is shown of a function that takes any method: five operations for each would hide the others."""
_WITHOUT_BODY = ("GET", "HEAD", "DELETE")
_PROBLEM = "Problem"


class Described(NamedTuple):
    """A function with what is known of it.

    Args:
        function: the function.
        inputs: its inputs.
        output: its output; None if it makes its responses itself.
        operation: what the author says of it.
    """

    function: Function
    inputs: Sequence[BodyInput | NamedInput]
    output: Output | None
    operation: Operation


def make_document(functions: Sequence[Described], settings: Settings, security: Security) -> dict[str, Any]:
    """Return the document.

    Args:
        functions: the functions to describe, with unique names.
        settings: the settings of the app.
        security: the security schemes.
    """
    components = Components()
    for one in functions:
        for given in one.inputs:
            components.add(given.adapter, "validation")
        if one.output is not None:
            for adapter in (one.output.adapter, *one.output.others.values()):
                components.add(adapter, "serialization")
    components.build()
    writer = _Writer(components, security)
    paths = writer.paths(sorted(functions, key=lambda one: one.function.name.lower()))
    return {
        "openapi": VERSION,
        "info": _without_empty(title=settings.title, description=settings.description, version=settings.version),
        "servers": [{"url": url} for url in settings.servers or ["/"]],
        "paths": paths,
        **writer.components(paths),
    }


def as_bytes(document: Mapping[str, Any]) -> bytes:
    """Return the document as JSON, always with the same bytes for the same app."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


class _Writer:
    """Writes the parts of a document.

    Args:
        components: the schemas.
        security: the security schemes.
    """

    def __init__(self, components: Components, security: Security) -> None:
        self._components, self._security = components, security
        self._paths: dict[str, tuple[Route, dict[str, Any]]] = {}
        self._operation_ids: set[str] = set()
        self._has_problems = False

    def paths(self, functions: Sequence[Described]) -> dict[str, Any]:
        """Return the paths with their operations."""
        for one in functions:
            methods = one.function.methods or _any_method(one)
            for route in paths_of(one.function.route or ""):
                for method in methods:
                    self._add(one, route, method, is_only=len(methods) == 1)
        found = {route.path: operations for route, operations in self._paths.values()}
        return {path: found[path] for path in sorted(found)}

    def components(self, paths: Mapping[str, Any]) -> dict[str, Any]:
        """Return the key ``components`` for the paths, if it has anything."""
        schemas = self._components.used(paths)
        if self._has_problems:
            schemas[_PROBLEM if _PROBLEM not in schemas else f"{_PROBLEM}Document"] = _problem_schema()
        found = _without_empty(schemas=dict(sorted(schemas.items())), securitySchemes=self._security.schemes)
        return {"components": found} if found else {}

    def _add(self, one: Described, route: Route, method: str, *, is_only: bool) -> None:
        first, operations = self._paths.setdefault(route.shape, (route, {}))
        names = {own.name: other.name for own, other in zip(route.parameters, first.parameters, strict=True)}
        operations[method.lower()] = self._operation(one, route, method, names, is_only=is_only)

    def _operation(
        self, one: Described, route: Route, method: str, names: Mapping[str, str], *, is_only: bool
    ) -> dict[str, Any]:
        summary, description = _texts(one.function.docstring)
        name = one.operation.operation_id or one.function.name
        security = self._security.of(one.function)
        return _without_empty(
            tags=list(one.operation.tags),
            summary=one.operation.summary or summary,
            description=description,
            operationId=self._unique(name + ("" if is_only else f"_{method.lower()}") + route.suffix),
            deprecated=one.operation.deprecated,
            security=security,
            parameters=[*self._path_parameters(one, route, names), *self._other_parameters(one)],
            requestBody={} if method in _WITHOUT_BODY else self._request_body(one),
            responses=self._responses(one, route, needs_key=bool(security)),
        )

    def _unique(self, name: str) -> str:
        found, number = name, 1
        while found in self._operation_ids:
            number += 1
            found = f"{name}_{number}"
        self._operation_ids.add(found)
        return found

    def _path_parameters(self, one: Described, route: Route, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        annotated = {
            field.name: (field, given)
            for given in one.inputs
            if isinstance(given, NamedInput) and given.place == "path"
            for field in given.fields
        }
        for parameter in route.parameters:
            field, given = annotated.get(parameter.name, (None, None))
            schema = dict(parameter.schema)
            if field is not None and given is not None:
                schema = _merged(schema, self._field_schema(field, given))
            about = given.mark.description if given is not None else ""
            found = {"name": names[parameter.name], "in": "path", "required": True, "schema": schema}
            yield {**found, **_without_empty(description=about)}

    def _other_parameters(self, one: Described) -> Iterator[dict[str, Any]]:
        for given in one.inputs:
            if not isinstance(given, NamedInput) or given.place == "path":
                continue
            for field in given.fields:
                schema = self._field_schema(field, given)
                about = given.mark.description or schema.get("description", "")
                yield {
                    "name": field.name,
                    "in": given.place,
                    **_without_empty(description=about, required=field.is_required),
                    "schema": schema,
                }

    def _field_schema(self, field: Field, given: NamedInput) -> dict[str, Any]:
        """Return the schema of a field, with references to the components of the document."""
        whole = self._components.get(given.adapter, "validation")
        if not given.is_model:
            return self._with_default(whole, given)
        while "$ref" in whole:
            whole = self._components.definitions[whole["$ref"].rpartition("/")[2]]
        choices = [one for one in whole.get("anyOf", ()) if "$ref" in one]
        if choices:
            whole = self._components.definitions[choices[0]["$ref"].rpartition("/")[2]]
        found: dict[str, Any] = dict(whole["properties"][field.key])
        return found

    def _with_default(self, schema: Mapping[str, Any], given: NamedInput) -> dict[str, Any]:
        from pydantic_core import PydanticSerializationError

        if given.is_required or given.default is None:
            return dict(schema)
        try:
            return {**schema, "default": given.adapter.dump_python(given.default, mode="json", warnings=False)}
        except (PydanticSerializationError, ValueError):
            return dict(schema)

    def _request_body(self, one: Described) -> dict[str, Any]:
        given = next((given for given in one.inputs if isinstance(given, BodyInput)), None)
        if given is None:
            return {}
        schema = self._components.get(given.adapter, "validation")
        content = {given.mark.media_type: {"schema": schema}}
        about = _without_empty(description=given.mark.description, required=given.is_required)
        return {**about, "content": content}

    def _responses(self, one: Described, route: Route, *, needs_key: bool) -> dict[str, Any]:
        found: dict[int, dict[str, Any]] = {}
        places = {given.place for given in one.inputs}
        if one.inputs:
            found[422] = self._problem("The request is not valid.")
        if "body" in places:
            found[400] = self._problem("The body cannot be read.")
            found[415] = self._problem("The body has another type.")
        if needs_key:
            found[401] = {"description": "The caller is not known."}
            found[403] = {"description": "The caller may not do this."}
        if any(parameter.is_constrained for parameter in route.parameters):
            found[404] = {"description": "There is nothing at this path."}
        if one.output is None:
            return {**_by_status(found), "default": {"description": "What the function responds."}}
        found.update(self._declared(one.output))
        return _by_status(found)

    def _declared(self, output: Output) -> Iterator[tuple[int, dict[str, Any]]]:
        mark = output.mark
        success = {"description": mark.description or title(mark.status)}
        if mark.has_body:
            schema = self._components.get(output.adapter, "serialization")
            success["content"] = {mark.media_type: {"schema": schema}}  # type: ignore[assignment]
        yield mark.status, success
        for status, kind in mark.others.items():
            if isinstance(kind, str):
                yield status, self._problem(kind)
            else:
                schema = self._components.get(output.others[status], "serialization")
                yield status, {"description": title(status), "content": {"application/json": {"schema": schema}}}

    def _problem(self, description: str) -> dict[str, Any]:
        self._has_problems = True
        name = _PROBLEM if _PROBLEM not in self._components.definitions else f"{_PROBLEM}Document"
        reference = {"$ref": REF_TEMPLATE.format(model=name)}
        return {"description": description, "content": {MEDIA_TYPE: {"schema": reference}}}


def _any_method(one: Described) -> Sequence[str]:
    """Return the methods of a function that takes any: those that have a body, if it needs one."""
    needs_body = any(isinstance(given, BodyInput) and given.is_required for given in one.inputs)
    return [method for method in _ANY_METHOD if not needs_body or method not in _WITHOUT_BODY]


def _merged(constraint: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that a value of the route's constraint and of the annotation matches."""
    if constraint == {"type": "string"}:
        return dict(schema)
    if constraint.get("type") == schema.get("type"):
        return {**constraint, **schema}
    return {"allOf": [dict(constraint), dict(schema)]} if schema else dict(constraint)


def _texts(docstring: str) -> tuple[str, str]:
    """Return the first line of a docstring, and the rest."""
    first, _, rest = inspect.cleandoc(docstring).partition("\n")
    return first.strip(), rest.strip()


def _without_empty(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", [], {}, None, False)}


def _by_status(found: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    return {str(status): found[status] for status in sorted(found)}


def _problem_schema() -> dict[str, Any]:
    texts = ("in", "name", "pointer", "detail", "type")
    fault = {"type": "object", "properties": {name: {"type": "string"} for name in texts}}
    return {
        "title": "Problem",
        "description": "A problem document (RFC 9457).",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": fault},
        },
    }
