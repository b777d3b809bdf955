"""The long tutorial, in each of its languages, followed to the letter where nothing is installed."""

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
def test_a_reader_who_has_nothing_gets_to_the_end(page: Path, tmp_path: Path) -> None:
    """Every command is run in a shell as it is written, in an environment that pip fills; each prints what is said."""
    with workshop(tmp_path) as reader:
        follow(page, lambda block: _follow(block, reader))
    if reader.missing:
        pytest.skip(f"followed but for what needs {', '.join(reader.missing)}, which is not installed")


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


def test_the_languages_tell_the_same() -> None:
    """All that a reader types, writes and sees is the same in each language, block by block, but for words of prose."""
    first, *others = ([_essence(block) for block in blocks(page)] for page in WORKSHOPS)
    assert others
    for other in others:
        assert other == first


def _essence(block: Block) -> tuple[str, str | None, str]:
    """A block without what is prose in it: docstrings, comments, and the texts of Markdown files."""
    text = re.sub(r'""".*?"""|#.*', "", block.text, flags=re.DOTALL)
    return block.language, block.file, "" if (block.file or "").endswith(".md") else text
