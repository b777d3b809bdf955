"""Memory: an invocation leaves no objects that only the garbage collector frees."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import pytest

import hosting
from hosting.extensions import ExtensionHost, ThreadPool
from tests.support.invoking import Context, function, load_host

pytestmark = [pytest.mark.exhaustive, pytest.mark.unmutated]


class Body:
    """An argument that a weak reference can observe."""


class Around:
    @hosting.hookimpl
    def invocation_app_level(self) -> Any:
        yield


class AroundAsync:
    @hosting.hookimpl
    async def invocation_app_level(self) -> Any:
        yield


class Error:
    @hosting.hookimpl
    def invocation_error_app_level(self, exception: BaseException) -> None:
        """Keep no reference to the exception."""


class ErrorAsync:
    @hosting.hookimpl
    async def invocation_error_app_level(self, exception: BaseException) -> None:
        await asyncio.sleep(0)


class Erring:
    @hosting.hookimpl
    def pre_invocation_app_level(self, func_args: dict[str, Any]) -> None:
        raise LookupError


async def failing_async(body: Body) -> None:
    await asyncio.sleep(0)
    raise ValueError


async def endless(body: Body) -> None:
    await asyncio.sleep(60)


def failing(body: Body) -> None:
    raise ValueError


def returning(body: Body) -> None:
    """Return None."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Switch the garbage collector off, so that only reference counts free objects."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("call", [failing_async, endless, failing, returning])
@pytest.mark.parametrize("extension", [None, Around, AroundAsync, Error, ErrorAsync, Erring])
async def test_arguments_are_freed_when_an_invocation_ends(call: Any, extension: type | None) -> None:
    """Also after an exception or a cancellation, no traceback keeps the arguments and the result alive."""
    target = function(call)
    host = load_host({"one": extension} if extension else {}, target)
    await check_arguments_are_freed(host, target)


async def check_arguments_are_freed(host: ExtensionHost, target: Any) -> None:
    pool = ThreadPool(1)
    invoker = host.invoker(target, pool)

    async def once() -> weakref.ref[Body]:
        body = Body()
        task = asyncio.ensure_future(invoker.invoke(Context(), {"body": body}))
        await asyncio.sleep(0)
        if target.call is endless:
            task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or type(task.exception()) in (ValueError, type(None))
        return weakref.ref(body)

    references = [await once() for _ in range(2)]
    await pool.submit(copy_context(), lambda: None)  # the thread has let go of the job before
    await asyncio.sleep(0)
    await host.shutdown()
    pool.shutdown()
    assert [reference() for reference in references] == [None, None]
    assert not host._watchdog.waiting()
