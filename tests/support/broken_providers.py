"""Providers of bindings: one that is correct, and others that each break the contract in one way."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import importlib_metadata

from hosting.bindings import Invoke, Provider, Services, Trigger
from hosting.bindings.registry import Providers
from hosting.core import Binding, Function
from hosting.errors import SettingsError
from hosting.host.function_host import FunctionHost
from tests.conftest import MakeApp

APP = {
    "function_app.py": """
import azure.functions as func
app = func.FunctionApp()

@app.generic_trigger("data", type="brokenTrigger")
def Broken(data): ...

@app.generic_trigger("data", type="soundTrigger")
def Sound(data): ...
""",
    "host.json": '{"version": "2.0"}',
}


class SoundTrigger(Trigger):
    def decode(self, data: Any) -> Any:
        return data

    def attach(self, invoke: Invoke) -> None: ...


class Sound(Provider):
    """A correct provider."""

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        return SoundTrigger()

    async def stop(self) -> None:
        self.services.section("ended")["stop"] = True  # type: ignore[index]

    async def close(self) -> None:
        self.services.section("ended")["close"] = True  # type: ignore[index]


class CannotBeMade(Sound):
    def __init__(self, services: Services) -> None:
        raise RuntimeError("no broker")


class Leaves(Sound):
    def __init__(self, services: Services) -> None:
        sys.exit("no broker")


class Odd(BaseException):
    """An exception of a package that has no text."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class RaisesOdd(Sound):
    def __init__(self, services: Services) -> None:
        raise Odd


class BindsOdd(Sound):
    def trigger(self, function: Function, binding: Binding) -> Trigger:
        raise Odd


class StartsOdd(Sound):
    async def start(self) -> None:
        raise Odd


class RefusesSettings(Sound):
    def __init__(self, services: Services) -> None:
        raise SettingsError("no such broker")


class CannotBind(Sound):
    def trigger(self, function: Function, binding: Binding) -> Trigger:
        raise KeyError("no broker")


class GivesNothing(Sound):
    def trigger(self, function: Function, binding: Binding) -> Trigger:
        return None  # type: ignore[return-value]


class CannotAttach(Sound):
    def trigger(self, function: Function, binding: Binding) -> Trigger:
        trigger = SoundTrigger()
        trigger.attach = None  # type: ignore[method-assign, assignment]
        return trigger


class NoProvider:
    def __init__(self, services: Services) -> None: ...


NO_CLASS = 3


async def cancelled_task() -> None:
    task = asyncio.create_task(asyncio.sleep(600))
    task.cancel()
    await task


class CannotStart(Sound):
    async def start(self) -> None:
        raise OSError("no broker")


class WaitsForItsOwnTask(Sound):
    async def start(self) -> None:
        await cancelled_task()


class RefusesToStart(Sound):
    async def start(self) -> None:
        raise SettingsError("no such broker")


class StopsAtOnce(Sound):
    def stop(self) -> Any:
        raise OSError("no broker")


class EndsByItsOwnTask(Sound):
    async def close(self) -> None:
        await cancelled_task()


class LeavesAtTheEnd(Sound):
    async def close(self) -> None:
        sys.exit("bye")


def load_broken_host(make_app: MakeApp, broken: str) -> FunctionHost:
    def providers(services: Services) -> Providers:
        classes = {"brokenTrigger": broken, "soundTrigger": "Sound"}
        entries = [
            importlib_metadata.EntryPoint(name, f"{__name__}:{value}", "hosting.bindings")
            for name, value in classes.items()
        ]
        return Providers(services, lambda: importlib_metadata.EntryPoints(entries))

    host = FunctionHost(make_app(APP), environ={}, providers=providers)
    host.load()
    return host
