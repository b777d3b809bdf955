"""How lines for people look: one for each invocation on a terminal, those of Azure's host elsewhere."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from hosting.logging.formatters import has_colours
from hosting.testing.server import environment
from tests.conftest import MakeApp, Serve

APP = {
    "host.json": '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}',
    "local.settings.json": '{"Values": {"AzureWebJobs.off.Disabled": "true"}}',
    "function_app.py": """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

@app.route("hello/{name}", auth_level="anonymous")
async def hello(req: func.HttpRequest) -> str:
    return "hello"

@app.route("fail", auth_level="anonymous")
def fail(req: func.HttpRequest) -> str:
    raise LookupError("no such thing")

@app.route("secret")
def secret(req: func.HttpRequest) -> str:
    return "secret"

@app.route("off", auth_level="anonymous")
def off(req: func.HttpRequest) -> str:
    return "off"
""",
}
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def request_lines(log: str) -> list[str]:
    """Return the lines about requests, without their time and with 1 for each duration."""
    lines = [ESCAPES.sub("", line).partition("Z] ")[2] for line in log.splitlines()]
    return [re.sub(r" \d+ ms", " 1 ms", line) for line in lines if re.match(r"[A-Z]+ /", line)]


def test_short_style_has_one_line_a_request_that_says_what_answered_or_refused(make_app: MakeApp, serve: Serve) -> None:
    """The path is as it was sent, without its query; a failure has its traceback before the line."""
    served = serve(make_app(APP), "--log-style", "short", "--enable-auth")
    served.get("/hello/a%20b?code=secret")
    served.get("/fail")
    served.get("/nothing")
    served.get("/secret")
    served.get("/off")
    assert served.stop() == 0
    assert request_lines(served.logs()) == [
        "GET /hello/a%20b 200 1 ms hello",
        "GET /fail 500 1 ms fail",
        "GET /nothing 404 1 ms (no function has this route)",
        "GET /secret 401 1 ms (no key that the function accepts)",
        "GET /off 404 1 ms (the function is disabled)",
    ]
    assert "Executing" not in served.logs()
    assert re.search(r"ERROR fail failed \d+ ms\nTraceback .*\n(.*\n)+LookupError: no such thing\n", served.logs())
    assert "\x1b" not in served.logs()


@pytest.mark.parametrize("form", ["console", "json"])
def test_azure_style_is_the_default_where_there_is_no_terminal(make_app: MakeApp, serve: Serve, form: str) -> None:
    """Programs that read the log find the lines of Azure's host."""
    served = serve(make_app(APP), "--log-format", form)
    served.get("/hello/x")
    assert served.stop() == 0
    assert "Executing 'Functions.hello'" in served.logs()
    assert request_lines(served.logs()) == []


@pytest.mark.parametrize(
    ("environ", "is_terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": ""}, False, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
    ],
)
def test_no_color_comes_before_force_color(environ: dict[str, str], is_terminal: bool, expected: bool) -> None:
    """Without either, a terminal has colours."""
    assert has_colours(environ, is_terminal=is_terminal) == expected


def serve_on_terminal(app: Path, act: Callable[[str], None], **environ: str) -> str:
    """Run ``hosting start`` on a terminal, call ``act`` with its URL, and return what was shown."""
    import pty  # not on every system

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hosting", "start", str(app), "--port", "0"]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment(environ))
    os.close(theirs)
    text = ""
    try:
        while (found := re.search(r"Listening on (\S+) ", text)) is None:
            text += os.read(ours, 65536).decode()
        act(found[1])
        process.send_signal(signal.SIGTERM)
        while chunk := _read(ours):
            text += chunk
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return text


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode()
    except OSError:  # how Linux says that the other end is closed
        return ""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(("environ", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_short_style_with_colours_is_the_default_on_a_terminal(
    make_app: MakeApp, environ: dict[str, str], is_coloured: bool
) -> None:
    """``NO_COLOR`` switches the colours off."""

    def act(url: str) -> None:
        for path in ("hello/x", "nothing"):
            httpx.get(f"{url}/{path}")

    shown = serve_on_terminal(make_app(APP), act, **environ)
    assert request_lines(shown) == [
        "GET /hello/x 200 1 ms hello",
        "GET /nothing 404 1 ms (no function has this route)",
    ]
    assert ("\x1b[32m" in shown, "\x1b[33m" in shown) == (is_coloured, is_coloured)
