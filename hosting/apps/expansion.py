"""App settings as Azure's host looks them up, and their use as ``%NAME%`` in binding properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError


class AppSettings:
    """App settings, looked up as Azure's host does: names ignore case, and ``__`` is the same as ``:``.

    Args:
        environ: the environment variables; later changes to the mapping are not seen.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._exact = dict(environ)
        self._folded = {_folded(name): value for name, value in environ.items()}

    def get(self, name: str) -> str | None:
        """Return the value of a setting, or None if it is not set; an exact match comes first."""
        return self._exact.get(name, self._folded.get(_folded(name)))

    def section(self, name: str) -> dict[str, str]:
        """Return the settings that begin with ``NAME__``, by the rest of their names in lower case.

        For example ``section("Orders")`` has ``queueserviceuri`` where ``Orders__queueServiceUri`` is set.
        """
        prefix = f"{_folded(name)}:"
        return {key.removeprefix(prefix): value for key, value in self._folded.items() if key.startswith(prefix)}

    def is_on(self, name: str) -> bool:
        """Return whether a setting such as ``AzureWebJobs.NAME.Disabled`` is ``1`` or ``true``, ignoring case."""
        return (self.get(name) or "").strip().lower() in ("1", "true")


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


def _folded(name: str) -> str:
    return name.replace("__", ":").lower()


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
