"""The two log lines of each invocation: written without records, unless another part of logging needs records."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.host.context import Context, InvocationLocal, current
from hosting.host.invocation import RunningInvocations
from hosting.host.invocation_log import EXECUTED, EXECUTING, as_extra
from hosting.logging.correlation import InvocationFilter
from hosting.logging.formatters import LineFormatter, LogFormat
from hosting.logging.handler import BatchHandler
from hosting.logging.invocations import FastInvocationLog
from hosting.logging.setup import Logs

ID = "0f3e9a52-3b0a-4c36-8d0e-5d9f2f3c1a77"
TRACE_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTEXT = Context(ID, "Lines", "/", InvocationLocal(), TRACE_PARENT)
HTTP = {"method": "GET", "path": "/api/lines"}


class InvocationLines:
    """An invocation log that writes to a stream."""

    def __init__(self, form: LogFormat = "json") -> None:
        self.stream = io.StringIO()
        self.logs = Logs(form, stream=self.stream)
        self.running = RunningInvocations()
        self.logs.attach(self.running)
        self.logger = logging.getLogger("hosting.function.Lines")

    def write(self) -> list[str]:
        """Log both lines of one invocation; return all lines of the stream."""
        self.running.log.started(self.logger, CONTEXT, HTTP)
        self.running.log.succeeded(self.logger, CONTEXT, HTTP, 12.7)
        self.logs.flush()
        return self.stream.getvalue().splitlines()


@contextmanager
def only_handler(form: LogFormat = "json") -> Iterator[InvocationLines]:
    """Remove all other handlers, pytest's own included, and yield the lines."""
    root = logging.getLogger()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(root, "handlers", [])
        lines = InvocationLines(form)
        yield lines
        lines.logs.close()


class Collector(logging.Handler):
    """Keeps the records that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def no_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the handler refuse records, so that only lines without records are written."""

    def refuse(_self: BatchHandler, record: logging.LogRecord) -> None:
        raise AssertionError(record)

    monkeypatch.setattr(BatchHandler, "emit", refuse)


@given(
    name=st.text(min_size=1),
    milliseconds=st.none() | st.floats(0, 1e9),
    created=st.integers(0, 4_000_000_000_000).map(lambda number: number / 1000),
    form=st.sampled_from(["console", "json"]),
    trace_parent=st.sampled_from(["", TRACE_PARENT, "not one"]),
    trigger=st.dictionaries(
        st.sampled_from(["method", "path", "name", "status", "level", "odd"]), st.text() | st.none()
    ),
    process=st.none() | st.integers(1, 10),
)
def test_line_without_a_record_equals_the_line_of_its_record(
    name: str,
    milliseconds: float | None,
    created: float,
    form: LogFormat,
    trace_parent: str,
    trigger: dict[str, Any],
    process: int | None,
) -> None:
    """A line that is rendered without a record is exactly what structlog renders for its record."""
    handler = BatchHandler(io.StringIO())
    handler.setFormatter(LineFormatter(form, process=process))
    record = make_record(name, milliseconds, trigger, Context(ID, name, "/", InvocationLocal(), trace_parent))
    record.created = created
    values = (created, name, ID, trace_parent, trigger, milliseconds)
    assert FastInvocationLog(form, handler)._render(*values) == handler.format(record)
    handler.close()


def make_record(name: str, milliseconds: float | None, trigger: dict[str, Any], context: Context) -> logging.LogRecord:
    """Return the record of a line, as the handler gets it."""
    extra = as_extra(trigger)
    if milliseconds is not None:
        extra |= {"status": "Succeeded", "duration_ms": round(milliseconds, 3)}
    text = EXECUTING if milliseconds is None else EXECUTED
    arguments = (name, ID) if milliseconds is None else (name, "Succeeded", ID, milliseconds)
    logger = logging.getLogger("hosting.function." + name)
    record = logger.makeRecord(logger.name, logging.INFO, "", 0, text, arguments, None, extra=extra)
    token = current.set(context)
    InvocationFilter().filter(record)
    current.reset(token)
    return record


@pytest.mark.usefixtures("no_records")
@pytest.mark.parametrize("form", ["console", "json"])
def test_lines_with_only_our_handler_need_no_record(form: LogFormat) -> None:
    """Where only our handler listens, both lines are written without a record."""
    with only_handler(form) as lines:
        first, second = lines.write()
    reason = "Reason='This function was programmatically called via the host APIs.'"
    assert f"Executing 'Functions.Lines' ({reason}, Id={ID})" in first
    assert f"Executed 'Functions.Lines' (Succeeded, Id={ID}, Duration=12ms)" in second


