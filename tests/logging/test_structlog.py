"""structlog in apps and extensions: connected to the host's log by default, and unchanged where it is configured."""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from hosting.logging.structlog import EventRoute, StructlogDefaults, is_default
from hosting.testing import Host, make_host
from tests.conftest import MakeApp, Serve
from tests.logging.shop import shop_files

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(autouse=True)
def _reset_structlog() -> Iterator[None]:
    """Start each test with structlog's defaults, and check that it leaves no finder behind."""
    structlog.reset_defaults()
    yield
    assert [finder for finder in sys.meta_path if isinstance(finder, StructlogDefaults)] == []
    assert not any(isinstance(one, EventRoute) for one in structlog.get_config()["processors"])
    structlog.reset_defaults()


def test_structlog_json_lines_have_the_fields_of_the_hosts_lines(make_app: MakeApp, serve: Serve) -> None:
    """Without configuration, structlog's events at import, in functions, threads and hooks are lines of the host."""
    served = serve(make_app(shop_files()), "--log-format", "json", env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}
    assert served.get("/api/orders/7?code=secret", headers=headers).text == "fine"
    assert served.get("/api/pay").text == "fine"
    assert served.stop() == 0
    lines = [json.loads(line) for line in served.logs().splitlines()]
    by_message = {line["message"]: line for line in lines}
    ids = {line["function"]: line["invocation_id"] for line in lines if line["message"].startswith("Executing")}

    assert without_time(by_message["imported"]) == {
        "level": "info",
        "category": "function_app",
        "message": "imported",
        "stage": "import",
    }
    assert without_time(by_message["opened"]) == {
        "level": "info",
        "category": "Host.Extensions.Shop",
        "message": "opened",
    }
    enter = next(line for line in lines if line["message"] == "enter" and line["function"] == "order")
    assert (enter["category"], enter["invocation_id"], enter["function_of_context"]) == (
        "Host.Extensions.Shop",
        ids["order"],
        "order",
    )
    assert without_time(by_message["order received"]) == {
        "level": "info",
        "category": "Function.order.User",
        "message": "order received",
        "function": "order",
        "invocation_id": ids["order"],
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "number": 7,
        "items": ["pen"],
        "status_": "new",
        "name": "Ann",
    }
    assert without_time(by_message["in the background"]) == {
        "level": "info",
        "category": "function_app",
        "message": "in the background",
    }
    assert by_message["paying"]["customer"] == "c7"
    refused = by_message["refused"]
    assert (refused["level"], refused["function"], refused["invocation_id"]) == ("error", "pay", ids["pay"])
    assert (refused["amount"], refused["customer"], "trace_id" in refused) == (3.5, "c7", False)
    assert refused["exception"].endswith("KeyError: 'card'")
    assert refused["exc_info"]["type"] == "KeyError"
    assert refused["exc_info"]["message"] == "'card'"
    assert [Path(frame["file"]).name for frame in refused["exc_info"]["frames"]] == ["function_app.py"]
    assert refused["exc_info"]["frames"][0]["function"] == "pay"
    assert "a detail" not in by_message
    ended = next(line for line in lines if line["message"].startswith("Executed 'Functions.order'"))
    assert (ended["status"], ended["method"], ended["path"]) == ("Succeeded", "GET", "/api/orders/7")
    assert (ended["trace_id"], ended["span_id"]) == (TRACE_ID, SPAN_ID)
    assert 0 < ended["duration_ms"] < 60_000
    assert "secret" not in served.logs()


def without_time(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "timestamp"}


def test_structlog_console_lines_show_key_values_and_tracebacks(make_app: MakeApp, serve: Serve) -> None:
    """An event looks like a line of the host, with its key-values, and a traceback below it."""
    served = serve(make_app(shop_files()))
    served.get("/api/orders/7")
    served.get("/api/pay")
    served.stop()
    text = served.logs()
    assert "Z] imported stage=import\n" in text
    assert "Z] order received number=7 name=Ann items=['pen'] status=new\n" in text
    assert "Z] ERROR refused amount=3.5 customer=c7\nTraceback (most recent call last):\n" in text
    assert "KeyError: 'card'\n" in text


