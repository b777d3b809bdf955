"""host.json's ``logLevel``: which lines are shown, by category."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.logging.levels import NAMES, Levels
from hosting.logging.setup import Logs
from tests.conftest import MakeApp, Serve

INFO, WARNING, ERROR, DEBUG = logging.INFO, logging.WARNING, logging.ERROR, logging.DEBUG
CATEGORIES = ["Function.A", "Function.A.User", "Function.B.User", "Host.Apps", "Host.Extensions.Timer", "mine"]
LOGGERS = ["", "hosting", *(f"hosting.{name}" for name in ("start", "extensions", "requests", "triggers", "function"))]


def read_levels(section: Mapping[str, str], *, verbose: bool = False, debug: str = "1") -> Levels:
    return Levels({"logging": {"logLevel": section}}, {"PYTHON_ENABLE_DEBUG_LOGGING": debug}, verbose=verbose)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, [INFO, INFO, INFO, WARNING, INFO, INFO]),
        ({"default": "Error"}, [ERROR] * 6),
        ({"Default": "debug"}, [DEBUG] * 6),
        ({"Function": "Warning"}, [WARNING, WARNING, WARNING, WARNING, INFO, INFO]),
        ({"Function.A": "Error", "function.a.user": "DEBUG"}, [ERROR, DEBUG, INFO, WARNING, INFO, INFO]),
        ({"Function.*.User": "None"}, [INFO, 1000, 1000, WARNING, INFO, INFO]),
        ({"default": "None", "Function.B": "Trace"}, [1000, 1000, 1, 1000, 1000, 1000]),
        ({"Host": "Critical", "mine": "Error"}, [INFO, INFO, INFO, 50, INFO, ERROR]),
        ({"Host.Extensions": "Error"}, [INFO, INFO, INFO, WARNING, ERROR, INFO]),
    ],
)
def test_minimum_level_is_that_of_the_longest_matching_prefix(section: Mapping[str, str], expected: list[int]) -> None:
    """The longest prefix of a category decides, ignoring case; ``default`` applies where no other key matches."""
    assert [read_levels(section).minimum(category) for category in CATEGORIES] == expected


def test_verbose_shows_the_hosts_lines_unless_a_default_is_set() -> None:
    """Lines about triggers are shown without ``--verbose``."""
    assert read_levels({}, verbose=True).minimum("Host.Apps") == INFO
    assert read_levels({}).minimum("Host.Triggers.Timer") == INFO
    assert read_levels({}).minimum("Host.Requests") == INFO
    assert read_levels({"default": "Error"}, verbose=True).minimum("Host.Apps") == ERROR


@pytest.mark.parametrize(("debug", "expected"), [("1", DEBUG), ("0", INFO), ("false", INFO)])
def test_debug_logging_switched_off_limits_functions_to_information(debug: str, expected: int) -> None:
    """``PYTHON_ENABLE_DEBUG_LOGGING`` prevents functions from logging at debug level, whatever host.json says."""
    assert dict(read_levels({"default": "Debug"}, debug=debug).loggers())[""] == expected


PLACES = {
    "Host.Apps": "hosting",
    "Host.Extensions.Timer": "hosting.extensions",
    "Host.Requests": "hosting.requests",
    "Host.Start": "hosting.start",
    "Host.Triggers.Timer": "hosting.triggers",
}
KEYS = [*sorted({*CATEGORIES, *PLACES}), "default", "Host", "Function"]


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from([*NAMES])))
def test_level_of_a_logger_is_at_most_that_of_its_categories(section: dict[str, str]) -> None:
    """No logger's level hides records that their category shows."""
    levels = read_levels(section)
    by_logger = dict(levels.loggers())
    assert list(by_logger) == LOGGERS
    for category in {*CATEGORIES, *PLACES}:
        level = by_logger[PLACES.get(category, "")]
        assert level <= levels.minimum(category)
        if not levels.by_category:
            assert level == levels.minimum(category)


def test_records_are_filtered_by_the_category_of_their_function() -> None:
    """The category of an author's record is that of the function that logs it."""
    stream = io.StringIO()
    logs = Logs("json", stream=stream)
    logs.set_levels(read_levels({"Function.A.User": "Error", "Function.B.User": "Debug", "noisy": "None"}))
    for function in ("A", "B"):
        for level in (DEBUG, ERROR):
            logging.getLogger("mine").log(level, "said", extra={"function": function, "invocation_id": "1"})
    logging.getLogger("noisy.part").critical("said")
    logs.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["category"], line["level"]) for line in lines] == [
        ("Function.A.User", "error"),
        ("Function.B.User", "debug"),
        ("Function.B.User", "error"),
    ]


APP = """
import logging
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("A")
def A(req: func.HttpRequest) -> str:
    for level in ("debug", "info", "error"):
        getattr(logging, level)("a-%s", level)
    return "a"

@app.route("B")
async def B(req: func.HttpRequest) -> str:
    logging.getLogger("my.module").debug("b-debug")
    return "b"
"""


def test_host_applies_log_levels_to_each_function(make_app: MakeApp, serve: Serve) -> None:
    """host.json sets the level of the author's lines and of the host's own lines about a function."""
    host_json = {"version": "2.0", "logging": {"logLevel": {"Function.A": "Error", "Function.B": "Debug"}}}
    served = serve(make_app({"host.json": json.dumps(host_json), "function_app.py": APP}))
    served.get("/api/A")
    served.get("/api/B")
    served.stop()
    assert "a-error" in served.logs()
    assert "b-debug" in served.logs()
    for hidden in ("a-debug", "a-info", "Functions.A"):
        assert hidden not in served.logs()
    assert served.logs().count("Functions.B") == 2


def test_environment_variable_overrides_a_log_level_of_host_json(make_app: MakeApp, serve: Serve) -> None:
    """``AzureFunctionsJobHost__logging__logLevel__Function`` works as in Core Tools and Azure."""
    served = serve(
        make_app({"host.json": '{"version": "2.0"}', "function_app.py": APP}),
        env={"AzureFunctionsJobHost__logging__logLevel__Function": "Error"},
    )
    served.get("/api/A")
    served.stop()
    assert "a-error" in served.logs()
    assert "a-info" not in served.logs()


@pytest.mark.parametrize(
    "name", ["azure.functions", "azure.functions_own", "azure.functions.a.b", "azure_functions_worker.x"]
)
@pytest.mark.parametrize(
    ("section", "verbose", "shown"),
    [
        ({}, False, ["warning"]),
        ({}, True, ["info", "warning"]),
        ({"Host.Worker": "Information"}, False, ["info", "warning"]),
        ({"default": "Information"}, False, ["info", "warning"]),
        ({"Function": "Information"}, False, ["warning"]),
        ({"Host": "Error"}, True, []),
    ],
)
def test_azures_own_loggers_write_system_logs(
    name: str, section: Mapping[str, str], verbose: bool, shown: list[str]
) -> None:
    """Their lines are not the function's, and are hidden below warning; a logger of the app is not affected."""
    stream = io.StringIO()
    logs = Logs("json", stream=stream)
    logs.set_levels(read_levels(section, verbose=verbose))
    try:
        logging.getLogger(name).info("a", extra={"function": "hello"})
        logging.getLogger(name).warning("b", extra={"function": "hello"})
        logging.getLogger("azure.storage").warning("c")
    finally:
        logs.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    own = [line for line in lines if line["category"] == f"Host.Worker.{name}"]
    assert [line["level"] for line in own] == shown
    assert [line["category"] for line in lines if line not in own] == ["azure.storage"]
