"""The two lines about each invocation: the short way writes what a record would, and steps back for who looks on."""

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
from tests.conftest import MakeApp, Serve

ID = "0f3e9a52-3b0a-4c36-8d0e-5d9f2f3c1a77"
TRACE_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTEXT = Context(ID, "Lines", "/", InvocationLocal(), TRACE_PARENT)
HTTP = {"method": "GET", "path": "/api/lines"}


class Lines:
    """An invocation log on a stream, with whatever else a test does to logging."""

    def __init__(self, form: LogFormat = "json") -> None:
        self.stream = io.StringIO()
        self.logs = Logs(form, stream=self.stream)
        self.running = RunningInvocations()
        self.logs.attach(self.running)
        self.logger = logging.getLogger("hosting.function.Lines")

    def write(self) -> list[str]:
        """Both lines of one invocation; what the stream then has."""
        self.running.log.started(self.logger, CONTEXT, HTTP)
        self.running.log.succeeded(self.logger, CONTEXT, HTTP, 12.7)
        self.logs.flush()
        return self.stream.getvalue().splitlines()


@contextmanager
def alone(form: LogFormat = "json") -> Iterator[Lines]:
    """The lines while no other handler listens, pytest's own included."""
    root = logging.getLogger()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(root, "handlers", [])
        lines = Lines(form)
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
    """Let the handler refuse any record: what is written goes the short way."""

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
def test_lines_without_records_are_those_of_records(
    name: str,
    milliseconds: float | None,
    created: float,
    form: LogFormat,
    trace_parent: str,
    trigger: dict[str, Any],
    process: int | None,
) -> None:
    """Rendered without a record, a line is to the letter what structlog makes of its record."""
    handler = BatchHandler(io.StringIO())
    handler.setFormatter(LineFormatter(form, process=process))
    record = made_record(name, milliseconds, trigger, Context(ID, name, "/", InvocationLocal(), trace_parent))
    record.created = created
    values = (created, name, ID, trace_parent, trigger, milliseconds)
    assert FastInvocationLog(form, handler)._render(*values) == handler.format(record)
    handler.close()


def made_record(name: str, milliseconds: float | None, trigger: dict[str, Any], context: Context) -> logging.LogRecord:
    """The record of a line, as the handler gets it."""
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
def test_no_record_is_made(form: LogFormat) -> None:
    """Where only our handler listens, both lines are written without a record."""
    with alone(form) as lines:
        first, second = lines.write()
    why = "Reason='This function was programmatically called via the host APIs.'"
    assert f"Executing 'Functions.Lines' ({why}, Id={ID})" in first
    assert f"Executed 'Functions.Lines' (Succeeded, Id={ID}, Duration=12ms)" in second