def test_lines_have_their_time_and_their_order_among_other_lines() -> None:
    """The lines have the time at which they were logged, and stay in order with the author's own."""
    with only_handler() as lines:
        before = datetime.now(UTC)
        lines.running.log.started(lines.logger, CONTEXT, HTTP)
        logging.getLogger("mine").info("in between")
        *_, last = map(json.loads, lines.write())
        messages = [json.loads(line)["message"][:10] for line in lines.stream.getvalue().splitlines()]
        assert messages == ["Executing ", "in between", "Executing ", "Executed '"]
        logged_at = datetime.fromisoformat(last["timestamp"])
        assert before.replace(microsecond=before.microsecond // 1000 * 1000) <= logged_at <= datetime.now(UTC)


@contextmanager
def with_handler(logger: logging.Logger) -> Iterator[Callable[[], bool]]:
    handler = Collector()
    logger.addHandler(handler)
    yield lambda: len(handler.records) == 2
    logger.removeHandler(handler)


@contextmanager
def with_filter(filterer: logging.Filterer) -> Iterator[Callable[[], bool]]:
    seen: list[logging.LogRecord] = []

    def observe(record: logging.LogRecord) -> bool:
        seen.append(record)
        return True

    filterer.addFilter(observe)
    yield lambda: len(seen) == 2
    filterer.removeFilter(observe)


@contextmanager
def with_record_factory() -> Iterator[Callable[[], bool]]:
    names: list[str] = []
    before = logging.getLogRecordFactory()

    def make_and_count(name: str, *arguments: Any, **options: Any) -> logging.LogRecord:
        names.append(name)
        record: logging.LogRecord = before(name, *arguments, **options)
        return record

    logging.setLogRecordFactory(make_and_count)
    yield lambda: names.count("hosting.function.Lines") == 2
    logging.setLogRecordFactory(before)


@contextmanager
def with_dispatch() -> Iterator[Callable[[], bool]]:
    before, seen = logging.Logger.callHandlers, []

    def dispatch(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record)
        before(self, record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.Logger, "callHandlers", dispatch)
        yield lambda: len(seen) == 2


@pytest.mark.parametrize(
    "observe",
    [
        lambda lines: with_handler(logging.getLogger()),
        lambda lines: with_handler(logging.getLogger("hosting.function")),
        lambda lines: with_handler(lines.logger),
        lambda lines: with_filter(lines.logger),
        lambda lines: with_filter(logging.getLogger().handlers[-1]),
        lambda lines: with_record_factory(),
        lambda lines: with_dispatch(),
    ],
    ids=[
        "root handler",
        "handler between",
        "own handler",
        "logger filter",
        "handler filter",
        "factory",
        "callHandlers",
    ],
)
def test_lines_with_another_observer_are_real_records(
    observe: Callable[[InvocationLines], AbstractContextManager[Callable[[], bool]]],
) -> None:
    """Another handler, a filter, a record factory or an instrumented logger gets records; the lines stay the same."""
    with only_handler() as lines:
        usual = lines.write()
        with observe(lines) as observed_both:
            observed = lines.write()
            assert observed_both()
    assert [json.loads(line)["message"] for line in observed] == [json.loads(line)["message"] for line in usual * 2]


@pytest.mark.parametrize("by", ["its logger", "all logging", "the handler", "no propagation"])
def test_lines_below_a_level_or_without_propagation_are_not_written(by: str) -> None:
    """The logger's level, logging.disable, the handler's level and propagation all apply."""
    with only_handler() as lines:
        handler = logging.getLogger().handlers[-1]
        lines.logger.setLevel(logging.WARNING if by == "its logger" else logging.NOTSET)
        logging.disable(logging.INFO if by == "all logging" else logging.NOTSET)
        handler.setLevel(logging.WARNING if by == "the handler" else logging.NOTSET)
        lines.logger.propagate = by != "no propagation"
        suppressed = lines.write()
        lines.logger.setLevel(logging.NOTSET)
        logging.disable(logging.NOTSET)
        handler.setLevel(logging.NOTSET)
        lines.logger.propagate = True
        assert (suppressed, len(lines.write())) == ([], 2)


def test_lines_use_the_formatter_that_the_author_sets_on_the_handler() -> None:
    """A formatter that the author sets on the handler formats these lines too."""
    with only_handler() as lines:
        logging.getLogger().handlers[-1].setFormatter(logging.Formatter("%(levelname)s|%(message)s"))
        assert all(line.startswith("INFO|Execut") for line in lines.write())


def test_caplog_gets_the_records_of_both_lines(caplog: pytest.LogCaptureFixture) -> None:
    """The caplog fixture gets the records of both lines."""
    lines = InvocationLines()
    with caplog.at_level(logging.INFO):
        lines.write()
    lines.logs.close()
    assert [record.getMessage()[:9] for record in caplog.records] == ["Executing", "Executed "]
