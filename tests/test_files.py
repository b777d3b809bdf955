"""Files that are written as a whole."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hosting._files import write_atomically
from tests.conftest import ROOT

# Writes one text over the other until it is killed.
WRITER = """
import sys
from pathlib import Path
from hosting._files import write_atomically

path = Path(sys.argv[1])
while True:
    for letter in "ab":
        write_atomically(path, letter * 100_000, durable=False)
        print(letter, flush=True)
"""


def test_write_creates_and_replaces_a_file_in_utf8(tmp_path: Path) -> None:
    """The text is encoded as UTF-8, line ends stay as they are, and no other file is left in the folder."""
    path = tmp_path / "text"
    write_atomically(path, "héllo\r\n")
    assert path.read_bytes() == "héllo\r\n".encode()
    write_atomically(path, "again\n", durable=False)
    assert path.read_bytes() == b"again\n"
    assert os.listdir(tmp_path) == ["text"]


def test_write_without_replace_keeps_the_existing_file(tmp_path: Path) -> None:
    """Of several writers that must not replace, one wins and the others leave its text as it is."""
    path = tmp_path / "secret"
    texts = [str(number) * 1000 for number in range(8)]
    with ThreadPoolExecutor(len(texts)) as threads:
        list(threads.map(lambda text: write_atomically(path, text, replace=False), texts))
    first = path.read_text()
    assert first in texts
    write_atomically(path, "later", replace=False)
    assert path.read_text() == first
    assert os.listdir(tmp_path) == ["secret"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
@pytest.mark.parametrize("replace", [True, False])
def test_file_has_the_requested_mode(tmp_path: Path, replace: bool) -> None:
    """The file never has more permissions than asked for, whatever the umask."""
    before = os.umask(0)
    try:
        write_atomically(tmp_path / "secret", "text", mode=0o600, replace=replace)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_failed_write_leaves_the_old_text_and_no_temporary_file(tmp_path: Path) -> None:
    """A folder at the path cannot be replaced: the error is raised, and nothing is left behind."""
    (tmp_path / "text").mkdir()
    with pytest.raises(OSError, match="text"):
        write_atomically(tmp_path / "text", "new")
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "text", "new")
    assert os.listdir(tmp_path) == ["text"]


def test_text_that_cannot_be_encoded_changes_nothing(tmp_path: Path) -> None:
    """A lone surrogate has no UTF-8 form: the old text stays."""
    write_atomically(tmp_path / "text", "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "text", "\ud800")
    assert (tmp_path / "text").read_text() == "old"
    assert os.listdir(tmp_path) == ["text"]


@pytest.mark.slow
def test_killed_writer_leaves_a_whole_text(tmp_path: Path) -> None:
    """After kill -9 in the middle of writing, the file has one of the two texts, complete."""
    path = tmp_path / "text"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=environ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.kill()
        assert path.read_text() in {"a" * 100_000, "b" * 100_000}
