"""The check of banned words: what it finds, where, and what it lets pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import banned_words
from tools.banned_words import findings


def _found(text: str) -> list[str]:
    return [str(finding) for finding in findings("page.md", text, banned_words.banned_words())]


@pytest.mark.parametrize(
    "text",
    [
        "Mend that line.",
        "Whoever calls it waits.",
        "Nobody has it.",
        "The host is told of it.",
        "Take away the right to read it.",
        "It has failed of late.",
        "This is no hook.",
        "Functions that run by hand.",
        "class ByHand:",
        "A hook who raises.",
        "The faces of the host.",
    ],
)
def test_a_banned_word_is_reported_once(text: str) -> None:
    """Each word of the list is found, in whatever case it is written."""
    assert len(_found(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "There is no hook.",
        "It is no longer there.",
        "It takes the message away from the queue's owner.",
        "A user who calls it waits.",
        "Recommended, amended and appended.",
        "Interfaces and surfaces.",
        "A table written by hand.",
        "and what the host is\n\n# told\n",
    ],
)
def test_plain_english_passes(text: str) -> None:
    """What only looks like a banned word, or is an idiom of plain English, is not reported."""
    assert _found(text) == []


def test_a_finding_says_where_and_what_to_write_instead() -> None:
    """A finding has the file, the line and the column, the words as they stand there, and a remedy."""
    (found,) = _found("One line.\nA hook that is\n# told of it.\n")
    assert found == "page.md:2:13: 'is told': write instead: receives, learns, is notified, is reported"


def test_files_that_are_listed_as_exceptions_are_not_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list of exceptions only shrinks: a clean file or folder in it is an error, which --shrink removes."""
    texts = {"clean.md": "A hook.", "docs/listed.md": "Nobody.", "new.md": "Somebody."}
    exceptions = tmp_path / "exceptions.txt"
    exceptions.write_text("clean.md\ngone/\ndocs/\n", "utf-8")
    monkeypatch.setattr(banned_words, "EXCEPTIONS", exceptions)
    monkeypatch.setattr(banned_words, "checked_files", lambda: iter(texts.items()))
    assert banned_words.main([]) == 1
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "new.md",
        "clean.md",
        "gone/",
    ]
    assert banned_words.main(["--shrink"]) == 1
    assert exceptions.read_text("utf-8") == "docs/\n"
    texts["docs/listed.md"] = "A user."
    texts["new.md"] = "Another user."
    assert banned_words.main(["--shrink"]) == 0
    assert not exceptions.exists()
    assert banned_words.main([]) == 0


def test_every_word_has_a_remedy() -> None:
    """Each pattern is a regular expression, and says what to write instead."""
    words = banned_words.banned_words()
    assert words
    assert all(word.instead for word in words)
