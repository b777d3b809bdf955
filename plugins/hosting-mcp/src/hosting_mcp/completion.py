"""Completion of the arguments of prompts and resource templates, from the values that the trigger declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_mcp.jsonrpc import INVALID_PARAMS, RpcError
from hosting_mcp.registry import Registry

_MAX_VALUES = 100
"""The protocol allows no more."""


def complete(registry: Registry, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an argument that begin with what the user has typed.

    A trigger declares them in its property ``completions``: a JSON object with a list of texts for each argument.

    Raises:
        RpcError: the parameters are wrong, or there is no such prompt or template.
    """
    reference, argument = params.get("ref"), params.get("argument")
    if not isinstance(reference, dict) or not isinstance(argument, dict):
        raise RpcError(INVALID_PARAMS, "params.ref and params.argument are not objects")
    name, typed = argument.get("name"), argument.get("value")
    if not isinstance(name, str) or not isinstance(typed, str):
        raise RpcError(INVALID_PARAMS, "params.argument has no name and value that are texts")
    values = _declared(registry, reference).get(name, [])
    found = [one for one in map(str, values) if one.lower().startswith(typed.lower())]
    shown = found[:_MAX_VALUES]
    return {"completion": {"values": shown, "total": len(found), "hasMore": len(shown) < len(found)}}


def _declared(registry: Registry, reference: Mapping[str, Any]) -> Mapping[str, Any]:
    if reference.get("type") == "ref/prompt":
        return registry.prompt(reference.get("name")).completions
    if reference.get("type") == "ref/resource":
        uri = reference.get("uri")
        template = next((one for one in registry.templates.values() if one.uri.text == uri), None)
        return template.completions if template is not None else registry.resource(uri)[0].completions
    raise RpcError(INVALID_PARAMS, "params.ref.type is neither ref/prompt nor ref/resource")
