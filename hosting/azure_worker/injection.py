"""Parameters that extensions supply, in Azure's worker, which would refuse them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hosting._injection import injected_parameters, name_of
from hosting.core import NOTHING
from hosting.errors import FunctionLoadError
from hosting.extensions import FLAG


def injected_or_none(call: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the types of a function's parameters that extensions supply, by name; the worker reports what is wrong."""
    if getattr(call, "__annotations__", None) is None:
        return NOTHING
    try:
        return injected_parameters(call)
    except Exception:  # noqa: BLE001 - an annotation is the author's code, and may raise anything
        return NOTHING


def check_needs_no_extension(name: str, call: Callable[..., Any]) -> None:
    """Check that a function needs no extension, because none runs.

    Raises:
        FunctionLoadError: it has a parameter that an extension supplies.
    """
    for parameter, type_ in injected_or_none(call).items():
        raise FunctionLoadError(
            f"parameter '{parameter}' of function '{name}' needs a {name_of(type_)} from an extension, and none runs",
            remedy=f"Set {FLAG}=1 in the app's settings; if it is set, the log says why.",
        )
