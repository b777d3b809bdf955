"""Version of the interface with authors of extensions, and every text about what leaves it or may still change.

A hook or one of its arguments is deprecated by its specification in ``hosting/hookspecs.py``, with a text of this file:
``@hookspec(warn_on_impl=OLD_HOOK)``, or ``@hookspec(warn_on_impl_args={"old_argument": OLD_ARGUMENT})``. The host warns
when it registers an implementation, with the file and the line of that. A text says what to write instead, and since
which version of the interface. It stays for two minor versions at least, and what it is about is removed with a major
one. A hook that is new begins in the same way, with an ``ExperimentalWarning``.
"""

from __future__ import annotations

INTERFACE = (1, 0)
"""The major and the minor version: a minor one adds hooks and arguments, a major one removes some."""


class RemovedIn2Warning(DeprecationWarning):
    """An extension implements what the interface 2.0 will not have. In tests, turn it into an error."""


class ExperimentalWarning(FutureWarning):
    """An extension implements what may still change in a minor version of the interface."""


# Deprecations and experimental hooks of the interface 1.0: none.


def interface_text(version: tuple[int, int] = INTERFACE) -> str:
    """Return a version of the interface as text: ``1.0``."""
    return ".".join(map(str, version))
