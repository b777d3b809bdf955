"""The helpers for asyncio that every layer uses."""

from __future__ import annotations

import asyncio

from hosting._asyncio import current_task, is_being_cancelled, wait_for_event


def test_outside_an_event_loop_there_is_no_task_and_no_cancellation() -> None:
    """On a plain thread both questions have an answer."""
    assert current_task() is None
    assert not is_being_cancelled()


def test_a_cancelled_task_is_being_cancelled_until_it_ends() -> None:
    """The code that catches the error learns that it was meant for its own task."""
    answers: list[bool] = []

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            answers.append(is_being_cancelled())

    async def scenario() -> None:
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(scenario())
    assert answers == [True]


def test_the_cancelled_error_of_another_task_cancels_nothing() -> None:
    """Awaiting a task that one has cancelled raises the same error, which is not a cancellation of one's own task."""

    async def scenario() -> bool:
        other = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        other.cancel()
        try:
            await other
        except asyncio.CancelledError:
            return is_being_cancelled()
        return True

    assert asyncio.run(scenario()) is False


def test_waiting_for_an_event_reports_whether_it_was_set_in_time() -> None:
    """The limit ends the wait without an error."""

    async def scenario() -> tuple[bool, bool, bool]:
        event = asyncio.Event()
        never = await wait_for_event(event, 0.01)
        asyncio.get_running_loop().call_soon(event.set)
        soon = await wait_for_event(event, 60)
        return never, soon, await wait_for_event(event, 0)

    assert asyncio.run(scenario()) == (False, True, True)