def test_structlog_lines_follow_the_levels_of_host_json(make_app: MakeApp, serve: Serve) -> None:
    """``logLevel`` filters the lines of structlog by category, as those of the standard library."""
    levels = {"Function.order": "Error", "Function.pay": "Debug", "function_app": "Warning"}
    host_json = json.dumps({"version": "2.0", "logging": {"logLevel": levels}})
    served = serve(make_app(shop_files(host_json=host_json)), "--log-format", "json")
    served.get("/api/orders/7")
    served.get("/api/pay")
    served.stop()
    messages = [json.loads(line)["message"] for line in served.logs().splitlines()]
    assert "a detail" in messages
    assert "paying" in messages
    assert not {"imported", "order received", "in the background"} & {*messages}


HEAD = """
import azure.functions as func
import structlog
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""
HELLO = """
log = structlog.get_logger()

@app.route("hello")
def hello(req: func.HttpRequest) -> str:
    log.info("said", to=req.params.get("name", ""))
    return "hello"
"""


def messages(host: Host, path: str) -> list[str]:
    """Return what was logged during a request."""
    invocation = host.get(path).invocation
    assert invocation is not None
    return invocation.messages


def test_invocation_in_a_test_has_the_records_of_structlog() -> None:
    """In ``hosting.testing``, events are records of the invocation, with their key-values as attributes."""
    with make_host({"function_app.py": HEAD + HELLO}) as host:
        invocation = host.get("/api/hello?name=Ada").invocation
        assert invocation is not None
        record = next(one for one in invocation.logs if one.getMessage() == "said")
        assert (record.name, record.levelname, record.funcName) == ("function_app", "INFO", "hello")
        assert vars(record)["to"] == "Ada"
        assert (vars(record)["function"], vars(record)["invocation_id"]) == ("hello", invocation.id)
        assert not structlog.is_configured()


def test_capture_logs_inside_a_test_host_gets_events() -> None:
    """``structlog.testing.capture_logs`` works in a test that runs an app, and the host's default returns after it."""
    with make_host({"function_app.py": HEAD + HELLO}) as host:
        with capture_logs() as events:
            host.get("/api/hello?name=Ada")
        assert events == [{"to": "Ada", "event": "said", "log_level": "info"}]
        assert "said" in messages(host, "/api/hello")
    assert is_default(structlog)


def test_capture_logs_around_a_test_host_gets_events() -> None:
    """A test may begin to capture before it opens a host."""
    with capture_logs() as events, make_host({"function_app.py": HEAD + HELLO}) as host:
        host.get("/api/hello?name=Ada")
    assert [event["event"] for event in events] == ["said"]
    assert is_default(structlog)


def test_host_closed_during_capture_logs_leaves_structlogs_default() -> None:
    """What ``capture_logs`` restores after the host has closed acts as structlog's default until the next host."""
    with make_host({"function_app.py": HEAD + HELLO}) as host:
        capturing = capture_logs()
        capturing.__enter__()
        assert host.get("/api/hello").text == "hello"
    capturing.__exit__(None, None, None)
    with make_host({"function_app.py": HEAD + HELLO}) as host:
        assert "said" in messages(host, "/api/hello")
    assert is_default(structlog)


CONFIGURED = """
lines = []

def keep(_logger, _method, event):
    lines.append(event)
    raise structlog.DropEvent
"""


