"""Requirements in files: ``requirements.txt`` as pip reads it, and the dependencies in a ``pyproject.toml``."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

FILE = "requirements.txt"
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTIONS = re.compile(r"\s+--[a-z-]+(=|\s).*$")
_LOCAL = re.compile(r"^(\.{0,2}/|\.\.?$|~|[a-zA-Z]:[\\/]|file:|.*[\\/].*\.(whl|tar\.gz|zip)$)")
_EGG = re.compile(r"#egg=([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)")
_REMOTE = re.compile(r"^(git|hg|svn|bzr)\+|^https?://")


class RequirementLine(NamedTuple):
    """A requirement and where it was read: ``line`` is counted from 1."""

    requirement: Requirement
    file: str
    line: int

    @property
    def name(self) -> str:
        """The canonical name of the required distribution."""
        return canonicalize_name(self.requirement.name)


class UnparsedLine(NamedTuple):
    """A line that names no package.

    ``local``: it names a file or a folder of this machine. ``absent``: the file that it includes does not exist.
    ``wrong``: pip would not accept it.
    """

    kind: Literal["local", "absent", "wrong"]
    text: str
    file: str
    line: int


Requirements = tuple[list[RequirementLine], list[UnparsedLine]]


def read_requirements(root: Path, file: Path) -> Requirements:
    """Read a requirements file and the files that it includes.

    Args:
        root: the folder that the paths of lines are relative to.
        file: the requirements file; one that does not exist has no lines.

    Returns:
        The requirements, and the lines that name no package.
    """
    found: Requirements = ([], [])
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
                _add(line, place, number, found)
            elif (current.parent / included).is_file():
                waiting.append(current.parent / included)
            elif not _REMOTE.match(included):
                found[1].append(UnparsedLine("absent", line, place, number))
    return found


def parse_requirements(texts: Iterable[str], file: str, text: str) -> Requirements:
    """Parse the requirements of a list in a TOML file.

    Args:
        texts: the items of the list.
        file: the file's name.
        text: the whole text of the file, in which the line of each requirement is looked up.

    Returns:
        The requirements, and the items that name no package.
    """
    found: Requirements = ([], [])
    for one in texts:
        line = line_number(text, f'"{one}"') or line_number(text, f"'{one}'") or line_number(text, one) or 1
        _add(one, file, line, found)
    return found


def line_number(text: str, wanted: str) -> int | None:
    """Return the number of the first line that contains ``wanted``, counted from 1; None if no line does."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if wanted in line), None)


def _add(line: str, file: str, number: int, found: Requirements) -> None:
    listed, unparsed = found
    editable = re.match(r"^(-e|--editable)[\s=]+", line)
    target = _OPTIONS.sub("", line[editable.end() :] if editable else line)
    requirement = None if editable else _requirement(target)
    if requirement is not None and not (requirement.url or "").startswith("file:"):
        listed.append(RequirementLine(requirement, file, number))
    elif requirement is not None or _LOCAL.match(target):
        unparsed.append(UnparsedLine("local", line, file, number))
    elif _REMOTE.match(target):
        named = _EGG.search(target)
        listed += [RequirementLine(Requirement(named[1]), file, number)] if named else []
    elif not line.startswith("-"):
        unparsed.append(UnparsedLine("wrong", line, file, number))


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _included(line: str) -> str | None:
    found = re.match(r"^(?:-r|--requirement)[\s=]*(.+)$", line)
    return found[1].strip() if found else None


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, without comments; lines that a backslash continues are joined."""
    first, joined = 0, ""
    for number, line in enumerate(_text(file).splitlines(), 1):
        first = first if joined else number
        if line.endswith("\\"):
            joined += line[:-1]
            continue
        whole, joined = _COMMENT.sub("", joined + line).strip(), ""
        if whole:
            yield first, whole


def _text(file: Path) -> str:
    """Decode a file as pip does: by its byte order mark, as PowerShell writes one, else as UTF-8."""
    content = file.read_bytes()
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    return content.decode("utf-8", "replace")
