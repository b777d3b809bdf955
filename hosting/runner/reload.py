"""``--reload``: which files of an app matter, and being told when one of them changes."""

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
    """Whether an app is loaded again when this file changes: code, settings, bindings, requirements."""
    return path.suffix == ".py" or path.name in NAMES or (path.suffix == ".txt" and "requirements" in path.name)


class Watcher:
    """Watches an app's folder from a thread of its own, until ``close``.

    Folders that no author edits, such as ``.venv``, ``.git`` and ``__pycache__``, do not count.

    Args:
        root: the app's folder.
        changed: called in that thread with the files that changed, relative to ``root``, once no more changes come.

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
        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # what changed is told by who is called
        threading.Thread(target=self._work, name="hosting-watch", daemon=True).start()

    def close(self) -> None:
        """Watch no longer."""
        self._closed.set()

    def _work(self) -> None:
        everywhere: Any = self._watchfiles.DefaultFilter()

        def matters(change: Change, path: str) -> bool:
            return is_watched(Path(path)) and bool(everywhere(change, path))

        for changes in self._watchfiles.watch(
            self._root, watch_filter=matters, stop_event=self._closed, raise_interrupt=False
        ):
            self._changed(sorted({str(Path(path).relative_to(self._root)) for _, path in changes}))
