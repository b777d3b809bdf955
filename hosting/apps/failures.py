"""Short error messages for exceptions of the app's own code: file and line, the exception, and a likely remedy."""

from __future__ import annotations

import sys
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TypeVar

from hosting._exceptions import as_repr, error_text, own_attribute, set_own_traceback, shortened
from hosting.apps.imports import SITE_PACKAGES, is_app_file, module_location, own_module
from hosting.errors import AppLoadError, FunctionLoadError, HostingError

E = TypeVar("E", bound=HostingError)


def explain(kind: type[E], what: str, error: BaseException, root: Path, file: Path) -> E:
    """Return a readable error for an exception that the app's code raised while it was imported.

    Args:
        kind: the class of the error to return.
        what: what failed, a clause without a full stop.
        error: the exception of the app's code. Raise the result ``from`` it. Its traceback is cut to begin with the
            app's first frame.
        root: the app's folder; the message names the innermost frame in a file below it.
        file: the file to name if no frame is below ``root``.
    """
    from hosting.apps.remedies.causes import remedy_for  # only a failure needs it

    try:
        source, line = _location(error, root) or (str(file), None)
    except BaseException:  # noqa: BLE001 - as in _summary
        source, line = str(file), None
    remedy = remedy_for(error, root, _hidden_module)
    set_own_traceback(error, _app_traceback(own_attribute(error, "__traceback__"), root))
    return kind(f"{what}: {_summary(error)}", remedy=remedy, file=source, line=line)


def app_load_error(root: Path, failures: Sequence[FunctionLoadError]) -> AppLoadError:
    """Return the error for an app that cannot be loaded because all of its functions failed, with each one's reason."""
    if len(failures) == 1:
        error = failures[0]
        return AppLoadError(error.message, remedy=error.remedy, file=error.file, line=error.line)
    reasons = "\n".join(textwrap.indent(str(error), "- ", lambda line: not line.startswith(" ")) for error in failures)
    return AppLoadError(f"{len(failures)} functions of the app in {root} cannot be loaded:\n{reasons}")


def _location(error: BaseException, root: Path) -> tuple[str, int | None] | None:
    if isinstance(error, SyntaxError) and error.filename and is_app_file(error.filename, root):
        return error.filename, error.lineno
    frames = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(own_attribute(error, "__traceback__"))
    ]
    return next(((file, line) for file, line in reversed(frames) if is_app_file(file, root)), None)


def _app_traceback(traceback: TracebackType | None, root: Path) -> TracebackType | None:
    """Return the traceback from the app's first frame on, without the frames of this package and of importlib."""
    while traceback is not None and not is_app_file(traceback.tb_frame.f_code.co_filename, root):
        traceback = traceback.tb_next
    return traceback


def _summary(error: BaseException) -> str:
    try:
        return shortened(_python_summary(error))
    except BaseException:  # noqa: BLE001 - it is the app's own, and may raise itself when it is looked at
        return error_text(error)


def _python_summary(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the code called sys.exit({as_repr(error.code)})"
    lines = list(traceback.TracebackException.from_exception(error).format_exception_only())
    if not isinstance(error, SyntaxError):
        return lines[0].strip()
    shown = textwrap.dedent("".join(lines[1:-1])).rstrip()
    return lines[-1].strip() + (f"\n{textwrap.indent(shown, '    ')}" if shown else "")


def _hidden_module(error: BaseException, root: Path) -> str | None:
    """Return which module hides one of the app's, if that is why a name or a submodule was not found in it."""
    if isinstance(error, ImportError):
        name = error.name
    elif isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        name = error.obj.__name__
    else:
        return None
    top = (name or "").partition(".")[0]
    found = module_location(sys.modules[top]) if top in sys.modules else None
    own = own_module(top, root)
    if found is None or own is None or found == own:
        return None
    if own.is_relative_to(root / SITE_PACKAGES):
        return f"{top!r} is {found}, which the host uses too. It hides {own}: install one version for both."
    return f"{top!r} is {found}, which hides the app's own {own}. Rename the app's module."
