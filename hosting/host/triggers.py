"""The binding providers of a host as a whole: they listen, are drained and resumed by an operator, and stop for good.

While a host is drained it starts nothing by itself: no messages, no timers, no manual runs. It still answers requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from hosting._exceptions import error_text, type_name
from hosting._log import host_logger
from hosting.bindings.provider import Provider
from hosting.host.invocation import RunningInvocations
from hosting.host.lifecycle import end_all, start_providers

DrainState = Literal["Disabled", "InProgress", "Completed"]

_logger = host_logger("host")


class DrainStatus(NamedTuple):
    """How far a drain is; the fields are those of Azure's host."""

    state: DrainState
    outstanding_invocations: int
    outstanding_retries: int

    def document(self) -> dict[str, str | int]:
        """Return the answer to ``GET /admin/host/drain/status``. Source: ``DrainModeStatus`` of Azure's host."""
        return {
            "state": self.state,
            "outstandingInvocations": self.outstanding_invocations,
            "outstandingRetries": self.outstanding_retries,
        }


class Triggers:
    """The providers of one host. Its methods may be called in any order and at the same time.

    Args:
        providers: the providers.
        running: the invocations of the host.
    """

    def __init__(self, providers: Sequence[Provider] = (), running: RunningInvocations | None = None) -> None:
        self._providers = providers
        self._running = running or RunningInvocations()
        self._lock = asyncio.Lock()
        self._failures: dict[str, str] = {}
        self._listens = self._may_listen = self._has_listened = self._is_stopped = False
        self.is_drained = False
        """Whether an operator has drained the host, and not resumed it."""

    @property
    def drain_status(self) -> DrainStatus:
        """How far the drain is: completed when no provider listens, and no invocation runs or waits for a retry."""
        invocations, retries = len(self._running.invocations), self._running.waiting_retries
        if not self.is_drained:
            return DrainStatus("Disabled", invocations, retries)
        is_over = not (self._listens or self._lock.locked() or invocations or retries)
        return DrainStatus("Completed" if is_over else "InProgress", invocations, retries)

    async def start(self) -> None:
        """Let every provider listen, unless the host is drained; async.

        Raises:
            HostingError: a provider refuses to start.
        """
        async with self._lock:
            self._may_listen = True
            if not self.is_drained:
                await self._listen()

    async def drain(self) -> None:
        """Stop listening until ``resume``; async. Invocations that run are not waited for."""
        if self.is_drained:
            return
        self.is_drained = True
        _logger.info("The host drains: it answers requests, and starts nothing by itself before it is resumed.")
        async with self._lock:
            if self.is_drained and self._listens:
                await self._end()

    async def resume(self) -> None:
        """Listen again after ``drain``; async. A provider that cannot is logged, and reported by ``health``."""
        if not self.is_drained:
            return
        self.is_drained = False
        async with self._lock:
            if self._is_stopped or self._listens or self.is_drained or not self._may_listen:
                return
            await self._listen()
        _logger.info("The host has been resumed.")

    async def stop(self) -> None:
        """Stop listening for good; async."""
        async with self._lock:
            if not self._is_stopped:
                self._is_stopped = True
                if self._listens or not self.is_drained:
                    await self._end()

    async def close(self) -> None:
        """Close all providers; async."""
        await end_all("close", (provider.close for provider in self._providers))

    def health(self) -> dict[str, str]:
        """Return for each thing that the providers listen to why it does not work; empty text if it does."""
        reasons = dict(self._failures)
        for provider in self._providers:
            reasons.update(_contained(provider))
        return reasons

    async def backlog(self) -> dict[str, int]:
        """Return how many events wait, for each source whose provider can say so; async.

        Raises:
            Exception: a provider cannot ask its service.
        """
        found: dict[str, int] = {}
        for provider in self._providers:
            found.update(await provider.backlog())
        return found

    def unread(self, seconds: float) -> list[str]:
        """Return the sources that no provider has looked at within the last ``seconds``."""
        return [source for provider in self._providers for source in provider.unread(seconds)]

    async def _listen(self) -> None:
        resumes, self._listens, self._has_listened = self._has_listened, True, True
        self._failures = await start_providers(self._providers, resumes=resumes)

    async def _end(self) -> None:
        await end_all("stop", (provider.stop for provider in self._providers))
        self._listens = False


def _contained(provider: Provider) -> Mapping[str, str]:
    try:
        return {str(name): str(reason) for name, reason in provider.health().items()}
    except Exception as error:  # noqa: BLE001 - a package's code
        return {type_name(provider): error_text(error)}
