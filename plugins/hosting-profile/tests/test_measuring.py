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
from hosting_profile.settings import ProfileSettings

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts I/O by thread")
ALLOCATIONS: list[bytes] = []


def _burn(seconds: float) -> None:
    """Be busy in Python, so that there are calls to record."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))


def _burn_one() -> None:
    _burn(0.02)


def _burn_two() -> None:
    _burn(0.02)


def _function_names(measured: Measured) -> set[str]:
    """Return the names of the functions in a profile."""
    assert isinstance(measured.session, Session)
    return {_name(frame) for stack, _ in measured.session.frame_records for frame in stack}


def _name(frame: str) -> str:
    return frame.partition("\x00")[0]


async def _invocation(step: object, start: asyncio.Barrier) -> Measured:
    """Measure an async function while another one is measured, each in its own task as in a host."""
    assert callable(step)
    measuring = Measuring(ProfileSettings())
    await start.wait()
    for _ in range(3):
        step()
        await asyncio.sleep(0)
    return measuring.end()


async def test_profiles_of_interleaved_async_functions_have_their_own_calls() -> None:
    """Two profiles on one event loop have their own function's calls, and none of the other's."""

    async def both() -> tuple[Measured, Measured]:
        start = asyncio.Barrier(2)
        return await asyncio.gather(_invocation(_burn_one, start), _invocation(_burn_two, start))

    one, two = await both()
    assert "_burn_one" in _function_names(one)
    assert "_burn_two" not in _function_names(one)
    assert "_burn_two" in _function_names(two)
    assert "_burn_one" not in _function_names(two)
    assert one.shared
    assert two.shared


async def _wait() -> None:
    await asyncio.sleep(0.05)


async def _measure_wait() -> Measured:
    measuring = Measuring(ProfileSettings())
    await _wait()
    return measuring.end()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_time_in_await_is_below_the_call_that_waits(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Time in an ``await`` is below the call that waits, even if the loop has nothing else to do."""
    with asyncio.Runner(loop_factory=factory) as runner:
        measured = runner.run(_measure_wait())
    assert measured.session is not None
    waiting = [[_name(frame) for frame in stack] for stack, _ in measured.session.frame_records]
    assert ["_wait", "sleep", "[await]"] in [stack[-3:] for stack in waiting]


async def test_call_tree_begins_with_the_function() -> None:
    """The calls of the server and the extension that lead to the function are not in its profile."""
    measured = await _measure_wait()
    assert measured.session is not None
    assert {_name(stack[0]) for stack, _ in measured.session.frame_records} == {"_wait"}
    assert not [frame for stack, _ in measured.session.frame_records for frame in stack if "hosting_profile" in frame]


async def test_tasks_of_an_async_function_are_in_its_profile() -> None:
    """Calls in tasks that a function starts are in its profile."""

    async def child() -> None:
        _burn_two()

    async def parent() -> Measured:
        measuring = Measuring(ProfileSettings())
        await asyncio.gather(child(), child())
        return measuring.end()

    assert "_burn_two" in _function_names(await parent())


def test_profile_without_calls_is_empty() -> None:
    """A profile of nothing has no calls, not even of the measuring."""
    measured = Measuring(ProfileSettings()).end()
    assert measured.session is not None
    assert measured.session.frame_records == []


def test_profiles_of_concurrent_threads_have_their_own_calls() -> None:
    """Two profiles on two threads have their own function's calls."""
    start = threading.Barrier(2)
    measurements: dict[str, Measured] = {}

    def run(name: str, step: object) -> None:
        assert callable(step)
        measuring = Measuring(ProfileSettings())
        start.wait()
        step()
        measurements[name] = measuring.end()

    threads = [threading.Thread(target=run, args=pair) for pair in (("one", _burn_one), ("two", _burn_two))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "_burn_one" in _function_names(measurements["one"])
    assert "_burn_two" not in _function_names(measurements["one"])
    assert "_burn_one" not in _function_names(measurements["two"])
    assert not measurements["one"].shared


async def test_profiler_of_the_author_in_the_context_is_kept() -> None:
    """If an async function's context has a profiler, the figures have no calls."""

    async def profiled_twice() -> Measured:
        with Profiler():
            return Measuring(ProfileSettings()).end()

    measured = await profiled_twice()
    assert measured.session is None
    assert measured.seconds > 0


def test_profiler_inside_a_sync_function_works_while_it_is_profiled() -> None:
    """A ``def`` function may profile itself while it is profiled."""
    measuring = Measuring(ProfileSettings())
    with Profiler() as own:
        _burn_one()
    measured = measuring.end()
    assert own.last_session is not None
    assert "_burn_one" in _function_names(measured)


def test_end_of_a_measurement_removes_its_profilers() -> None:
    """After its end neither the thread nor the interpreter is profiled."""
    Measuring(ProfileSettings(measure=("time", "memory", "io"))).end()
    assert sys.getprofile() is None
    assert not tracemalloc.is_tracing()


@ON_LINUX
def test_io_counts_bytes_and_calls_of_the_function(tmp_path: Path) -> None:
    """Bytes and calls of the function are counted, without those of the measuring."""
    measuring = Measuring(ProfileSettings(measure=("io",)))
    with (tmp_path / "file").open("wb", buffering=0) as file:
        file.write(b"x" * 10_000)
        file.write(b"y" * 5)
    io = measuring.end().counters.io
    assert io is not None
    assert io == (0, 10_005, 0, 2)


@ON_LINUX
def test_io_of_other_threads_is_not_counted(tmp_path: Path) -> None:
    """I/O of another thread is not counted."""
    measuring = Measuring(ProfileSettings(measure=("io",)))
    other = threading.Thread(target=(tmp_path / "file").write_bytes, args=(b"x" * 10_000,))
    other.start()
    other.join()
    io = measuring.end().counters.io
    assert io is not None
    assert io.written == 0


@pytest.fixture
def _clear_allocations() -> Iterator[None]:
    yield
    ALLOCATIONS.clear()


@pytest.mark.usefixtures("_clear_allocations")
def test_memory_has_the_held_size_the_peak_and_the_line() -> None:
    """Memory has the size that is held at the end, the peak, and the line that allocated it."""
    measuring = Measuring(ProfileSettings(measure=("memory",)))
    temporary = bytes(3_000_000)
    ALLOCATIONS.append(bytes(1_000_000))
    del temporary
    memory = measuring.end().memory
    assert memory is not None
    assert 1_000_000 <= memory.kept < 1_500_000
    assert 3_900_000 <= memory.peak < 4_500_000
    place, size = memory.places[0]
    assert Path(__file__).name in place
    assert 1_000_000 <= size < 1_100_000


def test_memory_of_a_second_concurrent_measurement_is_none() -> None:
    """Of two measurements that overlap the second has no memory, and the next one has it again."""
    settings = ProfileSettings(measure=("memory",))
    first, second = Measuring(settings), Measuring(settings)
    assert second.end().memory is None
    assert first.end().memory is not None
    assert Measuring(settings).end().memory is not None


@pytest.mark.usefixtures("_clear_allocations")
def test_tracemalloc_that_was_on_before_stays_on() -> None:
    """If tracemalloc is on already, only new memory is reported, and it stays on."""
    tracemalloc.start()
    try:
        ALLOCATIONS.append(bytes(2_000_000))
        measuring = Measuring(ProfileSettings(measure=("memory",)))
        ALLOCATIONS.append(bytes(1_000_000))
        memory = measuring.end().memory
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()
    assert memory is not None
    assert 1_000_000 <= memory.kept < 1_500_000
    assert memory.places[0][1] < 1_100_000
