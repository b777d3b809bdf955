"""Check that a tag may be released: ``python -m tools.release_check v1.2.3``.

The standard library is all that it needs: the release workflow runs it before anything is installed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACEHOLDER = "hosting.example/"

_PUBLISHED = ("*.md", "pyproject.toml", "mkdocs.yml", "docs/**/*.md", "src/**/*.py", "hosting/**/*.py")
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
_SECTION = re.compile(r"^## \[(.+?)\]", re.MULTILINE)


def main(arguments: Sequence[str]) -> int:
    """Print what keeps the tag from being released; return 1 if there is anything, and 2 without a tag."""
    if len(arguments) != 1:
        print("usage: python -m tools.release_check TAG", file=sys.stderr)
        return 2
    found = list(problems(ROOT, arguments[0]))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


def problems(root: Path, tag: str) -> Iterator[str]:
    """Yield what keeps the repository at ``root`` from being released as ``tag``, as ``file:line: sentence``."""
    version = _VERSION.search((root / "hosting" / "__init__.py").read_text("utf-8"))
    if version is None or tag != f"v{version[1]}":
        found = version[1] if version else "none"
        yield f"hosting/__init__.py: the version is {found}, and the tag is {tag}; the tag must be v and the version"
    for project in (root, *sorted(path.parent for path in root.glob("plugins/*/pyproject.toml"))):
        yield from _placeholders(root, project)
        own = _own_version(project) or version
        yield from _changelog(root, project, own[1] if own else "")


def _own_version(project: Path) -> re.Match[str] | None:
    """Find the version in the package of a plugin that is released on its own; None for one with the host's."""
    packages = project.glob("src/*/__init__.py")
    return next((found for path in packages if (found := _VERSION.search(path.read_text("utf-8")))), None)


def _placeholders(root: Path, project: Path) -> Iterator[str]:
    for path in sorted({path for pattern in _PUBLISHED for path in project.glob(pattern)}):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if PLACEHOLDER in line:
                name = path.relative_to(root).as_posix()
                yield f"{name}:{number}: {PLACEHOLDER} stands for an address: write the real one"


def _changelog(root: Path, project: Path, version: str) -> Iterator[str]:
    for fragment in sorted({*(project / "changes").glob("*.md")} - {project / "changes" / "README.md"}):
        name = fragment.relative_to(root).as_posix()
        yield f"{name}: no release has collected it: run make changelog RELEASE=yes, and commit the result"
    changelog = project / "CHANGELOG.md"
    section = _SECTION.search(changelog.read_text("utf-8"))
    if section is None or section[1] != version:
        yield f"{changelog.relative_to(root).as_posix()}: the first section is not that of version {version}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
