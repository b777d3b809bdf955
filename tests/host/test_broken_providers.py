"""A provider that breaks the contract harms the functions that use it, and neither the others nor the host's end."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import importlib_metadata
import pytest

from hosting.bindings import Invoke, Provider, Services, Trigger
from hosting.bindings.registry import Providers
from hosting.core import Binding, Function
from hosting.errors import SettingsError
from hosting.host.function_host import FunctionHost
from hosting.server.app import HostApp
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
    """As it should be."""

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


def loaded(make_app: MakeApp, broken: str) -> FunctionHost:
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


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("CannotBeMade", "RuntimeError: no broker"),
        ("Leaves", "SystemExit: no broker"),
        ("CannotBind", "KeyError: 'no broker'"),
        ("GivesNothing", r"GivesNothing gave a value of type 'NoneType' in place of its Trigger"),
        ("CannotAttach", "TypeError: 'NoneType' object is not callable"),
        ("NoProvider", "makes a NoProvider, and no Provider"),
        ("NO_CLASS", "'int' object is not callable"),
    ],
)
def test_cannot_bind(make_app: MakeApp, caplog: pytest.LogCaptureFixture, broken: str, reason: str) -> None:
    """The function is in error, the log has the traceback for the provider's author, and the other function runs."""
    host = loaded(make_app, broken)
    (problem,) = host.problems
    assert (problem.function, problem.severity) == ("Broken", "error")
    assert "Function 'Broken' cannot run" in problem.message
    assert reason in problem.message
    assert "Traceback" in caplog.text
    assert asyncio.run(host.invoke("Sound", 1)).exception is None


def test_refused_settings(make_app: MakeApp) -> None:
    """A provider whose section of host.json cannot be used still stops the start, in one message."""
    with pytest.raises(SettingsError, match="no such broker"):
        loaded(make_app, "RefusesSettings")


@pytest.mark.parametrize("broken", ["CannotStart", "WaitsForItsOwnTask"])
def test_cannot_start(make_app: MakeApp, caplog: pytest.LogCaptureFixture, broken: str) -> None:
    """The log has the traceback for the provider's author, and the others listen all the same."""
    host = loaded(make_app, broken)
    listening = []

    async def start() -> None:
        listening.append("Sound")

    host._providers[1].start = start  # type: ignore[method-assign]
    asyncio.run(host.start())
    asyncio.run(host.stop())
    assert listening == ["Sound"]
    assert f"{broken} failed to start: nothing triggers its functions." in caplog.text
    assert "Traceback" in caplog.text


def test_refused_start(make_app: MakeApp) -> None:
    """A provider may still refuse the start: one message, and whatever had started before is ended."""
    host = loaded(make_app, "RefusesToStart")
    ended: dict[str, Any] = {}
    host._services.host_json = {"ended": ended}
    app = HostApp(host)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append((message["type"], dict(ended)))

    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert sent == [("lifespan.startup.failed", {"stop": True, "close": True})]
    assert isinstance(app.failure, SettingsError)


@pytest.mark.parametrize("broken", ["StopsAtOnce", "EndsByItsOwnTask", "LeavesAtTheEnd"])
def test_end(make_app: MakeApp, caplog: pytest.LogCaptureFixture, broken: str) -> None:
    """However a provider fails to stop or to close, the others do, and the host ends."""
    host = loaded(make_app, broken)
    ended: dict[str, Any] = {}
    host._services.host_json = {"ended": ended}

    async def live() -> None:
        await host.start()
        assert await host.drain(1)
        await host.stop()

    asyncio.run(live())
    assert ended == {"stop": True, "close": True}
    assert "A binding failed to" in caplog.text


def test_cancelled_end(make_app: MakeApp) -> None:
    """Who ends the host may be cancelled while it waits for a provider."""
    host = loaded(make_app, "Sound")

    async def never() -> None:
        await asyncio.sleep(600)

    host._providers[0].close = never  # type: ignore[method-assign]

    async def live() -> None:
        await host.start()
        ending = asyncio.create_task(host.stop())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending

    asyncio.run(live())
