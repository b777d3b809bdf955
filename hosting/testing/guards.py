"""Which functions of an app run without a guard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting.testing.extensions import Extensions
from hosting.testing.factory import make_host
from hosting.testing.sources import AppSource


def unguarded(
    app: AppSource,
    *,
    extensions: Extensions | None = None,
    settings: Mapping[str, str] | None = None,
    host_json: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the names of the functions that no guard stands before, so that a test of the app can name them.

    The app is loaded and started once. Where no guard runs, these are all of its functions.

    Args:
        app: as for ``make_host``.
        extensions: as for ``make_host``.
        settings: as for ``make_host``.
        host_json: as for ``make_host``.

    Raises:
        HostingError: the app does not load, or its guard does not.
    """
    with make_host(app, extensions=extensions, settings=settings, host_json=host_json) as host:
        document = host.diagnosis()
        has_guard = any(one["guard"] and one["status"] in ("active", "idle") for one in document["extensions"])
        return list(document["unguarded"]) if has_guard else list(host.functions)
