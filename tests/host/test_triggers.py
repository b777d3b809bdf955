"""Draining and resuming the providers of a host, in any order of the calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hosting.bindings import Provider, Services
from hosting.bindings.timer.clock import Clock
from hosting.bindings.timer.provider import TimerProvider
from hosting.core import Binding, Function
from hosting.errors import HostingError
from hosting.host.invocation import RunningInvocations
from hosting.host.triggers import Triggers


class Listening(Provider):
    """Notes what it is asked to do."""

    def __init__(self) -> None:
        super().__init__(Services({}, {}))
        self.calls: list[str] = []

    async def start(self) -> None:
        """Note it."""
        self.calls.append("start")

    async def stop(self) -> None:
        """Note it."""
        self.calls.append("stop")

    async def resume(self) -> None:
        """Note it."""
        self.calls.append("resume")


class Final(Listening):
    """Cannot listen again."""

    resume = Provider.resume


@pytest.mark.parametrize(
    ("operations", "calls", "state"),
    [
        ("start drain", "start stop", "Completed"),
        ("start drain drain resume resume", "start stop resume", "Disabled"),
        ("start drain resume drain resume stop stop", "start stop resume stop resume stop", "Disabled"),
        ("drain start", "", "Completed"),
        ("drain start resume", "start", "Disabled"),
        ("drain resume start", "start", "Disabled"),
        ("start stop drain resume", "start stop", "Disabled"),
        ("start drain stop resume", "start stop", "Disabled"),
        ("stop", "stop", "Disabled"),
    ],
)
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "at once"])
async def test_providers_listen_as_the_last_call_says(operations: str, calls: str, state: str, at_once: bool) -> None:
    """Each provider is stopped once before it is resumed, and never resumed after the end."""
    provider = Listening()
    triggers = Triggers([provider])
    if at_once:
        await asyncio.gather(*(getattr(triggers, name)() for name in operations.split()))
        assert provider.calls[-1:] in ([calls.split()[-1]] if calls else [], ["stop"], ["start"], ["resume"], [])
    else:
        for name in operations.split():
            await getattr(triggers, name)()
        assert provider.calls == calls.split()
    assert triggers.drain_status.state == state


async def test_drain_is_complete_when_nothing_runs() -> None:
    """Invocations and retries that wait are outstanding, as in Azure's host."""
    running = RunningInvocations()
    triggers = Triggers([Listening()], running)
    await triggers.start()
    running.waiting_retries = 1
    await triggers.drain()
    assert triggers.drain_status.document() == {
        "state": "InProgress",
        "outstandingInvocations": 0,
        "outstandingRetries": 1,
    }
    running.waiting_retries = 0
    assert triggers.drain_status.state == "Completed"


async def test_provider_that_cannot_listen_again_is_unhealthy(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with what to do, and keeps no other from listening."""
    provider, other = Final(), Listening()
    triggers = Triggers([provider, other])
    await triggers.start()
    assert triggers.health() == {}
    await triggers.drain()
    await triggers.resume()
    assert other.calls == ["start", "stop", "resume"]
    assert "Final cannot listen again after a drain" in triggers.health()["Final"]
    assert "Restart the host." in caplog.text


async def test_provider_that_fails_to_tell_its_health_is_unhealthy() -> None:
    """An exception of a package is a reason; a provider that needs no start has nothing to resume."""

    class Odd(Provider):
        def health(self) -> dict[str, str]:
            raise HostingError("odd")

    triggers = Triggers([Odd(Services({}, {}))])
    await triggers.drain()
    await triggers.start()
    await triggers.resume()
    (reason,) = triggers.health().values()
    assert reason == "HostingError: odd"


@pytest.mark.slow
async def test_timers_run_again_after_a_drain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of a timer is free while the host is drained, so that another host can run it."""
    monkeypatch.setattr("hosting.bindings.services.state_folder", lambda: tmp_path)
    ran: asyncio.Queue[str] = asyncio.Queue()
    services = Services({}, {}, tmp_path)
    provider = TimerProvider(services, Clock())
    binding = Binding("timer", "timerTrigger", "in", {"schedule": "* * * * * *"})
    function = Function("tick", "/app", "/app/function_app.py", "v2", print, False, (binding,))
    trigger = provider.trigger(function, binding)

    async def invoke(data: object, **_: str) -> object:
        await ran.put("run")
        return None

    trigger.attach(invoke)  # type: ignore[arg-type]
    triggers = Triggers([provider])
    await triggers.start()
    await ran.get()
    assert triggers.health() == {"timers": ""}
    await triggers.drain()
    assert triggers.health() == {}
    await asyncio.wait(provider._timers.values())
    path = f"locks/{services.host_id}/Host.Functions.tick.Listener"
    lease = await services.storage.lock(path)
    assert lease is not None
    await lease.release()
    while not ran.empty():
        ran.get_nowait()
    await triggers.resume()
    await ran.get()
    await triggers.stop()
    await triggers.close()
    await services.close()
