"""The response for a function that failed."""

from __future__ import annotations

import pytest

from tests.conftest import MakeApp, Serve

APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("fail")
def fail(req: func.HttpRequest) -> str:
    raise LookupError("<no> such thing")
""",
}
STREAMS = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request
from fastapi import HTTPException
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("fail")
async def fail(req: Request) -> str:
    raise LookupError("<no> such thing")

@app.route("asked")
async def asked(req: Request) -> str:
    raise HTTPException(500, "as the function asks")
""",
}
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ASKING = {"x-hosting-traceback": "1"}


@pytest.mark.parametrize("files", [APP, STREAMS], ids=["request", "streams"])
def test_failure_in_development_shows_its_traceback_to_callers_that_want_it(
    make_app: MakeApp, serve: Serve, files: dict[str, str]
) -> None:
    """A browser gets a page, a request with the header gets text, and every other caller nothing."""
    served = serve(make_app(files))
    page = served.get("/api/fail", headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "LookupError: &lt;no&gt; such thing" in page.text
    assert "function_app.py" in page.text
    text = served.get("/api/fail", headers=ASKING)
    assert (text.status_code, text.headers["content-type"]) == (500, "text/plain; charset=utf-8")
    assert text.text.startswith("Traceback (most recent call last):")
    assert text.text.endswith("LookupError: <no> such thing")
    foreign = [{**headers, "host": "evil.example"} for headers in (BROWSER, ASKING)]
    for headers in ({}, {"accept": "*/*"}, {"accept": "application/json"}, *foreign):
        other = served.get("/api/fail", headers=headers)
        assert (other.status_code, other.text) == (500, "")


def test_response_that_a_function_with_streams_asks_for_has_no_traceback(make_app: MakeApp, serve: Serve) -> None:
    """An ``HTTPException`` is not a failure."""
    asked = serve(make_app(STREAMS)).get("/api/asked", headers=BROWSER)
    assert (asked.status_code, asked.json()) == (500, {"detail": "as the function asks"})


@pytest.mark.parametrize("flags", [("--enable-auth",), ("--host", "0.0.0.0", "--no-auth"), ("--host", "0.0.0.0")])
@pytest.mark.parametrize("headers", [BROWSER, ASKING])
def test_failure_where_other_machines_or_keys_are_involved_shows_nothing(
    make_app: MakeApp, serve: Serve, flags: tuple[str, ...], headers: dict[str, str]
) -> None:
    """Tracebacks are for the developer's own machine."""
    served = serve(make_app(APP), *flags)
    reply = served.get("/api/fail", headers=headers)
    assert (reply.status_code, reply.text) == (500, "")
