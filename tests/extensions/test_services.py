"""Services: offered by one extension, used by others, made once, and closed in reverse order."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Protocol

import azure.functions as func
import pytest

import hosting
from hosting.app_services import AppServices, ServiceRegistry
from hosting.core import Problem
from hosting.errors import ExtensionError
from hosting.testing import make_host
from tests.support.hooks import HELLO, hooks


class Cache:
    """A service."""


class Store:
    """Another one."""


class Readable(Protocol):
    def read(self) -> str: ...


def two() -> tuple[AppServices, AppServices, ServiceRegistry, list[Problem]]:
    """Return the services of two extensions of one host, and the problems that are reported."""
    problems: list[Problem] = []
    registry = ServiceRegistry(problems.append)
    return AppServices("redis", registry), AppServices("user", registry), registry, problems


async def make_cache() -> Cache:
    return Cache()


def fail() -> Cache:
    raise LookupError("no server")


INVALID: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "missing": (
        lambda redis, user: user.get(Cache),
        r"services.get\(Cache\) of extension 'user': no extension.*\n.*Known",
    ),
    "added twice": (
        lambda redis, user: (redis.add(Cache, Cache()), user.add(Cache, Cache())),
        r"services.add\(Cache\) of extension 'user': extension 'redis' has added",
    ),
    "not a class": (lambda redis, user: redis.add("cache", Cache()), "must be a class, found str"),
    "wrong value": (
        lambda redis, user: redis.add(Cache, 3),
        "expected a Cache or a function that makes one, found int",
    ),
    "no value": (lambda redis, user: redis.add(Cache, None), "found NoneType"),
    "async factory": (lambda redis, user: redis.add(Cache, make_cache), "async def startup"),
    "close is not a function": (lambda redis, user: redis.add(Cache, Cache(), close=3), "close must be a function"),
    "factory of another class": (
        lambda redis, user: (redis.add(Cache, Store), user.get(Cache)),
        "factory of service Cache in extension 'redis' returned an object of type Store",
    ),
    "circular": (
        lambda redis, user: (
            redis.add(Cache, lambda: redis.get(Store) and Cache()),
            user.add(Store, lambda: user.get(Cache) and Store()),
            user.get(Cache),
        ),
        r"need each other: Cache -> Store -> Cache\n.*in extension 'redis'",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_service_that_cannot_be_added_or_used_is_an_error_that_names_the_extension(case: str) -> None:
    """The message says which extension, which service, and what to do."""
    act, message = INVALID[case]
    redis, user, _, _ = two()
    with pytest.raises(ExtensionError, match=message):
        act(redis, user)


VALID: dict[str, tuple[type[Any], Any]] = {
    "value": (Cache, Cache()),
    "factory": (Cache, lambda: Cache()),
    "class as a factory": (Cache, Cache),
    "protocol": (Readable, SimpleNamespace(read=lambda: "text")),
}


@pytest.mark.parametrize("case", VALID)
def test_service_is_the_same_object_for_all_extensions(case: str) -> None:
    """A factory is called once, by the first use."""
    kind, value = VALID[case]
    redis, user, _, _ = two()
    redis.add(kind, value)
    assert user.get(kind) is redis.get(kind)
    assert user.get(kind) is value or isinstance(user.get(kind), kind)


def test_factory_is_called_once_by_concurrent_threads_and_again_after_an_error() -> None:
    """A second thread waits for the first one."""
    redis, user, registry, _ = two()
    made: list[Cache] = []

    def slow() -> Cache:
        time.sleep(0.02)
        made.append(Cache())
        return made[-1]

    redis.add(Cache, slow)
    threads = [threading.Thread(target=lambda: user.get(Cache)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [user.get(Cache)]
    registry.discard("redis")
    redis.add(Cache, fail)
    for _ in range(2):
        with pytest.raises(LookupError, match="no server"):
            user.get(Cache)


def test_use_before_the_service_is_added_is_a_problem_of_order() -> None:
    """The remedy is a line that can be copied."""
    redis, user, _, problems = two()
    with pytest.raises(ExtensionError):
        user.get(Cache)
    redis.add(Cache, Cache())
    (problem,) = problems
    assert problem.message == "Extension 'user' has asked for the service Cache, which extension 'redis' adds later."
    assert "order = hosting.Order(after=('redis',))" in problem.remedy


def test_services_of_an_app_are_listed_and_closed_in_reverse_after_the_shutdown_hooks() -> None:
    """Closers are ``def`` or ``async def``; one that fails or hangs stops no other; an unused service is not closed."""
    closed: list[str] = []
    handles: list[hosting.AppHandle] = []

    async def close_later(_store: Store) -> None:
        await asyncio.sleep(0)
        closed.append("store")

    def close_badly(_cache: Cache) -> None:
        closed.append("cache")
        raise LookupError("it is gone")

    def make_cache(app: hosting.AppHandle) -> Cache:
        assert app.services.get(Store) is not None
        return Cache()

    def prepare(app: hosting.AppHandle) -> None:
        handles.append(app)
        app.services.add(Cache, lambda: make_cache(app), close=close_badly)
        app.services.add(dict, dict, close=lambda _: closed.append("never"))

    def startup(app: hosting.AppHandle) -> None:
        app.services.add(Store, Store(), close=close_later)
        app.services.add(list, ["value"], close=lambda value: asyncio.sleep(3600))

    def answer(context: Any) -> None:
        raise hosting.ShortCircuit(func.HttpResponse(type(handles[0].services.get(Cache)).__name__))

    offering = hooks(
        prepare=prepare, startup=startup, pre_invocation_app_level=answer, shutdown=lambda: closed.append("hook")
    )
    section = {"budgets": {"shutdown": 0.05}}
    with make_host(HELLO, extensions={"a": offering}, host_json={"extensionHost": section}) as host:
        assert host.get("/api/hello").text == "Cache"
        listed = {one["name"].rpartition(".")[2]: one["status"] for one in host.diagnosis()["services"]}
        assert listed == {"Cache": "created", "dict": "unused", "Store": "value", "list": "value"}
        with pytest.raises(ExtensionError, match="in 'prepare' and 'startup' only"):
            handles[0].services.add(set, set())
    assert closed == ["hook", "cache", "store"]
    with pytest.raises(ExtensionError, match="the host has stopped"):
        handles[0].services.get(Cache)
    messages = [record.getMessage() for record in host.logs]
    assert any(
        "closing tests.extensions.test_services.Cache failed: LookupError: it is gone" in one for one in messages
    )
    assert any("closing builtins.list failed: TimeoutError" in one for one in messages)


def test_services_of_an_extension_that_fails_in_prepare_are_not_there() -> None:
    """What exists of them is closed all the same."""
    closed: list[Any] = []

    def prepare(app: hosting.AppHandle) -> None:
        app.services.add(Cache, Cache(), close=closed.append)
        raise LookupError("no")

    def use(app: hosting.AppHandle) -> None:
        app.services.get(Cache)

    extensions = {"a": hooks(prepare=prepare), "b": hooks(prepare=use)}
    with make_host(HELLO, extensions=extensions) as host:
        document = host.diagnosis()
        assert document["services"] == []
        assert [one["status"] for one in document["extensions"]] == ["failed", "failed"]
    assert len(closed) == 1
