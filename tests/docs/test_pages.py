"""The files and snippets of every page run, and its commands print what the page shows."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pluggy
import pytest

from hosting import authoring, hookspecs
from hosting.extensions import ExtensionHost
from tests.docs.pages import PAGES, ROOT, TUTORIALS, Block, blocks, follow, page_id
from tests.docs.terminal import Terminal, check_output, commands, terminal

_PACKAGES = ["hosting", *sorted(path.name for path in ROOT.glob("plugins/*"))]
_NAME_ALONE = re.compile(rf"""(?:^|[\s'"])(?:{"|".join(_PACKAGES)})(?:\[[\w,]+\])?(?=['"\s]|$)""")
"""A package of this repository as pip would look it up on an index: without a path, and without an address."""

LANGUAGES = {"", "console", "json", "log", "mermaid", "python", "text", "toml"}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_blocks_of_page_run_in_order_and_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    """Copying every block of a page, in order, results in the output that the page shows."""
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
            fails = any(line.startswith("Error: ") for line in expected)
            check_output(reader.run_failing(command) if fails else reader.run(command), expected)
    elif block.language == "log":
        reader.check_log(block.text.splitlines())


def _read_settings(document: Any) -> None:
    """Check the section ``extensionHost`` of a host.json as the host does; other files have none."""
    if isinstance(document, dict) and (section := document.get("extensionHost")):
        ExtensionHost(environ={}, section=section)


def _run_snippet(code: str) -> None:
    """Run a snippet, and check its hooks as a host does."""
    namespace: dict[str, object] = {"__name__": "snippet"}
    try:
        exec(compile(code, "snippet", "exec", dont_inherit=True), namespace)
    finally:
        authoring.pending.take()
    manager = pluggy.PluginManager("hosting")
    manager.add_hookspecs(hookspecs)
    manager.register(SimpleNamespace(**namespace))
    for value in namespace.values():
        if inspect.isclass(value) and value.__module__ == "snippet":
            manager.register(value)
    manager.check_pending()


def test_navigation_has_every_page() -> None:
    """mkdocs.yml names each page, including the generated ones."""
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in navigation


@pytest.mark.parametrize("page", [*PAGES, *TUTORIALS], ids=page_id)
def test_install_commands_name_a_checkout_or_a_git_url(page: Path) -> None:
    """Before the packages are published, an index may have other projects under their names."""
    commands = re.findall(r"pip install ([^`\n]*)", page.read_text("utf-8"))
    lines = [
        *commands,
        *(line for block in blocks(page) if _is_requirements(block) for line in block.text.splitlines()),
    ]
    assert [line for line in lines if _NAME_ALONE.search(re.sub(r" @ \S+", "@", line))] == []


def _is_requirements(block: Block) -> bool:
    return block.file is not None and block.file.endswith("requirements.txt")


def test_compatibility_page_has_the_versions_that_tests_install() -> None:
    """Major and minor versions are those of the constraints, and of the Makefile for Azurite."""
    page = (ROOT / "docs" / "explanation" / "compatibility.md").read_text("utf-8")
    pinned = "".join(path.read_text("utf-8") for path in (ROOT / "constraints").glob("*.txt"))
    for name in ("azure-functions-runtime", "azure-functions-runtime-v1"):
        assert re.findall(rf"\| {name} (\S+)", page) == re.findall(rf"^{name}==(\d+\.\d+)", pinned, re.MULTILINE)
    table = re.findall(r"^\| 3\.\d+.*?\| (\d+\.\d+) \|", page, re.MULTILINE)
    assert set(table) == set(re.findall(r"^azure-functions==(\d+\.\d+)", pinned, re.MULTILINE))
    azurite = re.search(r"azurite@(\d+\.\d+)", (ROOT / "Makefile").read_text("utf-8"))
    assert azurite is not None
    assert f"Azurite {azurite[1]}." in page
