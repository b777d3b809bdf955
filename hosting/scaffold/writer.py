"""Writing files: all of them or none, and never over what is there unless that is wished."""

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
    """Write ``files`` and ``changes`` below ``root``, which is made where it is missing.

    After an error or Ctrl-C, everything is as it was before.

    Args:
        root: the folder.
        files: the text of new files, by path below ``root``.
        changes: the new text of files that are there already.
        force: whether ``files`` may replace what is there.

    Raises:
        HostingError: one of ``files`` is there already, or the folder cannot be written to.
    """
    try:
        if not force:
            _check_absent(root, files)
        _write(Path(os.path.realpath(root)), {**files, **(changes or {})})
    except OSError as error:
        place = error.filename if error.filename and _SCRATCH not in str(error.filename) else root
        reason = f"{place}: {error.strerror or error}"
        raise HostingError(reason, remedy="Nothing was written.") from error


def _check_absent(root: Path, files: Mapping[str, str]) -> None:
    present = [name for name in files if os.path.lexists(root / name)]
    if present:
        raise HostingError(
            f"{root} has these already: {', '.join(present)}",
            remedy="Nothing was written. Choose another name, or let --force replace them.",
        )


def _write(root: Path, files: Mapping[str, str]) -> None:
    """Write everything to a folder beside its place, so that only renaming is left to do, which can be undone."""
    with ExitStack() as undo:
        _make_folder(root.parent, undo)
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
            _make_folder((root / name).parent, undo)
            _move(staged / name, root / name, scratch / str(number), undo)
        undo.pop_all()


def _make_folder(folder: Path, undo: ExitStack) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent, undo)
        folder.mkdir()
        undo.callback(folder.rmdir)


def _move(source: Path, target: Path, old: Path, undo: ExitStack) -> None:
    """Move ``source`` to ``target``; what is there is kept as ``old`` until nothing can go wrong any more."""
    target = target.resolve() if target.is_file() else target
    if target.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(target))
    if os.path.lexists(target):
        shutil.copymode(target, source)
        undo.callback(_restore, old, target)
        target.rename(old)
    undo.callback(target.unlink, missing_ok=True)
    source.rename(target)


def _restore(old: Path, target: Path) -> None:
    if os.path.lexists(old):
        old.replace(target)
