"""The extension: an around hook, and the choice of the invocations to profile."""

from __future__ import annotations

import random
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from logging import Logger
from pathlib import Path

from azure.functions import HttpResponse

from hosting import Invocation, Outcome, hookimpl
from hosting_profile.measuring import Measured, Measuring
from hosting_profile.report import Profiled, header, text, with_header, write_page
from hosting_profile.settings import ProfileSettings

MAX_CONCURRENT = 8
"""The maximum number of invocations profiled at the same time: on an event loop each one slows down all others."""


class Sampler:
    """Decides which invocations of one function are profiled."""

    def __init__(self, settings: ProfileSettings) -> None:
        self.settings = settings
        self._numbers = count()

    def picks(self) -> bool:
        """Return whether to profile the invocation that starts now."""
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

    settings = ProfileSettings
    guard = False

    def __init__(self) -> None:
        self._samplers: dict[str, Sampler] = {}
        self._slots = threading.BoundedSemaphore(MAX_CONCURRENT)
        self._reports = _reporter()

    @hookimpl
    def configure_function(self, function_name: str, settings: ProfileSettings) -> None:
        """Store one function's settings, which the host has checked."""
        self._samplers[function_name] = Sampler(settings)

    @hookimpl(trylast=True)  # innermost: the time of other hooks is not the function's
    def invocation(self, logger: Logger, invocation: Invocation) -> Generator[None, Outcome, None]:
        """Measure the function if its sampler picks the invocation, whether it returns or raises."""
        sampler = self._samplers[invocation.function.name]
        if not sampler.picks() or not self._slots.acquire(blocking=False):
            yield
            return
        try:
            measuring = Measuring(sampler.settings)
            try:
                outcome = yield
            finally:
                measured = measuring.end()
        finally:
            self._slots.release()
        if measured.seconds < sampler.settings.slower_than:
            return
        is_http = invocation.request is not None  # a response that another function returns is not sent to a caller
        if is_http and "header" in sampler.settings.output and isinstance(outcome.result, HttpResponse):
            outcome.set_result(with_header(outcome.result, header(measured)))
        profiled = Profiled(invocation.function.name, invocation.id, outcome.exception is not None)
        self._reports.submit(_report, logger, profiled, measured, sampler.settings)

    @hookimpl
    def shutdown(self) -> None:
        """Write the pending reports, and prepare for another start."""
        self._reports.shutdown()
        self._reports = _reporter()


def _reporter() -> ThreadPoolExecutor:
    """Return an executor with one thread, which starts with the first report."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="hosting-profile")


def _report(logger: Logger, profiled: Profiled, measured: Measured, settings: ProfileSettings) -> None:
    """Write the reports of one invocation; a failure is only logged."""
    about = {"function": profiled.function, "invocation_id": profiled.invocation_id}
    try:
        if "log" in settings.output:
            logger.info("%s", text(profiled, measured, settings.top), extra=about)
        if "file" in settings.output and measured.session is not None:
            page = write_page(Path(settings.folder), profiled, measured.session, settings.keep)
            logger.info("The profile of %s is in %s", profiled.function, page, extra=about)
    except Exception:
        logger.exception("The profile of %s could not be written", profiled.function, extra=about)
