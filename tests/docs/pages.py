"""Reading the fenced blocks of Markdown pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WORKSHOPS = sorted(ROOT.glob("docs/tutorial/publish-an-extension*.md"))
"""Pages whose reader has an environment with nothing in it, in each language."""
PAGES = sorted(
    path
    for pattern in ("README.md", "docs/**/*.md", "plugins/*/README.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
    if path not in WORKSHOPS
)

_BLOCK = re.compile(
    r"^(?:<!-- file: (?P<file>\S+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; ``file`` is the path that a comment before it gives, relative to the reader's directory."""

    language: str
    text: str
    file: str | None
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Give the fenced blocks of a page in order."""
    text = page.read_text("utf-8")
    for match in _BLOCK.finditer(text):
        yield Block(match["language"], match["text"], match["file"], text.count("\n", 0, match.start("text")))


def follow(page: Path, step: Callable[[Block], None]) -> None:
    """Take the blocks of a page one after the other; an error says at which one it came."""
    for block in blocks(page):
        try:
            step(block)
        except Exception as error:
            error.add_note(f"in {page_id(page)}, line {block.line}")
            raise


def page_id(page: Path) -> str:
    """Name a page in the list of tests."""
    return str(page.relative_to(ROOT))
