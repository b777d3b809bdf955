"""What of a failed invocation is shown: the traceback from the first frame that is the author's."""

from __future__ import annotations

from types import TracebackType


def users_traceback(exception: BaseException, root: str) -> BaseException:
    """Cut the frames above the first one whose file lies below ``root``, the app's folder; all stay if none does.

    A StopIteration comes out of a coroutine wrapped in a RuntimeError; the author's own is shown.
    """
    if isinstance(exception, RuntimeError) and isinstance(exception.__cause__, StopIteration):
        exception = exception.__cause__
    frame: TracebackType | None = exception.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename.startswith(root):
            return exception.with_traceback(frame)
        frame = frame.tb_next
    return exception
