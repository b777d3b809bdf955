"""Buffered writing: everything arrives, in order, in as few writes as possible."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from hosting.server.uvicorn_adapter.write_buffer import _FLUSH_AT_BYTES, BufferedTransport, FlushScheduler


class Recorder:
    """The methods of a transport that are used."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return name


async def buffered(use: Callable[[BufferedTransport, Recorder], Any]) -> Recorder:
    """Return what arrived after ``use`` and two iterations of the loop."""
    recorder = Recorder()
    use(BufferedTransport(cast("asyncio.Transport", recorder), FlushScheduler()), recorder)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return recorder


@given(st.lists(st.binary(max_size=8)))
async def test_writes_of_one_iteration_arrive_as_one_in_order(pieces: list[bytes]) -> None:
    """What is written within one iteration of the loop arrives as one write, and nothing is lost."""

    def use(transport: BufferedTransport, _: Recorder) -> None:
        for piece in pieces:
            transport.write(piece)

    recorder = await buffered(use)
    assert b"".join(recorder.writes) == b"".join(pieces)
    assert len(recorder.writes) <= 1


async def test_large_write_is_passed_on_at_once() -> None:
    """A large write reaches the transport at once, which can then pause the writer."""

    def use(transport: BufferedTransport, recorder: Recorder) -> None:
        transport.write(b"head")
        transport.write(b"x" * _FLUSH_AT_BYTES)
        assert [len(data) for data in recorder.writes] == [4, _FLUSH_AT_BYTES]
        transport.write(b"tail")

    assert (await buffered(use)).writes[2:] == [b"tail"]


async def test_close_writes_what_is_kept() -> None:
    """Closing writes what is kept first."""

    def use(transport: BufferedTransport, _: Recorder) -> None:
        transport.write(b"last")
        transport.close()

    assert (await buffered(use)).writes == [b"last"]


async def test_write_to_a_closed_connection_is_dropped() -> None:
    """What is kept for a connection that closes meanwhile is dropped."""

    def use(transport: BufferedTransport, recorder: Recorder) -> None:
        transport.write(b"too late")
        recorder.close()

    assert (await buffered(use)).writes == []


async def test_other_methods_are_the_transports() -> None:
    """Every method but those for writing is the transport's own."""

    def use(transport: BufferedTransport, _: Recorder) -> None:
        assert transport.get_extra_info("peername") == "peername"
        assert not transport.is_closing()

    await buffered(use)


async def test_all_connections_are_flushed_in_one_iteration() -> None:
    """What several connections write in one iteration of the loop is written for all of them, in order."""
    recorders = [Recorder() for _ in range(3)]

    scheduler = FlushScheduler()
    transports = [BufferedTransport(cast("asyncio.Transport", recorder), scheduler) for recorder in recorders]
    for round_ in (b"1", b"2"):
        for transport in transports:
            transport.write(round_)
            transport.write(b"!")
        await asyncio.sleep(0)
    assert [recorder.writes for recorder in recorders] == [[b"1!", b"2!"]] * 3
