"""App settings as Azure's host looks them up."""

from __future__ import annotations

from collections.abc import Mapping


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


def _folded(name: str) -> str:
    return name.replace("__", ":").lower()
