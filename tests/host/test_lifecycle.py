"""Starting and ending providers: one that breaks the contract affects no other."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest

from hosting.errors import SettingsError
from hosting.host import trigger_figures
from hosting.host.lifecycle import end_all
from hosting.host.trigger_figures import TriggerFigures
from hosting.server.app import HostApp
from hosting.server.processes import Question, answered
from tests.conftest import MakeApp
from tests.support.broken_providers import load_broken_host
from tests.support.note_providers import ECHO, load_note_host


@pytest.mark.parametrize("broken", ["CannotStart", "StartsOdd", "WaitsForItsOwnTask"])
async def test_provider_that_cannot_start_keeps_no_other_from_listening(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    """The log has the traceback for the provider's author."""
    host = load_broken_host(make_app, broken)
    listening = []

    async def start() -> None:
        listening.append("Sound")

    host._providers[1].start = start  # type: ignore[method-assign]
    await host.start()
    await host.stop()
    assert listening == ["Sound"]
    assert f"{broken} failed to start: nothing triggers its functions." in caplog.text
    assert "Traceback" in caplog.text


async def test_provider_that_refuses_to_start_stops_the_host(make_app: MakeApp) -> None:
    """The error is one message, and what had started before is ended."""
    host = load_broken_host(make_app, "RefusesToStart")
    ended: dict[str, Any] = {}
    host._services.host_json = {"ended": ended}
    app = HostApp(host)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append((message["type"], dict(ended)))

    await app({"type": "lifespan"}, receive, send)
    assert sent == [("lifespan.startup.failed", {"stop": True, "close": True})]
    assert isinstance(app.failure, SettingsError)


@pytest.mark.parametrize("broken", ["StopsAtOnce", "EndsByItsOwnTask", "LeavesAtTheEnd"])
async def test_provider_that_fails_to_end_keeps_no_other_from_ending(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    """However a provider fails to stop or to close, the others do, and the host ends."""
    host = load_broken_host(make_app, broken)
    ended: dict[str, Any] = {}
    host._services.host_json = {"ended": ended}

    await host.start()
    assert await host.drain(1)
    await host.stop()
    assert ended == {"stop": True, "close": True}
    assert "A binding failed to" in caplog.text


async def test_end_can_be_cancelled(make_app: MakeApp) -> None:
    """The task that ends the host may be cancelled while it waits for a provider."""
    host = load_broken_host(make_app, "Sound")

    async def never() -> None:
        await asyncio.sleep(600)

    host._providers[0].close = never  # type: ignore[method-assign]

    await host.start()
    ending = asyncio.create_task(host.stop())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending


async def test_provider_starts_stops_and_closes_in_order(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """It stops before running invocations are waited for, and closes after; an error is logged."""
    host, notes = load_note_host(make_app, ECHO, AREA="x")

    await host.start()
    assert await host.drain(1)
    notes.steps.append("drained")
    await host.stop()
    assert notes.steps == ["start", "stop", "drained", "close"]
    assert "A binding failed to stop." in caplog.text
    assert "cannot stop" in caplog.text


async def test_own_timeout_of_a_package_is_not_taken_for_a_time_limit_of_the_host(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What it raises is reported: its service was slow, and the host's limit was not over."""

    async def fail(*_: Any) -> Any:
        raise TimeoutError("the database is slow")

    await end_all("stop", [fail])
    assert "A binding failed to stop." in caplog.text
    assert "the database is slow" in caplog.text
    figures = await TriggerFigures({"F": Mock(figures=fail)}).all()
    answer = await answered(Question("figures", {}), fail, 1)
    assert (figures["F"]["error"], answer.error) == ("TimeoutError: the database is slow",) * 2


async def test_figures_that_are_known_are_shown_while_a_trigger_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shows figures again and again does not wait for a queue that does not answer, unless they are old."""
    asked: list[asyncio.Future[dict[str, int]]] = []

    async def figures() -> dict[str, int]:
        asked.append(asyncio.get_running_loop().create_future())
        return await asked[-1]

    now = 100.0
    monkeypatch.setattr(trigger_figures, "time", Mock(monotonic=lambda: now))
    triggers = TriggerFigures({"F": Mock(figures=figures)})

    async def settle() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def answer(reading: asyncio.Future[Any], waiting: int) -> Any:
        await settle()
        asked[-1].set_result({"waiting": waiting})
        return await reading

    first = asyncio.ensure_future(triggers.latest())
    await settle()
    assert not first.done(), "nothing is known yet"
    assert await answer(first, 1) == {"F": {"waiting": 1}}
    now += trigger_figures.KEPT_SECONDS
    assert await triggers.latest() == {"F": {"waiting": 1}}
    await settle()
    assert len(asked) == 2, "they are asked meanwhile"
    assert await answer(asyncio.ensure_future(triggers.all()), 2) == {"F": {"waiting": 2}}
    assert await triggers.latest() == {"F": {"waiting": 2}}
    now += trigger_figures.SHOWN_SECONDS
    old = asyncio.ensure_future(triggers.latest())
    await settle()
    assert not old.done()
    assert await answer(old, 3) == {"F": {"waiting": 3}}
