"""The Date header: computed once a second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from hosting.server.types import Receive, Scope, Send
from hosting.server.uvicorn_adapter.date import DateHeader
from tests.support.connections import answers, serve_in_memory

OWN = b"Tue, 15 Nov 1994 08:12:31 GMT"


def sent(*headers: tuple[bytes, bytes]) -> list[bytes]:
    """Return the lines that are sent for a response with ``headers``."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b""})

    [(head, _)] = answers(serve_in_memory(app, [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]))
    return head.split(b"\r\n")[1:]


def test_response_without_a_date_gets_the_time_of_now() -> None:
    """The date comes first, in the format of HTTP."""
    date, *others = sent((b"x-a", b"1"))
    name, _, value = date.partition(b": ")
    assert (name, others) == (b"date", [b"x-a: 1"])
    assert value.endswith(b" GMT")
    assert abs(parsedate_to_datetime(value.decode()) - datetime.now(UTC)) < timedelta(seconds=60)


@pytest.mark.parametrize("name", [b"date", b"Date", b"DATE"])
def test_applications_own_date_is_the_only_one(name: bytes) -> None:
    """A response that has a date, in any case, is sent with that one."""
    assert sent((b"x-a", b"1"), (name, OWN)) == [b"x-a: 1", b"date: " + OWN]


def test_header_is_computed_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second the same header is returned, and another one after it."""
    now = 784887151.0
    monkeypatch.setattr("hosting.server.uvicorn_adapter.date.time", lambda: now)
    date = DateHeader()
    first = date.line()
    assert first == b"date: " + OWN + b"\r\n"
    now += 0.9
    assert date.line() is first
    now += 0.1
    assert date.line() == first.replace(b"31", b"32")
