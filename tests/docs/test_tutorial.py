"""The commands of the long tutorial, in each language, work in an environment without any package."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import WORKSHOPS, Block, blocks, follow, page_id
from tests.docs.terminal import check_output, commands
from tests.docs.workshop import Workshop, edited, workshop

CHECKED_ELSEWHERE = {"markdown", "python", "text"}


@pytest.mark.parametrize("page", WORKSHOPS, ids=page_id)
def test_tutorial_runs_from_an_empty_environment(page: Path, tmp_path: Path) -> None:
    """Each command runs in a shell as it is written, and prints what the page shows."""
    with workshop(tmp_path) as reader:
        follow(page, lambda block: _follow(block, reader))
    if reader.missing:
        pytest.skip(f"steps without {', '.join(reader.missing)}, which is not installed, were skipped")


def _follow(block: Block, reader: Workshop) -> None:
    if block.language == "diff":
        assert block.file is not None
        target = reader.home / block.file
        target.write_text(edited(target.read_text("utf-8"), block.text))
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


def test_languages_have_the_same_blocks() -> None:
    """Commands, files and outputs are equal in each language, except for comments, docstrings and Markdown files."""
    first, *others = ([_essence(block) for block in blocks(page)] for page in WORKSHOPS)
    assert others
    for other in others:
        assert other == first


def _essence(block: Block) -> tuple[str, str | None, str]:
    """Return a block without docstrings, comments, and the text of Markdown files."""
    text = re.sub(r'""".*?"""|#.*', "", block.text, flags=re.DOTALL)
    return block.language, block.file, "" if (block.file or "").endswith(".md") else text
