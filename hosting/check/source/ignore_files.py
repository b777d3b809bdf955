"""What ``.funcignore`` and ``.gitignore`` exclude."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

FUNCIGNORE = ".funcignore"
GITIGNORE = ".gitignore"


class IgnoreFiles:
    """The ignore files that apply to one folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._funcignore = _spec(root / FUNCIGNORE)
        self.in_repository = any((folder / ".git").exists() for folder in (root, *root.parents))
        self._gitignores = list(_gitignores(root)) if self.in_repository else []

    def exclude_from_deployment(self, path: str) -> bool:
        """Return whether ``.funcignore`` excludes a path relative to the folder; that of a folder ends with a slash."""
        return self._funcignore.match_file(path)

    def exclude_from_git(self, path: str) -> bool:
        """Return whether a ``.gitignore`` excludes a path relative to the folder."""
        return any(spec.match_file(prefix + path) for prefix, spec in self._gitignores)


def _gitignores(root: Path) -> Iterator[tuple[str, GitIgnoreSpec]]:
    """Yield each ``.gitignore`` from ``root`` up to its repository's root, with the path from there to ``root``."""
    for folder in (root, *root.parents):
        prefix = root.relative_to(folder).as_posix()
        yield "" if prefix == "." else f"{prefix}/", _spec(folder / GITIGNORE)
        if (folder / ".git").exists():
            return


def _spec(file: Path) -> GitIgnoreSpec:
    lines = file.read_text("utf-8", "replace").splitlines() if file.is_file() else []
    return GitIgnoreSpec.from_lines(lines)
