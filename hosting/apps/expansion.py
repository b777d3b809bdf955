"""App settings in the properties of bindings, as ``%NAME%``, and those that disable functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hosting.app_settings import AppSettings as AppSettings  # its former module
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError


def expand(text: str, settings: AppSettings) -> str:
    """Replace each ``%NAME%`` with the app setting of that name, as Azure's host does when it loads a function.

    Raises:
        FunctionLoadError: a setting is not set, or a percent sign has no closing one.
    """
    parts = text.split("%")
    if len(parts) % 2 == 0:
        raise FunctionLoadError(
            f"The '%' at position {text.rindex('%')} of {text!r} does not have a closing '%'",
            remedy="Write %NAME%, with a percent sign on both sides, to use an app setting.",
        )
    return "".join(_value(part, settings) if index % 2 else part for index, part in enumerate(parts))


def expand_properties(binding: Binding, settings: AppSettings) -> dict[str, Any]:
    """Return a binding's properties with ``%NAME%`` replaced; an HTTP route is left as it is, as in Azure.

    Raises:
        FunctionLoadError: a setting is not set, or a percent sign has no closing one.
    """
    raw = {"route"} if binding.type.lower() == "httptrigger" else set()
    return {
        name: expand(value, settings) if isinstance(value, str) and name.lower() not in raw else value
        for name, value in binding.properties.items()
    }


def _value(name: str, settings: AppSettings) -> str:
    value = settings.get(name)
    if value is None:
        raise FunctionLoadError(
            f"'%{name}%' does not resolve to a value.",
            remedy=f'Set {name} in "Values" of local.settings.json or in the environment.',
        )
    return value


def disable_functions(functions: Iterable[Function], settings: AppSettings) -> None:
    """Mark those functions as disabled that a setting such as ``AzureWebJobs.NAME.Disabled`` switches off."""
    for function in functions:
        name = function.name
        switches = (f"AzureWebJobs.{name}.Disabled", f"AzureWebJobs_{name}_Disabled")
        function.disabled = any(map(settings.is_on, switches))
