"""The extension: an around hook, and what decides which invocations are profiled."""

from __future__ import annotations

import random
import threading
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from logging import Logger
from typing import Any

from azure.functions import Context, HttpRequest, HttpResponse

from hosting import Outcome, hookimpl
from hosting_profile.measuring import Measured, Measuring
from hosting_profile.report import Invocation, header, text, with_header, write_page
from hosting_profile.settings import Settings, read_settings

MOST_AT_ONCE = 8
"""Invocations that are profiled at a time: on an event loop each one slows all others down."""


class Sampler:
    """Decides which invocations of one function are profiled."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._numbers = count()

    def picks(self) -> bool:
        """Whether the invocation that begins now is one of them."""
        settings = self.settings
        if settings.rate < 1:
            return random.random() < settings.rate
        return settings.every == 1 or next(self._numbers) % settings.every == 0


class ProfileExtension:
    """Profiles the functions that opt in.

    The host makes one instance and calls its hooks from many invocations at once: what belongs to one invocation is
    kept in local variables of the around hook. Reports are written in a thread, so that neither the caller nor an event
    loop waits for them.
    """

    def __init__(self) -> None:
        self._samplers: dict[str, Sampler] = {}
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._reports = _reporter()

    @hookimpl
    def configure_function(self, function_name: str, settings: Mapping[str, Any]) -> None:
        """Take over one function's settings.

        Raises:
            ValueError: an unknown setting, or a value that is out of its range.
            TypeError: a value of a wrong type.
        """
        self._samplers[function_name] = Sampler(read_settings(settings))

    @hookimpl(trylast=True)  # the innermost of all: what the others do is not the function's
    def invocation(
        self, logger: Logger, context: Context, func_args: Mapping[str, Any]
    ) -> Generator[None, Outcome, None]:
        """Measure the function where its sampler picks the invocation, whether it returns or raises."""
        sampler = self._samplers[context.function_name]
        if not sampler.picks() or not self._places.acquire(blocking=False):
            yield
            return
        try:
            measuring = Measuring(sampler.settings)
            try:
                outcome = yield
            finally:
                measured = measuring.end()
        finally:
            self._places.release()
        if measured.seconds < sampler.settings.slower_than:
            return
        if "header" in sampler.settings.output and isinstance(outcome.result, HttpResponse) and _is_http(func_args):
            outcome.set_result(with_header(outcome.result, header(measured)))
        invocation = Invocation(context.function_name, context.invocation_id, outcome.exception is not None)
        self._reports.submit(_report, logger, invocation, measured, sampler.settings)

    @hookimpl
    def shutdown(self) -> None:
        """Finish the reports that are still to be written, and be ready for another start."""
        self._reports.shutdown()
        self._reports = _reporter()


def _reporter() -> ThreadPoolExecutor:
    """One thread, which starts with the first report."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="hosting-profile")


def _report(logger: Logger, invocation: Invocation, measured: Measured, settings: Settings) -> None:
    """Write what one invocation's settings ask for; that a report fails concerns nobody but the log."""
    about = {"function": invocation.function, "invocation_id": invocation.invocation_id}
    try:
        if "log" in settings.output:
            logger.info("%s", text(invocation, measured, settings.top), extra=about)
        if "file" in settings.output and measured.session is not None:
            page = write_page(settings.folder, invocation, measured.session, settings.keep)
            logger.info("The profile of %s is in %s", invocation.function, page, extra=about)
    except Exception:
        logger.exception("The profile of %s cannot be written", invocation.function, extra=about)


def _is_http(func_args: Mapping[str, Any]) -> bool:
    """Tell HTTP functions from the others: a response that another function returns is a value for somebody else."""
    return any(isinstance(value, HttpRequest) for value in func_args.values())
