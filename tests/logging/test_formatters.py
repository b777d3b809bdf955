"""Formatters: log lines in JSON and for the console."""

from __future__ import annotations

import io
import json
import logging

import pytest

from hosting.logging.formatters import LineFormatter
from hosting.logging.setup import Logs


def test_json_line_has_fixed_fields_then_extra_fields_then_the_exception(logs: Logs, stream: io.StringIO) -> None:
    """The fields of ``extra`` follow the fixed ones."""
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("mine").warning("a %s", "b", exc_info=True, extra={"extension": "timer"})
    logs.flush()
    line = json.loads(stream.getvalue())
    assert list(line) == ["timestamp", "level", "category", "message", "extension", "exception", "exc_info"]
    assert (line["level"], line["category"], line["message"], line["extension"]) == ("warning", "mine", "a b", "timer")
    assert line["exception"].endswith("ValueError: no")


def test_console_line_has_time_level_and_colour() -> None:
    """A line begins with the time; a level other than information is named; colours are optional."""
    record = logging.makeLogRecord({"name": "x", "levelno": 40, "levelname": "ERROR", "msg": "broken"})
    plain = LineFormatter("console").format(record)
    assert plain.startswith("[")
    assert plain.endswith("Z] ERROR broken")
    assert LineFormatter("console", colours=True).format(record).startswith("\x1b[31m[")
    record.levelname = "INFO"
    assert LineFormatter("console").format(record).endswith("Z] broken")


@pytest.mark.parametrize(
    ("name", "function", "expected"),
    [
        ("azure.functions", "hello", "Z] WARNING azure.functions: odd"),
        ("azure.functions.submodule", None, "Z] WARNING azure.functions.submodule: odd"),
        ("azure_functions_worker_errors", "hello", "Z] WARNING azure_functions_worker_errors: odd"),
        ("azure.storage.blob", "hello", "Z] WARNING odd"),
        ("root", "hello", "Z] WARNING odd"),
        ("hosting.extensions.timer", None, "Z] WARNING odd"),
    ],
)
def test_console_line_of_a_system_log_names_its_logger(name: str, function: str | None, expected: str) -> None:
    """So that it is not taken for a line of the function, as Azure's worker tests demand."""
    record = {"name": name, "levelno": 30, "levelname": "WARNING", "msg": "odd", "function": function}
    assert LineFormatter("console").format(logging.makeLogRecord(record)).endswith(expected)


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("no text")


def test_value_whose_text_raises_is_shown_as_its_type(logs: Logs, stream: io.StringIO) -> None:
    """The line is written with the name of the value's type."""
    logging.getLogger("mine").warning("fine", extra={"odd": Unprintable()})
    logs.flush()
    line = json.loads(stream.getvalue())
    assert (line["message"], line["odd"]) == ("fine", "<Unprintable: its text cannot be read>")


SECRET_TEXT = "AccountName=me;AccountKey=hush"


def test_line_has_no_secrets_in_message_exception_and_fields(logs: Logs, stream: io.StringIO) -> None:
    """Message, traceback, description of the exception and its causes, and fields are masked."""
    try:
        try:
            raise ValueError(SECRET_TEXT)
        except ValueError as error:
            raise OSError("postgresql://me:hush@db/x") from error
    except OSError:
        logging.getLogger("mine").exception("with %s", SECRET_TEXT, extra={"password": "hush", "url": SECRET_TEXT})
    logs.flush()
    text = stream.getvalue()
    assert "hush" not in text
    line = json.loads(text)
    assert line["message"] == "with AccountName=me;AccountKey=***"
    assert line["exc_info"]["message"] == "postgresql://me:***@db/x"
    assert line["exc_info"]["causes"][0]["message"] == "AccountName=me;AccountKey=***"
    assert (line["password"], line["url"]) == ("***", "AccountName=me;AccountKey=***")


def test_console_line_has_no_secrets() -> None:
    """The message and a line of an app's own formatter are masked."""
    record = logging.makeLogRecord({"name": "x", "levelno": 20, "levelname": "INFO", "msg": SECRET_TEXT})
    assert LineFormatter("console").format(record).endswith("Z] AccountName=me;AccountKey=***")
    assert LineFormatter("console").format_as(record, SECRET_TEXT) == "AccountName=me;AccountKey=***"
