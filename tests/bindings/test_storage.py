"""The storage of a host in files."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hosting.bindings.storage import FileStorage, StorageError
from tests.conftest import ROOT

LOCK = "locks/host/Host.Functions.Tick.Listener"
# A process that holds a lock until it is killed.
HOLDER = """
import asyncio, sys
from pathlib import Path
from hosting.bindings.storage import FileStorage

async def hold():
    lease = await FileStorage(Path(sys.argv[1])).lock(sys.argv[2])
    print(lease is not None, flush=True)
    await asyncio.sleep(600)

asyncio.run(hold())
"""


async def test_text_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Another storage on the same folder reads it too; a missing text is None."""
    one, other = FileStorage(tmp_path / "new"), FileStorage(tmp_path / "new")
    assert await one.read("timers/status") is None
    await one.write("timers/status", "héllo\n")
    await one.write("timers/other", "")
    assert (await other.read("timers/status"), await other.read("timers/other")) == ("héllo\n", "")
    await other.write("timers/status", "again")
    assert await one.read("timers/status") == "again"
    await one.close()
    assert sorted(os.listdir(tmp_path / "new" / "timers")) == ["other", "status"]


# Names that are too long, or that differ only in case, are up to the file system.
SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=20).filter(
    lambda text: text not in (".", "..")
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(segments=st.lists(SEGMENTS, min_size=1, max_size=3))
@example(segments=[os.fsdecode(b"a file name that is not text: \xff")])
async def test_any_characters_make_a_path_inside_the_folder(tmp_path: Path, segments: list[str]) -> None:
    """No path leads out of the folder."""
    storage = FileStorage(tmp_path / "inside")
    await storage.write("/".join(["top", *segments, "end"]), "text")
    assert await storage.read("/".join(["top", *segments, "end"])) == "text"
    assert os.listdir(tmp_path) == ["inside"]
    assert os.listdir(tmp_path / "inside") == ["top"]


@pytest.mark.parametrize("path", ["", "/", "/etc/passwd", "../x", "a/../../x", "a/.."])
async def test_path_that_leads_elsewhere_is_an_error(tmp_path: Path, path: str) -> None:
    """Absolute paths and dots are not allowed."""
    with pytest.raises(ValueError, match="not a path of the host's storage"):
        await FileStorage(tmp_path).read(path)


async def test_reader_gets_the_old_or_the_new_text_whole(tmp_path: Path) -> None:
    """Reads and writes are concurrent."""
    storage = FileStorage(tmp_path)
    texts = {letter * 100_000 for letter in "ab"}
    await storage.write("text", "a" * 100_000)

    async def write() -> None:
        for number in range(30):
            await storage.write("text", "ab"[number % 2] * 100_000)

    async def read() -> None:
        for _ in range(60):
            assert await storage.read("text") in texts

    await asyncio.gather(write(), read(), read())


async def test_lock_has_one_holder_until_it_is_released(tmp_path: Path) -> None:
    """This holds in one process too."""
    one, other = FileStorage(tmp_path), FileStorage(tmp_path)
    lease = await one.lock(LOCK)
    assert lease is not None
    assert not lease.lost.is_set()
    assert await one.lock(LOCK) is await other.lock(LOCK) is None
    assert await other.lock(LOCK + "2") is not None
    await lease.release()
    await lease.release()
    again = await other.lock(LOCK)
    assert again is not None
    await lease.release()
    assert await one.lock(LOCK) is None
    await again.release()


async def test_lock_and_text_may_have_the_same_path(tmp_path: Path) -> None:
    """They do not affect each other."""
    storage = FileStorage(tmp_path)
    lease = await storage.lock("a/b")
    assert lease is not None
    assert await storage.read("a/b") is None
    await storage.write("a/b", "text")
    assert await storage.lock("a/b") is None
    await lease.release()


async def test_one_of_many_concurrent_attempts_gets_the_lock(tmp_path: Path) -> None:
    """The others get None."""
    leases = await asyncio.gather(*(FileStorage(tmp_path).lock(LOCK) for _ in range(20)))
    (lease,) = [lease for lease in leases if lease is not None]
    await lease.release()


async def test_cancelled_attempt_does_not_keep_the_lock(tmp_path: Path) -> None:
    """The lock is free soon after."""
    storage = FileStorage(tmp_path)
    for _ in range(20):
        attempt = asyncio.ensure_future(storage.lock(LOCK))
        await asyncio.sleep(0)
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
        async with asyncio.timeout(30):
            while (lease := await storage.lock(LOCK)) is None:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.001)
        await lease.release()


@contextmanager
def lock_holder(folder: Path) -> Iterator[None]:
    """Run a process that holds the lock until it is killed at the end of the block."""
    command = [sys.executable, "-c", HOLDER, str(folder), LOCK]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "True\n"
            yield
        finally:
            holder.kill()


@pytest.mark.slow
async def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """This includes kill -9."""
    with lock_holder(tmp_path):
        assert await FileStorage(tmp_path).lock(LOCK) is None
    lease = await FileStorage(tmp_path).lock(LOCK)
    assert lease is not None
    await lease.release()


async def test_unusable_folder_or_text_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """The folder is a file, or the text is not UTF-8."""
    (tmp_path / "file").write_text("")
    storage = FileStorage(tmp_path / "file")
    for use in (storage.write("a", ""), storage.lock("a")):
        with pytest.raises(StorageError, match="file cannot be used: ") as refused:
            await use
        assert "XDG_STATE_HOME" in refused.value.remedy
    (tmp_path / "text").write_bytes(b"\xff")
    with pytest.raises(StorageError, match="text is not text in UTF-8"):
        await FileStorage(tmp_path).read("text")