def test_time_and_order() -> None:
    """The lines have the time they were said at, and their turn among the author's own."""
    with alone() as lines:
        before = datetime.now(UTC)
        lines.running.log.started(lines.logger, CONTEXT, HTTP)
        logging.getLogger("mine").info("in between")
        *_, last = map(json.loads, lines.write())
        messages = [json.loads(line)["message"][:10] for line in lines.stream.getvalue().splitlines()]
        assert messages == ["Executing ", "in between", "Executing ", "Executed '"]
        said = datetime.fromisoformat(last["timestamp"])
        assert before.replace(microsecond=before.microsecond // 1000 * 1000) <= said <= datetime.now(UTC)


@contextmanager
def with_handler(logger: logging.Logger) -> Iterator[Callable[[], bool]]:
    handler = Collector()
    logger.addHandler(handler)
    yield lambda: len(handler.records) == 2
    logger.removeHandler(handler)


@contextmanager
def with_filter(filterer: logging.Filterer) -> Iterator[Callable[[], bool]]:
    seen: list[logging.LogRecord] = []

    def look(record: logging.LogRecord) -> bool:
        seen.append(record)
        return True

    filterer.addFilter(look)
    yield lambda: len(seen) == 2
    filterer.removeFilter(look)


@contextmanager
def with_factory() -> Iterator[Callable[[], bool]]:
    made: list[str] = []
    before = logging.getLogRecordFactory()

    def make(name: str, *arguments: Any, **options: Any) -> logging.LogRecord:
        made.append(name)
        record: logging.LogRecord = before(name, *arguments, **options)
        return record

    logging.setLogRecordFactory(make)
    yield lambda: made.count("hosting.function.Lines") == 2
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
    "looking",
    [
        lambda lines: with_handler(logging.getLogger()),
        lambda lines: with_handler(logging.getLogger("hosting.function")),
        lambda lines: with_handler(lines.logger),
        lambda lines: with_filter(lines.logger),
        lambda lines: with_filter(logging.getLogger().handlers[-1]),
        lambda lines: with_factory(),
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
def test_whoever_looks_on_sees_records(looking: Callable[[Lines], AbstractContextManager[Callable[[], bool]]]) -> None:
    """Another handler, a filter, a record factory or an instrumented logger gets real records, the lines stay alike."""
    with alone() as lines:
        usual = lines.write()
        with looking(lines) as saw_both:
            written = lines.write()
            assert saw_both()
    assert [json.loads(line)["message"] for line in written] == [json.loads(line)["message"] for line in usual * 2]


@pytest.mark.parametrize("by", ["its logger", "all logging", "the handler", "no propagation"])
def test_held_back(by: str) -> None:
    """The logger's level, logging.disable, the handler's level and propagation switched off keep the lines back."""
    with alone() as lines:
        handler = logging.getLogger().handlers[-1]
        lines.logger.setLevel(logging.WARNING if by == "its logger" else logging.NOTSET)
        logging.disable(logging.INFO if by == "all logging" else logging.NOTSET)
        handler.setLevel(logging.WARNING if by == "the handler" else logging.NOTSET)
        lines.logger.propagate = by != "no propagation"
        held = lines.write()
        lines.logger.setLevel(logging.NOTSET)
        logging.disable(logging.NOTSET)
        handler.setLevel(logging.NOTSET)
        lines.logger.propagate = True
        assert (held, len(lines.write())) == ([], 2)


def test_an_authors_formatter() -> None:
    """A formatter that the author puts on the handler writes these lines, too."""
    with alone() as lines:
        logging.getLogger().handlers[-1].setFormatter(logging.Formatter("%(levelname)s|%(message)s"))
        assert all(line.startswith("INFO|Execut") for line in lines.write())


def test_caplog_sees_the_lines(caplog: pytest.LogCaptureFixture) -> None:
    """The caplog fixture gets the records of both lines."""
    lines = Lines()
    with caplog.at_level(logging.INFO):
        lines.write()
    lines.logs.close()
    assert [record.getMessage()[:9] for record in caplog.records] == ["Executing", "Executed "]


FAILING = """
import hosting

class Failing:
    @hosting.hookimpl
    def configure_function(self, function_name):
        raise ValueError("no such setting")

    @hosting.hookimpl
    def post_invocation_app_level(self):
        raise ValueError("nothing to do")
"""
APP = """
import azure.functions as func, hosting
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@hosting.use("failing")
@app.route("f")
async def f(req: func.HttpRequest) -> str:
    return "fine"
"""


def test_an_extensions_error_says_whose_it_is(make_app: MakeApp, serve: Serve) -> None:
    """In JSON, an extension's error names extension, distribution, version, hook, function, and the invocation."""
    packages = ".python_packages/lib/site-packages"
    files = {
        "host.json": '{"version": "2.0"}',
        "function_app.py": APP,
        f"{packages}/failing.py": FAILING,
        f"{packages}/failing-1.5.dist-info/METADATA": "Metadata-Version: 2.1\nName: failing-thing\nVersion: 1.5\n",
        f"{packages}/failing-1.5.dist-info/entry_points.txt": "[hosting]\nfailing = failing:Failing\n",
    }
    served = serve(make_app(files), "--log-format", "json", env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    assert served.get("/api/f").text == "fine"
    assert served.stop() == 0
    lines = [json.loads(line) for line in served.logs().splitlines()]
    errors = [line for line in lines if line.get("extension") == "failing" and line["level"] == "error"]
    assert [(line["hook"], line["function"]) for line in errors] == [
        ("configure_function", "f"),
        ("post_invocation_app_level", "f"),
    ]
    assert {(line["category"], line["distribution"], line["version"]) for line in errors} == {
        ("Host.Extensions.Failing", "failing-thing", "1.5")
    }
    began = next(line for line in lines if line["message"].startswith("Executing"))
    assert [line.get("invocation_id") for line in errors] == [None, began["invocation_id"]]
