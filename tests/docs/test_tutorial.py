"""The commands of the long tutorial, in each language, work in an environment without any package."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import TUTORIALS, Block, blocks, follow, page_id
from tests.docs.terminal import check_output, commands
from tests.docs.tutorial import TutorialShell, apply_diff, tutorial_shell

CHECKED_ELSEWHERE = {"markdown", "python", "text"}


@pytest.mark.long
def test_tutorial_in_an_empty_environment_prints_what_the_page_shows(tmp_path: Path) -> None:
    """Each command runs in a shell as it is written. In the other languages the blocks are the same."""
    with tutorial_shell(tmp_path) as reader:
        follow(TUTORIALS[0], lambda block: _follow(block, reader))
    if reader.missing:
        pytest.skip(f"steps without {', '.join(reader.missing)}, which is not installed, were skipped")


def _follow(block: Block, reader: TutorialShell) -> None:
    if block.language == "diff":
        assert block.file is not None
        target = reader.home / block.file
        target.write_text(apply_diff(target.read_text("utf-8"), block.text))
    elif block.file:
        (reader.home / block.file).write_text(block.text)
    if block.language == "console":
        for command, expected in commands(block.text):
            output = reader.run(command)
            if not reader.missing:
                check_output(output, expected)
    elif block.language == "log":
        reader.check_log(block.text.splitlines())
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "toml":
        tomllib.loads(block.text)
    else:
        assert block.file or block.language in CHECKED_ELSEWHERE, f"nothing checks a block of {block.language}"


def test_tutorial_has_the_same_blocks_in_each_language() -> None:
    """Commands, files and outputs are equal, except for comments, docstrings and Markdown files."""
    first, *others = ([_without_prose(block) for block in blocks(page)] for page in TUTORIALS)
    assert others
    for other in others:
        assert other == first


@pytest.mark.parametrize("page", TUTORIALS[1:], ids=page_id)
def test_python_of_a_translated_tutorial_compiles(page: Path) -> None:
    """Its comments and docstrings, which differ from the first language, are valid Python."""
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, str(page), "exec")


def _without_prose(block: Block) -> tuple[str, str | None, str]:
    """Return a block without docstrings, comments, and the text of Markdown files."""
    text = re.sub(r'""".*?"""|#.*', "", block.text, flags=re.DOTALL)
    return block.language, block.file, "" if (block.file or "").endswith(".md") else text
