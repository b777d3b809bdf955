"""Output of commands that load an app: only the command's own result appears."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Give the real standard output to the command; whatever else is written there, now or later, goes to stderr."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        yield stream


@contextlib.contextmanager
def silenced_app() -> Iterator[None]:
    """Keep what an app prints inside the block from the terminal; if the block raises, it goes to standard error."""
    import tempfile  # few commands need it

    with tempfile.TemporaryFile() as kept:
        try:
            with _redirected(kept.fileno()):
                yield
        except BaseException:
            kept.seek(0)
            sys.stderr.write(kept.read().decode("utf-8", "replace"))
            raise


@contextlib.contextmanager
def _redirected(target: int) -> Iterator[None]:
    """Redirect standard output and standard error to a file descriptor, for child processes as well."""
    before = [os.dup(number) for number in (1, 2)]
    try:
        _redirect([target, target])
        yield
    finally:
        _redirect(before)
        for number in before:
            os.close(number)


def _redirect(targets: list[int]) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # an app may have replaced or closed it
            stream.flush()
    for number, target in zip((1, 2), targets, strict=True):
        os.dup2(target, number)
