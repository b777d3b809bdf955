"""What to do when the process forks: objects register methods, for as long as they exist."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def call_in_forked_child(method: Callable[[], None]) -> None:
    """Call a bound method in each forked child, as long as its object exists."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_while_it_exists(method))


def call_around_fork(before: Callable[[], None], in_parent: Callable[[], None], in_child: Callable[[], None]) -> None:
    """Call bound methods before each fork and after it, in the thread that forks, as long as their object exists."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_while_it_exists(before),
            after_in_parent=_while_it_exists(in_parent),
            after_in_child=_while_it_exists(in_child),
        )


def _while_it_exists(method: Callable[[], None]) -> Callable[[], None]:
    reference = weakref.WeakMethod(method)

    def call() -> None:
        if (found := reference()) is not None:
            found()

    return call
