"""What a test holds of a host: the same for tests that are sync and for those that are async."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Unpack

from hosting.core import Problem
from hosting.testing.http import Reply, Request, RequestOptions
from hosting.testing.portal import Portal
from hosting.testing.recording import Invocation
from hosting.testing.session import Session


class InvocationFailed(Exception):
    """A function ended with what would end the test run, too, such as SystemExit; that is its ``__cause__``."""


class HostView:
    """What a host shows, whichever way it is called."""

    def __init__(self, session: Session, *, raises: bool) -> None:
        self._session = session
        self._raises = raises

    @property
    def root(self) -> Path:
        """The app's folder; a new one for an app that was given as files."""
        return self._session.root

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the app's functions, in the order in which routes are tried."""
        return tuple(function.name for function in self._session.host.functions)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the app without stopping it, each with its remedy."""
        return self._session.host.problems

    @property
    def logs(self) -> list[logging.LogRecord]:
        """What was logged since the app was loaded; records have ``function`` and ``invocation_id``."""
        return self._session.logs

    @property
    def messages(self) -> list[str]:
        """The messages that were logged."""
        return [record.getMessage() for record in self._session.logs]

    @property
    def info(self) -> dict[str, Any]:
        """The extensions by function, as Azure's interface tells them."""
        return self._session.host.extensions._info

    def diagnosis(self) -> dict[str, Any]:
        """What ``hosting diag --json`` prints, with the figures of now."""
        return self._session.host.extensions.diagnosis()

    def _judge(self, exception: BaseException | None, name: str, raises: bool | None) -> None:
        __tracebackhide__ = True
        if exception is not None and (self._raises if raises is None else raises):
            _fail(exception, name)


class HostRequestOptions(RequestOptions, total=False):
    """What a request to a host in the test's process may have besides."""

    inputs: Mapping[str, Any]
    """What the function's input bindings give, by name."""
    raises: bool
    """Whether a function that fails raises its exception in the test; by default as the host was made."""


class Host(HostView):
    """A running host, for tests that are not async: its event loop is in a thread."""

    def __init__(self, session: Session, portal: Portal, *, raises: bool) -> None:
        super().__init__(session, raises=raises)
        self._portal = portal

    def request(self, method: str, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """Send a request, as a client would, and wait for the answer.

        Args:
            method: GET, POST, ...
            path: with its query: ``/api/hello?name=Ada``.
            options: ``params``, ``headers``, ``body`` or ``json``; ``inputs``; ``raises``.

        Raises:
            Exception: what the function raised, with its own traceback.
        """
        __tracebackhide__ = True
        rest, inputs, raises = _split(options)
        reply = self._portal.call(self._session.request(Request(method, path, **rest), inputs))
        self._judge(reply.exception, path, raises)
        return reply

    def get(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return self.request("DELETE", path, **options)

    def invoke(
        self,
        name: str,
        data: Any = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        raises: bool | None = None,
        trace_parent: str = "",
        trace_state: str = "",
    ) -> Invocation:
        """Run a function of any trigger, and wait until its outputs are written.

        Args:
            name: the function's, ignoring case.
            data: what triggers it: an object of the SDK, or text, bytes or JSON that the SDK makes one of.
            inputs: what its input bindings give, by name.
            raises: whether a function that fails raises its exception here; by default as the host was made.
            trace_parent: the W3C trace context of who triggers it.
            trace_state: the same.

        Raises:
            Exception: what the function raised, with its own traceback.
            HostingError: there is no such function, or it cannot run.
        """
        __tracebackhide__ = True
        invocation = self._portal.call(self._session.invoke(name, data, inputs, trace_parent, trace_state))
        self._judge(invocation.exception, name, raises)
        return invocation


class AsyncHost(HostView):
    """A running host, for async tests: it is on their own event loop."""

    async def request(self, method: str, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``Host.request``."""
        __tracebackhide__ = True
        rest, inputs, raises = _split(options)
        reply = await self._session.request(Request(method, path, **rest), inputs)
        self._judge(reply.exception, path, raises)
        return reply

    async def get(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """As ``request``."""
        __tracebackhide__ = True
        return await self.request("DELETE", path, **options)

    async def invoke(
        self,
        name: str,
        data: Any = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        raises: bool | None = None,
        trace_parent: str = "",
        trace_state: str = "",
    ) -> Invocation:
        """As ``Host.invoke``."""
        __tracebackhide__ = True
        invocation = await self._session.invoke(name, data, inputs, trace_parent, trace_state)
        self._judge(invocation.exception, name, raises)
        return invocation


def _split(options: HostRequestOptions) -> tuple[RequestOptions, Mapping[str, Any] | None, bool | None]:
    request: Any = {name: value for name, value in options.items() if name not in ("inputs", "raises")}
    return request, options.get("inputs"), options.get("raises")


def _fail(exception: BaseException, name: str) -> NoReturn:
    __tracebackhide__ = True
    if isinstance(exception, Exception) and not isinstance(exception, StopIteration | StopAsyncIteration):
        raise exception.with_traceback(_outside(exception.__traceback__))
    raise InvocationFailed(f"{name}: {type(exception).__name__}: {exception}") from exception


def _outside(trace: TracebackType | None) -> TracebackType | None:
    """Cut the frames of the host above the first one that is not; all stay if there is no other."""
    frame = trace
    while frame is not None:
        if not str(frame.tb_frame.f_globals.get("__name__")).startswith("hosting."):
            return frame
        frame = frame.tb_next
    return trace
