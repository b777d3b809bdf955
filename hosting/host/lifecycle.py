"""Starting, stopping and closing binding providers: one that fails or hangs affects no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from hosting._asyncio import is_being_cancelled
from hosting._exceptions import error_text, type_name
from hosting._log import host_logger
from hosting.bindings.provider import Provider
from hosting.errors import HostingError

_END_TIMEOUT_SECONDS = 5.0

_logger = host_logger("bindings")


async def start_providers(providers: Iterable[Provider], *, resumes: bool = False) -> dict[str, str]:
    """Let each provider listen, one after the other.

    Args:
        providers: the providers.
        resumes: whether they have listened before, and were stopped: nothing is raised then.

    Returns:
        Why each provider that failed does not listen, by the name of its type; it is logged, too.

    Raises:
        HostingError: a provider refuses to start.
    """
    failures: dict[str, str] = {}
    for provider in providers:
        try:
            await (provider.resume() if resumes else provider.start())
        except HostingError as error:
            if not resumes:
                raise
            _logger.error("%s", error)
            failures[type_name(provider)] = str(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a package may raise anything
            if is_being_cancelled():
                raise
            _logger.exception("%s failed to start: nothing triggers its functions.", type_name(provider))
            failures[type_name(provider)] = f"it failed to start: {error_text(error)}"
    return failures


async def end_all(action: str, ends: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Await all of ``ends`` at the same time, 5 seconds each at most; errors are logged.

    Args:
        action: what they do, for the log: ``stop`` or ``close``.
        ends: the methods to call.
    """

    async def end(one: Callable[[], Awaitable[None]]) -> None:
        limit = asyncio.timeout(_END_TIMEOUT_SECONDS)
        try:
            async with limit:
                await one()
        except (Exception, asyncio.CancelledError, SystemExit):
            # A method that awaits a task that it has cancelled itself raises the same error as one that we cancel.
            if is_being_cancelled():
                raise
            if limit.expired():
                _logger.warning("A binding did not %s within %g s.", action, _END_TIMEOUT_SECONDS)
            else:
                _logger.exception("A binding failed to %s.", action)

    await asyncio.gather(*map(end, ends))