@pytest.mark.parametrize(
    "call",
    [
        "structlog.configure(processors=[keep])",
        "structlog.configure_once(processors=[keep])",
        "structlog.configure(processors=[keep]) if not structlog.is_configured() else None",
        "structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep], logger_factory=list)",
    ],
)
def test_app_that_configures_structlog_keeps_its_configuration(call: str) -> None:
    """However an app configures structlog, its events go where it says, and not into the host's log."""
    code = HEAD + CONFIGURED + call + HELLO
    with make_host({"function_app.py": code}) as host:
        assert "said" not in messages(host, "/api/hello?name=Ada")
        lines = importlib.import_module("function_app").lines
        assert [(line["event"], line["to"]) for line in lines] == [("said", "Ada")]
    assert is_default(structlog)
    assert not structlog.is_configured()


LATE = """
@app.route("late")
def late(req: func.HttpRequest) -> str:
    structlog.configure(processors=[keep])
    return "done"
"""


def test_app_that_configures_structlog_in_an_invocation_keeps_it_from_then_on() -> None:
    """The configuration applies to loggers that existed before, too."""
    with make_host({"function_app.py": HEAD + CONFIGURED + HELLO + LATE}) as host:
        assert "said" in messages(host, "/api/hello")
        assert host.get("/api/late").text == "done"
        assert "said" not in messages(host, "/api/hello")
        assert [line["event"] for line in importlib.import_module("function_app").lines] == ["said"]


