"""Loggers of the host's own lines."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path

import pytest

import hosting
from hosting._log import HostLogger, host_logger
from hosting.extensions import ExtensionHost
from hosting.logging.setup import Logs
from tests.support.invoking import ON, function, invoke


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
