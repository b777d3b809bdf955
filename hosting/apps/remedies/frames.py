"""The frames of an exception that belong to the app, and who imported what failed."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from hosting.apps.imports import LIBRARIES, is_app_file


def app_frames(error: BaseException, root: Path) -> Iterator[tuple[FrameType, int]]:
    """Yield each frame of the app's own files with the line that it executed, the innermost first."""
    frames = list(traceback.walk_tb(error.__traceback__))
    yield from (one for one in reversed(frames) if is_app_file(one[0].f_code.co_filename, root))


def app_file(error: BaseException, root: Path) -> Path | None:
    """Return the file of the innermost frame of the app; None if the app has none."""
    frame = next(app_frames(error, root), None)
    return None if frame is None else Path(frame[0].f_code.co_filename)


def app_module(error: BaseException, root: Path) -> str:
    """Return the name of the module of the innermost frame of the app; empty if the app has none."""
    frame = next(app_frames(error, root), None)
    return "" if frame is None else str(frame[0].f_globals.get("__name__", ""))


def source_line(error: BaseException, root: Path) -> str:
    """Return the line that the innermost frame of the app executed; empty if it cannot be read."""
    frame = next(app_frames(error, root), None)
    return "" if frame is None else linecache.getline(frame[0].f_code.co_filename, frame[1])


def importer(error: BaseException) -> str:
    """Return the name of the module of an installed package that raised; empty if other code did."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    # The frames of Python's own import machinery have no file.
    outside = [frame for frame in frames if not frame.f_code.co_filename.startswith("<")]
    if not outside or LIBRARIES.isdisjoint(Path(outside[-1].f_code.co_filename).parts):
        return ""
    return str(outside[-1].f_globals.get("__name__", ""))
