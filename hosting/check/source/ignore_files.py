"""What ``.funcignore`` and ``.gitignore`` leave out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

FUNCIGNORE = ".funcignore"
GITIGNORE = ".gitignore"


class Ignored:
    """The ignore files that speak of one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._funcignore = _spec(root / FUNCIGNORE)
        self.in_repository = any((folder / ".git").exists() for folder in (root, *root.parents))
        self._gitignores = list(_gitignores(root)) if self.in_repository else []

    @property
    def has_funcignore(self) -> bool:
        return (self._root / FUNCIGNORE).is_file()

    def by_functions(self, path: str) -> bool:
        """Whether a path, relative to the folder, is not deployed; a folder's ends with a slash."""
        return self._funcignore.match_file(path)

    def by_git(self, path: str) -> bool:
        """Whether Git leaves a path out."""
        return any(spec.match_file(prefix + path) for prefix, spec in self._gitignores)


def _gitignores(root: Path) -> Iterator[tuple[str, GitIgnoreSpec]]:
    """Each ``.gitignore`` from the folder up to its repository's root, with the folder's path as it sees it."""
    for folder in (root, *root.parents):
        prefix = root.relative_to(folder).as_posix()
        yield "" if prefix == "." else f"{prefix}/", _spec(folder / GITIGNORE)
        if (folder / ".git").exists():
            return


def _spec(file: Path) -> GitIgnoreSpec:
    lines = file.read_text("utf-8", "replace").splitlines() if file.is_file() else []
    return GitIgnoreSpec.from_lines(lines)
