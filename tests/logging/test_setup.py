"""Set-up of logging: default levels, and what closing restores."""

from __future__ import annotations

import io
import json
import logging

from hosting.logging.setup import Logs


def test_default_levels_show_warnings_of_the_host_and_information_of_functions(stream: io.StringIO) -> None:
    """``--verbose`` shows the host's information too."""
    for verbose, expected in ((False, ["hosting.function.F", "hosting.extensions.x", "mine"]), (True, None)):
        logs = Logs("json", verbose=verbose, stream=stream)
        names = ["hosting.apps", "hosting.function.F", "hosting.extensions.x", "mine"]
        for name in names:
            logging.getLogger(name).info(name)
            logging.getLogger(name).debug("too detailed")
        logs.close()
        lines = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
        assert lines == (expected or names)
        stream.seek(0)
        stream.truncate()


def test_close_restores_levels_and_handlers(stream: io.StringIO) -> None:
    """After closing, logging is as it was before."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("hosting").level)
    Logs("console", stream=stream).close()
    assert (root.level, list(root.handlers), logging.getLogger("hosting").level) == before
