"""Requirements as they stand in files: ``requirements.txt`` as pip reads it, and those of a pyproject.toml."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

FILE = "requirements.txt"
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTIONS = re.compile(r"\s+--[a-z-]+(=|\s).*$")
_LOCAL = re.compile(r"^(\.{0,2}/|\.\.?$|~|[a-zA-Z]:[\\/]|file:|.*[\\/].*\.(whl|tar\.gz|zip)$)")
_EGG = re.compile(r"#egg=([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)")
_REMOTE = re.compile(r"^(git|hg|svn|bzr)\+|^https?://")


class Listed(NamedTuple):
    """One requirement and where it stands."""

    requirement: Requirement
    file: str
    line: int

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)


class Odd(NamedTuple):
    """A line that names no package.

    ``local``: it is only on this machine. ``absent``: the file that it includes is not there. ``wrong``: pip does not
    know what it is.
    """

    kind: str
    text: str
    file: str
    line: int


def read_requirements(root: Path, file: Path) -> tuple[list[Listed], list[Odd]]:
    """Read a requirements file and those that it includes; paths are told from ``root``."""
    listed: list[Listed] = []
    odd: list[Odd] = []
    waiting, seen = [file], set[Path]()
    while waiting:
        current = waiting.pop(0).resolve()
        if current in seen or not current.is_file():
            continue
        seen.add(current)
        place = current.relative_to(root).as_posix() if current.is_relative_to(root) else str(current)
        for number, line in _lines(current):
            included = _included(line)
            if included is None:
                _read(line, place, number, listed, odd)
            elif (current.parent / included).is_file():
                waiting.append(current.parent / included)
            elif not _REMOTE.match(included):
                odd.append(Odd("absent", line, place, number))
    return listed, odd


def listed_in(texts: Iterable[str], file: str, text: str) -> tuple[list[Listed], list[Odd]]:
    """Read the requirements of a list in a TOML file, whose whole ``text`` tells the lines."""
    listed: list[Listed] = []
    odd: list[Odd] = []
    for one in texts:
        line = line_of(text, f'"{one}"') or line_of(text, f"'{one}'") or line_of(text, one) or 1
        _read(one, file, line, listed, odd)
    return listed, odd


def line_of(text: str, wanted: str) -> int | None:
    """The first line that has ``wanted`` in it, counted from 1."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if wanted in line), None)


def _read(line: str, file: str, number: int, listed: list[Listed], odd: list[Odd]) -> None:
    editable = re.match(r"^(-e|--editable)[\s=]+", line)
    target = _OPTIONS.sub("", line[editable.end() :] if editable else line)
    requirement = None if editable else _requirement(target)
    if requirement is not None and not (requirement.url or "").startswith("file:"):
        listed.append(Listed(requirement, file, number))
    elif requirement is not None or _LOCAL.match(target):
        odd.append(Odd("local", line, file, number))
    elif _REMOTE.match(target):
        named = _EGG.search(target)
        listed += [Listed(Requirement(named[1]), file, number)] if named else []
    elif not line.startswith("-"):
        odd.append(Odd("wrong", line, file, number))


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _included(line: str) -> str | None:
    found = re.match(r"^(?:-r|--requirement)[\s=]*(.+)$", line)
    return found[1].strip() if found else None


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Lines without comments, those that a backslash continues put together."""
    begun, held = 0, ""
    for number, line in enumerate(_text(file).splitlines(), 1):
        begun = begun if held else number
        if line.endswith("\\"):
            held += line[:-1]
            continue
        whole, held = _COMMENT.sub("", held + line).strip(), ""
        if whole:
            yield begun, whole


def _text(file: Path) -> str:
    """As pip reads it: with a byte order mark in any encoding, as PowerShell writes, else UTF-8."""
    content = file.read_bytes()
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    return content.decode("utf-8", "replace")
