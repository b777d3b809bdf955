"""The host objects that tests use: one for sync tests, one for async tests, with the same methods."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NoReturn, TypeVar, Unpack

from hosting._exceptions import error_text
from hosting.core import Problem
from hosting.testing.http import Reply, Request, RequestOptions
from hosting.testing.portal import Portal
from hosting.testing.providers import HostMethod
from hosting.testing.recording import Invocation
from hosting.testing.session import Session

R = TypeVar("R")


class InvocationFailed(Exception):
    """A function raised an exception that would end the test run, such as SystemExit; it is the ``__cause__``."""


class HostView:
    """Properties of a host in a test, shared by ``Host`` and ``AsyncHost``."""

    def __init__(self, session: Session, *, raises: bool) -> None:
        self._session = session
        self._raises = raises

    @property
    def root(self) -> Path:
        """The app's folder; a temporary one for an app that was passed as files."""
        return self._session.root

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the app's functions, in the order in which their routes are tried."""
        return tuple(function.name for function in self._session.host.functions)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Problems of the app that did not prevent the start, each with its remedy."""
        return self._session.host.problems

    @property
    def logs(self) -> list[logging.LogRecord]:
        """Log records since the app was loaded; they have ``function`` and ``invocation_id``."""
        return self._session.logs

    @property
    def messages(self) -> list[str]:
        """The messages of ``logs``."""
        return [record.getMessage() for record in self._session.logs]

    @property
    def info(self) -> dict[str, Any]:
        """The names of the extensions by scope and function, as Azure's ``_info`` has them."""
        return self._session.host.extensions._info

    def diagnosis(self) -> dict[str, Any]:
        """Return the document of ``hosting diag --json``, with current figures."""
        return self._session.host.extensions.diagnosis()

    def _extension_entries(self) -> list[dict[str, Any]]:
        return self._session.host.extensions.extension_entries()

    def _raise_if_failed(self, exception: BaseException | None, name: str, raises: bool | None) -> None:
        __tracebackhide__ = True
        if exception is not None and (self._raises if raises is None else raises):
            _fail(exception, name)


class HostRequestOptions(RequestOptions, total=False):
    """Further options of a request to a host in the test's process."""

    inputs: Mapping[str, Any]
    """Values of the function's input bindings, by name."""
    raises: bool
    """Whether the exception of a function that fails is raised in the test (default: as passed to ``make_host``)."""


class RequestMethods(Generic[R]):
    """One method for each HTTP method, shared by ``Host`` and ``AsyncHost``; those of ``AsyncHost`` are awaited."""

    def request(self, method: str, path: str, **options: Unpack[HostRequestOptions]) -> R:
        """Send a request; see ``Host.request``."""
        raise NotImplementedError

    def get(self, path: str, **options: Unpack[HostRequestOptions]) -> R:
        """Send a GET request; see ``request``."""
        __tracebackhide__ = True
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Unpack[HostRequestOptions]) -> R:
        """Send a POST request; see ``request``."""
        __tracebackhide__ = True
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[HostRequestOptions]) -> R:
        """Send a PUT request; see ``request``."""
        __tracebackhide__ = True
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[HostRequestOptions]) -> R:
        """Send a PATCH request; see ``request``."""
        __tracebackhide__ = True
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[HostRequestOptions]) -> R:
        """Send a DELETE request; see ``request``."""
        __tracebackhide__ = True
        return self.request("DELETE", path, **options)


class Host(HostView, RequestMethods[Reply]):
    """A running host for sync tests; its event loop runs in a thread."""

    def __init__(self, session: Session, portal: Portal, *, raises: bool) -> None:
        super().__init__(session, raises=raises)
        self._portal = portal

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method that an installed package adds for its bindings, such as ``orchestrate``."""
        method = self._session.method(name)
        return lambda *args, **options: self._portal.call(method(*args, **options))

    def request(self, method: str, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """Send a request as a client does, and wait for the response.

        Args:
            method: the HTTP method.
            path: the path with the query: ``/api/hello?name=Ada``.
            options: ``params``, ``headers``, ``body`` or ``json``; ``inputs``; ``raises``.

        Raises:
            Exception: the function's exception, with its own traceback, unless ``raises`` is false.
            InvocationFailed: the function raised an exception that would end the test run.
        """
        __tracebackhide__ = True
        rest, inputs, raises = _split(options)
        reply = self._portal.call(self._session.request(Request(method, path, **rest), inputs))
        self._raise_if_failed(reply.exception, path, raises)
        return reply

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
        """Run a function of any trigger type, and wait until its outputs are written.

        Args:
            name: the function's name, ignoring case.
            data: what triggers it: an SDK object; or text, bytes or a JSON value that the SDK converts to one.
            inputs: values of its input bindings, by name.
            raises: whether the exception of a function that fails is raised here (default: as passed to ``make_host``).
            trace_parent: the caller's ``traceparent``, as W3C Trace Context defines it.
            trace_state: the caller's ``tracestate``.

        Raises:
            Exception: the function's exception, with its own traceback, unless ``raises`` is false.
            InvocationFailed: the function raised an exception that would end the test run.
            HostingError: there is no such function, or it cannot run.
        """
        __tracebackhide__ = True
        invocation = self._portal.call(self._session.invoke(name, data, inputs, trace_parent, trace_state))
        self._raise_if_failed(invocation.exception, name, raises)
        return invocation


class AsyncHost(HostView, RequestMethods[Coroutine[Any, Any, Reply]]):
    """A running host for async tests; it runs on the test's event loop. All methods are async."""

    def __getattr__(self, name: str) -> HostMethod:
        """Return a method that an installed package adds for its bindings, such as ``orchestrate``."""
        return self._session.method(name)

    async def request(self, method: str, path: str, **options: Unpack[HostRequestOptions]) -> Reply:
        """Send a request; see ``Host.request``."""
        __tracebackhide__ = True
        rest, inputs, raises = _split(options)
        reply = await self._session.request(Request(method, path, **rest), inputs)
        self._raise_if_failed(reply.exception, path, raises)
        return reply

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
        """Run a function; see ``Host.invoke``."""
        __tracebackhide__ = True
        invocation = await self._session.invoke(name, data, inputs, trace_parent, trace_state)
        self._raise_if_failed(invocation.exception, name, raises)
        return invocation


def _split(options: HostRequestOptions) -> tuple[RequestOptions, Mapping[str, Any] | None, bool | None]:
    request: Any = {name: value for name, value in options.items() if name not in ("inputs", "raises")}
    return request, options.get("inputs"), options.get("raises")


def _fail(exception: BaseException, name: str) -> NoReturn:
    __tracebackhide__ = True
    if isinstance(exception, Exception) and not isinstance(exception, StopIteration | StopAsyncIteration):
        raise exception.with_traceback(_outside(exception.__traceback__))
    raise InvocationFailed(f"{name}: {error_text(exception)}") from exception


def _outside(trace: TracebackType | None) -> TracebackType | None:
    """Drop the host's frames before the first frame of other code; keep all if there is none."""
    frame = trace
    while frame is not None:
        if not str(frame.tb_frame.f_globals.get("__name__")).startswith("hosting."):
            return frame
        frame = frame.tb_next
    return trace
