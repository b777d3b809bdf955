"""Errors of extensions: each is recorded and logged, and never changes what the caller gets."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from hosting._exceptions import is_a, message_of, own_attribute, traceback_from, type_name
from hosting._redaction import redact
from hosting.errors import ExtensionError, HostingError
from hosting.extensions._model import Extension, Failure

T = TypeVar("T")

NEVER_CAUGHT = (KeyboardInterrupt,)
"""Exceptions of an extension that are raised again: they come from the user, not from the extension."""


CLAIM = "_hosting_claim"
"""The attribute of an exception with the extension that raised it, and the id of the invocation."""


def claim(exception: BaseException, extension: Extension, invocation: str) -> bool:
    """Return whether an error is an extension's own; False if another one has raised that exception before.

    Args:
        exception: the exception.
        extension: the extension with the hook that it comes from.
        invocation: the id of the invocation; in another one the same exception is another error.
    """
    attributes = own_attribute(exception, "__dict__")
    owner, where = attributes.setdefault(CLAIM, (extension, invocation))
    if where != invocation:
        owner, _ = attributes[CLAIM] = (extension, invocation)
    return bool(owner is extension)


def describe_error(
    phase: str,
    exception: BaseException,
    *,
    hook: str | None = None,
    function: str | None = None,
    invocation_id: str | None = None,
) -> Failure:
    """Describe an exception as text without secrets, so that nothing refers to it.

    Args:
        phase: what the host was doing, such as ``import`` or ``invocation``.
        exception: the exception.
        hook: the name of the hook that raised it.
        function: the name of the function that the hook ran for.
        invocation_id: the id of the invocation that the hook ran in.
    """
    return Failure(
        phase=phase,
        type=type_name(exception, is_qualified=False),
        message=_advice(exception, "message") or message_of(exception),
        traceback=_traceback(exception),
        remedy=_advice(exception, "remedy"),
        hook=hook,
        function=function,
        invocation_id=invocation_id,
    )


def record_failure(extension: Extension, failure: Failure) -> None:
    """Keep an error as the extension's last one, and log it."""
    extension.error = failure
    what = f"hook {failure.hook}" if failure.hook else failure.phase
    function = f" for function '{failure.function}'" if failure.function else ""
    invocation = f" (invocation {failure.invocation_id})" if failure.invocation_id else ""
    log_error(
        extension,
        "Extension '%s' (%s): %s failed%s%s: %s: %s%s%s",
        extension.name,
        extension.origin,
        what,
        function,
        invocation,
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


def record_late(extension: Extension) -> None:
    """Keep as an extension's error that the app has registered it too late, and log it: an error for a guard."""
    remedy = "Import its module in the app's own file, or name it in extensionHost.load of host.json."
    late = "hosting.extension was called after the app's functions were loaded"
    if extension.is_guard:
        message = f"{late}, so from now on they are denied"
        record_failure(extension, describe_error("registration", ExtensionError(message, remedy=remedy)))
        return
    extension.error = describe_error("registration", ExtensionError(f"{late}: none of its hooks runs", remedy=remedy))
    log(extension, logging.WARNING, "Extension '%s': %s.\n  %s", extension.name, extension.error.message, remedy)


def replace_failure(extension: Extension, former: Failure, failure: Failure) -> None:
    """Log an error that comes from the same call as a former one; in the diagnosis it takes the place of that.

    Args:
        extension: the extension.
        former: the error that was recorded before; if another one has come since, that stays the last one.
        failure: the error.
    """
    last = extension.error
    record_failure(extension, failure)
    if last is not former:
        extension.error = last
    extension.reason = extension.reason.replace(former.summary, failure.summary)


def log_error(extension: Extension, text: str, *values: object, **fields: str | None) -> None:
    """Log an error of an extension; see ``log``."""
    log(extension, logging.ERROR, text, *values, **fields)


def log(extension: Extension, level: int, text: str, *values: object, **fields: str | None) -> None:
    """Write a log line about an extension; an exception of the app's logging set-up is suppressed.

    Args:
        extension: the extension.
        level: the level.
        text: the message, with ``%s`` for each of the ``values``.
        values: the values in the message.
        fields: attributes of the log record, besides ``extension``. They are left out where the app's log records have
            an attribute with such a name, which ``logging`` refuses.
    """
    with contextlib.suppress(Exception):
        try:
            extension.logger.log(level, text, *values, extra={"extension": extension.name, **fields})
        except KeyError:
            extension.logger.log(level, text, *values)


def run_isolated(extension: Extension, phase: str, action: Callable[[], T], **details: str | None) -> T | None:
    """Call ``action`` and return its result; record whatever it raises, and return None.

    Args:
        extension: the extension that an error belongs to.
        phase: as for ``describe_error``.
        action: the call.
        details: other arguments of ``describe_error``.
    """
    try:
        return action()
    except NEVER_CAUGHT:
        raise
    except BaseException as exception:
        record_failure(extension, describe_error(phase, exception, **details))
        return None


def _advice(exception: BaseException, name: str) -> str:
    """Return an attribute of an error of hosting; empty for others, and where an extension's own class refuses it."""
    try:
        return redact(str(getattr(exception, name))) if is_a(exception, HostingError) else ""
    except BaseException:
        return ""


def _traceback(exception: BaseException) -> str:
    """Return the traceback without our own frames at its start, which do not help the extension's author."""
    frames = _frames_of_extension(own_attribute(exception, "__traceback__"))
    if frames is None and is_a(exception, HostingError):
        return ""
    return f"{traceback_from(exception, frames)}\n"


def _frames_of_extension(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and _is_own(frames):
        frames = frames.tb_next
    return frames


def _is_own(frame: TracebackType) -> bool:
    module = str(frame.tb_frame.f_globals.get("__name__", ""))
    return module.startswith(("hosting.extensions", "importlib", "pkgutil"))
