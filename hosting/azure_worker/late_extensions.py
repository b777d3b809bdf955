"""Extensions that an app registers when hosting.extend has found none: it is extended then, if it is not too late."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from hosting.authoring import pending
from hosting.azure_worker.state import SCRIPT_ROOT, extensions_are_off, has_pending_guards, log, worker_state
from hosting.errors import ExtensionError

TOO_LATE = "%s without the app's extension '%s': call hosting.extension before hosting.extend."
REMEDY = "Do it in a module that function_app.py imports at its top, or in one of extensionHost.load in host.json."


def wait_for_extension(extend: Callable[[], Any]) -> None:
    """Extend an app when it registers an extension of its own; report each one that it registers after its import.

    Azure's worker takes the functions of an app as soon as it has imported it. It calls them as they are then.

    Args:
        extend: extends the app, or waits again.
    """
    module = _outermost_module(sys._getframe(), os.environ.get(SCRIPT_ROOT))
    pending.deferred.append(functools.partial(_extend_or_report, extend, module))


def report_each_extension(what: str) -> None:
    """Report each extension that the app registers from now on, because a function runs without it.

    Args:
        what: which function runs, such as ``'main' runs``.
    """
    pending.deferred.append(functools.partial(_report_and_wait, what))


def _extend_or_report(extend: Callable[[], Any], module: str) -> None:
    if not module or _is_being_imported(module):
        extend()
        return
    try:
        _report("The app's functions run")
    finally:
        pending.extensions.pop()  # no function will be extended any more
    wait = functools.partial(_extend_or_report, extend, module)
    pending.deferred.append(wait)


def _report_and_wait(what: str) -> None:
    _report(what)
    report_each_extension(what)


def _report(what: str) -> None:
    """Log that functions run without the extension that was registered last.

    Raises:
        ExtensionError: it is a guard: the functions must not seem to be guarded.
        HostingError: it is a guard, and host.json cannot be used.
    """
    name, _ = pending.extensions[-1]
    if not has_pending_guards():
        log.error(f"{TOO_LATE} {REMEDY}", what, name)
        return
    if not extensions_are_off():
        worker_state()  # raises why there are no extensions
    raise ExtensionError(TOO_LATE % (what, name), remedy=REMEDY)


def _outermost_module(frame: FrameType | None, root: str | None) -> str:
    """Return the file of the app's module with the import that led to a call; empty where Azure's worker imports none.

    Args:
        frame: the call.
        root: the app's folder; None if the process is not Azure's worker.
    """
    if root is None:
        return ""
    inside = os.path.join(os.path.realpath(root), "")
    files = [file for file in _imported_by(frame) if os.path.realpath(file).startswith(inside)]
    return files[-1] if files else ""


def _is_being_imported(file: str) -> bool:
    return any(file in _imported_by(frame) for frame in sys._current_frames().values())


def _imported_by(frame: FrameType | None) -> Iterator[str]:
    """Yield the files of the modules that a call comes from while they are imported, the innermost first."""
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            # Not that of the code, which is the path at which it was compiled, where the app has no source.
            yield str(frame.f_globals.get("__file__") or frame.f_code.co_filename)
        frame = frame.f_back
