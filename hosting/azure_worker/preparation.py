"""The ``prepare`` hooks in Azure's worker: what extensions see of the app, and the functions that they add to it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hosting.app_handle import SharedApp
from hosting.app_settings import AppSettings
from hosting.core import Function

if TYPE_CHECKING:
    from hosting.host.additions import Additions

CAPABILITIES = frozenset({"tasks"})
"""What extensions can do in Azure's worker."""
APP_CAPABILITIES = CAPABILITIES | {"routes"}
"""What they can do where a whole app of the v2 model is extended."""


class Preparing:
    """The functions of an app in Azure's worker while the ``prepare`` hooks run.

    Args:
        root: the app's folder.
        host_json: the content of host.json.
        functions: the functions.
        app: the SDK's app, to which functions can be added; None if there is none.
        has_health: whether a function of the app runs health checks.
    """

    def __init__(
        self,
        root: str,
        host_json: Mapping[str, Any],
        functions: Sequence[Function],
        app: Any,
        *,
        has_health: bool = False,
    ) -> None:
        self.added: dict[str, Function] = {}
        """The functions that extensions have added, by name in lower case."""
        self._functions, self._app = functions, app
        capabilities = CAPABILITIES if app is None else APP_CAPABILITIES
        capabilities |= {"health"} if has_health else set[str]()
        settings = AppSettings(os.environ)
        self.shared = SharedApp("azure", capabilities, root, host_json, settings.get, lambda: functions)

    def start(self) -> Additions:
        """Return what takes the additions of extensions."""
        from pathlib import Path

        from hosting.apps.added import BlueprintReader  # only extensions that prepare need them
        from hosting.host.additions import Additions

        shared, level = self.shared, getattr(self._app, "auth_level", None)
        reader = BlueprintReader(Path(shared.root), os.environ, shared.host_json, self._functions, level)
        register = getattr(self._app, "register_functions", _never)
        additions = Additions(shared, self._functions, (), reader.read, register)
        additions.added = self.added
        return additions


def _never(_blueprint: Any) -> None:
    raise AssertionError("only an app takes functions")
