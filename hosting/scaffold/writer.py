"""Writing a set of files: all of them or none, and existing files only on request."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from errno import EISDIR
from pathlib import Path

from hosting.errors import HostingError

_SCRATCH = ".hosting-new-"


def write(
    root: Path, files: Mapping[str, str], *, changes: Mapping[str, str] | None = None, force: bool = False
) -> None:
    """Write files below a folder.

    After an error or an interruption, everything is as it was before.

    Args:
        root: the folder; it is created if it does not exist.
        files: the texts of new files by their paths below ``root``.
        changes: the new texts of existing files by their paths below ``root``.
        force: whether ``files`` may replace existing files.

    Raises:
        HostingError: a file of ``files`` exists, or the folder cannot be written to.
    """
    try:
        if not force:
            _check_absent(root, files)
        _write(Path(os.path.realpath(root)), {**files, **(changes or {})})
    except OSError as error:
        path = error.filename if error.filename and _SCRATCH not in str(error.filename) else root
        raise HostingError(f"{path}: {error.strerror or error}", remedy="Nothing was written.") from error


def _check_absent(root: Path, files: Mapping[str, str]) -> None:
    present = [name for name in files if os.path.lexists(root / name)]
    if present:
        raise HostingError(
            f"{root} already has {', '.join(present)}",
            remedy="Nothing was written. Choose another name, or replace files with --force.",
        )


def _write(root: Path, files: Mapping[str, str]) -> None:
    """Write everything to a folder on the same file system; renaming the files from there can be undone."""
    with ExitStack() as undo:
        _create_folder(root.parent, undo)
        beside = root if root.is_dir() else root.parent
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=beside) as scratch:
            staged = Path(scratch, "new")
            for name, text in files.items():
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                (staged / name).write_bytes(text.encode())
            if os.path.lexists(root):
                _move_all(staged, root, files, Path(scratch))
            else:
                staged.rename(root)
        undo.pop_all()


def _move_all(staged: Path, root: Path, names: Iterable[str], scratch: Path) -> None:
    with ExitStack() as undo:
        for number, name in enumerate(names):
            _create_folder((root / name).parent, undo)
            _move(staged / name, root / name, scratch / str(number), undo)
        undo.pop_all()


def _create_folder(folder: Path, undo: ExitStack) -> None:
    if not folder.is_dir():
        _create_folder(folder.parent, undo)
        folder.mkdir()
        undo.callback(folder.rmdir)


def _move(source: Path, target: Path, backup: Path, undo: ExitStack) -> None:
    """Move a file to its target; an existing file is kept as ``backup`` until all moves have succeeded."""
    target = target.resolve() if target.is_file() else target
    if target.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(target))
    if os.path.lexists(target):
        shutil.copymode(target, source)
        undo.callback(_restore, backup, target)
        target.rename(backup)
    undo.callback(target.unlink, missing_ok=True)
    source.rename(target)


def _restore(backup: Path, target: Path) -> None:
    if os.path.lexists(backup):
        backup.replace(target)
