"""Log lines: their fields, their categories, and the handler that writes them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from hosting.logging.fields import category
from hosting.logging.formatters import LineFormatter
from hosting.logging.handler import BatchHandler
from hosting.logging.setup import Logs


class Closed(io.StringIO):
    """A stream whose reader went away."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logs(stream: io.StringIO) -> Iterator[Logs]:
    logs = Logs("json", stream=stream)
    yield logs
    logs.close()


@pytest.mark.parametrize(
    ("name", "function", "expected"),
    [
        ("hosting.function.Hello", "Hello", "Function.Hello"),
        ("root", "Hello", "Function.Hello.User"),
        ("my.module", None, "my.module"),
        ("hosting.extensions.timer", "Hello", "Host.Extensions.Timer"),
        ("hosting.apps", None, "Host.Apps"),
    ],
)
def test_category(name: str, function: str | None, expected: str) -> None:
    """Categories are Azure's: the host's, a function's, its author's."""
    assert category(logging.makeLogRecord({"name": name, "function": function})) == expected


def test_fields(logs: Logs, stream: io.StringIO) -> None:
    """A line has the fixed fields, then what the record brought with it, then the traceback."""
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("mine").warning("a %s", "b", exc_info=True, extra={"extension": "timer"})
    logs.flush()
    line = json.loads(stream.getvalue())
    assert list(line) == ["timestamp", "level", "category", "message", "extension", "exception", "exc_info"]
    assert (line["level"], line["category"], line["message"], line["extension"]) == ("warning", "mine", "a b", "timer")
    assert line["exception"].endswith("ValueError: no")


def test_message_is_made_at_once(logs: Logs, stream: io.StringIO) -> None:
    """What a message shows is what its arguments were when it was logged."""
    items = [1]
    logging.getLogger("mine").warning("%s", items)
    items.append(2)
    logs.flush()
    assert json.loads(stream.getvalue())["message"] == "[1]"


def test_levels(stream: io.StringIO) -> None:
    """The host itself speaks from warnings on, functions and extensions at information; verbose shows all of that."""
    for verbose, shown in ((False, ["hosting.function.F", "hosting.extensions.x", "mine"]), (True, None)):
        logs = Logs("json", verbose=verbose, stream=stream)
        names = ["hosting.apps", "hosting.function.F", "hosting.extensions.x", "mine"]
        for name in names:
            logging.getLogger(name).info(name)
            logging.getLogger(name).debug("too fine")
        logs.close()
        lines = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
        assert lines == (shown or names)
        stream.seek(0)
        stream.truncate()


def test_close_restores(stream: io.StringIO) -> None:
    """Closing leaves logging as it was."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("hosting").level)
    Logs("console", stream=stream).close()
    assert (root.level, list(root.handlers), logging.getLogger("hosting").level) == before


def test_console() -> None:
    """A line for people begins with the time; a level other than information is named; colours on request."""
    record = logging.makeLogRecord({"name": "x", "levelno": 40, "levelname": "ERROR", "msg": "broken"})
    plain = LineFormatter("console").format(record)
    assert plain.startswith("[")
    assert plain.endswith("Z] ERROR broken")
    assert LineFormatter("console", colours=True).format(record).startswith("\x1b[31m[")
    record.levelname = "INFO"
    assert LineFormatter("console").format(record).endswith("Z] broken")


def test_reader_gone() -> None:
    """When nobody reads the logs any more, the host goes on."""
    logs = Logs("console", stream=Closed())
    logging.getLogger("mine").warning("lost")
    logs.close()


def test_records_that_cannot_be_rendered(
    logs: Logs, stream: io.StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One record that an app's formatter fails on does not take the others with it."""
    ours = [handler for handler in logging.getLogger().handlers if isinstance(handler, BatchHandler)]
    monkeypatch.setattr(logging.getLogger(), "handlers", ours)  # pytest's own raise such errors
    ours[0].setFormatter(Failing())
    logging.getLogger("mine").warning("fails")
    logging.getLogger("mine").warning("fine")
    logging.getLogger("mine").warning("%d", "no number")
    logs.flush()
    assert stream.getvalue() == "fine\n"
    assert capsys.readouterr().err.count("Logging error") == 2


class Failing(logging.Formatter):
    """Fails on some records."""

    def format(self, record: logging.LogRecord) -> str:
        if record.msg == "fails":
            raise ValueError(record.msg)
        return super().format(record)


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("no text")


def test_values_without_a_text_are_named_by_their_type(logs: Logs, stream: io.StringIO) -> None:
    """A value that has no text does not take its line with it."""
    logging.getLogger("mine").warning("fine", extra={"odd": Unprintable()})
    logs.flush()
    line = json.loads(stream.getvalue())
    assert (line["message"], line["odd"]) == ("fine", "<Unprintable without a text>")
