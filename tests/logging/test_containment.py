"""What filters, handlers and record factories of an app raise in its own log calls costs the record only."""

from __future__ import annotations

import io
import json
import logging
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hosting._log import host_logger
from hosting.logging.containment import METHODS
from hosting.logging.setup import Logs
from tests.conftest import MakeApp, Serve

ERRORS = [ValueError("no"), SystemExit(3), KeyboardInterrupt(), BaseException("no")]


class Raising(logging.Handler):
    """A handler, a record factory and a value that raise; ``refuse`` is a filter."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def emit(self, record: logging.LogRecord) -> None:
        raise self.error

    def refuse(self, record: logging.LogRecord) -> bool:
        raise self.error

    def __call__(self, *_arguments: Any, **_options: Any) -> Any:
        raise self.error

    __str__ = __call__


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Yield a root logger without pytest's handlers, and restore it and the record factory."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    factory = logging.getLogRecordFactory()
    yield monkeypatch
    logging.setLogRecordFactory(factory)


def lines_of(act: Callable[[], None]) -> list[dict[str, Any]]:
    """Return the lines that are written while ``act`` runs, and one that is logged after it."""
    stream = io.StringIO()
    logs = Logs("json", stream=stream)
    try:
        act()
        host_logger("test").warning("last")
    finally:
        logs.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def own_handler(error: BaseException) -> logging.Handler:
    """Return a handler that renders its records, with a filter that raises."""
    handler = logging.StreamHandler(io.StringIO())
    handler.addFilter(Raising(error).refuse)
    return handler


CHANGES: dict[str, Callable[[logging.Logger, BaseException], None]] = {
    "handler": lambda logger, error: logger.addHandler(Raising(error)),
    "handler before the host's": lambda logger, error: logging.getLogger().handlers.insert(0, Raising(error)),
    "filter of a handler": lambda logger, error: logger.addHandler(own_handler(error)),
    "filter": lambda logger, error: logger.addFilter(Raising(error).refuse),
    "record factory": lambda logger, error: logging.setLogRecordFactory(Raising(error)),
}


@pytest.mark.parametrize("name", ["mine", "root"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_log_call_of_the_app_does_not_raise(
    clean: pytest.MonkeyPatch, change: str, error: BaseException, name: str
) -> None:
    """A line of the host says what was raised; all but a filter leave the record on the console."""
    logger = logging.getLogger(None if name == "root" else name)
    clean.setattr(logger, "handlers", [])
    clean.setattr(logger, "filters", [])

    def act() -> None:
        CHANGES[change](logger, error)
        logger.warning("said")

    lines = lines_of(act)
    messages = [line["message"] for line in lines if line["message"] not in ("said", "last")]
    assert len(messages) == 1
    assert f"raised {type(error).__name__}: " in messages[0]
    assert __file__ in messages[0]
    assert sum(line["message"] == "said" for line in lines) == (0 if change == "filter" else 1)
    assert lines[-1]["message"] == "last"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_value_whose_text_raises_in_a_handler_of_the_app_costs_its_record_only(
    clean: pytest.MonkeyPatch, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """``logging.StreamHandler`` prints errors, but lets SystemExit and its like out."""
    logger = logging.getLogger("mine")
    clean.setattr(logger, "handlers", [logging.StreamHandler(io.StringIO())])
    lines = lines_of(lambda: logger.warning("said %s", Raising(error)))
    assert sum(line["message"].startswith("said ") for line in lines) == 1
    capsys.readouterr()


def test_record_that_does_not_reach_the_root_logger_is_not_written_when_a_handler_raises(
    clean: pytest.MonkeyPatch,
) -> None:
    """The host's handler gets no record that it would not have had."""
    logger = logging.getLogger("mine")
    clean.setattr(logger, "handlers", [Raising(ValueError("no"))])
    clean.setattr(logger, "propagate", False)
    lines = lines_of(lambda: logger.warning("said"))
    assert "said" not in [line["message"] for line in lines]


def test_extra_with_the_name_of_an_attribute_is_an_error_of_the_caller(clean: pytest.MonkeyPatch) -> None:
    """As without a host, with the app's factory or without it."""
    for factory in (logging.getLogRecordFactory(), Raising(ValueError("no"))):
        logging.setLogRecordFactory(factory)
        with pytest.raises(KeyError, match="Attempt to overwrite 'name' in LogRecord"):
            lines_of(lambda: logging.getLogger("mine").warning("said", extra={"name": "x"}))


def test_methods_of_logging_are_as_they_were_after_the_host() -> None:
    """Also where something has wrapped ours in the meantime: then ours do nothing."""
    found = {name: getattr(logging.Logger, name) for name in METHODS}
    lines_of(lambda: None)
    assert {name: getattr(logging.Logger, name) for name in METHODS} == found


APP = """
    import logging
    import azure.functions as func
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    {change}

    @app.route("say")
    def say(req: func.HttpRequest) -> str:
        logging.info("said")
        logging.getLogger("mine").warning("said, too")
        return "fine"

    @app.route("asay")
    async def asay(req: func.HttpRequest) -> str:
        return say.build().get_user_function()(req) if hasattr(say, "build") else "fine"
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "logging.getLogger().addFilter(lambda record: exit(3))",
        "logging.setLogRecordFactory(lambda *args, **options: exit(3))",
        "logging.Handler.emit = lambda *_: exit(3); logging.getLogger().handlers.insert(0, logging.Handler())",
    ],
)
def test_function_of_an_app_whose_logging_raises_is_answered(make_app: MakeApp, serve: Serve, change: str) -> None:
    """The function does not notice, nor does the host."""
    source = textwrap.dedent(APP).format(change=change)
    served = serve(make_app({"function_app.py": source, "host.json": '{"version": "2.0"}'}))
    for path in ("/api/say", "/api/asay"):
        assert (served.get(path).status_code, served.get(path).text) == (200, "fine")
    assert served.stop() == 0
    assert "raised SystemExit: 3" in served.logs()
