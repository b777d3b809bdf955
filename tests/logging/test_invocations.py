"""The log lines of each invocation: written without records, and whatever an app does to ``logging``."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting._log import host_logger
from hosting.host.context import InvocationFacts, current
from hosting.host.invocation import RunningInvocations
from hosting.host.invocation_log import EXECUTED, EXECUTING, End, as_extra, end_fields
from hosting.logging.correlation import InvocationFilter
from hosting.logging.formatters import LineFormatter, LogFormat
from hosting.logging.invocations import FastInvocationLog
from hosting.logging.output import LogOutput
from hosting.logging.setup import Logs

ID = "0f3e9a52-3b0a-4c36-8d0e-5d9f2f3c1a77"
TRACE_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
INVOCATION = InvocationFacts(ID, "Lines", TRACE_PARENT)
HTTP = {"method": "GET", "path": "/api/lines"}


class InvocationLines:
    """An invocation log that writes to a stream."""

    def __init__(self, form: LogFormat = "json") -> None:
        self.stream = io.StringIO()
        self.logs = Logs(form, stream=self.stream)
        self.running = RunningInvocations()
        self.logs.attach(self.running)
        self.logger = host_logger("function.Lines")

    def write(self) -> list[str]:
        """Log both lines of one invocation; return all lines of the stream."""
        self.running.log.started(self.logger, INVOCATION, HTTP)
        self.running.log.succeeded(self.logger, INVOCATION, HTTP, (12.7, 200))
        self.logs.flush()
        return self.stream.getvalue().splitlines()


@contextmanager
def invocation_lines(form: LogFormat = "json") -> Iterator[InvocationLines]:
    """Yield an invocation log, and close it."""
    lines = InvocationLines(form)
    try:
        yield lines
    finally:
        lines.logs.close()


@given(
    name=st.text(min_size=1),
    milliseconds=st.none() | st.floats(0, 1e9),
    created=st.integers(0, 4_000_000_000_000).map(lambda number: number / 1000),
    form=st.sampled_from(["console", "json"]),
    trace_parent=st.sampled_from(["", TRACE_PARENT, "not one"]),
    trigger=st.dictionaries(
        st.sampled_from(["method", "path", "name", "status", "status_code", "level", "odd"]), st.text() | st.none()
    ),
    process=st.none() | st.integers(1, 10),
    status_code=st.none() | st.integers(200, 599),
)
def test_line_without_a_record_equals_the_line_of_its_record(
    name: str,
    milliseconds: float | None,
    created: float,
    form: LogFormat,
    trace_parent: str,
    trigger: dict[str, Any],
    process: int | None,
    status_code: int | None,
) -> None:
    """A line that is rendered without a record is exactly what structlog renders for its record."""
    lines = LineFormatter(form, process=process)
    output = LogOutput(io.StringIO(), lines, InvocationFilter())
    invocation = InvocationFacts(ID, name, trace_parent)
    end = None if milliseconds is None else (milliseconds, status_code)
    record = make_record(end, trigger, invocation)
    record.created = created
    rendered = FastInvocationLog(lines, output)._render(created, invocation, trigger, end)
    assert rendered == lines.format(record)
    output.end()


def make_record(end: End | None, trigger: dict[str, Any], invocation: InvocationFacts) -> logging.LogRecord:
    """Return the record of a line, as the output gets it."""
    extra = as_extra(trigger)
    if end is not None:
        extra |= end_fields("Succeeded", end)
    text = EXECUTING if end is None else EXECUTED
    name = invocation.function
    arguments = (name, ID) if end is None else (name, "Succeeded", ID, end[0])
    logger = logging.getLogger("hosting.function." + name)
    record = logger.makeRecord(logger.name, logging.INFO, "", 0, text, arguments, None, extra=extra)
    token = current.set(invocation)
    InvocationFilter().filter(record)
    current.reset(token)
    return record


@pytest.mark.parametrize("form", ["console", "json"])
def test_both_lines_name_function_and_invocation(form: LogFormat) -> None:
    """The words are those of Azure's host."""
    with invocation_lines(form) as lines:
        first, second = lines.write()
    reason = "Reason='This function was programmatically called via the host APIs.'"
    assert f"Executing 'Functions.Lines' ({reason}, Id={ID})" in first
    assert f"Executed 'Functions.Lines' (Succeeded, Id={ID}, Duration=12ms)" in second


