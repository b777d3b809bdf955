"""App settings as Azure's host looks them up, and the ``%NAME%`` in binding properties that they replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting.core import Binding
from hosting.errors import FunctionLoadError


class AppSettings:
    """The environment as Azure's host reads it: names ignore case, and ``__`` equals ``:``.

    Args:
        environ: the environment; a copy is kept.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._exact = dict(environ)
        self._folded = {_folded(name): value for name, value in environ.items()}

    def get(self, name: str) -> str | None:
        """The value of a setting, an exact spelling before any other; None if there is none."""
        return self._exact.get(name, self._folded.get(_folded(name)))

    def section(self, name: str) -> dict[str, str]:
        """The settings ``NAME__x``, as ``x`` in lower case: the parts of a connection, for instance."""
        prefix = f"{_folded(name)}:"
        return {key.removeprefix(prefix): value for key, value in self._folded.items() if key.startswith(prefix)}

    def is_on(self, name: str) -> bool:
        """Whether a switch such as ``AzureWebJobs.NAME.Disabled`` is set to ``1`` or ``true``."""
        return (self.get(name) or "").strip().lower() in ("1", "true")


def expand(text: str, settings: AppSettings) -> str:
    """Replace every ``%NAME%`` by the setting of that name, as Azure's host does while it indexes a function.

    Raises:
        FunctionLoadError: a name without a value, or a percent sign without its partner.
    """
    parts = text.split("%")
    if len(parts) % 2 == 0:
        raise FunctionLoadError(
            f"The '%' at position {text.rindex('%')} of {text!r} does not have a closing '%'",
            remedy="Write %NAME%, with a percent sign on both sides, to use an app setting.",
        )
    return "".join(_value(part, settings) if index % 2 else part for index, part in enumerate(parts))


def expand_properties(binding: Binding, settings: AppSettings) -> dict[str, Any]:
    """The properties of a binding with their settings filled in; an HTTP route is taken as it stands, as in Azure.

    Raises:
        FunctionLoadError: a setting has no value.
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
