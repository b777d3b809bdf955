"""Links of the built site, and of Markdown files as a forge shows them. Links to other servers are not followed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.docs.pages import ROOT

MARKDOWN = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "plugins/*/*.md", "examples/*/*.md")
    for path in ROOT.glob(pattern)
    if ".venv" not in path.parts
)
SECTIONS = ("tutorial", "how-to", "reference", "explanation")

_ATTRIBUTES = {"a": "href", "img": "src", "link": "href", "script": "src"}


class _Page(HTMLParser):
    """The links of an HTML page, with the elements that have them, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.anchors.add(attributes.get("id") or "")
        if link := attributes.get(_ATTRIBUTES.get(tag, "")):
            self.links.append((tag, link))


def test_links_of_the_site_lead_to_existing_pages_and_headings(site: Path) -> None:
    """The target of every link, image, script and style sheet exists, with the heading that a link names."""
    pages = {path: _Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    assert len(pages) > len(MARKDOWN) / 2
    broken = [
        f"{path.relative_to(site)}: {link}"
        for path, page in pages.items()
        for _, link in page.links
        if not urlsplit(link).scheme and not _has_target(pages, site, path, link)
    ]
    assert broken == []


def _has_target(pages: dict[Path, _Page], site: Path, path: Path, link: str) -> bool:
    parts = urlsplit(link)
    # The page for addresses that do not exist is shown at any of them, so its links begin at the root.
    folder = site if link.startswith("/") else path.parent
    target = (folder / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
    if target in pages:
        return unquote(parts.fragment) in pages[target].anchors
    return target.is_file()


def test_site_has_every_file_that_a_browser_loads(site: Path) -> None:
    """Scripts, style sheets, fonts and images come from the site itself, so that it works without a network."""
    for path in sorted(site.rglob("*.html")):
        files = [link for tag, link in _Page(path.read_text("utf-8")).links if tag != "a"]
        assert [link for link in files if urlsplit(link).scheme or link.startswith("//")] == [], path.name
    for path in sorted(site.rglob("*.css")):
        assert re.findall(r"url\(\W*(?:https?:)?//[^)]*", path.read_text("utf-8")) == [], path.name


def test_links_of_markdown_files_lead_to_existing_files_and_headings() -> None:
    """On a forge, each relative link leads to a file or a folder of the repository, and to a heading that exists."""
    broken = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in MARKDOWN
        for link in _links(path)
        if not urlsplit(link).scheme and not _has_target_file(path, link)
    ]
    assert broken == []


def _has_target_file(path: Path, link: str) -> bool:
    parts = urlsplit(link)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not parts.fragment or unquote(parts.fragment) in _headings(target)


def test_images_of_pages_have_a_description() -> None:
    """Each image of a page has a description in words."""
    images = [(path, token) for path in MARKDOWN for token in _inline(path) if token.type == "image"]
    assert len(images) > 3
    assert [
        f"{path.relative_to(ROOT)}: {token.attrs['src']}" for path, token in images if len(token.content) < 40
    ] == []


def test_home_page_links_to_every_page() -> None:
    """A reader reaches each page of the documentation from its home page with one click."""
    docs = ROOT / "docs"
    linked = {(docs / urlsplit(link).path).resolve() for link in _links(docs / "index.md")}
    assert {path for path in docs.rglob("*.md") if path.parent.name in SECTIONS} <= linked
    assert {path for path in docs.rglob("*.md") if path.parent.name not in SECTIONS} == {docs / "index.md"}


def _links(path: Path) -> Iterator[str]:
    for token in _inline(path):
        if link := token.attrs.get("href") or token.attrs.get("src"):
            yield str(link)


@cache
def _blocks(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text("utf-8"))


def _inline(path: Path) -> Iterator[Token]:
    for block in _blocks(path):
        yield from block.children or ()


@cache
def _headings(path: Path) -> set[str]:
    """Return the anchors of a forge for the headings of a Markdown file; its rule differs from the site's."""
    blocks = _blocks(path)
    titles = (after for before, after in pairwise(blocks) if before.type == "heading_open")
    texts = ("".join(token.content for token in title.children or ()) for title in titles)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}
