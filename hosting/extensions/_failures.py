"""What happens when an extension errs: a record and a log line, never a change of what the caller gets."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from hosting.errors import HostingError
from hosting.extensions._model import Extension, Failure

T = TypeVar("T")

PASSING = (KeyboardInterrupt,)
"""What isolation never holds back: the person at the keyboard."""


def describe(
    phase: str,
    exception: BaseException,
    *,
    hook: str | None = None,
    function: str | None = None,
    invocation_id: str | None = None,
) -> Failure:
    """Put an exception into words; keeps no reference to it."""
    return Failure(
        phase=phase,
        type=type(exception).__name__,
        message=exception.message if isinstance(exception, HostingError) else _text(exception),
        traceback=_traceback(exception),
        remedy=exception.remedy if isinstance(exception, HostingError) else "",
        hook=hook,
        function=function,
        invocation_id=invocation_id,
    )


def record(extension: Extension, failure: Failure) -> None:
    """Keep the failure as the extension's last one and log it, with everything that tells whose it is."""
    extension.error = failure
    what = f"hook {failure.hook}" if failure.hook else failure.phase
    where = f" for function '{failure.function}'" if failure.function else ""
    which = f" (invocation {failure.invocation_id})" if failure.invocation_id else ""
    report(
        extension,
        "Extension '%s' (%s): %s failed%s%s: %s: %s%s%s",
        extension.name,
        extension.origin,
        what,
        where,
        which,
        failure.type,
        failure.message,
        f"\n  {failure.remedy}" if failure.remedy else "",
        f"\n{failure.traceback.rstrip()}" if failure.traceback else "",
        distribution=extension.distribution,
        version=extension.version,
        hook=failure.hook,
        function=failure.function,
        invocation_id=failure.invocation_id,
    )


def report(extension: Extension, text: str, *values: object, **fields: str | None) -> None:
    """Log an error of an extension: no invocation fails because of what the app has done to logging.

    Args:
        extension: whose it is.
        text: the message, with ``%s`` for each of the ``values``.
        values: what the message tells.
        fields: attributes of the record, besides ``extension``; without them where the app's own records have such a
            field already, which ``logging`` refuses.
    """
    with contextlib.suppress(Exception):
        try:
            extension.logger.error(text, *values, extra={"extension": extension.name, **fields})
        except KeyError:
            extension.logger.error(text, *values)


def guarded(extension: Extension, phase: str, action: Callable[[], T], **where: str | None) -> T | None:
    """Run ``action``; an error of any kind becomes the extension's failure and ``None``."""
    try:
        return action()
    except PASSING:
        raise
    except BaseException as exception:
        record(extension, describe(phase, exception, **where))
        return None


def _text(exception: BaseException) -> str:
    """``str(exception)``, also for one whose ``__str__`` raises."""
    try:
        return str(exception)
    except Exception as broken:
        return f"<its message cannot be read: {type(broken).__name__}>"


def _traceback(exception: BaseException) -> str:
    """The traceback from the extension's own first frame on: our frames tell its author nothing."""
    frames = _outside(exception.__traceback__)
    if frames is None and isinstance(exception, HostingError):
        return ""
    try:
        return "".join(traceback.format_exception(type(exception), exception, frames))
    except Exception:
        return ""


def _outside(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and _is_ours(frames):
        frames = frames.tb_next
    return frames


def _is_ours(frame: TracebackType) -> bool:
    module = str(frame.tb_frame.f_globals.get("__name__", ""))
    return module.startswith(("hosting.extensions", "importlib", "pkgutil"))
