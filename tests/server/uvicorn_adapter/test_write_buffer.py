"""Gathering what is written: everything arrives, in order, in as few writes as can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from hosting.server.uvicorn_adapter.write_buffer import _MUCH, Gathering, Outbox


class Recorder:
    """As much of a transport as is used."""

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


def gathered(use: Callable[[Gathering, Recorder], Any]) -> Recorder:
    """What arrived after ``use`` and two rounds of the loop."""
    recorder = Recorder()

    async def run() -> None:
        use(Gathering(cast("asyncio.Transport", recorder), Outbox()), recorder)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run())
    return recorder


@given(st.lists(st.binary(max_size=8)))
def test_one_write(pieces: list[bytes]) -> None:
    """What is written within one round of the loop arrives as one, and nothing is lost."""

    def use(gathering: Gathering, _: Recorder) -> None:
        for piece in pieces:
            gathering.write(piece)

    recorder = gathered(use)
    assert b"".join(recorder.writes) == b"".join(pieces)
    assert len(recorder.writes) <= 1


def test_much_goes_at_once() -> None:
    """Who writes much learns at once, from the transport, that the other side is slow."""

    def use(gathering: Gathering, recorder: Recorder) -> None:
        gathering.write(b"head")
        gathering.write(b"x" * _MUCH)
        assert [len(data) for data in recorder.writes] == [4, _MUCH]
        gathering.write(b"tail")

    assert gathered(use).writes[2:] == [b"tail"]


def test_close_writes_the_rest() -> None:
    """Closing sends what is kept first."""

    def use(gathering: Gathering, _: Recorder) -> None:
        gathering.write(b"last")
        gathering.close()

    assert gathered(use).writes == [b"last"]


def test_closed_by_the_other_side() -> None:
    """What is kept for a connection that has gone meanwhile is dropped."""

    def use(gathering: Gathering, recorder: Recorder) -> None:
        gathering.write(b"too late")
        recorder.close()

    assert gathered(use).writes == []


def test_the_rest_is_the_transports() -> None:
    """Everything but writing is asked of the transport itself."""

    def use(gathering: Gathering, _: Recorder) -> None:
        assert gathering.get_extra_info("peername") == "peername"
        assert not gathering.is_closing()

    gathered(use)


def test_many_connections() -> None:
    """What several connections write in one round of the loop is written for all of them, in order."""
    recorders = [Recorder() for _ in range(3)]

    async def run() -> None:
        outbox = Outbox()
        gatherings = [Gathering(cast("asyncio.Transport", recorder), outbox) for recorder in recorders]
        for round_ in (b"1", b"2"):
            for gathering in gatherings:
                gathering.write(round_)
                gathering.write(b"!")
            await asyncio.sleep(0)

    asyncio.run(run())
    assert [recorder.writes for recorder in recorders] == [[b"1!", b"2!"]] * 3
