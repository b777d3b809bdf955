"""The traceback of a failed invocation, from the first frame that is the author's."""

from __future__ import annotations

from types import TracebackType

from hosting._exceptions import own_attribute


def users_traceback(exception: BaseException, root: str) -> BaseException:
    """Return ``exception`` without the frames above the first one in the app; with all of them if none is.

    A StopIteration leaves a coroutine as the cause of a RuntimeError: the author's own exception is returned.

    Args:
        exception: what the function raised.
        root: the app's folder, with a separator at the end.
    """
    cause = own_attribute(exception, "__cause__")
    if isinstance(exception, RuntimeError) and isinstance(cause, StopIteration):
        exception = cause
    frame: TracebackType | None = own_attribute(exception, "__traceback__")
    while frame is not None:
        if frame.tb_frame.f_code.co_filename.startswith(root):
            return BaseException.with_traceback(exception, frame)
        frame = frame.tb_next
    return exception