def test_lines_have_their_time_and_their_order_among_other_lines() -> None:
    """The lines have the time at which they were logged, and stay in order with the author's own."""
    with invocation_lines() as lines:
        before = datetime.now(UTC)
        lines.running.log.started(lines.logger, INVOCATION, HTTP)
        logging.getLogger("mine").info("in between")
        *_, last = map(json.loads, lines.write())
        messages = [json.loads(line)["message"][:10] for line in lines.stream.getvalue().splitlines()]
        assert messages == ["Executing ", "in between", "Executing ", "Executed '"]
        logged_at = datetime.fromisoformat(last["timestamp"])
        assert before.replace(microsecond=before.microsecond // 1000 * 1000) <= logged_at <= datetime.now(UTC)


class Changed(Exception):
    """Raised by what the test puts in the way of the lines."""


def refuse(*_arguments: Any, **_options: Any) -> Any:
    raise Changed


@pytest.mark.parametrize(
    "change",
    [
        lambda patch, logger: patch.setattr(logging.getLogger(), "handlers", []),
        lambda patch, logger: patch.setattr(
            logging.getLogger().handlers[-1], "formatter", logging.Formatter("%(name)s")
        ),
        lambda patch, logger: patch.setattr(logging.getLogger().handlers[-1], "level", logging.CRITICAL),
        lambda patch, logger: patch.setattr(logging.getLogger().handlers[-1], "filters", [refuse]),
        lambda patch, logger: patch.setattr(logging, "_logRecordFactory", refuse),
        lambda patch, logger: patch.setattr(logging.Logger, "callHandlers", refuse),
        lambda patch, logger: patch.setattr(logging.root.manager, "disable", logging.CRITICAL),
        lambda patch, logger: patch.setattr(logger, "filters", [refuse]),
        lambda patch, logger: patch.setattr(logger, "disabled", True),
        lambda patch, logger: patch.setattr(logger, "propagate", False),
    ],
    ids=[
        "root handlers removed",
        "formatter",
        "handler level",
        "handler filter",
        "record factory",
        "callHandlers",
        "logging.disable",
        "logger filter",
        "logger disabled",
        "no propagation",
    ],
)
def test_changes_of_logging_by_the_app_leave_both_lines_as_they_are(
    change: Callable[[pytest.MonkeyPatch, logging.Logger], None],
) -> None:
    """The lines are the host's own, whatever an app does to logging."""
    with invocation_lines() as lines, pytest.MonkeyPatch.context() as patch:
        usual = lines.write()
        change(patch, lines.logger)
        changed = lines.write()[2:]
    assert [json.loads(line)["message"] for line in changed] == [json.loads(line)["message"] for line in usual]


def test_lines_below_the_level_of_the_functions_logger_are_not_written() -> None:
    """``logLevel`` in host.json sets this level."""
    with invocation_lines() as lines, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines.logger, "level", logging.WARNING)
        assert lines.write() == []


class Collector(logging.Handler):
    """Keeps the records that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_handler_of_the_app_gets_one_record_for_a_failed_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the exception and the ids, for telemetry; other lines of the host do not reach the app's handlers."""
    handler, error = Collector(), ValueError("no")
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    with invocation_lines() as lines:
        lines.write()
        token = current.set(INVOCATION)
        lines.running.log.failed(lines.logger, INVOCATION, HTTP, (1.5, 500), error)
        current.reset(token)
    (record,) = handler.records
    assert record.getMessage().startswith("Executed 'Functions.Lines' (Failed")
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert (record.__dict__["function"], record.__dict__["invocation_id"]) == ("Lines", ID)


def test_handler_of_the_app_that_raises_costs_no_more_than_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host reports the error, and goes on."""
    handler = Collector()
    monkeypatch.setattr(handler, "emit", refuse)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    with invocation_lines() as lines:
        lines.running.log.failed(lines.logger, INVOCATION, HTTP, (1.5, 500), ValueError("no"))
        failed, report = lines.write()[:2]
    assert json.loads(failed)["status"] == "Failed"
    assert json.loads(report)["message"] == "The log handler Collector raised Changed: "
