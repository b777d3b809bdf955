"""The responses for a function that failed, for one that cannot run, and for one that a guard has denied.

In development, the response for a function that failed has the traceback if the caller asks for it.
"""

from __future__ import annotations

import html
from collections.abc import Mapping

from hosting._exceptions import traceback_text, type_name
from hosting.bindings.http.response import HttpReply
from hosting.core import Problem
from hosting.errors import GuardError
from hosting.host.refusal import Refusal, problem_document, refusal
from hosting.server.cross_site import host_name, is_loopback
from hosting.server.replies import empty

ASK_HEADER = "x-hosting-traceback"
"""A request with this header asks for the traceback as text."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<h1>500: function {function} failed</h1>
<pre>{traceback}</pre>
<p>This page is shown only while the host listens on this machine's own address and needs no keys.</p>
"""


def failure_reply(
    function: str, error: BaseException, headers: Mapping[str, str], *, shows_tracebacks: bool
) -> HttpReply:
    """Return a response with status 500: empty, unless tracebacks are shown and the caller wants one.

    Args:
        function: the function's name.
        error: what it raised, with the traceback that the log shows.
        headers: those of the request; a caller wants a page if it accepts HTML, and text if it sends ``ASK_HEADER``.
        shows_tracebacks: whether tracebacks are shown at all.
    """
    # A foreign web page can have a name that leads to this machine: its requests have that name as their Host.
    if not (shows_tracebacks and is_loopback(host_name(headers.get("host", "")))):
        return empty(500)
    if ASK_HEADER in headers:
        return _reply("text/plain", traceback_text(error))
    if "text/html" in headers.get("accept", ""):
        page = _PAGE.format(
            title=html.escape(type_name(error)),
            function=html.escape(function),
            traceback=html.escape(traceback_text(error)),
        )
        return _reply("text/html", page)
    return empty(500)


def problem_reply(function: str, problem: Problem) -> HttpReply:
    """Return a response with status 503 that says why a function cannot run, as a problem document of RFC 9457.

    Args:
        function: the function's name.
        problem: why, without secrets.
    """
    detail = " ".join(filter(None, (problem.message, problem.remedy)))
    return _document(problem_document(503, detail=detail, function=function))


def denial_reply(error: GuardError) -> HttpReply:
    """Return the response for a function that a guard has denied."""
    return _document(refusal(error))


def _document(refused: Refusal) -> HttpReply:
    headers = [(name.encode(), value.encode()) for name, value in refused.headers.items()]
    return HttpReply(refused.status, headers, refused.body)


def _reply(kind: str, text: str) -> HttpReply:
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"cache-control", b"no-store")]
    return HttpReply(500, headers, text.encode(errors="backslashreplace"))
