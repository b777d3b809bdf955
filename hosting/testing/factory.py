"""``make_host``: run an app in the process of a test."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any

from hosting.core import NOTHING
from hosting.testing.extensions import Extensions
from hosting.testing.host import AsyncHost, Host
from hosting.testing.memory import Inputs
from hosting.testing.portal import Portal
from hosting.testing.session import Session
from hosting.testing.sources import AppSource


def make_host(
    app: AppSource,
    *,
    extensions: Extensions | None = None,
    settings: Mapping[str, str] | None = None,
    host_json: Mapping[str, Any] | None = None,
    inputs: Inputs | None = None,
    functions: Collection[str] = (),
    strict: bool = False,
    raises: bool = True,
) -> HostContextManager:
    """Run an app in this process, without a network.

    Use ``with make_host(...) as host``, or ``async with`` in an async test, where the host's methods are awaited.
    Entering the block loads the app and runs the startup hooks. Leaving it drains the host, runs the shutdown hooks and
    restores ``sys.path``, ``os.environ`` and log levels. The real host serves HTTP, without a socket. All other
    bindings are in memory: the test triggers functions, supplies inputs and reads outputs. Retries do not wait.

    Args:
        app: the app's folder; or its files by path, where host.json may be left out; or a FunctionApp or Blueprint
            that the test has imported.
        extensions: the only extensions that run, besides those of the app itself, by name or as a list: objects,
            classes, modules, Azure's extension classes, or names of installed ones. None runs those that the app's
            settings enable.
        settings: settings that override the environment and ``local.settings.json``. While the host is open, all
            settings of the app are in ``os.environ``.
        host_json: values that are merged into the app's host.json, key by key.
        inputs: values of input bindings, by function name and then by binding name.
        functions: names of the only functions to load (default: all).
        strict: whether an extension that fails at start raises.
        raises: whether the exception of a function that fails is raised in the test. If false, read the status and
            ``exception`` of the result.

    Raises:
        HostingError: on entering, if the app does not load; the message is the one of ``hosting start``.
    """
    return HostContextManager(
        app,
        extensions=extensions,
        settings=settings or NOTHING,
        host_json=host_json or NOTHING,
        inputs=inputs or NOTHING,
        functions=functions,
        strict=strict,
        raises=raises,
    )


class HostContextManager:
    """The result of ``make_host``: enter it once, with ``with`` or with ``async with``."""

    def __init__(self, app: AppSource, *, raises: bool, **options: Any) -> None:
        self._session = Session(app, **options)
        self._portal = Portal()
        self._raises = raises

    def __enter__(self) -> Host:
        self._session.load()
        self._portal.open()
        try:
            self._portal.call(self._session.start())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return Host(self._session, self._portal, raises=self._raises)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._portal.call(self._session.close())
        finally:
            unfinished = self._portal.close()
        if unfinished:
            raise RuntimeError(f"tasks did not end when they were cancelled: {', '.join(unfinished)}")

    async def __aenter__(self) -> AsyncHost:
        self._session.load()
        try:
            await self._session.start()
        except BaseException:
            await self._session.close()
            raise
        return AsyncHost(self._session, raises=self._raises)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
