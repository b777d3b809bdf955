"""The traceback of a failed invocation, from the first frame that is the author's."""

from __future__ import annotations

from types import TracebackType


def users_traceback(exception: BaseException, root: str) -> BaseException:
    """Return ``exception`` without the frames above the first one in the app; with all of them if none is.

    A StopIteration leaves a coroutine as the cause of a RuntimeError: the author's own exception is returned.

    Args:
        exception: what the function raised.
        root: the app's folder, with a separator at the end.
    """
    if isinstance(exception, RuntimeError) and isinstance(exception.__cause__, StopIteration):
        exception = exception.__cause__
    frame: TracebackType | None = exception.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename.startswith(root):
            return exception.with_traceback(frame)
        frame = frame.tb_next
    return exception
