"""The handler that writes log lines in batches."""

from __future__ import annotations

import io
import json
import logging

import pytest

from hosting.logging.handler import BatchHandler
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


def test_message_shows_its_arguments_as_they_were_when_logged(logs: Logs, stream: io.StringIO) -> None:
    """A change of an argument after the call does not change the line."""
    items = [1]
    logging.getLogger("mine").warning("%s", items)
    items.append(2)
    logs.flush()
    assert json.loads(stream.getvalue())["message"] == "[1]"


def test_closed_stream_does_not_stop_the_host() -> None:
    """If the reader has closed the stream, lines are dropped without an error."""
    logs = Logs("console", stream=ClosedStream())
    logging.getLogger("mine").warning("lost")
    logs.close()


def test_record_that_cannot_be_rendered_does_not_lose_other_records(
    logs: Logs, stream: io.StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record on which an app's formatter fails is reported, and the others are written."""
    ours = [handler for handler in logging.getLogger().handlers if isinstance(handler, BatchHandler)]
    monkeypatch.setattr(logging.getLogger(), "handlers", ours)  # pytest's own handlers raise such errors
    ours[0].setFormatter(FailingFormatter())
    logging.getLogger("mine").warning("fails")
    logging.getLogger("mine").warning("fine")
    logging.getLogger("mine").warning("%d", "no number")
    logs.flush()
    assert stream.getvalue() == "fine\n"
    assert capsys.readouterr().err.count("Logging error") == 2
