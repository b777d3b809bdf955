"""All files or none, and nothing overwritten by accident."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from errno import EACCES
from pathlib import Path
from typing import Any

import pytest

from hosting.errors import HostingError
from hosting.scaffold.writer import write

FILES = {"a.txt": "a", "deep/er/b.txt": "b", "deep/c.txt": "c"}


def _tree(root: Path) -> Mapping[str, str | None]:
    return {
        str(path.relative_to(root)): path.read_text() if path.is_file() else None for path in sorted(root.rglob("*"))
    }


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    """With its parents, with the permissions that other new files have, and with nothing else in it."""
    write(tmp_path / "x" / "y", FILES)
    assert {name: text for name, text in _tree(tmp_path / "x" / "y").items() if text is not None} == FILES
    assert set(_tree(tmp_path)) == {"x", "x/y", "x/y/deep", "x/y/deep/er", *(f"x/y/{name}" for name in FILES)}
    (tmp_path / "usual").mkdir()
    assert stat.S_IMODE((tmp_path / "x" / "y").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_what_is_there_stays_unless_that_is_wished(tmp_path: Path) -> None:
    """Every file that would be replaced is named; with force they are, and their neighbours stay."""
    (tmp_path / "deep").mkdir()
    for name in ("a.txt", "deep/c.txt", "deep/mine.txt"):
        (tmp_path / name).write_text("mine")
    before = _tree(tmp_path)
    with pytest.raises(HostingError, match=r"has these already: a\.txt, deep/c\.txt\n.*--force"):
        write(tmp_path, FILES)
    assert _tree(tmp_path) == before
    write(tmp_path, FILES, force=True)
    texts = {name: text for name, text in _tree(tmp_path).items() if text is not None}
    assert texts == {**FILES, "deep/mine.txt": "mine"}


def test_changes_keep_permissions_and_links(tmp_path: Path) -> None:
    """A file that is changed is still the file that a link leads to, and as private as before."""
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "real.txt").chmod(0o600)
    (tmp_path / "link.txt").symlink_to("real.txt")
    write(tmp_path, {}, changes={"link.txt": "new"})
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "real.txt").stat().st_mode) == 0o600


@pytest.mark.parametrize("blocking", ["a.txt", "deep", "deep/er/b.txt"])
def test_what_is_in_the_way_is_told_and_nothing_is_written(tmp_path: Path, blocking: str) -> None:
    """A folder where a file belongs, or a file where a folder belongs: one message, and all is as before."""
    path = tmp_path / blocking
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix:
        path.mkdir()
    else:
        path.write_text("a file")
    (tmp_path / "c.txt").write_text("mine")
    before = _tree(tmp_path)
    with pytest.raises(HostingError, match="Nothing was written"):
        write(tmp_path, {"c.txt": "new", **FILES}, force=True)
    assert _tree(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    """The folder's name belongs to a file: one message, and the file stays."""
    (tmp_path / "app").write_text("mine")
    with pytest.raises(HostingError, match="Nothing was written"):
        write(tmp_path / "app", FILES, force=True)
    assert _tree(tmp_path) == {"app": "mine"}


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """A link to itself is no folder: one message, and the link stays."""
    (tmp_path / "app").symlink_to("app")
    with pytest.raises(HostingError, match="Nothing was written"):
        write(tmp_path / "app", FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the folder that a person knows, not the one beside it that was to be moved there."""

    def refuse(name: str, _mode: int) -> None:
        raise PermissionError(EACCES, os.strerror(EACCES), name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", refuse)
        with pytest.raises(HostingError) as caught:
            write(tmp_path, FILES)
    assert str(caught.value) == f"{tmp_path}: Permission denied\n  Nothing was written."


@pytest.mark.parametrize("folder", [".", "new", "new/er"])
@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_interrupted_anywhere_nothing_is_left(
    tmp_path: Path, folder: str, problem: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever step fails, or is interrupted, everything is as it was before; without a failure all is written."""
    (tmp_path / "a.txt").write_text("mine")
    before = _tree(tmp_path)
    for step in range(1, 100):
        with monkeypatch.context() as patch:
            _fail_at(step, problem, patch)
            try:
                write(tmp_path / folder, FILES, force=True)
            except (HostingError, KeyboardInterrupt):
                assert _tree(tmp_path) == before, step
            else:
                break
    assert step > 4
    assert FILES.items() <= _tree(tmp_path / folder).items()


def _fail_at(step: int, problem: BaseException, patch: pytest.MonkeyPatch) -> None:
    """Let the ``step``-th change of the file system fail."""
    count = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                raise problem
            return original(*arguments, **options)

        return call

    for name in ("mkdir", "rename", "write_bytes"):
        patch.setattr(Path, name, counted(getattr(Path, name)))
