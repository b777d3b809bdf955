"""The log's output: records are rendered when they are logged, and whatever they raise."""

from __future__ import annotations

import copy
import io
import json
import logging
import sys
import time
from typing import Any

import pytest

from hosting.logging.output import LogOutput
from hosting.logging.setup import Logs


class ClosedStream(io.StringIO):
    """A stream whose reader has closed it."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


class FailingFormatter(logging.Formatter):
    """Raises for records whose message is "fails"."""

    def format(self, record: logging.LogRecord) -> str:
        if record.msg == "fails":
            raise ValueError(record.msg)
        return super().format(record)


class Raising:
    """A value whose text raises.

    Args:
        error: what is raised.
    """

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __str__(self) -> str:
        raise self._error

    __repr__ = __str__


def messages(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["message"] for line in stream.getvalue().splitlines()]


def output_handler() -> LogOutput:
    """Return the handler that the host has put on the root logger."""
    return next(handler for handler in logging.getLogger().handlers if isinstance(handler, LogOutput))


def only_output(monkeypatch: pytest.MonkeyPatch) -> LogOutput:
    """Remove pytest's handlers, which raise what a record raises, and return the host's."""
    handler = output_handler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    return handler


def test_line_shows_values_as_they_were_when_logged(logs: Logs, stream: io.StringIO) -> None:
    """A message that is an object, an argument and a value of ``extra`` may change after the call."""
    items, state = [1], {"step": 1}
    logging.getLogger("mine").warning(items)
    logging.getLogger("mine").warning("%s", items)
    logging.getLogger("mine").warning("fine", extra={"state": state})
    items.append(2)
    state["step"] = 2
    logs.flush()
    assert messages(stream) == ["[1]", "[1]", "fine"]
    assert json.loads(stream.getvalue().splitlines()[-1])["state"] == {"step": 1}


def test_record_reaches_other_handlers_as_it_was_logged(logs: Logs) -> None:
    """Neither its message nor its arguments nor its attributes are the output's to change."""
    record = logging.LogRecord("mine", logging.WARNING, "", 1, "a %s", ("b",), None)
    before = copy.copy(record.__dict__)
    output_handler().handle(record)
    assert record.__dict__ == before


def test_closed_stream_does_not_stop_the_host() -> None:
    """If the reader has closed the stream, lines are dropped without an error."""
    logs = Logs("console", stream=ClosedStream())
    logging.getLogger("mine").warning("lost")
    logs.close()


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(9), BaseException("bad"), KeyboardInterrupt()])
@pytest.mark.parametrize("part", ["message", "argument", "extra", "exception", "cause", "name of a key"])
def test_value_that_raises_costs_no_more_than_its_text(
    logs: Logs, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, error: BaseException, part: str
) -> None:
    """Whatever it raises, the line is there, and so is the next."""
    only_output(monkeypatch)
    value: Any = Raising(error)
    logger = logging.getLogger("mine")
    failure = type("Failure", (Exception,), {"__str__": value.__str__})()
    failure.__cause__ = None if part == "exception" else ValueError("first")
    match part:
        case "message":
            logger.warning(value)
        case "argument":
            logger.warning("a %s", value)
        case "extra":
            logger.warning("a", extra={"odd": value})
        case "name of a key":
            logger.warning("a", extra={"odd": {value: 1}})
        case _:
            logger.warning("a", exc_info=failure)
    logger.warning("fine")
    logs.flush()
    assert len(messages(stream)) == 2
    assert messages(stream)[-1] == "fine"
    if part not in {"message", "argument"}:
        assert messages(stream)[0] == "a"


def test_formatter_of_the_app_that_raises_costs_no_more_than_its_record(
    logs: Logs, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host says where the record was logged, and what the formatter raised."""
    only_output(monkeypatch).setFormatter(FailingFormatter("%(name)s|%(message)s"))
    logging.getLogger("mine").warning("fails")
    logging.getLogger("mine").warning("fine")
    logs.flush()
    lost, fine = messages(stream)
    assert lost.startswith("A log record of ")
    assert lost.endswith(" cannot be written: ValueError: fails")
    assert "test_output.py:" in lost
    assert fine == "mine|fine"


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(9)])
def test_filter_of_the_app_that_raises_costs_no_more_than_its_record(
    logs: Logs, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """The line says what the filter raised."""

    def refuse(record: logging.LogRecord) -> bool:
        if record.msg == "refused":
            raise error
        return True

    only_output(monkeypatch).addFilter(refuse)
    logging.getLogger("mine").warning("refused")
    logging.getLogger("mine").warning("fine")
    logs.flush()
    lost, fine = messages(stream)
    assert lost.endswith(f"cannot be written: {type(error).__name__}: {error}")
    assert fine == "fine"


def test_filter_and_level_that_the_app_sets_apply_to_its_own_records(
    logs: Logs, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host's own lines are written all the same."""
    handler = only_output(monkeypatch)
    handler.setLevel(logging.ERROR)
    handler.addFilter(lambda record: record.msg != "secret")
    logging.getLogger("mine").warning("below the level")
    logging.getLogger("mine").error("secret")
    logging.getLogger("mine").error("fine")
    logging.getLogger("hosting.apps").warning("of the host")
    logs.flush()
    assert messages(stream) == ["fine", "of the host"]


def test_logging_shutdown_by_the_app_does_not_end_the_output(logs: Logs, stream: io.StringIO) -> None:
    """``dictConfig`` and ``basicConfig(force=True)`` close all handlers before they add others."""
    output_handler().close()
    logging.getLogger("mine").warning("fine")
    logs.flush()
    assert messages(stream) == ["fine"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a filter cannot return a record")
def test_filter_of_the_app_may_return_another_record(
    logs: Logs, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is that of the record that it returns."""
    other: Any = logging.LogRecord("mine", logging.WARNING, "", 1, "instead", None, None)
    only_output(monkeypatch).addFilter(lambda _record: other)
    logging.getLogger("mine").warning("fine")
    logs.flush()
    assert messages(stream) == ["instead"]


def test_deferred_line_that_raises_costs_neither_the_lines_after_it_nor_the_thread(
    logs: Logs, stream: io.StringIO
) -> None:
    """A field that a binding's provider gives can be of any kind."""

    def refuse() -> str:
        raise SystemExit(3)

    output = output_handler()
    for render in (lambda: json.dumps({"message": "first"}), refuse, lambda: json.dumps({"message": "last"})):
        output._deferred.append((render, ()))
    output._wake.set()
    while output._thread.is_alive() and not stream.getvalue():
        time.sleep(0.01)
    assert messages(stream) == ["first", "A log line about an invocation cannot be written: SystemExit: 3", "last"]
    assert output._thread.is_alive()


def test_record_whose_place_raises_costs_no_more_than_its_text(
    logs: Logs, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record factory of the app can set any attribute."""
    record = logging.LogRecord("mine", logging.ERROR, "", 0, "said", None, None)
    record.pathname = record.created = Raising(SystemExit(3))  # type: ignore[assignment]
    only_output(monkeypatch).handle(record)
    assert "cannot be written" in messages(stream)[0]
