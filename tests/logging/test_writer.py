"""Writing lines: at once, never waiting for a reader, and counting what is dropped."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest

from hosting.logging.writer import Writer

LINE = b"x" * 99 + b"\n"


def dropped(count: int) -> bytes:
    return b"%d dropped\n" % count


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """Yield the reading end of a pipe, and a stream for its writing end."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        yield reading, stream
    with suppress(OSError):
        os.close(reading)


def read_lines(reading: int, end: bytes) -> list[bytes]:
    """Read until a line is ``end``."""
    text = b""
    while not text.endswith(end):
        chunk = os.read(reading, 65536)
        assert chunk, "the pipe has ended"
        text += chunk
    return text.splitlines(keepends=True)


def test_line_to_a_file_is_there_when_write_returns(tmp_path: Path) -> None:
    """Nothing waits in memory that a crash would lose."""
    path = tmp_path / "log"
    with path.open("w") as stream:
        writer = Writer(stream, dropped)
        writer.write(b"first\n")
        assert path.read_bytes() == b"first\n"
        writer.write(b"second\n")
        assert path.read_bytes() == b"first\nsecond\n"
        assert writer.close() == 0


def test_lines_to_a_closed_stream_are_still_written(tmp_path: Path) -> None:
    """An app may close ``sys.stdout``."""
    path = tmp_path / "log"
    with path.open("w") as stream:
        writer = Writer(stream, dropped)
    writer.write(b"after\n")
    writer.close()
    assert path.read_bytes() == b"after\n"


@pytest.mark.slow
def test_pipe_that_is_not_read_blocks_neither_writing_nor_closing(pipe: tuple[int, TextIO]) -> None:
    """What the reader has not read is counted."""
    _, stream = pipe
    writer = Writer(stream, dropped)
    for _ in range(2000):
        writer.write(LINE)
    assert 0 < writer.close() < 2000


def test_pipe_that_is_read_later_gets_every_line_in_order(pipe: tuple[int, TextIO]) -> None:
    """What does not fit into the pipe is kept, and written as soon as it fits."""
    reading, stream = pipe
    writer = Writer(stream, dropped)
    for number in range(30_000):
        writer.write(b"%06d\n" % number)
    assert read_lines(reading, b"029999\n") == [b"%06d\n" % number for number in range(30_000)]
    assert writer.close() == 0


def test_lines_beyond_the_limit_are_dropped_and_their_number_is_written(pipe: tuple[int, TextIO]) -> None:
    """A pipe that nothing reads does not make the process grow without bound."""
    reading, stream = pipe
    writer = Writer(stream, dropped)
    total = 80_000
    for _ in range(total):
        writer.write(LINE)
    *lines, report = read_lines(reading, b"dropped\n")
    assert set(lines) == {LINE}
    assert len(lines) + int(report.split()[0]) == total
    writer.write(b"again\n")
    assert read_lines(reading, b"\n") == [b"again\n"]
    writer.close()


def test_pipe_whose_reader_has_gone_costs_nothing(pipe: tuple[int, TextIO]) -> None:
    """The lines are lost, and nothing raises."""
    reading, stream = pipe
    writer = Writer(stream, dropped)
    os.close(reading)
    for _ in range(3):
        writer.write(LINE)
    writer.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_writes_its_own_lines_and_none_of_its_parents(pipe: tuple[int, TextIO]) -> None:
    """What the parent could not write yet is the parent's."""
    reading, stream = pipe
    writer = Writer(stream, dropped)
    for _ in range(2000):
        writer.write(LINE)
    child = os.fork()
    if child == 0:
        writer.write(b"child\n")
        os._exit(0)
    text = b""
    while text.count(b"\n") < 2001:
        text += os.read(reading, 65536)
    assert os.waitpid(child, 0)[1] == 0
    assert text.count(LINE) == 2000
    assert text.count(b"child\n") == 1
    writer.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
def test_lines_that_a_full_disk_does_not_take_are_counted(tmp_path: Path) -> None:
    """Nothing raises; ``close`` returns their number."""
    with Path("/dev/full").open("w") as stream:
        writer = Writer(stream, dropped)
        for _ in range(3):
            writer.write(LINE)
        assert writer.close() == 3


def test_lines_that_could_not_be_written_are_reported_once_lines_can_be_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report stands after the first line that is written again."""
    path = tmp_path / "log"

    def refuse(_file: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with path.open("w") as stream:
        writer = Writer(stream, dropped)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", refuse)
            writer.write(b"lost\nlost\n")
        writer.write(b"again\n")
        assert writer.close() == 0
    assert path.read_bytes() == b"again\n2 dropped\n"


def test_process_without_a_stream_loses_its_lines_without_an_error() -> None:
    """Its standard output was closed on purpose: nothing is to be reported."""
    writer = Writer(None, dropped)
    writer.write(LINE)
    assert writer.close() == 0
