"""What the host offers to providers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hosting.apps.expansion import AppSettings
from hosting.apps.state import app_name, host_id, state_folder
from hosting.core import Problem
from hosting.errors import HostingError
from hosting.extensions import installed_entry_points

if TYPE_CHECKING:
    import importlib_metadata

    from hosting.bindings.http.request import HttpCall
    from hosting.bindings.http.response import HttpReply
    from hosting.bindings.storage import HostStorage

    Webhook: TypeAlias = Callable[[HttpCall], Awaitable[HttpReply]]


class Webhooks(dict[str, "Webhook"]):
    """Who answers requests to ``/runtime/webhooks/NAME``, by name in lower case."""

    def __setitem__(self, name: str, answer: Webhook) -> None:
        """Raises ValueError where somebody else answers there: one of two packages would never hear of its events."""
        name = name.lower()
        first = self.setdefault(name, answer)
        if first != answer:
            who = getattr(first, "__qualname__", first)
            raise ValueError(f"requests to /runtime/webhooks/{name} are answered by {who} already")


class Services:
    """What a provider needs to know of the app, and what it may use.

    Args:
        host_json: host.json as it was read.
        environ: the settings; ``settings`` looks them up as Azure's host does.
        root: the app's folder.
        entry_points: where packages are looked for; those that are installed by default.
    """

    def __init__(
        self,
        host_json: Mapping[str, Any],
        environ: Mapping[str, str],
        root: Path = Path(),
        entry_points: Callable[[], importlib_metadata.EntryPoints] = installed_entry_points,
    ) -> None:
        self.host_json = host_json
        self.environ = environ
        self.root = root
        self.problems: list[Problem] = []
        """Append what a person should know of; for a function that cannot run, raise FunctionLoadError instead."""
        self.webhooks = Webhooks()
        """Who answers requests to ``/runtime/webhooks/NAME``, by name; add yours before ``start``."""
        self._entry_points = entry_points

    def section(self, *path: str) -> Mapping[str, Any]:
        """An object inside host.json, empty where there is none: ``section("extensions", "http")``."""
        found: Any = self.host_json
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    @cached_property
    def settings(self) -> AppSettings:
        """The app's settings, by names that ignore case."""
        return AppSettings(self.environ)

    @cached_property
    def host_id(self) -> str:
        """What hosts of the same app share, up to 32 lower-case letters, digits and dashes.

        Raises:
            SettingsError: the setting ``AzureFunctionsWebHost__hostid`` is no host id.
        """
        return host_id(self.root, self.settings)

    @cached_property
    def state(self) -> Path:
        """A folder of the app's own that outlives the process, on this machine.

        Raises:
            HostingError: it cannot be made.
        """
        folder = state_folder() / "apps" / app_name(self.root)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise HostingError(
                f"The app's state cannot be kept in {folder}: {error.strerror or error}.",
                remedy="Make that folder writable, or name another one in XDG_STATE_HOME.",
            ) from error
        return folder

    @cached_property
    def storage(self) -> HostStorage:
        """Locks and small texts that outlive the process.

        They are in files below ``state``, unless an installed package offers another place, such as the storage account
        that the app's settings name.

        Raises:
            HostingError: a package that brings one cannot be imported, or refuses the settings.
        """
        from hosting.bindings.storage import GROUP, FileStorage  # only who has timers or the like needs it

        for entry in sorted(self._entry_points().select(group=GROUP), key=lambda one: one.name):
            try:
                factory = entry.load()
            except (Exception, SystemExit) as error:
                raise HostingError(
                    f"The host's storage '{entry.name}' cannot be imported: {type(error).__name__}: {error}",
                    remedy=f"Reinstall or remove the package that brings {entry.value}.",
                ) from error
            made: HostStorage | None = factory(self)
            if made is not None:
                return made
        return FileStorage(self.state)

    async def close(self) -> None:
        """Let go of ``storage``, if anybody used it."""
        if "storage" in self.__dict__:
            await self.storage.close()
