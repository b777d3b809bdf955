"""Cookies of responses: sent as written, with a warning about those that Azure would not send."""

from __future__ import annotations

import sys

import pytest

from hosting.bindings.http.cookies import reason_to_drop
from hosting.testing import HostFactory

SENT = (
    "foo=bar",
    "foo=bar; Domain=example.com; Path=/; Max-Age=10000; Secure; HttpOnly; SameSite=Lax",
    "foo=bar; Expires=Thu, 12 Jan 2017 13:55:08 GMT",
    "foo=; Max-Age=0",
    'foo="bar baz"',
    "foo=bar; Max-Age=0.5",
)
DROPPED = {
    "foo=bar; Expires=Dummy": "Expires",
    "foo=bar; Expires=2017-01-12": "Expires",
    "foo=bar; Max-Age=Dummy": "Max-Age",
    "foo=bar; SecureFalse": "parse",
    "foo": "parse",
    "=bar": "parse",
}
if sys.version_info < (3, 14):
    DROPPED["foo=bar; Partitioned"] = "parse"


@pytest.mark.parametrize("header", SENT)
def test_cookie_that_azure_sends_is_fine(header: str) -> None:
    """There is no warning about it."""
    assert reason_to_drop(header) is None


@pytest.mark.parametrize("header", DROPPED)
def test_cookie_that_azure_does_not_send_has_a_reason(header: str) -> None:
    """The reason says what is wrong, and never repeats the value."""
    reason = reason_to_drop(header)
    assert reason is not None
    assert DROPPED[header] in reason
    assert "bar" not in reason


V1 = """{"bindings": [
    {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
    {"type": "http", "direction": "out", "name": "$return"}
]}"""
ANSWER = """
    response = func.HttpResponse("x")
    for cookie in req.get_json():
        response.headers.add("Set-Cookie", cookie)
    return response
"""
V2_HEAD = "app = func.FunctionApp(http_auth_level='ANONYMOUS')\n@app.route('F')\n"


def files(model: str, keyword: str) -> dict[str, str]:
    """Return an app whose function sets the cookies that it receives."""
    head = f"{keyword} main(req: func.HttpRequest) -> func.HttpResponse:"
    if model == "v1":
        return {"F/function.json": V1, "F/__init__.py": f"import azure.functions as func\n{head}{ANSWER}"}
    return {"function_app.py": f"import azure.functions as func\n{V2_HEAD}{head.replace('main', 'F')}{ANSWER}"}


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_cookies_are_sent_as_written_and_warned_of_once(
    hosting_host: HostFactory, caplog: pytest.LogCaptureFixture, model: str, keyword: str
) -> None:
    """Each cookie arrives unchanged; the log has one line for each reason, an empty cookie is not sent."""
    host = hosting_host(files(model, keyword))
    cookies = ["a=1; SecureFalse", "b=2; SecureFalse", "c=3; Max-Age=Dummy", "", " ", "d=; Path=/", "hush; Path=/"]
    for _ in range(2):
        reply = host.post("/api/F", json=cookies)
        sent = reply.headers.get_all("set-cookie")
        assert sent == [cookie for cookie in cookies if cookie.strip()]
    warnings = [record.getMessage() for record in caplog.records if "Azure would not send" in record.getMessage()]
    assert ["'a'" in warnings[0], "'c'" in warnings[1], len(warnings)] == [True, True, 2]
    assert "hush" not in caplog.text


def test_cookie_without_a_name_is_warned_of_without_its_value(
    hosting_host: HostFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """What is in the place of a name may be the secret."""
    hosting_host(files("v2", "def")).post("/api/F", json=["hush; Path=/"])
    assert "would not send a cookie without a name" in caplog.text
    assert "hush" not in caplog.text
