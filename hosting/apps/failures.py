"""What the app's own code raised, told in a few lines: the author's file and line, the exception, the likely remedy."""

from __future__ import annotations

import os
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TypeVar

from hosting.apps.imports import is_app_file
from hosting.errors import AppLoadError, FunctionLoadError, HostingError

E = TypeVar("E", bound=HostingError)


def explain(kind: type[E], what: str, error: BaseException, root: Path, file: Path) -> E:
    """Make an error for the person at the keyboard of what the app's code raised while it was imported.

    Args:
        kind: the class of the error to make.
        what: what could not be done, a clause.
        error: what the app's code raised; raise the result ``from`` it to keep its traceback, which loses the frames
            of this package.
        root: the app's root; the innermost frame below it is the one shown.
        file: the file to name if no frame lies below the root.
    """
    place, remedy = _place(error, root) or (str(file), None), _remedy(error, root)
    error.__traceback__ = _from_the_app_on(error.__traceback__, root)
    return kind(f"{what}: {_summary(error)}", remedy=remedy, file=place[0], line=place[1])


def app_load_error(root: Path, failures: Sequence[FunctionLoadError]) -> AppLoadError:
    """The error for an app that does not load because of its functions: every one of them named, with its reason."""
    if len(failures) == 1:
        error = failures[0]
        return AppLoadError(error.message, remedy=error.remedy, file=error.file, line=error.line)
    reasons = "\n".join(textwrap.indent(str(error), "- ", lambda line: not line.startswith(" ")) for error in failures)
    return AppLoadError(f"{len(failures)} functions of the app in {root} cannot be loaded:\n{reasons}")


def _place(error: BaseException, root: Path) -> tuple[str, int | None] | None:
    if isinstance(error, SyntaxError) and error.filename and is_app_file(error.filename, root):
        return error.filename, error.lineno
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    return next(((file, line) for file, line in reversed(frames) if is_app_file(file, root)), None)


def _from_the_app_on(frames: TracebackType | None, root: Path) -> TracebackType | None:
    kept = frames
    while kept is not None and not is_app_file(kept.tb_frame.f_code.co_filename, root):
        kept = kept.tb_next
    return kept


def _summary(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the code called sys.exit({error.code!r})"
    lines = list(traceback.TracebackException.from_exception(error).format_exception_only())
    if not isinstance(error, SyntaxError):
        return lines[0].strip()
    shown = textwrap.dedent("".join(lines[1:-1])).rstrip()
    return lines[-1].strip() + (f"\n{textwrap.indent(shown, '    ')}" if shown else "")


def _remedy(error: BaseException, root: Path) -> str:
    match error:
        case ModuleNotFoundError() if error.name:
            return _missing_module(error.name, root)
        case ImportError() if error.name:
            return f"Check the name and the installed version of {error.name.partition('.')[0]!r}."
        case SyntaxError():
            return "Mend that line, or the one above it."
        case SystemExit():
            return "Take the call out: importing a module must not end the process."
        case KeyError() if _is_environ(_last_frame(error)):
            return f'Set {error.args[0]} in "Values" of local.settings.json or in the environment.'
        case _:
            return "Run with --verbose to see the whole traceback."


def _missing_module(name: str, root: Path) -> str:
    top = name.partition(".")[0]
    if top == "__app__" or (root / top).is_dir() or (root / f"{top}.py").is_file():
        return f"The app's own folder {root} has no such module: check the spelling and that the file is there."
    return f"Add the package that provides {top!r} to requirements.txt, then run: pip install -r requirements.txt"


def _last_frame(error: BaseException) -> FrameType | None:
    return next((frame for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__)))), None)


def _is_environ(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_globals is vars(os)
