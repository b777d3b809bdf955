"""One function host in the process of a test: load, start, call, drain and stop it."""

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

from hosting.apps.local_settings import read_local_settings
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.streams import streams_of
from hosting.bindings.storage import Lease
from hosting.core import NOTHING, App, Function
from hosting.errors import HostingError
from hosting.extensions import FLAG
from hosting.host.function_host import FunctionHost
from hosting.logging.correlation import InvocationFilter
from hosting.server.app import HostApp
from hosting.testing.builders import http_request
from hosting.testing.extensions import Extensions, extensions_by_name
from hosting.testing.http import Reply, Request, send
from hosting.testing.memory import Inputs, MemoryProviders
from hosting.testing.process_state import ProcessState
from hosting.testing.providers import HostMethod, find_method
from hosting.testing.recording import Invocation, LogCapture, Recording, RecordingInvocationLog, recording
from hosting.testing.sources import AppSource, adapt_for_tests, find_app, merged_host_json, preserve_pending

GRACE_SECONDS = 5.0
"""How long running invocations may take when the host is closed."""


class Session:
    """A host from ``load`` to ``close``; ``Host`` and ``AsyncHost`` are its interfaces for tests.

    Args:
        app: the app.
        extensions: the only extensions that run; None for those that the app's settings enable.
        settings: settings that override all others.
        host_json: values that are merged into the app's host.json.
        inputs: values of input bindings, by function name, then by binding name.
        functions: the names of the functions to load; empty for all.
        strict: whether an extension that fails at start raises.
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
        self._extensions = None if extensions is None else extensions_by_name(extensions)
        if self._extensions is not None:
            self._settings[FLAG] = "1" if self._extensions else "0"
        self._source = find_app(app)
        self.root = self._source.root
        if self._source.temporary:
            # Deleted only when the host is garbage collected: a failed test still shows the app's source lines.
            weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)
        self._logs = LogCapture(self)
        inputs_by_function = {name.lower(): values for name, values in inputs.items()}
        self._host_factory = functools.partial(
            FunctionHost,
            self.root,
            functions=functions,
            strict=strict,
            providers=functools.partial(MemoryProviders, inputs=inputs_by_function),
            extensions=self._extensions,
            loads=self._read,
            runner="testing",
            adapts=adapt_for_tests,
            acquire_lease=_grant,
        )

    @property
    def logs(self) -> list[logging.LogRecord]:
        """All log records so far."""
        return self._logs.records

    def load(self) -> None:
        """Load the app and make its ASGI application.

        Raises:
            HostingError: the app does not load.
            RuntimeError: this session was loaded before.
        """
        if hasattr(self, "host"):
            raise RuntimeError("a host can be entered only once: call make_host again for another host")
        self._process_state = ProcessState(self.root)
        self.host = self._host_factory(environ={**os.environ, **self._settings})
        try:
            with self._recording():
                self._load()
        except BaseException:
            self._restore_process()
            raise

    def _load(self) -> None:
        host = self.host
        attribution = InvocationFilter()
        attribution.attach(host.running)
        self._logs.addFilter(attribution)
        self._process_state.add_handler(self._logs)
        settings = host.configure(read_local_settings(self.root))
        host.host_json = merged_host_json(self.root, host.environ, self._host_json)
        self._process_state.set(host.environ)
        host.running.log = RecordingInvocationLog()
        with preserve_pending(imported=self._source.imported) as self._restore_pending:
            host.load(settings)
        self._process_state.note_imported_app()
        self._app = HostApp(host)

    def _read(self, root: Path, **options: Any) -> App:
        app = self._source.read(root, **options)
        self._restore_pending()
        for function in app.functions:
            adapt_for_tests(function)
        return app

    async def start(self) -> None:
        """Run the startup hooks."""
        with self._recording():
            await self.host.start()

    async def close(self) -> None:
        """Drain the host, run the shutdown hooks, and restore the state of the process."""
        try:
            with self._recording():
                await self.host.drain(GRACE_SECONDS)
                await self.host.stop()
        finally:
            self._restore_process()

    def _restore_process(self) -> None:
        self._process_state.restore()
        logging.getLogger().removeHandler(self._logs)

    async def request(self, request: Request, inputs: Mapping[str, Any] | None) -> Reply:
        """Send a request to the host, and return the response."""
        with self._recording(inputs) as notes:
            status, headers, body = await send(self._app, request)
            await self.host.extensions.settle()
        return Reply(status, headers, body, str(request), notes.invocation() if notes.attempts else None)

    async def invoke(
        self, name: str, data: Any, inputs: Mapping[str, Any] | None, trace_parent: str, trace_state: str
    ) -> Invocation:
        """Run a function by its name.

        Raises:
            HostingError: there is no function of that name, or it cannot run.
            TypeError: it has an HTTP trigger, and ``data`` is not a request; or the name is not text.
        """
        if not isinstance(name, str):
            raise TypeError(f"the name of a function is text, not {name!r}")
        run = self.host.invocations.get(name.lower())
        if run is None:
            raise self._unknown(name)
        function = next((one for one in self._http_functions() if one.name.lower() == name.lower()), None)
        with self._recording(inputs) as notes:
            await run(data if function is None else _call(function, data), trace_parent, trace_state)
        return notes.invocation()

    def method(self, name: str) -> HostMethod:
        """Return a method that a binding package adds to the host; while it runs, what is written is recorded.

        Raises:
            AttributeError: there is none of that name.
        """
        called = find_method(self.host.providers, name)

        async def call(*args: Any, **options: Any) -> Any:
            with self._recording():
                return await called(*args, **options)

        return call

    @contextmanager
    def _recording(self, inputs: Mapping[str, Any] | None = None) -> Iterator[Recording]:
        """Record what happens in the block."""
        notes = Recording(self, inputs or NOTHING)
        token = recording.set(notes)
        try:
            yield notes
        finally:
            recording.reset(token)

    def _http_functions(self) -> Iterator[Function]:
        return (function for function in self.host.functions if function.trigger.type.lower() == "httptrigger")

    def _unknown(self, name: str) -> HostingError:
        for problem in self.host.problems:
            if problem.function and problem.function.lower() == name.lower():
                return HostingError(problem.message, remedy=problem.remedy, file=problem.file, line=problem.line)
        known = ", ".join(function.name for function in self.host.functions) or "none"
        return HostingError(f"The app has no function '{name}'.", remedy=f"Its functions: {known}.")


class _Granted(Lease):
    """The lock of a task in a test: there is no other process."""

    async def release(self) -> None:
        """Do nothing."""


async def _grant(_name: str) -> Lease:
    return _Granted()


def _call(function: Function, data: Any) -> HttpCall:
    """Return a request that a test has built as the call that a listener would pass."""
    request = http_request(url=f"/{function.name}") if data is None else data
    if not isinstance(request, func.HttpRequest) or streams_of(function) is not None:
        raise TypeError(
            f"function '{function.name}' has an HTTP trigger: pass http_request(...), or call the host's get or post, "
            "which functions that read streams need"
        )
    return HttpCall(
        request.method,
        request.url,
        dict(request.headers),
        urlencode(dict(request.params)),
        dict(request.route_params),
        request.get_body(),
    )
