"""``hosting.logging.set_trace_parent``: an extension names the span of an invocation for its log lines."""

from __future__ import annotations

from typing import Any

import pytest

import hosting
from hosting.logging import set_trace_parent
from hosting.testing import make_host

TRACE, CALLER, OWN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
APP = """
import logging

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("line")
KEYWORD line(req: func.HttpRequest) -> str:
    logging.getLogger("mine").info("a line")
    return "logged"
"""


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize(
    ("named", "expected"),
    [(f"00-{TRACE}-{OWN}-01", (TRACE, OWN)), ("", (None, None)), ("malformed", (None, None))],
)
def test_log_lines_of_a_function_have_the_ids_that_a_hook_names(
    keyword: str, named: str, expected: tuple[str | None, str | None]
) -> None:
    """They replace those of the caller, on the function's thread, too; the next invocation starts with its caller's."""

    class Naming:
        @hosting.hookimpl
        def pre_invocation_app_level(self, invocation: hosting.Invocation) -> None:
            if invocation.request is not None and "x-own" in invocation.request.headers:
                set_trace_parent(named)

    def ids(reply: Any) -> tuple[Any, Any]:
        (line,) = [one for one in reply.logs if one.name == "mine"]
        return line.__dict__.get("trace_id"), line.__dict__.get("span_id")

    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    with make_host({"function_app.py": APP.replace("KEYWORD", keyword)}, extensions={"naming": Naming}) as host:
        assert ids(host.get("/api/line", headers={**headers, "x-own": "yes"})) == expected
        assert ids(host.get("/api/line", headers=headers)) == (TRACE, CALLER)


def test_trace_parent_outside_of_invocations_changes_nothing() -> None:
    """As in a task in the background."""
    set_trace_parent(f"00-{TRACE}-{OWN}-01")
