"""``--reload``: watches the files of an app."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hosting._install import install_command
from hosting.errors import HostingError

if TYPE_CHECKING:
    from watchfiles import Change

NAMES = frozenset({"host.json", "local.settings.json", "function.json"})


def is_watched(path: Path) -> bool:
    """Return whether a change of this file reloads the app: code, settings, bindings, requirements."""
    return path.suffix == ".py" or path.name in NAMES or (path.suffix == ".txt" and "requirements" in path.name)


class Watcher:
    """Watches an app's folder in a thread, until ``close``.

    Folders such as ``.venv``, ``.git`` and ``__pycache__`` are ignored.

    Args:
        root: the app's folder.
        changed: called in that thread with the changed files, relative to ``root``, when no more changes arrive.

    Raises:
        HostingError: the package watchfiles is not installed.
    """

    def __init__(self, root: Path, changed: Callable[[list[str]], None]) -> None:
        try:
            import watchfiles
        except ModuleNotFoundError as error:
            raise HostingError(
                "--reload needs the package watchfiles, which is not installed.",
                remedy=install_command("hosting", "host"),
            ) from error
        self._root = root
        self._changed = changed
        self._closed = threading.Event()
        self._watchfiles = watchfiles
        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # the callback reports the changes
        threading.Thread(target=self._watch, name="hosting-watch", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def _watch(self) -> None:
        is_relevant: Any = self._watchfiles.DefaultFilter()

        def matters(change: Change, path: str) -> bool:
            return is_watched(Path(path)) and bool(is_relevant(change, path))

        for changes in self._watchfiles.watch(
            self._root, watch_filter=matters, stop_event=self._closed, raise_interrupt=False
        ):
            self._changed(sorted({str(Path(path).relative_to(self._root)) for _, path in changes}))
