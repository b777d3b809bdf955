"""Standard output of commands that load an app: only the command's own result appears there."""

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