def test_app_that_sets_only_the_wrapper_class_logs_into_the_hosts_log() -> None:
    """An app that sets only a minimum level, or the wrapper of the standard library, keeps the host's lines."""
    wrapper = "structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))"
    with make_host({"function_app.py": HEAD + wrapper + HELLO.replace("log.info", "log.warning")}) as host:
        assert "said" in messages(host, "/api/hello")
    with make_host({"function_app.py": HEAD + wrapper + HELLO}) as host:
        assert "said" not in messages(host, "/api/hello")
    wrapper = "structlog.configure(wrapper_class=structlog.stdlib.BoundLogger)"
    event = HELLO.replace('"said"', '"said %s", "it"')
    with make_host({"function_app.py": HEAD + wrapper + event}) as host:
        assert "said it" in messages(host, "/api/hello")


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("processors=[structlog.processors.JSONRenderer()]", '{"to": "Ada", "event": "said"}\n'),
        ("logger_factory=structlog.PrintLoggerFactory()", "said                           to=Ada\n"),
    ],
)
def test_settings_that_an_app_leaves_out_are_structlogs_defaults(
    configuration: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Processors without a logger factory print; a logger factory without processors gets rendered text."""
    code = f"{HEAD}structlog.configure({configuration})\n{HELLO}"
    with make_host({"function_app.py": code}) as host:
        assert "said" not in messages(host, "/api/hello?name=Ada")
    assert capsys.readouterr().out.endswith(expected)


def test_two_hosts_in_one_process_may_close_in_any_order() -> None:
    """The host's default lasts while a host is open, and one app's configuration ends with its host."""
    plain, own = {"function_app.py": HEAD + HELLO}, HEAD + CONFIGURED + "structlog.configure(processors=[keep])" + HELLO
    opening = make_host(plain)
    first = opening.__enter__()
    with make_host({"function_app.py": own}) as second:
        assert "said" not in messages(second, "/api/hello")
    assert "said" in messages(first, "/api/hello")
    with make_host(plain) as third:
        opening.__exit__(None, None, None)
        assert "said" in messages(third, "/api/hello")
    assert is_default(structlog)


def test_structlog_configuration_of_a_test_returns_after_the_host_closes() -> None:
    """It applies to the app too, whatever the app configures."""
    seen: list[str] = []

    def keep_event(_logger: Any, _method: str, event: Any) -> Any:
        seen.append(event["event"])
        raise structlog.DropEvent

    structlog.configure(processors=[keep_event])
    with make_host({"function_app.py": HEAD + HELLO}) as host:
        host.get("/api/hello")
    configure = "structlog.configure(processors=[structlog.testing.LogCapture()])"
    with make_host({"function_app.py": HEAD + configure + HELLO}) as host:
        host.get("/api/hello")
    assert seen == ["said"]
    assert structlog.get_config()["processors"] == [keep_event]


def test_app_that_fails_to_load_leaves_no_structlog_configuration() -> None:
    """An app that configures structlog and then fails to import leaves structlog as it was."""
    with pytest.raises(Exception, match="broken"), make_host({"function_app.py": HEAD + BROKEN}):
        pass
    assert is_default(structlog)
    assert not structlog.is_configured()


BROKEN = """
structlog.configure(processors=[])
raise ValueError("broken")
"""


def test_structlog_version_that_cannot_be_connected_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The app then logs as it would without a host."""
    defaults = StructlogDefaults.acquire()
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(structlog._config, "_BUILTIN_DEFAULT_PROCESSORS")
        defaults.apply(structlog)
    defaults.release()
    assert [record.getMessage() for record in caplog.records] == ["structlog cannot be connected to the host's log."]


def test_structlog_is_imported_by_the_app_and_not_by_the_host() -> None:
    """The host does not import structlog to connect it; an import finds it where it is, with its own loader."""
    code = """
import sys
from hosting.logging.structlog import EventRoute, StructlogDefaults
defaults = StructlogDefaults.acquire()
assert "structlog" not in sys.modules
import structlog.stdlib
assert isinstance(structlog.get_config()["processors"][0], EventRoute)
assert type(structlog.__loader__).__name__ == type(structlog.__spec__.loader).__name__ == "SourceFileLoader"
import importlib
importlib.reload(structlog)
defaults.release()
structlog.get_logger().info("printed", a=1)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "printed" in run.stdout


def test_events_have_the_attributes_that_a_logging_call_has(caplog: pytest.LogCaptureFixture) -> None:
    """Names, exceptions, stacks and callers of an event are those that a call of ``logging`` would have."""
    defaults = StructlogDefaults.acquire()
    try:
        error = ValueError("given")
        structlog.get_logger("named").error("one", exc_info=error)
        structlog.get_logger().error("two", exc_info=(ValueError, error, None), stack_info=True, stack="mine")
        structlog.get_logger().exception("three")
        structlog.wrap_logger(logging.getLogger("given")).critical("four", name="Ann", message="m", key_values=1)
        thread = threading.Thread(target=lambda: structlog.get_logger().warn("five"))
        thread.start()
        thread.join()
    finally:
        defaults.release()
    one, two, three, four, five = caplog.records
    assert (one.name, one.exc_info, one.levelname) == ("named", (ValueError, error, None), "ERROR")
    assert (two.name, two.exc_info) == (__name__, (ValueError, error, None))
    assert str(two.stack_info).startswith("Stack (most recent call last):")
    assert (three.exc_info, three.funcName, Path(three.pathname)) == (
        None,
        "test_events_have_the_attributes_that_a_logging_call_has",
        Path(__file__),
    )
    assert (four.name, four.getMessage(), vars(four)["key_values"]) == (
        "given",
        "four",
        {"name": "Ann", "message": "m", "key_values": 1},
    )
    assert (five.levelname, five.getMessage()) == ("WARNING", "five")


def test_structlog_through_the_standard_library_keeps_its_key_values(make_app: MakeApp, serve: Serve) -> None:
    """Events that an app sends through ``logging`` with ``wrap_for_formatter`` are lines with their fields."""
    configure = """
structlog.configure(
    processors=[structlog.stdlib.add_log_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)
"""
    served = serve(make_app({"host.json": "{}", "function_app.py": HEAD + configure + HELLO}), "--log-format", "json")
    served.get("/api/hello?name=Ada")
    served.stop()
    line = next(json.loads(text) for text in served.logs().splitlines() if '"said"' in text)
    assert (line["category"], line["level"], line["to"]) == ("Function.hello.User", "info", "Ada")
    assert not {"level_", "_logger", "_name", "_record"} & line.keys()
