"""Measuring: each invocation gets its own time and I/O, whatever else the process does."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from pyinstrument import Profiler
from pyinstrument.session import Session

from hosting_profile.measuring import Measured, Measuring
from hosting_profile.settings import Settings

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts I/O by thread")
KEPT: list[bytes] = []


def _burn(seconds: float) -> None:
    """Be busy in Python, so that there is something to see."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))


def _burn_one() -> None:
    _burn(0.02)


def _burn_two() -> None:
    _burn(0.02)


def _seen(measured: Measured) -> set[str]:
    """The names of the functions in a profile."""
    assert isinstance(measured.session, Session)
    return {_name(frame) for stack, _ in measured.session.frame_records for frame in stack}


def _name(frame: str) -> str:
    return frame.partition("\x00")[0]


async def _invocation(step: object, start: asyncio.Barrier) -> Measured:
    """An async function that is profiled while another one is, in a task of its own as a host gives each."""
    assert callable(step)
    measuring = Measuring(Settings())
    await start.wait()
    for _ in range(3):
        step()
        await asyncio.sleep(0)
    return measuring.end()


def test_async_functions_that_take_turns_are_told_apart() -> None:
    """Two profiles on one event loop have their own function's calls, and none of the other's."""

    async def both() -> tuple[Measured, Measured]:
        start = asyncio.Barrier(2)
        return await asyncio.gather(_invocation(_burn_one, start), _invocation(_burn_two, start))

    one, two = asyncio.run(both())
    assert "_burn_one" in _seen(one)
    assert "_burn_two" not in _seen(one)
    assert "_burn_two" in _seen(two)
    assert "_burn_one" not in _seen(two)
    assert one.shared
    assert two.shared


async def _waits() -> None:
    await asyncio.sleep(0.05)


async def _serves() -> Measured:
    measuring = Measuring(Settings())
    await _waits()
    return measuring.end()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_time_in_await_is_told_where_it_is(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """What a function waits for is told below the call that waits, also where the loop has nothing else to do."""
    with asyncio.Runner(loop_factory=factory) as runner:
        measured = runner.run(_serves())
    assert measured.session is not None
    waiting = [[_name(frame) for frame in stack] for stack, _ in measured.session.frame_records]
    assert ["_waits", "sleep", "[await]"] in [stack[-3:] for stack in waiting]


def test_the_tree_begins_with_the_function() -> None:
    """What the server and the extension call to get to the function is not in its profile."""
    measured = asyncio.run(_serves())
    assert measured.session is not None
    assert {_name(stack[0]) for stack, _ in measured.session.frame_records} == {"_waits"}
    assert not [frame for stack, _ in measured.session.frame_records for frame in stack if "hosting_profile" in frame]


def test_tasks_of_an_async_function_belong_to_it() -> None:
    """What a function starts in tasks of its own is in its profile."""

    async def child() -> None:
        _burn_two()

    async def parent() -> Measured:
        measuring = Measuring(Settings())
        await asyncio.gather(child(), child())
        return measuring.end()

    assert "_burn_two" in _seen(asyncio.run(parent()))


def test_looks_at_our_own_calls_are_left_out() -> None:
    """A profile of nothing is empty, and is told without a tree."""
    measured = Measuring(Settings()).end()
    assert measured.session is not None
    assert measured.session.frame_records == []


def test_functions_on_threads_are_told_apart() -> None:
    """Two profiles on two worker threads at a time have their own function's calls."""
    start = threading.Barrier(2)
    found: dict[str, Measured] = {}

    def run(name: str, step: object) -> None:
        assert callable(step)
        measuring = Measuring(Settings())
        start.wait()
        step()
        found[name] = measuring.end()

    threads = [threading.Thread(target=run, args=pair) for pair in (("one", _burn_one), ("two", _burn_two))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "_burn_one" in _seen(found["one"])
    assert "_burn_two" not in _seen(found["one"])
    assert "_burn_one" not in _seen(found["two"])
    assert not found["one"].shared


def test_a_profiler_of_the_authors_is_left_alone() -> None:
    """Where an async function's context has a profiler already, the figures come without calls."""

    async def profiled_twice() -> Measured:
        with Profiler():
            return Measuring(Settings()).end()

    measured = asyncio.run(profiled_twice())
    assert measured.session is None
    assert measured.seconds > 0


def test_a_profiler_inside_a_sync_function_works() -> None:
    """A ``def`` function may profile itself while it is profiled."""
    measuring = Measuring(Settings())
    with Profiler() as own:
        _burn_one()
    measured = measuring.end()
    assert own.last_session is not None
    assert "_burn_one" in _seen(measured)


def test_nothing_is_left_behind() -> None:
    """After its end neither the thread nor the interpreter is being watched."""
    Measuring(Settings(measure=frozenset({"time", "memory", "io"}))).end()
    assert sys.getprofile() is None
    assert not tracemalloc.is_tracing()


@ON_LINUX
def test_io_is_what_the_function_did(tmp_path: Path) -> None:
    """Bytes and calls are counted, and those of the measuring itself are not."""
    measuring = Measuring(Settings(measure=frozenset({"io"})))
    with (tmp_path / "file").open("wb", buffering=0) as file:
        file.write(b"x" * 10_000)
        file.write(b"y" * 5)
    io = measuring.end().counters.io
    assert io is not None
    assert io == (0, 10_005, 0, 2)


@ON_LINUX
def test_io_of_other_threads_is_not_counted(tmp_path: Path) -> None:
    """What another thread writes meanwhile is its own affair."""
    measuring = Measuring(Settings(measure=frozenset({"io"})))
    other = threading.Thread(target=(tmp_path / "file").write_bytes, args=(b"x" * 10_000,))
    other.start()
    other.join()
    io = measuring.end().counters.io
    assert io is not None
    assert io.written == 0


@pytest.fixture
def _nothing_kept() -> Iterator[None]:
    yield
    KEPT.clear()


@pytest.mark.usefixtures("_nothing_kept")
def test_memory_is_what_is_held_and_its_peak() -> None:
    """What is still held at the end, the most in between, and the line that holds it."""
    measuring = Measuring(Settings(measure=frozenset({"memory"})))
    passing = bytes(3_000_000)
    KEPT.append(bytes(1_000_000))
    del passing
    memory = measuring.end().memory
    assert memory is not None
    assert 1_000_000 <= memory.kept < 1_500_000
    assert 4_000_000 <= memory.peak < 4_500_000
    place, size = memory.places[0]
    assert Path(__file__).name in place
    assert 1_000_000 <= size < 1_100_000


def test_memory_is_measured_for_one_at_a_time() -> None:
    """The second of two that overlap is told without memory, and the next one with it again."""
    settings = Settings(measure=frozenset({"memory"}))
    first, second = Measuring(settings), Measuring(settings)
    assert second.end().memory is None
    assert first.end().memory is not None
    assert Measuring(settings).end().memory is not None


@pytest.mark.usefixtures("_nothing_kept")
def test_tracing_that_somebody_else_started_goes_on() -> None:
    """Where tracemalloc is on already, only what came on top is told, and it stays on."""
    tracemalloc.start()
    try:
        KEPT.append(bytes(2_000_000))
        measuring = Measuring(Settings(measure=frozenset({"memory"})))
        KEPT.append(bytes(1_000_000))
        memory = measuring.end().memory
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()
    assert memory is not None
    assert 1_000_000 <= memory.kept < 1_500_000
    assert memory.places[0][1] < 1_100_000
