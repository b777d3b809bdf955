"""One function host inside a test: loaded, started, called, drained and stopped."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import weakref
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import azure.functions as func

from hosting.apps import read_local_settings
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.streams import streams_of
from hosting.core import NOTHING, App, Function
from hosting.errors import HostingError
from hosting.extensions import FLAG
from hosting.host.function_host import FunctionHost
from hosting.logging.setup import Origin
from hosting.server.app import HostApp
from hosting.testing.builders import http_request
from hosting.testing.extensions import Extensions, named
from hosting.testing.http import Reply, Request, send
from hosting.testing.memory import Inputs, MemoryProviders
from hosting.testing.process_state import Surroundings
from hosting.testing.recording import Invocation, LogCapture, Recording, RecordingJournal, recording
from hosting.testing.sources import AppSource, overridden, pending_kept, prepare, source

GRACE = 5.0
"""Seconds that invocations which still run have, when the host is closed."""


class Session:
    """A host from ``load`` to ``close``; the faces for sync and async tests stand around it.

    Args:
        app: the app.
        extensions: those that run; None for those that the app's settings ask for.
        settings: on top of all others.
        host_json: laid on the app's own.
        inputs: by function, then by binding.
        functions: the names of those to load; empty for all.
        strict: whether an extension that errs at start is fatal.
    """

    def __init__(
        self,
        app: AppSource,
        *,
        extensions: Extensions | None,
        settings: Mapping[str, str],
        host_json: Mapping[str, Any],
        inputs: Inputs,
        functions: Collection[str],
        strict: bool,
    ) -> None:
        self._settings = dict(settings)
        self._host_json = host_json
        self._extensions = None if extensions is None else named(extensions)
        if self._extensions is not None:
            self._settings[FLAG] = "1" if self._extensions else "0"
        self._source = source(app)
        self.root = self._source.root
        if self._source.temporary:
            # Not before nobody holds the host any more: a test that failed still shows the lines of the app.
            weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)
        self._logs = LogCapture(self)
        given = {name.lower(): values for name, values in inputs.items()}
        self._make = functools.partial(
            FunctionHost,
            self.root,
            functions=functions,
            strict=strict,
            providers=functools.partial(MemoryProviders, inputs=given),
            extensions=self._extensions,
            loads=self._read,
        )

    @property
    def logs(self) -> list[logging.LogRecord]:
        """Every record so far."""
        return self._logs.records

    def load(self) -> None:
        """Load the app and make its ASGI application.

        Raises:
            HostingError: it does not load.
            RuntimeError: it was loaded before.
        """
        if hasattr(self, "host"):
            raise RuntimeError("a host is entered once: call make_host again for another one")
        self._surroundings = Surroundings(self.root)
        self.host = self._make(environ={**os.environ, **self._settings})
        try:
            with self._told():
                self._load()
        except BaseException:
            self.leave()
            raise

    def _load(self) -> None:
        host = self.host
        origin = Origin()
        origin.follow(host.running)
        self._logs.addFilter(origin)
        self._surroundings.listen(self._logs)
        settings = host.configure(read_local_settings(self.root))
        host.host_json = overridden(self.root, host.environ, self._host_json)
        self._surroundings.set(host.environ)
        host.running.journal = RecordingJournal()
        with pending_kept(imported=self._source.imported) as self._tell_pending:
            host.load(settings)
        self._surroundings.loaded()
        self._app = HostApp(host)

    def _read(self, root: Path, **options: Any) -> App:
        app = self._source.reads(root, **options)
        self._tell_pending()
        for function in app.functions:
            prepare(function)
        return app

    async def start(self) -> None:
        """Run the startup hooks."""
        with self._told():
            await self.host.start()

    async def close(self) -> None:
        """Wait for what runs, run the shutdown hooks, and leave the process as it was found."""
        try:
            with self._told():
                await self.host.drain(GRACE)
                await self.host.stop()
        finally:
            self.leave()

    def leave(self) -> None:
        """Put back what was changed in the process."""
        self._surroundings.restore()
        logging.getLogger().removeHandler(self._logs)

    async def request(self, request: Request, inputs: Mapping[str, Any] | None) -> Reply:
        """Answer a request."""
        with self._told(inputs) as notes:
            status, headers, body = await send(self._app, request)
        return Reply(status, headers, body, str(request), notes.told() if notes.attempts else None)

    async def invoke(
        self, name: str, data: Any, inputs: Mapping[str, Any] | None, trace_parent: str, trace_state: str
    ) -> Invocation:
        """Run a function by its name.

        Raises:
            HostingError: there is none of that name, or it cannot run.
            TypeError: it is triggered by HTTP, and ``data`` is no request.
        """
        run = self.host.invocations.get(name.lower())
        if run is None:
            raise self._unknown(name)
        function = next((one for one in self._with_http() if one.name.lower() == name.lower()), None)
        with self._told(inputs) as notes:
            await run(data if function is None else _call(function, data), trace_parent, trace_state)
        return notes.told()

    @contextmanager
    def _told(self, inputs: Mapping[str, Any] | None = None) -> Iterator[Recording]:
        """Note what happens in the block."""
        notes = Recording(self, inputs or NOTHING)
        token = recording.set(notes)
        try:
            yield notes
        finally:
            recording.reset(token)

    def _with_http(self) -> Iterator[Function]:
        return (function for function in self.host.functions if function.trigger.type.lower() == "httptrigger")

    def _unknown(self, name: str) -> HostingError:
        for problem in self.host.problems:
            if problem.function and problem.function.lower() == name.lower():
                return HostingError(problem.message, remedy=problem.remedy, file=problem.file, line=problem.line)
        known = ", ".join(function.name for function in self.host.functions) or "none"
        return HostingError(f"The app has no function '{name}'.", remedy=f"Its functions: {known}.")


def _call(function: Function, data: Any) -> HttpCall:
    """A request that a test has built, as a listener would pass it."""
    request = http_request(url=f"/{function.name}") if data is None else data
    if not isinstance(request, func.HttpRequest) or streams_of(function) is not None:
        raise TypeError(
            f"function '{function.name}' is triggered by HTTP: give it http_request(...), or call the host's get or "
            "post, which functions that read streams need"
        )
    return HttpCall(
        request.method,
        request.url,
        dict(request.headers),
        urlencode(dict(request.params)),
        dict(request.route_params),
        request.get_body(),
    )
