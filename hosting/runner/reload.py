"""``--reload``: watches the files of an app."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hosting._install import install_command
from hosting._log import host_logger
from hosting.errors import HostingError

if TYPE_CHECKING:
    from watchfiles import Change

NAMES = frozenset({"host.json", "local.settings.json", "function.json"})
IGNORED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv", "env", "build", "dist", "site-packages"})
"""Folders that tools create, in addition to those whose names begin with a dot."""
TEST_FOLDERS = frozenset({"test", "tests"})
_TEMPORARY = ("#", "flycheck_", "test_")
"""How the names begin of files that editors write for a moment, and of tests."""
_POLL_MS = 500
_RETRY_SECONDS = 0.5

_logger = host_logger("start")


def is_watched(path: Path) -> bool:
    """Return whether a change of this file reloads the app: code, settings, bindings, requirements.

    Tests, hidden files, what editors write for a moment, and what tools create do not count.

    Args:
        path: the path, relative to the app's folder.
    """
    name, folders = path.name, path.parts[:-1]
    if any(part.startswith(".") or part.lower() in IGNORED_FOLDERS for part in folders):
        return False
    if name.startswith((".", *_TEMPORARY)) or name == "conftest.py":
        return False
    return path.suffix == ".py" or name in NAMES or (path.suffix == ".txt" and "requirements" in name)


class Watcher:
    """Watches an app's folder in a thread, until ``close``.

    Folders that cannot be read are left out. If the folder itself is removed, it is watched again once it exists.

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
        reported = False
        while not self._closed.is_set():
            try:
                self._watch_folder()
            except Exception as error:  # noqa: BLE001 - a limit of the system, for example
                if self._root.is_dir():
                    if not reported:
                        _logger.warning("--reload cannot watch %s: %s. It tries again.", self._root, error)
                    reported = True
                    self._closed.wait(_RETRY_SECONDS)
                    continue
            self._await_folder()

    def _watch_folder(self) -> None:
        """Report changes until the folder is another one, or there is none in its place."""
        folder = _identity(self._root)
        for changes in self._watchfiles.watch(
            self._root,
            watch_filter=self._matters,
            stop_event=self._closed,
            raise_interrupt=False,
            rust_timeout=_POLL_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        ):
            paths = {Path(path) for _, path in changes}
            if self._root in paths or _identity(self._root) != folder:
                return  # a new folder may have the identity of the one that was removed
            if paths:
                self._changed(sorted(str(path.relative_to(self._root)) for path in paths))

    def _await_folder(self) -> None:
        """Wait until there is a folder in the place of the one that is gone, and report it as changed."""
        self._closed.wait(_RETRY_SECONDS)
        while not self._closed.is_set() and not self._root.is_dir():
            self._closed.wait(_RETRY_SECONDS)
        if not self._closed.is_set():
            self._changed([f"{self._root.name}/"])

    def _matters(self, change: Change, path: str) -> bool:
        relative = Path(path).relative_to(self._root)
        if not relative.parts:
            return change.name == "deleted"
        top = relative.parts[0]
        # A v1 function may have the name of such a folder.
        is_test = top.lower() in TEST_FOLDERS and not (self._root / top / "function.json").is_file()
        return is_watched(relative) and not is_test


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what distinguishes a folder from another one of its name; None if there is no folder."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
