"""Services of the host for providers: the app's settings, its state folder, storage and webhooks."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from hosting.app_settings import AppSettings
from hosting.apps.folder import app_folder, is_app_folder
from hosting.apps.host_json import read_host_json
from hosting.apps.local_settings import apply_settings, read_local_settings
from hosting.apps.state import app_name, host_id, state_folder
from hosting.core import Problem
from hosting.errors import AppLoadError, HostingError
from hosting.extensions import EntryPoint, installed_entry_points, load_entry_point, may_load

if TYPE_CHECKING:
    from hosting.bindings.http.request import HttpCall
    from hosting.bindings.http.response import HttpReply
    from hosting.bindings.storage import HostStorage

    Webhook: TypeAlias = Callable[[HttpCall], Awaitable[HttpReply]]


Shared = TypeVar("Shared")


class WebhookAccess(NamedTuple):
    """What callers of a webhook need.

    Args:
        system_key: the name of the key that it accepts, besides the master key.
        is_anonymous: whether it needs no key at all.
    """

    system_key: str
    is_anonymous: bool = False


class Webhooks(dict[str, "Webhook"]):
    """The handlers of requests to ``/runtime/webhooks/NAME``, by name in lower case."""

    def __init__(self) -> None:
        super().__init__()
        self._access: dict[str, WebhookAccess] = {}
        self.find_key: Callable[[str], str] = lambda _name: ""
        """Set by the server: returns what ``key`` returns."""
        self.guarded: list[str] = []
        """The names of the webhooks with extensions around their handlers, in lower case."""
        self.find_invoke: dict[str, Callable[[], Callable[..., Awaitable[Any]] | None]] = {}
        """Set by the host: for each of them what returns what calls the extensions and the handler; None while no
        extension has a hook for it."""

    def add(
        self,
        name: str,
        handler: Webhook,
        *,
        system_key: str = "",
        is_anonymous: bool = False,
        is_guarded: bool = False,
    ) -> None:
        """Add a handler that names its own authorization.

        In host.json, ``extensions.NAME.system.webhookAuthorizationLevel`` comes before ``is_anonymous``.

        Args:
            name: the part of the path after ``/runtime/webhooks/``.
            handler: an async function that takes an ``HttpCall`` and returns an ``HttpReply``.
            system_key: the name of the key that callers need; by default ``NAME_extension``, as in Azure.
            is_anonymous: whether callers need no key, because the handler checks them itself.
            is_guarded: whether the app's extensions are called around the handler, as around an HTTP function of the
                name ``webhooks/NAME``. Guards are, unless ``exclude`` of host.json has exactly that name. It takes
                effect for a webhook that is added while functions are loaded.

        Raises:
            ValueError: the name has another handler, which would receive the events of this one.
        """
        self[name] = handler
        self._access[name.lower()] = WebhookAccess(system_key.lower() or _system_key(name), is_anonymous)
        if is_guarded and name.lower() not in self.guarded:
            self.guarded.append(name.lower())

    def access(self, name: str) -> WebhookAccess:
        """Return what callers of a webhook need, by its name in any case."""
        return self._access.get(name.lower()) or WebhookAccess(_system_key(name))

    def key(self, name: str) -> str:
        """Return the key with which a webhook can be called now; empty if callers need none, or nothing is served.

        It belongs into addresses that a function hands out, so that others can call back: ``?code=KEY``. Read it for
        each invocation, because keys are rotated.

        Args:
            name: the name of the webhook, in any case.
        """
        return self.find_key(name.lower())

    def __setitem__(self, name: str, handler: Webhook) -> None:
        """Add a handler.

        Raises:
            ValueError: the name has another handler, which would receive the events of this one.
        """
        name = name.lower()
        first = self.setdefault(name, handler)
        if first != handler:
            owner = getattr(first, "__qualname__", first)
            raise ValueError(f"requests to /runtime/webhooks/{name} are already handled by {owner}")


class Services:
    """The app's settings and the host's facilities, for the providers of one host.

    Args:
        host_json: the content of host.json.
        environ: the environment with the app settings; ``settings`` looks them up as Azure's host does.
        root: the app's folder.
        entry_points: returns the entry points of installed packages.
    """

    def __init__(
        self,
        host_json: Mapping[str, Any],
        environ: Mapping[str, str],
        root: Path = Path(),
        entry_points: Callable[[], Iterable[EntryPoint]] = installed_entry_points,
    ) -> None:
        self.host_json = host_json
        self.environ = environ
        self.root = root
        self.problems: list[Problem] = []
        """Problems to report at start. Append to it while functions are loaded. For a function that cannot run, raise
        ``FunctionLoadError`` instead."""
        self.webhooks = Webhooks()
        """The handlers of requests to ``/runtime/webhooks/NAME``, by name: async functions that take an ``HttpCall``
        and return an ``HttpReply``, which may be an ``HttpStream``. Add yours at load, not later than in
        ``Provider.start``; with ``webhooks.add(name, handler, system_key=..., is_anonymous=...)`` where callers need
        another key than ``NAME_extension``, or none. ``webhooks.key(name)`` is the key for addresses that are handed
        out."""
        self._entry_points = entry_points
        self._shared: dict[Any, Any] = {}

    def shared(self, factory: Callable[[Services], Shared]) -> Shared:
        """Return an object that several providers of the host share, such as a server or a connection.

        The host does not close it: one of the providers does.

        Args:
            factory: makes the object, the first time; it also identifies it, so pass the same class or function.
        """
        if factory not in self._shared:
            self._shared[factory] = factory(self)
        shared: Shared = self._shared[factory]
        return shared

    @classmethod
    def of_app(cls, folder: Path) -> Services:
        """Return the services of an app without loading its code, for a command of a package with bindings.

        The settings are those of the environment and of ``local.settings.json``, as under ``hosting start``.

        Args:
            folder: the app's folder, or one inside it.

        Raises:
            HostingError: there is no app in the folder, or its host.json or its settings cannot be used.
        """
        root = app_folder(folder)
        if not is_app_folder(root):
            remedy = "Go to the app's folder, or pass its path."
            raise AppLoadError(f"There is no function app in {root}.", remedy=remedy)
        environ = dict(os.environ)
        apply_settings(read_local_settings(root), environ)
        return cls(read_host_json(root, environ), environ, root)

    def section(self, *path: str) -> Mapping[str, Any]:
        """Return an object inside host.json, such as ``section("extensions", "http")``; empty if it is missing."""
        section: Any = self.host_json
        for key in path:
            section = section.get(key) if isinstance(section, Mapping) else None
        return section if isinstance(section, Mapping) else {}

    @cached_property
    def settings(self) -> AppSettings:
        """The app settings; names ignore case."""
        return AppSettings(self.environ)

    @cached_property
    def host_id(self) -> str:
        """The ID that all hosts of the same app share: 1 to 32 lower-case letters, digits and dashes.

        Raises:
            SettingsError: the setting ``AzureFunctionsWebHost__hostid`` is not a valid host ID.
        """
        return host_id(self.root, self.settings)

    @cached_property
    def state(self) -> Path:
        """A persistent folder for this app on this machine; created on first use, readable by this user only.

        Raises:
            HostingError: the folder cannot be created.
        """
        folder = state_folder() / "apps" / app_name(self.root)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise HostingError(
                f"The state folder of the app, {folder}, cannot be created: {error.strerror or error}.",
                remedy="Make it writable, or set XDG_STATE_HOME to another folder.",
            ) from error
        return folder

    @cached_property
    def storage(self) -> HostStorage:
        """Persistent locks and small texts: files below ``state``, unless an installed package provides other storage.

        hosting-storage, for example, provides blobs and leases if the app's settings name a storage account. Created on
        first use; ``close`` closes it.

        Raises:
            HostingError: a package's storage cannot be imported, or does not accept the settings.
        """
        from hosting.bindings.storage import GROUP, FileStorage  # only timers and similar triggers need it

        for entry in sorted(self._entry_points(), key=lambda one: one.name):
            if entry.group != GROUP or not may_load(entry, self.environ):
                continue
            factory = load_entry_point(entry, f"The host's storage '{entry.name}'")
            storage: HostStorage | None = factory(self)
            if storage is not None:
                return storage
        return FileStorage(self.state)

    @property
    def uses_storage(self) -> bool:
        """Whether something has used ``storage``."""
        return "storage" in self.__dict__

    async def close(self) -> None:
        """Close ``storage``, if it was used. The host calls it after all providers are closed."""
        if self.uses_storage:
            await self.storage.close()


def _system_key(webhook: str) -> str:
    """Return the name of the system key of a webhook, as in Azure's host."""
    return f"{webhook.lower()}_extension"
