"""Hosts in the process of a test, with the real provider and the real SDK."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hosting.apps.load import load_app_object
from hosting.bindings.registry import Providers
from hosting.bindings.services import Services
from hosting.core import Binding, Function
from hosting.extensions import FLAG
from hosting.host.function_host import FunctionHost
from hosting_durable.provider import DurableProvider

TYPES = ("activitytrigger", "durableclient", "entitytrigger", "orchestrationclient", "orchestrationtrigger")


class DurableProviders(Providers):
    """The lookup of a host, which finds the provider although the package is not installed."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._factories.update(dict.fromkeys(TYPES, DurableProvider))

    def supports(self, function: Function, binding: Binding) -> bool:
        """Return whether there is a provider."""
        return binding.type.lower() in TYPES or super().supports(function, binding)


class HostFolder:
    """The folder of an app; hosts of it share their state.

    Args:
        root: the folder.
        postgres: the URI of a database for their state; empty for a file.
    """

    def __init__(self, root: Path, postgres: str = "") -> None:
        self.root = root
        root.mkdir()
        self._environ = {"PG": postgres}
        self._store = {"storageProvider": {"type": "postgresql", "connectionStringName": "PG"}} if postgres else {}

    @asynccontextmanager
    async def open(
        self, app: Any, settings: Mapping[str, Any] | None = None, extensions: Mapping[str, Any] | None = None
    ) -> AsyncIterator[DurableProvider]:
        """Run a host of an app, and give its provider; see ``open_host``."""
        async with self.open_host(app, settings, extensions) as host:
            yield provider_of(host)

    @asynccontextmanager
    async def open_host(
        self, app: Any, settings: Mapping[str, Any] | None = None, extensions: Mapping[str, Any] | None = None
    ) -> AsyncIterator[FunctionHost]:
        """Run a host of an app, and give it.

        Args:
            app: a ``DFApp`` or ``FunctionApp``.
            settings: ``extensions.durableTask`` of host.json.
            extensions: extensions by name.
        """
        host_json = {"version": "2.0", "extensions": {"durableTask": {**self._store, **(settings or {})}}}
        (self.root / "host.json").write_text(json.dumps(host_json))
        loads: Any = functools.partial(load_app_object, app)
        host = FunctionHost(
            self.root,
            environ={**self._environ, FLAG: "1" if extensions else "0"},
            providers=DurableProviders,
            loads=loads,
            extensions=extensions or {},
        )
        host.load()
        assert host.problems == ()
        await host.start()
        try:
            yield host
        finally:
            await host.drain(5)
            await host.stop()


def provider_of(host: FunctionHost) -> DurableProvider:
    """Return the provider of a host."""
    return next(one for one in host.providers if isinstance(one, DurableProvider))
