"""The Date header: the server's, unless the application has set its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from hosting.server.types import Message, Receive, Scope, Send
from hosting.server.uvicorn_adapter.date import DateHeader

OWN = b"Tue, 15 Nov 1994 08:12:31 GMT"


def sent(*headers: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Return the headers that are sent for a response with ``headers``."""
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b""})

    async def record(message: Message) -> None:
        messages.append(message)

    async def run() -> None:
        unused: Any = None
        await DateHeader(app)({"type": "http"}, unused, record)

    asyncio.run(run())
    assert [message["type"] for message in messages] == ["http.response.start", "http.response.body"]
    return list(messages[0]["headers"])


def test_response_without_a_date_gets_the_time_of_now() -> None:
    """The date comes first, in the format of HTTP."""
    (name, value), *others = sent((b"x-a", b"1"))
    assert (name, others) == (b"date", [(b"x-a", b"1")])
    assert value.endswith(b" GMT")
    assert abs(parsedate_to_datetime(value.decode()) - datetime.now(UTC)) < timedelta(seconds=60)


@pytest.mark.parametrize("name", [b"date", b"Date", b"DATE"])
def test_applications_own_date_is_the_only_one(name: bytes) -> None:
    """A response that has a date, in any case, is sent as it is."""
    assert sent((b"x-a", b"1"), (name, OWN)) == [(b"x-a", b"1"), (name, OWN)]


def test_header_is_computed_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second the same header is returned, and another one after it."""
    now = 784887151.0
    monkeypatch.setattr("hosting.server.uvicorn_adapter.date.time", lambda: now)
    dated = DateHeader(lambda scope, receive, send: asyncio.sleep(0))
    first = dated.current()
    assert first == (b"date", OWN)
    now += 0.9
    assert dated.current() is first
    now += 0.1
    assert dated.current() == (b"date", OWN.replace(b"31", b"32"))
