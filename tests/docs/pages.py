"""The documentation's pages and their fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CHECKOUT = "/path/to/checkout"
"""What pages write for the folder of this repository."""
TUTORIALS = sorted(ROOT.glob("docs/tutorial/publish-an-extension*.md"), key=lambda page: len(page.name))
"""The long tutorial in each of its languages, tested in an empty environment."""
DERIVED = sorted(
    path for path in ROOT.glob("docs/reference/*.md") if "docs/make_reference.py" in path.read_text("utf-8")
)
"""Pages derived from the code: their blocks are signatures, not something to run."""
PAGES = sorted(
    path
    for pattern in ("README.md", "docs/**/*.md", "plugins/*/README.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
    if path not in TUTORIALS and path not in DERIVED
)

_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INFO = re.compile(r'(?P<language>\w*)(?: title="(?P<file>[^"\s]+)")?')


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; ``file`` is the path in its title, relative to the reader's directory."""

    language: str
    text: str
    file: str | None
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Return the fenced blocks of a page in order.

    Raises:
        ValueError: the line that opens a block has more than a language and a title.
    """
    text = page.read_text("utf-8")
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text"))
        info = _INFO.fullmatch(match["info"])
        if info is None:
            raise ValueError(f'{page_id(page)}, line {line}: expected LANGUAGE title="PATH", found {match["info"]!r}')
        yield Block(info["language"], match["text"], info["file"], line)


def follow(page: Path, step: Callable[[Block], None]) -> None:
    """Call ``step`` with each block of a page in order, and note the page and line on an exception."""
    for block in blocks(page):
        try:
            step(block)
        except Exception as error:
            error.add_note(f"in {page_id(page)}, line {block.line}")
            raise


def page_id(page: Path) -> str:
    """Return the name of a page in the list of tests."""
    return str(page.relative_to(ROOT))
