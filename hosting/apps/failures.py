"""Short error messages for exceptions of the app's own code: file and line, the exception, and a likely remedy."""

from __future__ import annotations

import os
import sys
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import TypeVar

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
    source, line = _location(error, root) or (str(file), None)
    remedy = _remedy(error, root)
    error.__traceback__ = _app_traceback(error.__traceback__, root)
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
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    return next(((file, line) for file, line in reversed(frames) if is_app_file(file, root)), None)


def _app_traceback(traceback: TracebackType | None, root: Path) -> TracebackType | None:
    """Return the traceback from the app's first frame on, without the frames of this package and of importlib."""
    while traceback is not None and not is_app_file(traceback.tb_frame.f_code.co_filename, root):
        traceback = traceback.tb_next
    return traceback


def _summary(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the code called sys.exit({error.code!r})"
    lines = list(traceback.TracebackException.from_exception(error).format_exception_only())
    if not isinstance(error, SyntaxError):
        return lines[0].strip()
    shown = textwrap.dedent("".join(lines[1:-1])).rstrip()
    return lines[-1].strip() + (f"\n{textwrap.indent(shown, '    ')}" if shown else "")


def _remedy(error: BaseException, root: Path) -> str:
    if hidden := _hidden_module(error, root):
        return hidden
    match error:
        case ModuleNotFoundError() if error.name:
            return _missing_module(error.name, root)
        case ImportError() if error.name:
            return f"Check the name and the installed version of {error.name.partition('.')[0]!r}."
        case SyntaxError():
            return "Fix this line, or the line above it."
        case SystemExit():
            return "Remove this call: importing a module must not end the process."
        case KeyError() if _is_environ(_last_frame(error)):
            return f'Set {error.args[0]} in "Values" of local.settings.json or in the environment.'
        case _:
            return "Run with --verbose to see the full traceback."


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


def _missing_module(name: str, root: Path) -> str:
    top = name.partition(".")[0]
    if top == "__app__" or (root / top).is_dir() or (root / f"{top}.py").is_file():
        return f"The app's folder {root} has no such module: check the spelling, and that the file exists."
    return f"Add the package that provides {top!r} to requirements.txt, then run: pip install -r requirements.txt"


def _last_frame(error: BaseException) -> FrameType | None:
    return next((frame for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__)))), None)


def _is_environ(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_globals is vars(os)
