"""Where an app's packages are listed, and how an image installs them."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from hosting._text import canonical_name
from hosting.apps.requirements import FILE, read_requirements
from hosting.deploy.image.packages import EXTRA, HOST
from hosting.errors import HostingError

PYPROJECT, UV_LOCK = "pyproject.toml", "uv.lock"
IMAGE_FILE, LOCK_FILE = "requirements-image.txt", "requirements-image.lock"
"""The file with all packages of the image, which ``hosting image`` writes, and the lock that uv makes of it."""

_INCLUDED = re.compile(r"^\s*(?:-[rc]|--requirement|--constraint)(?:[\s=]+|(?=\S))([^#\s]+)", re.MULTILINE)
_SAFE_PATH = re.compile(r"[\w.+-]+(/[\w.+-]+)*")
_REMOTE = re.compile(r"(?:^|\s)(?:git|hg|svn|bzr)\+", re.MULTILINE)
_OTHERS = {
    "poetry.lock": "poetry export --output requirements.txt",
    "Pipfile": "pipenv requirements > requirements.txt",
}


class Installation(NamedTuple):
    """How an image gets its packages.

    Args:
        source: the file that lists the app's own packages; empty if there is none.
        files: the files that the installation reads, to be copied before it.
        lines: the lines of ``requirements-image.txt``; none if the lock of uv has all packages.
        groups: the groups of uv's project that are installed.
        is_locked: whether a file has the versions and hashes of all packages.
        needs_sources: whether a package is in the app's own folder.
        needs_git: whether a package comes from a repository.
    """

    source: str
    files: tuple[str, ...]
    lines: tuple[str, ...]
    groups: tuple[str, ...] = ()
    is_locked: bool = False
    needs_sources: bool = False
    needs_git: bool = False

    @property
    def uses_uv(self) -> bool:
        """Whether uv installs what its lock has."""
        return self.source == UV_LOCK


def find_installation(root: Path, packages: Mapping[str, str], lines: Mapping[str, str]) -> Installation:
    """Return how an image of the app gets its packages.

    Args:
        root: the app's folder.
        packages: the versions of the distributions that run the app, by name.
        lines: a line of a requirements file for each of them, by name.

    Raises:
        HostingError: a file cannot be used.
    """
    if (root / UV_LOCK).is_file() and (root / PYPROJECT).is_file():
        return _of_uv(root, packages, lines)
    if (root / FILE).is_file():
        return _of_requirements(root, lines)
    dependencies = _dependencies(_toml(root / PYPROJECT)) if (root / PYPROJECT).is_file() else []
    if not dependencies:
        _check_others(root)
    named = _names(dependencies)
    own = tuple(line for name, line in lines.items() if name not in named)
    listed = (*dependencies, *own)
    return _with_lock(root, Installation(PYPROJECT if dependencies else "", (), listed, needs_git=_needs_git(listed)))


def _of_requirements(root: Path, lines: Mapping[str, str]) -> Installation:
    files = list(dict.fromkeys(_included(root, root / FILE)))
    found, unparsed = read_requirements(root, root / FILE)
    for one in unparsed:
        if one.kind != "local":
            what = "includes a file that does not exist" if one.kind == "absent" else "is not a line that pip accepts"
            raise HostingError(f"{one.text!r} {what}.", remedy="Correct this line.", file=one.file, line=one.line)
    named = _names(str(one.requirement) for one in found)
    own = tuple(line for name, line in lines.items() if name not in named)
    text = "\n".join((*own, *((root / name).read_text("utf-8", "replace") for name in files)))
    is_local = any(one.kind == "local" for one in unparsed)
    listed = (f"-r {FILE}", *own)
    return _with_lock(
        root, Installation(FILE, tuple(files), listed, needs_sources=is_local, needs_git=bool(_REMOTE.search(text)))
    )


def _of_uv(root: Path, packages: Mapping[str, str], lines: Mapping[str, str]) -> Installation:
    project, lock = _toml(root / PYPROJECT), _toml(root / UV_LOCK)
    named = _names(_dependencies(project))
    groups = {
        name: _names(one for one in group if isinstance(one, str))
        for name, group in sorted(project.get("dependency-groups", {}).items())
    }
    chosen = {name: next((g for g, names in groups.items() if name in names), "") for name in packages}
    rest = tuple(line for name, line in lines.items() if name not in named and not chosen[name])
    return Installation(
        UV_LOCK,
        (PYPROJECT, UV_LOCK),
        rest,
        tuple(dict.fromkeys(group for name, group in chosen.items() if group and name not in named)),
        is_locked=not rest,
        needs_sources=any(_is_local_source(one) for one in lock.get("package", ())),
        needs_git=_needs_git((*rest, (root / UV_LOCK).read_text("utf-8", "replace"))),
    )


def _is_local_source(package: Mapping[str, Any]) -> bool:
    source = package.get("source", {})
    return any(source.get(kind, ".") not in (".", "") for kind in ("editable", "directory", "path"))


def _with_lock(root: Path, found: Installation) -> Installation:
    """Return an installation from the lock, if there is one."""
    if not (root / LOCK_FILE).is_file():
        return found._replace(files=(*found.files, IMAGE_FILE))
    return found._replace(files=(LOCK_FILE,), is_locked=True)


def _included(root: Path, file: Path) -> Iterator[str]:
    """Yield the path of a requirements file below the app's folder, and of those that it includes."""
    waiting, seen = [file], set[Path]()
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        name = current.relative_to(root).as_posix() if current.is_relative_to(root) else ""
        if not _SAFE_PATH.fullmatch(name) or not current.resolve().is_relative_to(root.resolve()):
            raise HostingError(
                f"{file.name} includes {current}, which an image cannot copy.",
                remedy="Use a file inside the app's folder, with letters, digits, '.', '_', '+' and '-' in its path.",
            )
        yield name
        text = current.read_text("utf-8-sig", "replace") if current.is_file() else ""
        waiting += [Path(os.path.normpath(current.parent / one)) for one in _INCLUDED.findall(text) if "://" not in one]


def _dependencies(project: Mapping[str, Any]) -> list[str]:
    table = project.get("project")
    if not isinstance(table, dict):
        return []
    if "dependencies" in table.get("dynamic", ()):
        raise HostingError(
            "The dependencies in pyproject.toml are dynamic, so an image cannot know them.",
            remedy="Run 'uv lock', or list them in requirements.txt.",
            file=PYPROJECT,
        )
    return [str(one) for one in table.get("dependencies", ())]


def _names(requirements: Iterable[str]) -> set[str]:
    """Return the names of required distributions; the host only with the extra that serves an app."""
    found = set()
    for text in requirements:
        try:
            one = Requirement(text)
        except InvalidRequirement:
            continue  # pip or uv reports it
        if canonical_name(one.name) != HOST or EXTRA in one.extras:
            found.add(canonical_name(one.name))
    return found


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise HostingError(f"The file cannot be read: {error}", remedy="Correct it.", file=str(path)) from error


def _check_others(root: Path) -> None:
    for name, command in _OTHERS.items():
        if (root / name).is_file():
            raise HostingError(
                f"The app's packages are in {name}, which an image does not read.", remedy=f"Export them: {command}"
            )


def _needs_git(texts: Sequence[str]) -> bool:
    return any(_REMOTE.search(text) or 'git = "' in text for text in texts)
