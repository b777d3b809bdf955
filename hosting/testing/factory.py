"""``make_host``: the way into everything else."""

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
) -> MadeHost:
    """Run an app in this process, with everything but a network.

    ``with make_host(...) as host``, or ``async with`` in an async test: what is called on the host is then awaited.
    Entering loads the app and runs the startup hooks; leaving drains, runs the shutdown hooks and puts ``sys.path``,
    ``os.environ`` and log levels back. HTTP is served by the real host, without a socket. Every other binding is served
    in memory: the test triggers, gives inputs and looks at outputs. Retries do not wait.

    Args:
        app: the app's folder; or its files by path, with a host.json if they have none; or a FunctionApp or Blueprint
            that the test has imported, which is run as it is.
        extensions: exactly these run, by name or with their own names: objects, classes, modules, Azure's extension
            classes, and as a text the name of an installed one. None for what the app's settings say.
        settings: these win over the environment and over ``local.settings.json``. Until the host is closed all of the
            app's settings are in ``os.environ``.
        host_json: laid on the app's host.json, key by key.
        inputs: what input bindings give, by the function's name and then by the binding's.
        functions: load only these.
        strict: an extension that errs at start stops it.
        raises: a function that fails raises its exception in the test; otherwise it is told by status and
            ``exception``.

    Raises:
        HostingError: on entering, where the app does not load; exactly what ``hosting start`` would print.
    """
    return MadeHost(
        app,
        extensions=extensions,
        settings=settings or NOTHING,
        host_json=host_json or NOTHING,
        inputs=inputs or NOTHING,
        functions=functions,
        strict=strict,
        raises=raises,
    )


class MadeHost:
    """What ``make_host`` gives: enter it with ``with`` or with ``async with``, once."""

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
            stubborn = self._portal.close()
        if stubborn:
            raise RuntimeError(f"tasks do not end when they are cancelled: {', '.join(stubborn)}")

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
