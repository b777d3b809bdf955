"""What an around hook that does not yield exactly once is reported with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import hosting
from tests.support.invoking import extension_entry, function, invoke, load_host


class Never:
    @hosting.hookimpl
    def invocation_app_level(self) -> Iterator[None]:
        yield from ()


class NeverAsync:
    @hosting.hookimpl
    async def invocation_app_level(self) -> AsyncIterator[None]:
        for _ in ():
            yield


class Twice:
    @hosting.hookimpl
    def invocation_app_level(self) -> Iterator[None]:
        yield
        yield


class TwiceAsync:
    @hosting.hookimpl
    async def invocation_app_level(self) -> AsyncIterator[None]:
        yield
        yield


@pytest.mark.parametrize(
    ("extension", "message"),
    [
        (Never, "its generator ended without a yield"),
        (NeverAsync, "its generator ended without a yield"),
        (Twice, "its generator yielded twice"),
        (TwiceAsync, "its generator yielded twice"),
    ],
)
def test_around_hook_without_exactly_one_yield_is_reported_with_message_and_remedy(
    extension: type, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The message says what its generator did, the remedy what it must do."""
    target = function(lambda: "result")
    host = load_host({"around": extension}, target)
    assert invoke(host, target) == "result"
    assert extension_entry(host, "around")["error"]["message"] == message
    assert caplog.messages[-1].endswith(f": ExtensionError: {message}\n  An around hook yields exactly once.")
