"""Check that the code, its messages and the documentation read as plain English.

    python -m tools.banned_words             report banned words, as file:line:column
    python -m tools.banned_words --shrink    remove from the list of exceptions what needs none any more

The words are in ``banned_words.toml``. ``banned_words_exceptions.txt`` lists the files, and the folders with a slash at
the end, that still have some: they are not checked, and what has none must not be listed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
EXCEPTIONS = Path(__file__).with_name("banned_words_exceptions.txt")

_SUFFIXES = {".cfg", ".html", ".ini", ".jinja", ".json", ".md", ".py", ".template", ".toml", ".txt", ".yaml", ".yml"}
_NAMES = {"Makefile", "run"}
_DERIVED = r"docs/reference/(bindings|checks|command-line|hooks|python|testing)\.md$"  # from docstrings, checked there
_UNCHECKED = re.compile(rf"tests/|plugins/[^/]+/tests/|constraints/|tools/banned_words|.*\.fr\.md$|.*\.svg$|{_DERIVED}")
_SPACE = r"(?:[ \t]*\n[ \t]*(?:#:?[ \t]+)?|[ \t]+)"


class Word(NamedTuple):
    """A banned word: what it looks like, and what to write instead."""

    pattern: re.Pattern[str]
    instead: str


class Finding(NamedTuple):
    """A banned word in a file; ``line`` and ``column`` count from 1."""

    path: str
    line: int
    column: int
    text: str
    instead: str

    def __str__(self) -> str:
        """Return the finding as editors and CI logs link it."""
        return f"{self.path}:{self.line}:{self.column}: '{self.text}': write instead: {self.instead}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings; return 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m tools.banned_words", description="Report banned words.")
    parser.add_argument("--shrink", action="store_true", help="remove clean files from the list of exceptions")
    shrink = parser.parse_args(arguments).shrink
    exceptions = EXCEPTIONS.read_text("utf-8").split() if EXCEPTIONS.exists() else []
    words = banned_words()
    found = {path: list(findings(path, text, words)) for path, text in checked_files()}
    unclean = [path for path, listed in found.items() if listed]
    clean = [exception for exception in exceptions if not any(_covers(exception, path) for path in unclean)]
    if shrink:
        _write_exceptions([path for path in exceptions if path not in clean])
    checked = [path for path in unclean if not any(_covers(exception, path) for exception in exceptions)]
    problems = [str(finding) for path in checked for finding in found[path]]
    if not shrink:
        problems += [f"{path}: has no banned words; run: python -m tools.banned_words --shrink" for path in clean]
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


def _covers(exception: str, path: str) -> bool:
    return path.startswith(exception) if exception.endswith("/") else path == exception


def banned_words() -> list[Word]:
    """Return the words of ``banned_words.toml``."""
    entries: list[Mapping[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["words"]
    return [Word(_compiled(entry["pattern"]), entry["instead"]) for entry in entries]


def _compiled(pattern: str) -> re.Pattern[str]:
    # A lookbehind has a fixed width, so that the spaces in it stay as they are.
    parts = re.split(r"(\(\?<!.*?\))", pattern)
    flexible = "".join(part if part.startswith("(?<!") else part.replace(" ", _SPACE) for part in parts)
    return re.compile(rf"\b(?:{flexible})\b", re.IGNORECASE)


def checked_files() -> Iterator[tuple[str, str]]:
    """Yield each file of the product and of its documentation that git knows: its path and its text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    listed.check_returncode()
    for name in sorted(listed.stdout.splitlines()):
        path = ROOT / name
        if not _UNCHECKED.match(name) and (path.suffix in _SUFFIXES or path.name in _NAMES) and path.exists():
            yield name, path.read_text("utf-8")


def findings(path: str, text: str, words: Sequence[Word]) -> Iterator[Finding]:
    """Yield the banned words of one text, in the order of the lines."""
    matches = [(match, word) for word in words for match in word.pattern.finditer(text)]
    for match, word in sorted(matches, key=lambda pair: pair[0].start()):
        start = match.start()
        line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
        yield Finding(path, line, column, re.sub(_SPACE, " ", match[0]), word.instead)


def _write_exceptions(paths: Sequence[str]) -> None:
    if paths:
        EXCEPTIONS.write_text("".join(f"{path}\n" for path in paths), "utf-8")
    else:
        EXCEPTIONS.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
