"""The keys of an app: created once, readable by their user only, compared in constant time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hosting.errors import HostingError
from hosting.server.keys import keys_file, load_keys, matches_any
from tests.conftest import ROOT, clean_environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the state directory is named by XDG_STATE_HOME")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_keys_of_an_app_stay_the_same(tmp_path: Path, state: Path) -> None:
    """Each app has keys of its own, and all keys of one app differ."""
    first, again, other = load_keys(tmp_path / "a"), load_keys(tmp_path / "a"), load_keys(tmp_path / "b")
    keys = [first.master, first.default, first.of("F"), first.of("G"), other.master]
    assert len(set(keys)) == len(keys)
    assert (again.master, again.default, again.of("f")) == (first.master, first.default, first.of("F"))
    assert all(len(key) == 64 for key in keys)


def test_file_is_readable_by_its_user_only(tmp_path: Path, state: Path) -> None:
    """The file is outside the app, in a folder of the user's own; permissions that others have are revoked."""
    load_keys(tmp_path)
    path = keys_file(tmp_path)
    assert path.is_relative_to(state)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.chmod(0o644)
    load_keys(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_hosts_that_start_at_once_agree(tmp_path: Path, state: Path) -> None:
    """Hosts that start at the same time have the same keys."""
    code = (
        "import pathlib, sys\nfrom hosting.server.keys import load_keys\n"
        "print(load_keys(pathlib.Path(sys.argv[1])).master)"
    )
    env = clean_environment({"XDG_STATE_HOME": str(state), "PYTHONPATH": str(ROOT)})
    started = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(6)
    ]
    printed = {process.communicate(timeout=60)[0] for process in started}
    assert printed == {load_keys(tmp_path).master + "\n"}


@pytest.mark.parametrize("content", ["", "{}", "[]", json.dumps({"secret": "no number"})])
def test_broken_file_is_an_error_with_its_path(tmp_path: Path, state: Path, content: str) -> None:
    """The error names the file and what to do."""
    load_keys(tmp_path)
    keys_file(tmp_path).write_text(content)
    with pytest.raises(HostingError, match="Remove the file") as caught:
        load_keys(tmp_path)
    assert str(keys_file(tmp_path)) in str(caught.value)


def test_unwritable_folder_is_an_error_with_ways_out(tmp_path: Path, state: Path) -> None:
    """Where keys cannot be kept, the message names the folder and what to do."""
    state.write_text("a file where a folder should be")
    with pytest.raises(HostingError, match="--no-auth"):
        load_keys(tmp_path)


def test_key_matches_if_it_is_one_of_the_keys() -> None:
    """A candidate matches if it is one of the keys as a whole; any text may be tried."""
    assert matches_any("b", ["a", "b"])
    assert not any(matches_any(candidate, ["abc", "b"]) for candidate in ("", "ab", "B", "caf\xe9", "key" * 1000))
