"""Writing of files: all or none, and nothing is replaced by accident."""

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


def test_missing_folder_is_created(tmp_path: Path) -> None:
    """Its parents are created, too; it has the usual permissions and contains nothing else."""
    write(tmp_path / "x" / "y", FILES)
    assert {name: text for name, text in _tree(tmp_path / "x" / "y").items() if text is not None} == FILES
    assert set(_tree(tmp_path)) == {"x", "x/y", "x/y/deep", "x/y/deep/er", *(f"x/y/{name}" for name in FILES)}
    (tmp_path / "usual").mkdir()
    assert stat.S_IMODE((tmp_path / "x" / "y").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_existing_files_are_replaced_only_with_force(tmp_path: Path) -> None:
    """Without it every file that would be replaced is named; with it the other files in the folder stay."""
    (tmp_path / "deep").mkdir()
    for name in ("a.txt", "deep/c.txt", "deep/mine.txt"):
        (tmp_path / name).write_text("mine")
    before = _tree(tmp_path)
    with pytest.raises(HostingError, match=r"already has a\.txt, deep/c\.txt\n.*--force"):
        write(tmp_path, FILES)
    assert _tree(tmp_path) == before
    write(tmp_path, FILES, force=True)
    texts = {name: text for name, text in _tree(tmp_path).items() if text is not None}
    assert texts == {**FILES, "deep/mine.txt": "mine"}


def test_changed_file_keeps_its_permissions_and_links(tmp_path: Path) -> None:
    """The target of a link is changed, not the link, and it stays as private as before."""
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "real.txt").chmod(0o600)
    (tmp_path / "link.txt").symlink_to("real.txt")
    write(tmp_path, {}, changes={"link.txt": "new"})
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "real.txt").stat().st_mode) == 0o600


@pytest.mark.parametrize("blocking", ["a.txt", "deep", "deep/er/b.txt"])
def test_obstacle_is_an_error_and_nothing_is_written(tmp_path: Path, blocking: str) -> None:
    """A folder in place of a file, or a file in place of a folder, is one message, and everything is as before."""
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


def test_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    """There is one message, and the file stays."""
    (tmp_path / "app").write_text("mine")
    with pytest.raises(HostingError, match="Nothing was written"):
        write(tmp_path / "app", FILES, force=True)
    assert _tree(tmp_path) == {"app": "mine"}


def test_broken_link_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    """There is one message about a link to itself, and the link stays."""
    (tmp_path / "app").symlink_to("app")
    with pytest.raises(HostingError, match="Nothing was written"):
        write(tmp_path / "app", FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


def test_folder_without_write_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the folder that was given, not the temporary one."""

    def refuse(name: str, _mode: int) -> None:
        raise PermissionError(EACCES, os.strerror(EACCES), name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", refuse)
        with pytest.raises(HostingError) as caught:
            write(tmp_path, FILES)
    assert str(caught.value) == f"{tmp_path}: Permission denied\n  Nothing was written."


@pytest.mark.parametrize("folder", [".", "new", "new/er"])
@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_error_or_interruption_at_any_step_leaves_everything_as_before(
    tmp_path: Path, folder: str, problem: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change of the file system fails in turn; without a failure all files are written."""
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
    """Make the change of the file system with this number raise ``problem``."""
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
