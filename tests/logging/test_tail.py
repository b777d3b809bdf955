"""The latest lines of the log, as they are read over HTTP."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hosting.host.context import InvocationFacts, current
from hosting.logging.formatters import LogFormat
from hosting.logging.setup import Logs
from hosting.logging.tail import MAX_CHARACTERS, MAX_LINES, MAX_MESSAGE_CHARACTERS, LogTail


@contextmanager
def logging_to(tail: LogTail, form: LogFormat = "console", **options: Any) -> Iterator[Logs]:
    """Let the tail have what is logged in the block."""
    logs = Logs(form, tail=tail, **options)
    try:
        yield logs
    finally:
        logs.close()


def shown(tail: LogTail) -> list[str]:
    """Return the messages."""
    return [line.document()["message"] for line in tail.lines()]


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    ("logged", "message"),
    [
        ("hello", "hello"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("a\x00b\x9bc", "a\ufffdb\ufffdc"),
        ("left\u202eright", "left\ufffdright"),
        ("<script>alert('1')</script>", "<script>alert('1')</script>"),
        ("password=hunter2", "password=***"),
        ("{not json", "{not json"),
        ("x" * 20_000, "x" * MAX_MESSAGE_CHARACTERS),
        ("two\nlines\tof it", "two\nlines\tof it"),
    ],
)
def test_message_of_a_line_is_plain_text(form: LogFormat, logged: str, message: str) -> None:
    """It has no secrets, no escapes of terminals and a bound; HTML in it is text for the reader to show as such."""
    tail = LogTail()
    with logging_to(tail, form, stream=io.StringIO()):
        logging.getLogger("app").error("%s", logged)
    (text,) = shown(tail)
    assert text.removeprefix("ERROR ")[:MAX_MESSAGE_CHARACTERS] == message[: len(text.removeprefix("ERROR "))]
    assert len(text) >= min(len(message), MAX_MESSAGE_CHARACTERS)


@pytest.mark.parametrize("form", ["console", "json"])
def test_printed_lines_are_kept_once_they_are_complete(form: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    """They belong to the invocation that prints them, and the terminal gets them as before."""
    tail = LogTail()
    with logging_to(tail, form):
        token = current.set(InvocationFacts("id", "F"))
        print("one\ntw", end="")
        print("o token=abcdefgh\nthree", file=sys.stdout)
        print("an error", file=sys.stderr)
        current.reset(token)
    lines = [line.document() for line in tail.lines()]
    assert [line["message"] for line in lines] == ["one", "two token=***", "three", "an error"]
    assert {(line["function"], line["invocationId"], line["category"]) for line in lines} == {
        ("F", "id", "Function.F.User")
    }


def test_tail_is_bounded() -> None:
    """It has so many lines and so many characters; readers ask for what is new since a number."""
    tail = LogTail()
    for number in range(MAX_LINES + 10):
        tail.add_printed("stdout", str(number), None)
    assert [line.line for line in tail.lines(MAX_LINES + 8)] == [str(MAX_LINES + 8), str(MAX_LINES + 9)]
    assert (len(tail.lines()), tail.lines(MAX_LINES + 10), tail.total) == (MAX_LINES, [], MAX_LINES + 10)
    for _ in range(200):
        tail.add_printed("stdout", "x" * 1_000_000, None)
    assert sum(len(line.line) for line in tail.lines()) <= MAX_CHARACTERS


def test_values_of_the_app_are_not_kept_alive() -> None:
    """What an app names function or invocation_id in extra is not taken for the host's."""
    tail = LogTail()
    with logging_to(tail, stream=io.StringIO()):
        logging.getLogger("app").error("hello", extra={"function": object(), "invocation_id": {"a": 1}})
    assert [(line.function, line.invocation_id) for line in tail.lines()] == [(None, None)]
