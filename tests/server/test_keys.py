"""The keys of an app: created once, readable by their user only, compared in constant time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hosting.errors import HostingError
from hosting.server.key_store import LiveKeys, key_store
from hosting.server.keys import function_key, keys_file, load_keys, matches_any, rotate, system_key
from tests.conftest import ROOT, clean_environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the state directory is named by XDG_STATE_HOME")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new state directory."""
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


@pytest.mark.parametrize("secret", ["", "00", "ab" * 15])
def test_short_secret_is_refused(tmp_path: Path, state: Path, secret: str) -> None:
    """Keys are never derived from an empty or a short secret."""
    load_keys(tmp_path)
    keys_file(tmp_path).write_text(json.dumps({"secret": secret}))
    with pytest.raises(HostingError, match=f"secret of {len(secret) // 2} bytes, less than 16"):
        load_keys(tmp_path)
    keys_file(tmp_path).write_text(json.dumps({"secret": "ab" * 16}))
    assert load_keys(tmp_path).master


@pytest.mark.parametrize("rotations", [[], {"master": 1}, {"master": {"number": "x", "until": 0}}, {"master": {}}, 5])
def test_broken_rotations_are_an_error(tmp_path: Path, state: Path, rotations: object) -> None:
    """A file that was edited wrongly derives no other keys."""
    load_keys(tmp_path)
    keys_file(tmp_path).write_text(json.dumps({"secret": "ab" * 16, "rotations": rotations}))
    with pytest.raises(HostingError, match="Remove the file"):
        load_keys(tmp_path)


def test_modes_are_not_set_through_a_link(tmp_path: Path, state: Path) -> None:
    """A link, such as that of a mounted secret, is read; the permissions of what it leads to stay as they are."""
    load_keys(tmp_path)
    path, target = keys_file(tmp_path), tmp_path / "target.json"
    target.write_text(path.read_text())
    target.chmod(0o644)
    master = load_keys(tmp_path).master
    path.unlink()
    path.symlink_to(target)
    assert load_keys(tmp_path).master == master
    assert target.stat().st_mode & 0o777 == 0o644
    target.unlink()
    with pytest.raises(HostingError, match="cannot be kept"):
        load_keys(tmp_path)


@pytest.mark.parametrize("rotates", [False, True])
def test_full_disk_leaves_no_file_behind(tmp_path: Path, state: Path, rotates: bool) -> None:
    """Where a file cannot be written to its end, what was there before stays, and nothing else."""
    code = (
        "import pathlib, resource, signal, sys\nfrom hosting.server.keys import load_keys, rotate\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nroot = pathlib.Path(sys.argv[1])\n"
        "load_keys(root) if sys.argv[2] else None\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "rotate(root, 'master', 0) if sys.argv[2] else load_keys(root)"
    )
    env = clean_environment({"XDG_STATE_HOME": str(state), "PYTHONPATH": str(ROOT)})
    command = [sys.executable, "-c", code, str(tmp_path), "rotates" if rotates else ""]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)
    assert "The app's keys cannot be kept in" in done.stderr
    assert [path for path in keys_file(tmp_path).parent.iterdir() if path != keys_file(tmp_path)] == []
    assert keys_file(tmp_path).exists() == rotates
    assert load_keys(tmp_path).master


@pytest.mark.parametrize("name", ["master", "default", function_key("F"), system_key("eventgrid_extension")])
def test_one_key_is_rotated_alone_with_an_overlap(tmp_path: Path, state: Path, name: str) -> None:
    """The new key is accepted at once, the previous one until the overlap ends; every other key stays."""
    names = ["master", "default", function_key("F"), function_key("G"), system_key("eventgrid_extension")]
    before = load_keys(tmp_path)
    after = rotate(tmp_path, name, 1000.0)
    assert [one for one in names if after.named(one) != before.named(one)] == [name]
    assert after.accepted(name) == [after.named(name), before.named(name)]
    assert load_keys(tmp_path).accepted(*names) == after.accepted(*names)
    again = rotate(tmp_path, name, 1000.0)
    assert again.accepted(name) == [again.named(name), after.named(name)]
    assert len({before.named(name), after.named(name), again.named(name)}) == 3
    last = rotate(tmp_path, name, 0.0)
    assert last.accepted(name) == [last.named(name)]
    assert keys_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_overlap_ends(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time the previous key is refused, without a restart."""
    keys = rotate(tmp_path, "master", 10.0)
    assert len(keys.accepted("master")) == 2
    now = time.time()
    monkeypatch.setattr("hosting.server.keys.time.time", lambda: now + 11)
    assert keys.accepted("master") == [keys.master]


def test_running_host_reads_its_keys_again(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A rotation counts within a second; a file that is gone or broken changes nothing."""
    now = 0.0
    monkeypatch.setattr("hosting.server.keys.time.monotonic", lambda: now)
    live = LiveKeys(key_store(tmp_path, {}))
    first = load_keys(tmp_path).master
    second = rotate(tmp_path, "master", 0.0).master
    assert live.accepted("master") == [first]
    now += 1.0
    assert live.accepted("master") == [second]
    keys_file(tmp_path).write_text("{}")
    now += 1.0
    assert live.accepted("master") == [second]
    assert "The keys stay as they were." in caplog.text
    keys_file(tmp_path).unlink()
    now += 1.0
    assert live.accepted("master") == [second]


def test_unwritable_folder_is_an_error_with_ways_out(tmp_path: Path, state: Path) -> None:
    """Where keys cannot be kept, the message names the folder and what to do."""
    state.write_text("a file where a folder should be")
    with pytest.raises(HostingError, match="--no-auth"):
        load_keys(tmp_path)


def test_key_matches_if_it_is_one_of_the_keys() -> None:
    """A candidate matches if it is one of the keys as a whole; any text may be tried."""
    assert matches_any("b", ["a", "b"])
    assert not any(matches_any(candidate, ["abc", "b"]) for candidate in ("", "ab", "B", "caf\xe9", "key" * 1000))
