"""Loggers of the host's own lines."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

import hosting
from hosting._log import HostLogger, host_logger
from hosting.extensions import ExtensionHost
from hosting.logging.setup import Logs
from hosting.testing import HostFactory
from tests.support.invoking import ON, extension_entry, function, invoke

ERRORS = [ValueError("no"), SystemExit(3), KeyboardInterrupt(), BaseException("no")]


class Unreadable(Exception):
    """An exception whose text raises another one."""

    def __init__(self, raised: BaseException) -> None:
        super().__init__()
        self.raised = raised

    def __str__(self) -> str:
        raise self.raised


class Showing(logging.Handler):
    """A handler of an app that shows the exception of a record; ``refuse`` is a filter, ``make`` a record factory."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def emit(self, record: logging.LogRecord) -> None:
        str(record.exc_info and record.exc_info[1])

    def refuse(self, *_arguments: Any) -> NoReturn:
        raise self.error


CHANGES: dict[str, Callable[[logging.Logger, Showing], Any]] = {
    "handler": lambda logger, handler: logger.addHandler(handler),
    "filter": lambda logger, handler: logger.addFilter(handler.refuse),
    "record factory": lambda logger, handler: logging.setLogRecordFactory(handler.refuse),
}


@pytest.fixture
def as_found() -> Iterator[logging.Logger]:
    """Yield a logger of the host's, and leave it, the root logger and the record factory as they were found."""
    loggers = logging.getLogger(), host_logger("test.log.contained")
    found = [(logger, list(logger.handlers), list(logger.filters)) for logger in loggers]
    factory = logging.getLogRecordFactory()
    yield loggers[1]
    logging.setLogRecordFactory(factory)
    for logger, handlers, filters in found:
        logger.handlers[:], logger.filters[:] = handlers, filters


def test_hosts_loggers_are_made_by_host_logger_everywhere() -> None:
    """A logger that is made otherwise can be silenced by an app."""
    package = Path(hosting.__file__).parent
    sources = [*package.rglob("*.py"), *(package.parent / "plugins").glob("*/src/**/*.py")]
    found = [str(path) for path in sources if re.search(r'getLogger\(f?"hosting\.', path.read_text("utf-8"))]
    assert found == []


def test_logger_of_an_extension_is_the_one_that_its_hooks_get() -> None:
    """Also where a module of the extension makes it before the host is there."""
    first = hosting.extension_logger("made_first")
    assert isinstance(first, HostLogger)
    seen: list[logging.Logger] = []

    class Hooks:
        @hosting.hookimpl
        def pre_invocation_app_level(self, logger: logging.Logger) -> None:
            seen.append(logger)

    subject, host = function(lambda: None), ExtensionHost(environ=ON)
    host.register("made_first", Hooks)
    host.load([subject])
    invoke(host, subject)
    assert seen == [first]


def test_host_logger_leaves_the_class_of_other_loggers_alone() -> None:
    """Loggers of the app are of its own class."""
    before = logging.getLoggerClass()
    assert isinstance(host_logger("test.log"), HostLogger)
    assert logging.getLoggerClass() is before
    assert not isinstance(logging.getLogger("hosting_but_not_of_the_host"), HostLogger)


def test_logger_of_the_app_that_is_made_at_the_same_moment_keeps_to_the_apps_handlers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A thread may make a logger while the class is set: its lines are not the host's."""
    logger = HostLogger("apps.own")
    logger.parent = logging.getLogger()
    stream = io.StringIO()
    logs = Logs("console", stream=stream)
    try:
        with caplog.at_level(logging.INFO):
            logger.info("of the app")
    finally:
        logs.close()
    assert [record.getMessage() for record in caplog.records] == ["of the app"]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_logging_of_the_app_that_raises_costs_a_line_of_the_host_only_where_no_host_serves(
    as_found: logging.Logger, capsys: pytest.CaptureFixture[str], error: BaseException, change: str
) -> None:
    """As in tests and in Azure's worker; standard error says what was raised, unless ``logging`` is not to."""
    CHANGES[change](as_found, Showing(error))
    as_found.error("failed", exc_info=Unreadable(error))
    written = capsys.readouterr().err
    assert f"of the app's logging raised {type(error).__name__}: " in written
    assert f"for the record of {__file__}:" in written


def test_error_of_the_apps_logging_is_not_written_where_logging_reports_none(
    as_found: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``logging.raiseExceptions`` is False in production."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    as_found.addHandler(Showing(ValueError("no")))
    as_found.error("failed", exc_info=Unreadable(SystemExit(3)))
    assert capsys.readouterr().err == ""


def test_name_in_extra_that_a_record_has_is_an_error_where_no_host_serves(as_found: logging.Logger) -> None:
    """As ``logging`` has it, so that the line can be logged without the name; a factory's own KeyError is contained."""
    with pytest.raises(KeyError, match="Attempt to overwrite 'name' in LogRecord"):
        as_found.error("failed", extra={"name": "x"})
    logging.setLogRecordFactory(Showing(KeyError("no")).refuse)
    as_found.error("failed")


APP = """
import logging
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

class Unreadable(Exception):
    def __str__(self):
        raise {error}

class Showing(logging.Handler):
    def emit(self, record):
        str(record.exc_info and record.exc_info[1])

logging.getLogger().addHandler(Showing())

@app.route("f")
{kind} f(req: func.HttpRequest) -> str:
    raise Unreadable
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("error", ["ValueError('no')", "SystemExit(3)", "KeyboardInterrupt()"])
def test_failed_invocation_is_answered_whatever_a_handler_raises_that_shows_its_exception(
    as_found: logging.Logger, hosting_host: HostFactory, capsys: pytest.CaptureFixture[str], error: str, kind: str
) -> None:
    """Other handlers have the record."""
    host = hosting_host({"function_app.py": APP.format(error=error, kind=kind)}, raises=False)
    reply = host.get("/api/f")
    assert (reply.status, reply.logs[-1].name) == (500, "hosting.function.f")
    assert type(reply.invocation.exception).__name__ == "Unreadable"
    assert f"raised {error.partition('(')[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_error_of_a_hook_is_counted_whatever_a_handler_of_the_app_raises(
    as_found: logging.Logger, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """The function runs, and the diagnosis has the hook's error."""

    class Failing:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            raise LookupError

    handler = Showing(error)
    handler.addFilter(handler.refuse)
    logging.getLogger().addHandler(handler)
    subject, host = function(lambda: "fine"), ExtensionHost(environ=ON)
    host.register("failing", Failing)
    host.load([subject])
    assert invoke(host, subject) == "fine"
    assert extension_entry(host, "failing")["error"]["type"] == "LookupError"
    capsys.readouterr()
