"""Every page tells the truth: its files and its snippets run, and its commands print what it says."""

from __future__ import annotations

import inspect
import json
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pluggy
import pytest

from hosting import authoring, hookspecs
from hosting.extensions import ExtensionHost
from tests.docs.pages import PAGES, ROOT, Block, follow, page_id
from tests.docs.terminal import Terminal, check_output, commands, terminal

LANGUAGES = {"", "console", "json", "mermaid", "python", "text", "toml"}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_pages_do_what_they_say(page: Path, tmp_path: Path) -> None:
    """A reader who copies every block of a page in order sees what the page promises."""
    home = tmp_path / "home"
    home.mkdir()
    for folder in ("examples", "plugins"):
        (home / folder).symlink_to(ROOT / folder)
    with terminal(home, tmp_path) as reader:
        follow(page, lambda block: _follow(block, reader, home))


def _follow(block: Block, reader: Terminal, home: Path) -> None:
    assert block.language in LANGUAGES, f"no test knows how to check a block of {block.language}"
    if block.file:
        target = home / block.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text)
    if block.language == "json":
        _read_settings(json.loads(block.text))
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "python" and block.file:
        compile(block.text, block.file, "exec")
    elif block.language == "python":
        _run_snippet(block.text)
    elif block.language == "console":
        for command, expected in commands(block.text):
            check_output(reader.run(command), expected)


def _read_settings(document: dict[str, Any]) -> None:
    """Check a host.json as the host does; other documents are only JSON."""
    if section := document.get("extensionHost"):
        ExtensionHost(environ={}, section=section)


def _run_snippet(code: str) -> None:
    """Run a snippet, and check the hooks that it implements as a host does."""
    namespace: dict[str, object] = {"__name__": "snippet"}
    try:
        exec(compile(code, "snippet", "exec"), namespace)
    finally:
        authoring.pending.take()
    manager = pluggy.PluginManager("hosting")
    manager.add_hookspecs(hookspecs)
    manager.register(SimpleNamespace(**namespace))
    for value in namespace.values():
        if inspect.isclass(value) and value.__module__ == "snippet":
            manager.register(value)
    manager.check_pending()


def test_every_page_is_in_the_navigation() -> None:
    """A page that nobody can reach is a page that nobody reads; generated pages are named in the list too."""
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in navigation
